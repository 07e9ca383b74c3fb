"""Render graphs with comfy-sdk through comfy-api-proxy; reads JSON, prints a line an image."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
from comfy_sdk import Comfy

PNG = b"\x89PNG"
START_SECONDS = 30


def main() -> None:
    """Say ``image`` for each PNG."""
    given = json.load(sys.stdin)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    proxy = Path(sys.executable).with_name("comfy-api-proxy")
    command = [str(proxy), "run", "--comfyui", given["url"], "--port", port]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(f"{url}/api/v2/health")
            os.environ["COMFY_BASE_URL"] = url
            render(Comfy(), given)
        finally:
            process.terminate()


def render(comfy: Comfy, given: dict) -> None:
    """Render one graph after another."""
    for graph in given["graphs"]:
        job = comfy.run(comfy.workflows.from_json(graph))
        images = [each.to_bytes() for each in job.get_outputs(given["output"])]
        print("image" if any(data.startswith(PNG) for data in images) else "no image")


def wait_for(url: str) -> None:
    """Wait until something answers at ``url``."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(url, trust_env=False).raise_for_status()
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    main()
