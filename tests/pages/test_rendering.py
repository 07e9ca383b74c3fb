"""The markup in the hands of MkDocs, Python-Markdown and the extensions people use."""

import html
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import markdown
import pytest
from hypothesis import given, strategies as st
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from mkdocs_comfy.pages.markup import hero_markdown, relative_url
from mkdocs_comfy.pages.placement import insert_image, move_to_top

MKDOCS = ["toc", "tables", "fenced_code"]
EXTENSIONS = {
    "mkdocs": [*MKDOCS, "attr_list"],
    "extra": ["extra", "smarty", "toc", "sane_lists", "nl2br", "wikilinks", "admonition"],
    "pymdownx": [
        "abbr",
        "attr_list",
        "footnotes",
        "md_in_html",
        "pymdownx.arithmatex",
        "pymdownx.betterem",
        "pymdownx.caret",
        "pymdownx.critic",
        "pymdownx.details",
        "pymdownx.emoji",
        "pymdownx.highlight",
        "pymdownx.inlinehilite",
        "pymdownx.keys",
        "pymdownx.magiclink",
        "pymdownx.mark",
        "pymdownx.progressbar",
        "pymdownx.smartsymbols",
        "pymdownx.snippets",
        "pymdownx.superfences",
        "pymdownx.tabbed",
        "pymdownx.tasklist",
        "pymdownx.tilde",
        "smarty",
        "tables",
        "toc",
    ],
}
PYMDOWNX = {"pymdownx.magiclink": {"repo_url_shorthand": True, "user": "a", "repo": "b"}}


class Images(HTMLParser):
    """Attributes of the images in a piece of HTML."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.found.append(dict(attrs))


@pytest.fixture(scope="module", params=EXTENSIONS)
def render(request):
    """Renders Markdown as a site with these extensions does."""
    extensions = EXTENSIONS[request.param]
    configs = {name: PYMDOWNX[name] for name in extensions if name in PYMDOWNX}

    def convert(text):
        return markdown.Markdown(extensions=extensions, extension_configs=configs).convert(text)

    return convert


def hero(alt="", url="a.webp", place="after_title"):
    return hero_markdown(url=url, alt=alt, width=1344, height=768, place=place)


def test_every_attribute_arrives(render):
    (image,) = Images(render(hero("A fox"))).found
    assert image == {
        "alt": "A fox",
        "class": "comfy-hero off-glb",
        "decoding": "async",
        "fetchpriority": "high",
        "height": "768",
        "loading": "eager",
        "src": "a.webp",
        "width": "1344",
    }


def test_a_decorative_image_has_an_empty_alternative_text(render):
    """Without any, some screen readers speak the file name."""
    assert 'alt=""' in render(hero(""))


ALTS = [
    "[brackets] [ref][1] ](x) ![image](y.png) [^1] [[wiki]]",
    "quotes \" ' and `code` ``code`` \\ \\\\ \\[ \\",
    "*em* **strong** _em_ __strong__ ~~gone~~ ~sub~ ^sup^ ==mark== {++new++} {>>note<<}",
    "$x_1$ $$y$$ \\(z\\) \\[w\\] :smile: :fontawesome-brands-github: ++ctrl+alt++ (c) -- ... 1/2",
    "<script>alert(1)</script> <!-- more --> --> <img src=x onerror=1> </p>",
    "&amp; &lt; &#91; &copy; &copy & &#x5b; &nope;",
    "{{ page.title }} {% raw %} { .class } { #id } }",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "# no heading\n\n- no list\n\n    no code\n\n> no quote\n\n--8<-- 'secret.txt'\n; x",
    "https://example.com www.example.com a@example.com @user #12 a/b#12 !12",
    "HTML Abbr\n\n*[HTML]: Hyper",
    "\u05e9\u05dc\u05d5\u05dd \u202eabc\u202c 狐 🦊 👩‍🚀 a\u00a0b\u2003c é\u0301",
    "/// caption\n///",
    '[=50% "x"]',
]


def expected(alt):
    return re.sub(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", alt).strip()


@pytest.mark.parametrize("alt", ALTS)
def test_an_alternative_text_arrives_as_it_was_written(render, alt):
    found = render(f"*[fox]: animal\n\n{hero(alt)}\n\nText[^1].\n\n[^1]: note\n[1]: y\n")
    image = Images(found).found[0]
    assert image["alt"] == expected(alt)
    assert image["src"] == "a.webp"
    assert re.search(r"<p><img [^<>]*></p>", found)


TEXTS = st.text(
    alphabet=st.sampled_from(
        "[](){}<>!&#;:*_`~^=+-|\\/'\"$@.,?% \n\tab1é🦊\u05d0\u00a0\x00\x0b\u2028"
    )
    | st.characters(codec="utf-8"),
    max_size=30,
)


@given(alt=TEXTS)
def test_any_alternative_text_arrives(render, alt):
    found = render(f"# T\n\n{hero(alt)}\n\nText\n")
    written = re.search(r'<p><img alt="([^"<>]*)" [^<>]*></p>', found)
    assert written is not None
    assert html.unescape(written[1]) == expected(alt)


@given(url=st.text(alphabet=st.sampled_from("()[]<>{}\"'\\ *_#?&%:/.a1éא|`$~^"), min_size=1))
def test_any_address_arrives(render, url):
    (image,) = Images(render(hero(url=url))).found
    assert unquote(image["src"]) == url
    assert image["class"] == "comfy-hero off-glb"


DOCUMENTS = st.lists(
    st.sampled_from(
        [
            "# Title",
            "#Title",
            "# Title {#id}",
            "## Lower",
            "Title\n===",
            "Lower\n---",
            "\n===",
            "Text",
            "- item",
            "    # code\n",
            "```sh\n# code\n```\n",
            "~~~\n# code\n\n# code\n~~~\n",
            "````\n```\n# code\n```\n````\n",
            "<div>\n# raw\n\n# raw\n</div>",
            "<div>\n<h1>Title</h1>\n</div>",
            "<h1>Title</h1>",
            "<pre># code\n<h1>code</h1></pre>",
            "<!-- # comment\n\n# comment -->",
            "<!-- more -->",
            "\n# | a\n--|--\n1 | 2",  # a heading for Python-Markdown where no blank line is above
            "> # quote",
            "***",
            "",
        ]
    ),
    max_size=7,
).flatmap(
    lambda pieces: st.lists(
        st.sampled_from(["\n", "\n\n"]), min_size=len(pieces), max_size=len(pieces)
    ).map(lambda gaps: "".join(piece + gap for piece, gap in zip(pieces, gaps, strict=True)))
)
HERO_HTML = re.compile(r"\n?<p><img [^<>]*comfy-hero[^<>]*></p>\n?")


@given(source=DOCUMENTS)
def test_the_image_becomes_a_paragraph_and_changes_nothing_else(render, source):
    placed = render(insert_image(source, hero()))
    assert len(HERO_HTML.findall(placed)) == 1
    without = HERO_HTML.sub("\n", placed)
    assert without.split() == render(source).split()


@given(source=DOCUMENTS)
def test_the_image_follows_the_first_heading_of_the_page(render, source):
    placed = render(insert_image(source, hero()))
    before = placed[: HERO_HTML.search(placed).start()]
    outside = re.sub(
        r"<(pre|blockquote|div|table|ul)\b.*?</\1>|<!--.*?-->", "", placed, flags=re.DOTALL
    )
    if "<h1" in outside:
        assert before.count("<h1") >= 1
        assert before.rstrip().endswith(("</h1>", "</div>"))


@given(source=DOCUMENTS)
def test_the_top_is_the_top(render, source):
    rendered = render(insert_image(source, hero(place="top")))
    moved = move_to_top(rendered)
    assert moved.startswith("<p><img ")
    assert moved.split("</p>\n", 1)[1].split() == HERO_HTML.sub("\n", rendered).split()


# -- MkDocs itself ------------------------------------------------------------------------------


def mkdocs_page(tmp_path, body, *, name="guide/harbour.md", directory_urls=True):
    """A page of a real site, rendered by MkDocs, and the site's files."""
    config = MkDocsConfig()
    config.load_dict(
        {
            "site_name": "x",
            "docs_dir": str(tmp_path),
            "use_directory_urls": directory_urls,
            "markdown_extensions": ["attr_list"],
        }
    )
    assert config.validate()[0] == []
    site = str(tmp_path / "site")
    files = Files(
        [
            File(each, str(tmp_path), site, directory_urls)
            for each in (name, "assets/heroes/a (1).webp")
        ]
    )
    page = Page(None, files.get_file_from_path(name), config)
    page.markdown, page.meta = body, {}
    page.render(config, files)
    return page


def test_an_image_above_the_heading_would_cost_the_page_its_title(tmp_path):
    """The trap: MkDocs takes the title from the first block only."""
    body = "# The harbour\n\nText\n"
    assert mkdocs_page(tmp_path, f"{hero()}\n\n{body}").title == "Harbour"
    page = mkdocs_page(tmp_path, insert_image(body, hero()))
    assert page.title == "The harbour"
    assert re.fullmatch(
        r'<h1 id="the-harbour">The harbour</h1>\n<p><img [^<>]*></p>\n<p>Text</p>', page.content
    )
    assert [item.title for item in page.toc.items] == ["The harbour"]


@pytest.mark.parametrize(
    "body", ["Title\n=====\nText\n", "# Title {#x}\nText", "#Title\n\n## Lower"]
)
def test_every_kind_of_title_survives(tmp_path, body):
    for place in ("after_title", "top"):
        page = mkdocs_page(tmp_path, insert_image(body, hero(place=place)))
        assert page.title == "Title"


@pytest.mark.parametrize(
    ("name", "directory_urls", "src"),
    [
        ("index.md", True, "assets/heroes/a%20%281%29.webp"),
        ("index.md", False, "assets/heroes/a%20%281%29.webp"),
        ("guide/index.md", True, "../assets/heroes/a%20%281%29.webp"),
        ("guide/harbour.md", True, "../../assets/heroes/a%20%281%29.webp"),
        ("guide/harbour.md", False, "../assets/heroes/a%20%281%29.webp"),
    ],
)
def test_mkdocs_makes_the_address_right_for_the_page(tmp_path, name, directory_urls, src):
    url = relative_url("assets/heroes/a (1).webp", name)
    page = mkdocs_page(
        tmp_path, insert_image("# T\n", hero(url=url)), name=name, directory_urls=directory_urls
    )
    (image,) = Images(page.content).found
    assert image["src"] == src


def test_a_raw_image_would_keep_a_wrong_address(tmp_path):
    """The trap: MkDocs makes addresses right in Markdown only, so the hero is no raw HTML."""
    page = mkdocs_page(tmp_path, '# T\n\n<img src="../assets/heroes/a (1).webp">\n')
    assert Images(page.content).found == [{"src": "../assets/heroes/a (1).webp"}]
