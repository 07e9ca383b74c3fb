"""The title of a page's own text is that of the heading behind which the image goes."""

import pytest

from mkdocs_comfy.pages.title import first_title


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("# The harbour\n", "The harbour"),
        ("#The harbour ## {#id .class}\n", "The harbour"),
        ("Text\n\nThe harbour\n=====\n", "The harbour"),
        ('<h1 align="center">The <em>harbour</em></h1>\n', "The harbour"),
        ("<div>\n<h1>\nThe\nharbour</h1>\n</div>\n", "The harbour"),
        ("# *The* __harbour__ of `x_y`\n", "The harbour of x_y"),
        ("# A [link](x.md) and [another][1] ![image](y.png)\n", "A link and another image"),
        (r"# 3 \* 4 \# 5", "3 * 4 # 5"),
        ("# Salt &amp; sea\n", "Salt & sea"),
        ("```\n# code\n```\n\n# The harbour\n", "The harbour"),
        ("#\n", None),
        ("## Lower\n", None),
        ("", None),
    ],
)
def test_the_first_heading_gives_the_title(markdown, title):
    assert first_title(markdown) == title


@pytest.mark.parametrize(
    ("markdown", "title"),
    [
        ("# a" + " " * 300_000 + "b\n", "a b"),
        ("# a {" + " " * 300_000 + "} b\n", "a { } b"),
        ("<div>" + "<h1>" * 120_000 + "</div>", None),
    ],
    ids=["spaces", "attributes", "raw"],
)
def test_a_hostile_heading_does_not_cost_the_square_of_its_length(markdown, title):
    """Pages come from pull requests. With the square, the run would be ended as hanging."""
    assert first_title(markdown) == title
