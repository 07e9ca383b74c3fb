"""``python -m mkdocs_comfy.testing``: a fake ComfyUI in the foreground."""

from __future__ import annotations

import signal
import threading

import click

from mkdocs_comfy.testing.png import flat_painter
from mkdocs_comfy.testing.server import FakeComfyUI


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8188,
    show_default=True,
    help="Port on 127.0.0.1; 0 for a free one.",
)
@click.option(
    "--latency",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Seconds that one job takes.",
)
@click.option("--flat", is_flag=True, help="One colour a picture, painted in milliseconds.")
def main(port: int, latency: float, flat: bool) -> None:  # noqa: FBT001  # click calls it by name
    """Answer as a ComfyUI server does, with painted stand-ins in the place of rendered images.

    Ctrl-C or SIGTERM stops it.
    """
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        comfyui = FakeComfyUI(
            port=port,
            latency=latency,
            any_model=True,
            painter=flat_painter if flat else None,
        ).start()
    except OSError as error:
        raise click.ClickException(f"cannot listen on port {port}: {error.strerror}") from error
    try:
        click.echo(f"a fake ComfyUI listens at {comfyui.url} (Ctrl-C stops it)")
        click.echo("its images are stand-ins: painted, not rendered")
        while not over.wait(0.2):  # a wait without end may sleep through a signal
            pass
    finally:
        comfyui.stop()


if __name__ == "__main__":
    main()
