"""What ``mkdocs-comfy`` can do, a module for each group of commands."""
