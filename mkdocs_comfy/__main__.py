"""``python -m mkdocs_comfy``: the command line, where its own command is not on the path."""

from mkdocs_comfy.cli import main

if __name__ == "__main__":
    main(prog_name="mkdocs-comfy")
