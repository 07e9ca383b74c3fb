"""Render graphs with comfy-api-simplified, one after another; reads JSON, prints a line an image.

A binary frame is an image to it, so with previews on it returns previews.
"""

import json
import sys

from comfy_api_simplified import ComfyApiWrapper, ComfyWorkflowWrapper

PNG = b"\x89PNG"


def main() -> None:
    """Say ``image`` for each PNG."""
    given = json.load(sys.stdin)
    api = ComfyApiWrapper(given["url"])
    for graph in given["graphs"]:
        title = graph[given["output"]]["_meta"]["title"]
        files = api.queue_and_wait_images(ComfyWorkflowWrapper(graph), title)
        print("image" if any(data.startswith(PNG) for data in files.values()) else "no image")


if __name__ == "__main__":
    main()
