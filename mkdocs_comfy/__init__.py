"""mkdocs-comfy: one line of front matter, and the page is built with its own hero image."""
