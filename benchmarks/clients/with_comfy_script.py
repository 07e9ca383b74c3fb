"""Render graphs with comfy-script; reads JSON, prints a line an image.

``wait`` has each image before it goes on to the next; ``queue`` puts everything into the server's
queue and then takes image by image.
"""

import json
import sys

from comfy_script.runtime import load, queue


def build(graph: dict, node: str, results: dict) -> object:
    """The output of ``node``, made with the classes that the server's nodes have become."""
    from comfy_script.runtime import nodes  # noqa: PLC0415  # filled by load()

    if node not in results:
        inputs = {
            name: build(graph, value[0], results)[value[1]] if isinstance(value, list) else value
            for name, value in graph[node]["inputs"].items()
        }
        made = getattr(nodes, graph[node]["class_type"])(**inputs)
        results[node] = made if isinstance(made, list) else [made]
    return results[node]


def main() -> None:
    """Say ``image`` for each PNG."""
    given = json.load(sys.stdin)
    said, sys.stdout = sys.stdout, sys.stderr  # its own thread prints too
    load(given["url"], save_script_source=False)
    images = [build(graph, given["output"], {})[0] for graph in given["graphs"]]
    if sys.argv[1] == "queue":
        for image in images:
            image.task = queue.put(image)
    for image in images:
        pictures = image.wait().wait()
        whole = [each.format for each in pictures] == ["PNG"]
        print("image" if whole else "no image", file=said)


if __name__ == "__main__":
    main()
