"""Pictures for a server without a GPU: painted from words, reproducible, pleasant to look at."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from mkdocs_comfy.testing.painting_canvas import Easel, Frame, finish
from mkdocs_comfy.testing.painting_land import (
    paint_dunes,
    paint_forest,
    paint_paper,
    paint_ridges,
)
from mkdocs_comfy.testing.painting_scene import read_scene
from mkdocs_comfy.testing.painting_sky import paint_birds, paint_fall, paint_sky
from mkdocs_comfy.testing.painting_town import paint_city, paint_dome, paint_village
from mkdocs_comfy.testing.painting_water import (
    paint_boats,
    paint_headland,
    paint_shore,
    paint_water,
)

if TYPE_CHECKING:
    from PIL import Image


def paint(
    prompt: str, seed: int, size: tuple[int, int], *, negative: str = "", steps: int = 20
) -> bytes:
    """Paint what ``prompt`` speaks of, as a PNG.

    The same arguments give the same pixels everywhere. The prompt chooses motif and colours, the
    seed the composition; every other argument shows as well, so that a test can tell whether it
    arrived.

    Args:
        prompt: Any text, the empty one included.
        seed: Any whole number.
        size: Width and height in pixels, each at least 1.
        negative: Words that the picture must not follow.
        steps: More steps work out finer lines.
    """
    frame = Frame.of(*size)
    scene = read_scene(prompt, negative)
    octaves = min(6, max(2, steps.bit_length()))
    easel = Easel(frame, scene, octaves=octaves, name=(prompt, negative, seed))
    compose(easel)
    return _png(finish(easel.picture, easel.dice("grain", steps)))


def compose(easel: Easel) -> None:
    """Paint the whole scene of ``easel`` from the sky to what is nearest."""
    frame, features = easel.frame, easel.scene.features
    horizon = round(frame.height * easel.dice("horizon").between(0.56, 0.64))
    paint_sky(easel, horizon)
    _paint_motif(easel, horizon)
    if easel.scene.motif == "abstract":
        return
    if "fog" in features:
        easel.mist(horizon + frame.unit * 0.02, 0.22, 190, 90)
        easel.mist(frame.height * 0.84, 0.2, 110, 91)
    if "birds" in features or easel.dice("flock").chance(0.3):
        paint_birds(easel, horizon)
    paint_fall(easel)


def _paint_motif(easel: Easel, horizon: int) -> None:
    frame = easel.frame
    match easel.scene.motif:
        case "abstract":
            paint_paper(easel)
        case "mountains":
            dome = paint_dome if "dome" in easel.scene.features else None
            paint_ridges(
                easel, top=horizon * 0.75, bottom=frame.height, layers=6, sharp=True, crown=dome
            )
        case "forest":
            paint_forest(easel, top=horizon * 0.75)
        case "desert":
            paint_dunes(easel, top=horizon)
        case "city":
            paint_city(easel, top=horizon)
        case "lake":
            paint_ridges(easel, top=horizon * 0.8, bottom=horizon, layers=4, sharp=True)
            easel.mist(horizon, 0.09, 170, 0)
            paint_water(easel, horizon)
            paint_shore(easel)
        case "sea":
            _paint_coast(easel, horizon)


def _paint_coast(easel: Easel, horizon: int) -> None:
    features = easel.scene.features
    hills = horizon - easel.frame.unit * 0.1
    paint_ridges(easel, top=hills, bottom=horizon, layers=3, sharp=False)
    if "village" in features and "lighthouse" not in features:
        paint_village(easel, horizon)
    else:
        paint_headland(easel, horizon, lighthouse="lighthouse" in features)
    easel.mist(horizon, 0.05, 150, 1)
    paint_water(easel, horizon)
    if "boats" in features or easel.dice("sails").chance(0.4):
        paint_boats(easel, horizon)


def _png(picture: Image.Image) -> bytes:
    target = BytesIO()
    picture.save(target, format="PNG", compress_level=3)
    return target.getvalue()
