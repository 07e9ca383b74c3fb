"""What an author's machine may do to a site: long names, files that go away, other spellings."""

import threading
import time

import pytest

from mkdocs_comfy.commands.keeping import keep_key

LONGEST = {
    "ASCII": "x" * 252 + ".md",
    "CJK": "港" * 84 + ".md",
}  # 255 bytes: what ext4 and APFS allow


@pytest.fixture(params=LONGEST)
def longest(request):
    name = LONGEST[request.param]
    assert len(name.encode()) == 255
    return name


def when(condition, act):
    """A thread that waits for a condition, then acts."""

    def wait():
        while not condition():
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_page_with_the_longest_name_is_built_frozen_and_kept(site, longest):
    page = site.page(longest, hero_prompt="a harbour")

    assert "1 hero: 1 rendered" in site.build(strict=True).summary
    assert len(site.freeze().written) == 1
    assert site.build(strict=True).summary == "1 hero: 1 frozen"
    keep_key(page, longest, "hero_seed", "7")
    assert page.read_text(encoding="utf-8").startswith(
        "---\nhero_prompt: a harbour\nhero_seed: 7\n"
    )
    assert [each.name for each in page.parent.iterdir()] == [longest]


def test_files_with_the_longest_names_beside_frozen_images_are_nobodys_business(site, longest):
    site.page("index.md", hero_prompt="a harbour")
    assert site.build().error is None
    site.freeze()
    (site.root / "heroes" / longest).write_text("mine")
    (site.root / "heroes" / ("0" * 250 + ".json")).write_text("{}")

    assert site.build(strict=True).summary == "1 hero: 1 frozen"


def test_a_page_that_is_deleted_while_its_image_is_rendered_loses_the_page_only(site, comfyui):
    """MkDocs says so itself and stops; what was rendered is kept for the other pages."""
    pages = [site.page(f"{seed}.md", hero_prompt="a", hero_seed=seed) for seed in range(2)]
    comfyui.hold()
    deleting = when(lambda: comfyui.submissions, lambda: (pages[0].unlink(), comfyui.release()))

    with pytest.raises(FileNotFoundError, match=r"0\.md"):
        site.build()
    deleting.join()

    assert site.build(strict=True).summary == "1 hero: 1 cached"
    assert len(comfyui.submissions) == 2
