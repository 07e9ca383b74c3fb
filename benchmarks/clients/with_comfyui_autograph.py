"""Render graphs with comfyui-autograph, one after another; reads JSON, prints a line an image.

``poll`` asks the history, which is its default; ``on_event`` listens to the socket.
"""

import json
import sys

from autograph import ApiFlow

PNG = b"\x89PNG"


def main() -> None:
    """Say ``image`` for each PNG."""
    given = json.load(sys.stdin)
    more = {"on_event": lambda _: None} if sys.argv[1] == "on_event" else {}
    for graph in given["graphs"]:
        done = ApiFlow(graph).submit(server_url=given["url"], wait=True, **more)
        images = done.fetch_images(include_bytes=True)
        print("image" if any(each["bytes"].startswith(PNG) for each in images) else "no image")


if __name__ == "__main__":
    main()
