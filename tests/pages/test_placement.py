"""Where the image goes. In each case, the line ``@@`` shows where it is expected."""

import textwrap

import pytest
from hypothesis import given, strategies as st

from mkdocs_comfy.pages.placement import insert_image, move_to_top

IMAGE = "![](x.webp){ .comfy-hero }"

CASES = {
    "an H1 at the top": """
        # Title
        @@
        Text.
    """,
    "an H1 without a space, with an id": """
        #Title {#id .class}
        @@
        Text.
    """,
    "an empty H1": """
        #
        @@
        Text.
    """,
    "an H1 that the page ends with": """
        Text.

        # Title
        @@
    """,
    "an H1 after text and lower headings": """
        ## Lower

        Text with a # in it
        # Title #
        @@
        more text
    """,
    "no H1 but a heading first": """
        ## Lower ##
        @@
        Text.

        ### Lowest
    """,
    "a heading first, behind a comment": """
        <!-- written by hand
        # no heading
        -->

        ## Lower
        @@
        Text.
    """,
    "a heading, but not first": """
        @@
        Text.

        ## Lower
    """,
    "setext": """
        Title
        =====
        @@
        Text.
    """,
    "setext right below another heading": """
        ## Lower
        Title
        =
        @@
        Text.
    """,
    "setext right below a fence": """
        ```
        # code
        ```
        Title
        =====
        @@
    """,
    "setext of the second level, first": """
        Lower
        -----
        @@
        Text.
    """,
    "a rule that is no setext heading, as a paragraph has more lines": """
        @@
        Text
        Not a title
        ===========
    """,
    "a rule below an ATX heading": """
        ## Lower
        @@
        ===
    """,
    "a rule below nothing": """
        @@
        ===

        ===
    """,
    "a rule below code": """
        @@
            code
        ===
    """,
    "an escaped number sign": r"""
        @@
        \# Text
    """,
    "a heading whose line ends in a backslash is none": r"""
        @@
        # Text\
        Text
    """,
    "a heading with an escape": r"""
        # C\# and A\|B
        @@
        Text
    """,
    "seven number signs": """
        ####### Lower
        @@
        Text
    """,
    "an indented number sign": """
        @@
         # Text
    """,
    "fences of both kinds": """
        ```sh
        # code
        ```

        ~~~ {.python title="x"}
        # code
        ```
        # code
        ~~~

        # Title
        @@
    """,
    "a longer fence around a shorter one": """
        ````md
        ```
        # code
        ```
        # code
        ````
        # Title
        @@
    """,
    "a fence in a list": """
        1. Step

            ```sh
            # code
            ```

        - Step

           ```sh
           # code
           ```

        # Title
        @@
    """,
    "a fence indented by three": """
           ```
        # code
           ```

        # Title
        @@
    """,
    "a fence that is never closed is none": """
        ```sh
        # Title
        @@
        ~~~
        ```sh
        Text.
    """,
    "a fence that a longer one does not close": """
        ```sh
        # Title
        @@
        ````
    """,
    "a code span at the start of a line": """
        ```code span``` text

        # Title
        @@
        ```code span``` text
    """,
    "indented code": """
        Text

            # code

        \t# code

        # Title
        @@
    """,
    "comments": """
        Text
        <!--
        # comment
        --> <!-- another
        # comment
        -->
        # Title
        @@
    """,
    "a comment that is never closed is none": """
        <!-- Text
        # Title
        @@
    """,
    "a comment that is never closed, behind one that is": """
        <!-- a --> <!-- b
        # Title
        @@
        Text.
    """,
    "a blog's separator": """
        # Title
        @@
        Text.

        <!-- more -->

        Text.
    """,
    "a blog's separator without an H1": """
        @@
        Text.

        <!-- more -->

        ## Lower
    """,
    "verbatim HTML": """
        <pre>
        # code <h1>code</h1>
        </pre>
        <script>
        const a = "<h1>";
        # code
        </script>
        <style>
        # code
        </style>

        # Title
        @@
    """,
    "raw HTML": """
        <div class="a"
             id="b">

        # raw

        <div/>
        <div>
        # raw
        <!-- </div> -->
        </div>

        # raw
        </div> text <p>
        # raw
        </p>

        # Title
        @@
    """,
    "raw HTML that is never closed": """
        @@
        Text <b>

        <div>

        # raw
    """,
    "HTML in which Markdown is read": """
        <div class="grid" markdown>

        # Title
        @@
        Text.

        </div>
    """,
    "inline HTML does not hide a heading": """
        <span>
        # Title
        @@
        </span>
    """,
    "an HTML heading": """
        <!-- <h1>comment</h1> -->
        <h1 align="center">Title</h1>
        @@
        Text.
    """,
    "an HTML heading with Markdown beside it": """
        <h1>Title</h1><div markdown> text
        @@
        # Another

        </div>
    """,
    "HTML without content": """
        <div id="x"/>
        # Title
        @@
    """,
    "an HTML heading over several lines": """
        Text.

        <H1
          id="x">
        Title <br/>
        more
        </H1> <!-- and -->
        @@
        Text.
    """,
    "an HTML heading inside other elements": """
        <div align="center">
          <a href="x"><img src="y"></a>
          <!-- <h1>old</h1> -->
          <h1>Title</h1>
          <p>Slogan</p>
        </div>
        @@
        ## Lower
    """,
    "an HTML heading that is commented out": """
        @@
        <div>
          <!-- <h1>old</h1> -->
        </div>
    """,
    "a lower HTML heading first": """
        <h2>
        Lower
        </h2>
        @@
        Text
    """,
    "a lower HTML heading that is never closed": """
        @@
        <h2>Lower
    """,
    "a table whose head has a number sign": """
        @@
        # | Name
        --|-----
        1 | a
    """,
    "a table with a number sign in a row": """
        Nr. | Name
        :-- | :---
        # | a

        # Title | with a bar
        @@
    """,
    "a table right below a heading": """
        ## Lower
        @@
        # | a
        --|--
        1 | 2
    """,
    "a table that is none, as a paragraph has more lines": """
        Text
        # | a
        @@
        --|--
    """,
    "a number sign right below a table is one more row": """
        Nr. | Name
        :-- | :---
        1 | a
        # row

        # Title
        @@
    """,
    "setext right below a rule": """
        Text
        * * *
        Title
        ===
        @@
    """,
    "an empty page": """
        @@
    """,
    "admonitions and tabs": """
        !!! note "Title"

            # no title of the page

        === "Tab"

            Text

        # Title
        @@
    """,
}


def lines_of(text):
    return [line for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_image_goes_where_it_belongs(case, end):
    expected = textwrap.dedent(case).lstrip("\n").replace("\\t", "\t")
    source = expected.replace("@@\n", "")
    found = insert_image(source.replace("\n", end), "@@")
    assert lines_of(found) == lines_of(expected)
    assert ("\n\n@@\n\n" in found) or found.startswith("@@\n\n")


def test_blank_lines_before_the_title_do_not_count():
    assert insert_image(" \n\n# T\n", "@@") == " \n\n# T\n\n@@\n\n"


def test_an_empty_page_gets_its_image():
    assert insert_image("", "@@") == "@@\n\n"


def test_a_heading_without_a_line_break_gets_its_image():
    assert insert_image("# T", "@@") == "# T\n\n@@\n\n"
    assert insert_image("<h1>T</h1>", "@@") == "<h1>T</h1>\n\n@@\n\n"


MARKS = [
    "#",
    "## ",
    "=",
    "===",
    "```",
    "~~~",
    "````",
    "<!--",
    "-->",
    "<div>",
    "</div>",
    "<h1>",
    "\\",
]
MARKS += [
    "</h1>",
    "<pre>",
    "</pre>",
    " markdown>",
    "|",
    "-|-",
    "---",
    "\n",
    "\n\n",
    "    ",
    "a",
    "\r",
]
MARKDOWN = st.lists(st.sampled_from(MARKS) | st.text(max_size=2), max_size=25).map("".join)


@given(MARKDOWN)
def test_every_line_is_kept_in_its_order(markdown):
    lines = markdown.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    placed = insert_image(markdown, "@@@").split("\n")
    at = placed.index("@@@")
    kept = placed[:at] + placed[at + 1 :]
    assert [line for line in kept if line] == [line for line in lines if line]
    assert at == 0 or placed[at - 1] == ""
    assert placed[at + 1] == ""


HERO = '<p><img alt="" class="comfy-hero comfy-hero--top off-glb" data-x="1" src="x.webp" /></p>'


def test_the_image_is_taken_to_the_top():
    html = f"<h1>T</h1>\n{HERO}\n<p>Text</p>"
    assert move_to_top(html) == f"{HERO}\n<h1>T</h1>\n<p>Text</p>"


@pytest.mark.parametrize(
    "image",
    [
        '<img class="comfy-hero--top">',
        '<img src="x" class="a comfy-hero--top">',
        '<img class="comfy-hero--top b"\n loading="eager"/>',
    ],
)
def test_the_image_is_found_however_it_is_written(image):
    html = f'<h1>T</h1><p class="x" >\n {image} </p><p>Text</p>'
    assert move_to_top(html) == f"<p>{image}</p>\n<h1>T</h1><p>Text</p>"


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<h1>T</h1>\n<p>Text</p>",
        HERO.replace("comfy-hero--top ", ""),
        "<h1>T</h1><p>comfy-hero--top</p>",
        "<h1>T</h1><pre>&lt;p&gt;&lt;img class=&quot;comfy-hero--top&quot;</pre>",
        '<h1>T</h1><p><img class="not-comfy-hero--top"></p>',
        '<h1>T</h1><p><img data-class="comfy-hero--top"></p>',
        '<h1>T</h1><p><img class="x" alt="comfy-hero--top"></p>',
        '<h1>T</h1><p>text <img class="comfy-hero--top"></p>',
    ],
)
def test_anything_else_is_left_alone(html):
    assert move_to_top(html) == html
