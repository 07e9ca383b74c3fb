"""Real sites: themes, URLs, blogs, inheritance, and where on a page the hero goes."""

import datetime as dt
import html as entities
import re

import pytest

PROMPT = "a foggy harbour"

IMAGE = re.compile(r"<p><img[^>]*comfy-hero[^>]*></p>")


def source(html: str) -> str:
    return re.search(r'<img[^>]*comfy-hero[^>]*src="([^"]*)"', html)[1]


@pytest.mark.parametrize("theme", ["mkdocs", "readthedocs", "material"])
@pytest.mark.parametrize("directory_urls", [True, False])
def test_urls_are_right_in_every_theme_and_kind_of_site(site, theme, directory_urls):
    site.config |= {
        "theme": {"name": theme} | ({"font": False} if theme == "material" else {}),
        "use_directory_urls": directory_urls,
    }
    for path in ("index.md", "other.md", "guide/index.md", "guide/deep/harbour.md"):
        site.page(path, hero_prompt=PROMPT)

    built = site.build(strict=True)

    assert built.error is None
    for page in built.site.rglob("*.html"):
        if page.name != "404.html" and "search" not in page.name:
            target = page.parent / source(page.read_text(encoding="utf-8"))
            assert target.resolve().is_file(), page
    assert len(built.heroes()) == 1


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ("# Title\n\nText.\n", "Title</h1>", "<p>Text."),
        ("Title\n=====\n\nText.\n", "Title</h1>", "<p>Text."),
        ('<h1 id="x">Title</h1>\n\nText.\n', "Title</h1>", "<p>Text."),
        ("<!-- c -->\n\n# Title #\nText.\n", "Title</h1>", "<p>Text."),
        ("```\n# no title\n```\n\n# Title\n\nText.\n", "Title</h1>", "<p>Text."),
        ("## Section\n\nText.\n", "Section</h2>", "<p>Text."),
        ("Text.\n\n## Section\n", "", "<p>Text."),
        ("", "", ""),
    ],
    ids=["atx", "setext", "html", "comment first", "code first", "h2 first", "text first", "empty"],
)
def test_the_hero_goes_after_the_title(site, body, before, after):
    site.page("index.md", body, title="From the front matter", hero_prompt=PROMPT)

    html = site.build().html("index.html")

    found = IMAGE.search(html)
    assert html[: found.start()].rstrip().endswith(before)
    assert html[found.end() :].lstrip().startswith(after)


def test_the_title_of_a_page_stays_what_it_is(site):
    """An image in front of the H1 would make MkDocs fall back to the file's name."""
    for place in ("after_title", "top", "none"):
        site.page(f"p-{place}.md", "# A quay at dawn\n", hero_prompt=PROMPT, hero_place=place)

    built = site.build()

    for place in ("after_title", "top", "none"):
        assert "<title>A quay at dawn - Harbour</title>" in built.html(f"p-{place}/index.html")


def test_top_goes_in_front_of_the_heading(site):
    site.page("index.md", "# Title\n\nText.\n", hero_prompt=PROMPT)
    site.options["place"] = "top"

    html = site.build().html("index.html")

    assert IMAGE.search(html).start() < html.index("<h1")
    assert len(IMAGE.findall(html)) == 1


def test_none_leaves_the_page_to_the_theme(site):
    theme = site.root / "overrides"
    theme.mkdir()
    (theme / "main.html").write_text(
        '{% extends "base.html" %}{% block content %}{% if page.meta.hero_image %}'
        '<img class="theirs" src="{{ page.meta.hero_image.url | url }}"'
        ' alt="{{ page.meta.hero_image.alt | e }}" width="{{ page.meta.hero_image.width }}">'
        "{% endif %}{{ super() }}{% endblock %}"
    )
    site.config["theme"] = {"name": "mkdocs", "custom_dir": "overrides"}
    site.page("a/b.md", hero_prompt=PROMPT, hero_place="none", hero_alt='A "quay"')

    built = site.build()

    html = built.html("a/b/index.html")
    assert "comfy-hero" not in html
    assert f'src="../../assets/heroes/{built.heroes()[0]}"' in html
    assert 'alt="A &#34;quay&#34;" width="1344"' in html


def test_page_meta_never_overwrites_the_author(site):
    seen = site.root / "hook.py"
    seen.write_text(
        "import json\n"
        "def on_page_content(html, page, **_):\n"
        "    return html + '<pre>' + json.dumps(\n"
        "        {k: page.meta[k] for k in ('image', 'cover', 'hero_image')}) + '</pre>'\n"
    )
    site.config["hooks"] = ["hook.py"]
    site.page("index.md", hero_prompt=PROMPT, image="mine.png")
    site.page("theirs.md", hero_prompt=PROMPT, hero_image="x.jpg", cover="c.png")

    built = site.build()

    name = built.heroes()[0]
    ours = built.html("index.html")
    assert '"image": "mine.png"' in ours
    assert f'"cover": "assets/heroes/{name}"' in ours
    assert f'"url": "assets/heroes/{name}", "width": 1344, "height": 768' in ours
    assert '"cover": "c.png", "hero_image": "x.jpg"' in built.html("theirs/index.html")


@pytest.fixture
def material(site):
    """A site in Material with blog and meta."""
    site.config |= {
        "theme": {"name": "material", "font": False},
        "plugins": ["meta", {"blog": {"archive": True, "categories": True}}],
        "site_url": "https://example.org/",
    }
    site.page("index.md", "# Home\n")
    site.page("blog/index.md", "# Blog\n")
    return site


def post(site, name, **meta):
    site.page(
        f"blog/posts/{name}.md",
        f"# Post {name}\n\nShort.\n\n<!-- more -->\n\nLong.\n",
        date=dt.date(2026, 11, 1),
        categories=["sea"],
        **meta,
    )


def test_a_post_has_its_hero_on_its_page_and_in_every_listing(material):
    post(material, "calm", hero_prompt=PROMPT)

    built = material.build(strict=True)

    assert built.error is None
    pages = ["blog/index.html", "blog/archive/2026/index.html", "blog/category/sea/index.html"]
    pages += [
        str(each.relative_to(built.site)) for each in built.site.glob("blog/2026/11/01/*/*.html")
    ]
    assert len(pages) == 4
    for page in pages:
        html = built.html(page)
        assert len(re.findall("<img[^>]*comfy-hero", html)) == 1, page
        assert ((built.site / page).parent / source(html)).resolve().is_file(), page


def test_a_draft_asks_for_nothing(material, comfyui):
    post(material, "draft", hero_prompt=PROMPT, draft=True)
    material.page("wip.md", hero_prompt=PROMPT)
    material.config["draft_docs"] = "wip.md"

    built = material.build()

    assert built.error is None
    assert comfyui.submissions == []


def prompts(comfyui):
    """Page prompts of all jobs, as they were submitted, sorted."""
    return sorted(
        node["inputs"]["text"]
        for job in comfyui.submissions
        for node in job["prompt"].values()
        if node.get("_meta", {}).get("title") == "Prompt"
    )


def test_a_section_inherits_and_a_page_overrides(material, comfyui):
    material.raw(
        "guide/.meta.yml",
        "hero_prompt: '{title}, in fog'\nhero_seed: 5\nhero_negative: people\n",
    )
    material.page("guide/a.md", "# Piers\n")
    material.page("guide/b.md", "# Quays\n", hero=False)
    material.page("guide/c.md", "# Locks\n", hero_prompt="a lock", hero_seed=6)

    built = material.build()

    assert prompts(comfyui) == ["Piers, in fog", "a lock"]
    assert "comfy-hero" not in built.html("guide/b/index.html")
    assert "comfy-hero" in built.html("guide/c/index.html")


LOOKS = {
    "brand": {"suffix": "watercolour", "negative": "people"},
    "night": {"suffix": "by night", "params": {"steps": 12}, "seed": 5},
}


def test_one_line_makes_a_hero_in_the_sites_look_for_every_page_of_a_section(material, comfyui):
    material.options |= {"style": "brand", "styles": LOOKS}
    material.raw("walks/.meta.yml", "hero_prompt: '{title}, a coast path.'\n")
    material.page("walks/piers.md", "# Piers\n")
    material.page("walks/quays.md", "# Quays\n")

    built = material.build(strict=True)

    assert built.error is None
    assert prompts(comfyui) == [
        "Piers, a coast path. watercolour",
        "Quays, a coast path. watercolour",
    ]
    for page in ("piers", "quays"):
        assert "comfy-hero" in built.html(f"walks/{page}/index.html")


@pytest.mark.parametrize(
    ("section", "page", "expected"),
    [
        ("night", None, "Piers, by night"),
        ("night", "brand", "Piers, watercolour"),
        ("night", "none", "Piers"),
        ("[night]", None, "Piers, by night"),
        ("[night]", ["brand"], "Piers, by night, watercolour"),  # lists are appended
        ("[brand, night]", ["brand"], "Piers, by night, watercolour"),
        ("[night]", [], "Piers, by night"),
        ("[night]", ["none"], "Piers"),
        ("[night]", ["none", "brand"], "Piers, watercolour"),
        ("false", None, "Piers"),
        ("[none]", None, "Piers"),
    ],
)
def test_a_style_is_inherited_as_material_merges(material, comfyui, section, page, expected):
    material.options |= {"style": "brand", "styles": LOOKS}
    material.raw("walks/.meta.yml", f"hero_prompt: '{{title}}'\nhero_style: {section}\n")
    own = {} if page is None else {"hero_style": page}
    material.page("walks/piers.md", "# Piers\n", **own)

    built = material.build(strict=True)

    assert built.error is None
    assert prompts(comfyui) == [expected]


def test_a_list_against_inherited_text_is_told_and_not_traced(material):
    """Material's meta merges equal types only, and ends in a TypeError."""
    material.options["styles"] = LOOKS
    material.raw("walks/.meta.yml", "hero_prompt: '{title}'\nhero_style: night\n")
    material.page("walks/piers.md", "# Piers\n", tags=["a"], hero_style=["brand"])

    built = material.build()

    assert built.errors[0] == (
        "walks/piers.md:4: hero_style is of another type than what the page inherits from a"
        " .meta.yml, so that the two cannot be merged\n    give it the same type in both: a list"
        " where the other is a list, text where the other is text"
    )


def test_a_post_inherits_the_style_of_its_section(material, comfyui):
    """Material's blog has merged the metadata of posts before we see them."""
    material.options["styles"] = LOOKS
    material.raw("blog/posts/.meta.yml", "hero_prompt: '{title}'\nhero_style: [brand]\n")
    post(material, "calm", hero_style=["brand", "night"])
    post(material, "wild")

    built = material.build(strict=True)

    assert built.error is None
    assert prompts(comfyui) == ["Post calm, watercolour, by night", "Post wild, watercolour"]
    (calm,) = [job["prompt"]["3"] for job in comfyui.submissions if "by night" in str(job)]
    assert (calm["inputs"]["seed"], calm["inputs"]["steps"]) == (5, 12)


def test_pages_that_look_alike_share_an_image_and_a_renamed_style_renders_nothing(site, comfyui):
    site.options["styles"] = LOOKS
    site.page("a.md", hero_prompt=PROMPT, hero_style="night", hero_negative="people")
    site.page("b.md", hero_prompt=f"{PROMPT}, by night", hero_style="dark")
    site.options["styles"] = LOOKS | {
        "dark": {"negative": "people", "params": {"steps": 12}, "seed": 5}
    }
    assert site.build().summary.startswith("1 hero: 1 rendered")

    site.options["styles"] = {"evening": LOOKS["night"], "dark": site.options["styles"]["dark"]}
    site.page("a.md", hero_prompt=PROMPT, hero_style="evening", hero_negative="people")

    assert site.build().summary == "1 hero: 1 cached"
    assert len(comfyui.submissions) == 1


def test_a_choice_that_only_the_canvas_expands_is_an_info(site, comfyui):
    for name in "abc":
        site.page(f"{name}.md", hero_prompt=f"a {{red|blue}} fox {name}")

    built = site.build(strict=True)

    assert built.error is None
    assert built.messages()[0] == (
        "{one|another} in a prompt is given to the model as it stands: only ComfyUI's canvas picks"
        " one: a.md and 2 more"
    )
    assert len(comfyui.submissions) == 3


def test_inherited_prompts_skip_generated_archive_pages(material, comfyui):
    """Material's meta plugin hands .meta.yml to archives and categories as well."""
    material.raw("blog/.meta.yml", "hero_prompt: '{title} by the sea'\n")
    post(material, "calm")

    built = material.build(strict=True)

    assert built.error is None
    assert len(comfyui.submissions) == 2  # the blog's own page and the post
    assert "by the sea" not in built.html("blog/archive/2026/index.html")
    assert built.html("blog/archive/2026/index.html").count("comfy-hero") == 1  # the post's card


def test_title_comes_from_front_matter_then_nav_then_h1_then_file(site, comfyui):
    site.config["nav"] = [{"From the nav": "nav.md"}, "front.md", "h1.md", "some-file.md"]
    site.page("nav.md", "# From the text\n", hero_prompt="1 {title}")
    site.page("front.md", "# From the text\n", title="From front matter", hero_prompt="2 {title}")
    site.page("h1.md", "# From *the* text\n", hero_prompt="3 {title} {other} {{title}}")
    site.page("some-file.md", "Text.\n", hero_prompt="4 {title} {description}", description="Fog")

    site.build()

    texts = sorted(job["prompt"]["6"]["inputs"]["text"] for job in comfyui.submissions)
    assert texts == [
        "1 From the nav",
        "2 From front matter",
        "3 From the text {other} {From the text}",
        "4 Some file Fog",
    ]


def test_include_and_exclude(site, comfyui):
    for path in ("index.md", "guide/a.md", "guide/b.md", "api/c.md"):
        site.page(path, hero_prompt=f"at {path}")
    site.options |= {"include": "guide/\n", "exclude": ["guide/b.md"]}

    built = site.build()

    assert len(comfyui.submissions) == 1
    assert "comfy-hero" in built.html("guide/a/index.html")
    assert built.warnings == []


def test_a_prompt_that_another_plugin_sets_later_is_one_warning(site, comfyui):
    (site.root / "hook.py").write_text(
        "def on_page_markdown(markdown, page, **_):\n    page.meta['hero_prompt'] = 'late'\n"
    )
    site.config["hooks"] = [str(site.root / "hook.py")]
    (site.root / "late.py").write_text("")
    site.page("index.md", hero_prompt=PROMPT)
    site.page("off.md", hero_prompt=PROMPT, hero=False)
    for name in ("a", "b"):
        site.page(f"{name}.md")
    # Hooks come last; make ours come before the plugin's.
    (site.root / "hook.py").write_text(
        "from mkdocs.plugins import event_priority\n"
        "@event_priority(50)\n"
        "def on_page_markdown(markdown, page, **_):\n    page.meta['hero_prompt'] = 'late'\n"
    )

    built = site.build()

    assert len(built.warnings) == 1
    assert "index.md and 2 more" in built.warnings[0]  # two are new, one is another one
    assert "comfy-hero" in built.html("index.html")
    assert len(comfyui.submissions) == 1


def test_alt_text_survives_whatever_it_holds(site):
    alt = 'A [quay] "at" <dawn> & *fog* \\ `code` $x$ {{ no }} <!-- more --> | ]( <b>'
    site.config["markdown_extensions"] = ["smarty", "tables"]
    site.page("index.md", hero_prompt=PROMPT, hero_alt=alt)

    html = site.build().html("index.html")

    assert entities.unescape(re.search(r'<img alt="([^"]*)"[^>]*comfy-hero', html)[1]) == alt


def test_a_reworded_title_below_a_unicode_prompt_is_cached(site, comfyui):
    site.page("index.md", "# One\n", hero_prompt="霧の港、夜明け")
    site.build()
    site.page("index.md", "# Two\n", hero_prompt="霧の港、夜明け")

    assert site.build().summary == "1 hero: 1 cached"


def test_stand_ins_are_never_found_for_a_real_server(site, comfyui):
    site.page("index.md", hero_prompt=PROMPT, hero_size="64x64")
    site.options["server"] = "embedded"
    painted = site.build()
    stand_ins = painted.heroes()
    site.options["server"] = comfyui.url

    rendered = site.build()

    assert "stand-ins" in " ".join(painted.messages())
    assert painted.summary.startswith("1 hero: 1 rendered")
    assert rendered.summary.startswith("1 hero: 1 rendered")
    assert stand_ins != rendered.heroes()
    assert len(comfyui.submissions) == 1
