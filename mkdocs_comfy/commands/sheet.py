"""The contact sheet: one page of HTML that needs nothing else, candidates to choose from."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from html import escape

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1600px;
  padding: 1rem clamp(1rem, 3vw, 2.5rem) 3rem; background: Canvas; color: CanvasText; }
h1 { font-size: 1.4rem; margin: .5rem 0; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .25rem; overflow-wrap: anywhere; }
p { margin: .25rem 0 1rem; max-width: 75ch; overflow-wrap: anywhere; }
.all { display: grid; gap: 1.25rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
figure { margin: 0; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
figure.current { outline: 3px solid #2a7de1; }
img { display: block; width: 100%; height: auto; background: var(--soft); }
.none { padding: 2rem 1rem; background: var(--soft); overflow-wrap: anywhere; }
figcaption { padding: .6rem .8rem .8rem; }
code { display: block; margin-top: .35rem; padding: .4rem .6rem; border-radius: .3rem;
  background: var(--soft); font: .85rem/1.4 ui-monospace, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; -webkit-user-select: all; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One image that a page may show.

    Attributes:
        seed: Its seed.
        current: True where the page asks for this one now.
        command: The command that keeps it, for a shell.
        image: A WebP file, or ``None`` where there is none.
        width: Pixels; 0 without an image.
        height: Pixels; 0 without an image.
        error: Why there is none.
    """

    seed: int
    current: bool
    command: str
    image: bytes | None
    width: int
    height: int
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A page and its candidates.

    Attributes:
        page: Path of the page.
        prompt: What the images were rendered from.
        candidates: The images.
    """

    page: str
    prompt: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a contact sheet shows.

    Attributes:
        site: Name of the site.
        choices: Its pages.
    """

    site: str
    choices: tuple[Choice, ...]


def sheet_html(sheet: Sheet) -> str:
    """Return a contact sheet as a document of its own; nothing is loaded, no script runs."""
    title = f"Candidates for {escape(sheet.site)}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        "<p>To keep an image, run the command below it where this sheet was ordered."
        " A click selects the whole command.</p>\n"
        f"{''.join(map(_section, sheet.choices))}</body>\n</html>\n"
    )


def _section(choice: Choice) -> str:
    figures = "".join(map(_figure, choice.candidates))
    return (
        f"<section>\n<h2>{escape(choice.page)}</h2>\n<p>{escape(choice.prompt)}</p>\n"
        f'<div class="all">\n{figures}</div>\n</section>\n'
    )


def _figure(candidate: Candidate) -> str:
    now = " (the page asks for it now)" if candidate.current else ""
    if candidate.image is None:
        picture = f'<div class="none">{escape(candidate.error)}</div>'
    else:
        data = b64encode(candidate.image).decode()
        picture = (
            f'<img src="data:image/webp;base64,{data}" width="{candidate.width}"'
            f' height="{candidate.height}" alt="Candidate with the seed {candidate.seed}">'
        )
    return (
        f"<figure{' class=current' if candidate.current else ''}>\n{picture}\n"
        f"<figcaption>seed {candidate.seed}{now}"
        f"<code>{escape(candidate.command)}</code></figcaption>\n</figure>\n"
    )
