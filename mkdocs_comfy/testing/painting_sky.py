"""The stand-in painter's air: sky, light, clouds, stars, aurora, mist and what falls from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PIL import ImageChops, ImageFilter

from mkdocs_comfy.testing.painting_canvas import (
    Silhouette,
    column,
    enlarged,
    halo,
    noise,
    ramp,
    spread,
    tint,
)
from mkdocs_comfy.testing.painting_scene import mix

if TYPE_CHECKING:
    from mkdocs_comfy.testing.painting_canvas import Easel

_AURORA: Final = ((86, 232, 168), (150, 120, 232))


def paint_sky(easel: Easel, horizon: float) -> None:
    """Fill the picture with sky down to ``horizon`` (pixels), and hang the light into it."""
    frame, palette, features = easel.frame, easel.scene.palette, easel.scene.features
    low = min(0.98, horizon / frame.height)
    zenith, upper, lower, ground = palette.sky
    stops = [(0, zenith), (low * 0.42, upper), (low * 0.78, lower), (low, ground), (1, ground)]
    easel.picture.paste(column(frame, stops))
    if easel.scene.mood in {"night", "dusk"}:
        _paint_stars(easel, horizon)
    if "aurora" in features:
        _paint_aurora(easel, horizon)
    _paint_light(easel)
    if easel.scene.mood != "night":
        _paint_clouds(easel, horizon)


def _paint_light(easel: Easel) -> None:
    frame, palette = easel.frame, easel.scene.palette
    x, y = easel.light_x, easel.light_y
    for radius, level, warmth in ((0.95, 105, 0.2), (0.42, 120, 0.7), (0.16, 110, 0.7)):
        strength = level * palette.glow // 100
        warm = mix(palette.sky[3], palette.light, warmth)
        tint(easel.picture, warm, halo(frame, x, y, frame.unit * radius, min(255, strength)))
    disc = Silhouette(frame)
    radius = frame.unit * easel.dice("disc").between(0.032, 0.05)
    disc.ellipse(x, y, radius, radius)
    if easel.scene.mood == "night" and easel.dice("phase").chance(0.6):
        disc.ellipse(x + radius * 0.5, y - radius * 0.22, radius * 0.92, radius * 0.92, level=0)
    veiled = "fog" in easel.scene.features or easel.scene.mood in {"storm", "fog"}
    level = 120 if veiled else 240
    mask = disc.mask().point([each * level // 255 for each in range(256)])
    tint(easel.picture, palette.light, mask)


def _paint_stars(easel: Easel, horizon: float) -> None:
    frame, palette = easel.frame, easel.scene.palette
    dice = easel.dice("stars")
    night = easel.scene.mood == "night"
    points, glows = Silhouette(frame), Silhouette(frame)
    if night:
        _paint_milky_way(easel, horizon)
    for _ in range(520 if night else 130):
        x = dice.unit() * frame.width
        share = dice.unit()
        y = horizon * share * (0.9 if night else 0.5)
        fade = 1 - share * 0.8
        size = frame.unit / 1100 * (0.6 + 2.2 * dice.unit() * dice.unit() * dice.unit())
        points.ellipse(x, y, max(0.4, size), max(0.4, size), int(fade * dice.between(70, 255)))
        if dice.chance(0.03):
            glows.ellipse(x, y, size * 4, size * 4, int(fade * 110))
    tint(easel.picture, palette.light, glows.mask().filter(ImageFilter.BoxBlur(frame.unit / 300)))
    points.fill(easel.picture, palette.light)


def _paint_milky_way(easel: Easel, horizon: float) -> None:
    frame, dice = easel.frame, easel.dice("milky")
    start, end = dice.between(-0.1, 0.5) * frame.width, dice.between(0.5, 1.1) * frame.width
    band = Silhouette(frame)
    for step in range(40):
        share = step / 39
        x, y = start + (end - start) * share, horizon * (1.05 - 1.15 * share)
        size = frame.unit * dice.between(0.05, 0.13)
        band.ellipse(x + dice.between(-0.5, 0.5) * size, y, size, size, level=70)
    small = band.mask().reduce(8)
    soft = small.filter(ImageFilter.BoxBlur(5)).filter(ImageFilter.BoxBlur(4))
    cloudy = ImageChops.multiply(
        enlarged(soft, frame.size),
        spread(easel.dice("dust"), frame, (24, 18)),
    )
    tint(easel.picture, mix(easel.scene.palette.sky[3], (255, 236, 244), 0.5), cloudy)


def _paint_aurora(easel: Easel, horizon: float) -> None:
    frame = easel.frame
    for turn, colour in enumerate((*_AURORA, _AURORA[0])):
        dice = easel.dice("aurora", turn)
        count = 160
        sway = noise(dice, count, cycles=2.2, octaves=3, sharp=False)
        rays = noise(dice, count, cycles=26, octaves=2, sharp=True)
        drape = Silhouette(frame)
        for index in range(count):
            x = frame.width * index / (count - 1)
            foot = horizon * (0.42 + 0.16 * turn + 0.4 * (sway[index] - 0.5))
            tall = horizon * (0.2 + 0.34 * rays[index])
            wide = frame.width / count
            for part in range(9):
                top, low = foot - tall * (part + 1) / 9, foot - tall * part / 9
                level = int((150 - 15 * part) * (0.25 + 0.75 * rays[index]))
                drape.polygon([(x, top), (x + wide, top), (x + wide, low), (x, low)], level)
        small = drape.mask().reduce(4)
        soft = small.filter(ImageFilter.BoxBlur((frame.unit / 420, frame.unit / 90)))
        tint(easel.picture, colour, enlarged(soft, frame.size))


def _paint_clouds(easel: Easel, horizon: float) -> None:
    frame, palette = easel.frame, easel.scene.palette
    heavy = easel.scene.mood in {"storm", "fog"}
    long = max(2, round(5 * frame.width / frame.unit))
    shape = ImageChops.screen(
        spread(easel.dice("clouds"), frame, (long, 22)).point([each // 2 for each in range(256)]),
        spread(easel.dice("wisps"), frame, (long * 4, 70)).point([e // 3 for e in range(256)]),
    )
    floor = 95 if heavy else 118
    shape = shape.point([min(190, max(0, each - floor) * 3) for each in range(256)])
    low = min(0.99, horizon / frame.height)
    where = ramp(frame, [(0, 120), (low * 0.5, 210), (low * 0.9, 40), (low, 0), (1, 0)])
    mask = ImageChops.multiply(shape, where)
    bright, dark = mix(palette.sky[3], palette.light, 0.5), mix(palette.sky[1], palette.near, 0.25)
    tint(easel.picture, dark if heavy else bright, mask)


def paint_birds(easel: Easel, horizon: float) -> None:
    """Let a few birds fly between the light and the ground."""
    frame = easel.frame
    dice = easel.dice("birds")
    flock = Silhouette(frame)
    for _ in range(7):
        x = easel.light_x + frame.unit * dice.between(-0.36, 0.36)
        y = horizon * dice.between(0.3, 0.75)
        wing, lift = frame.unit * dice.between(0.009, 0.019), dice.between(0.3, 0.7)
        flock.line(
            [
                (x - wing, y - wing * lift),
                (x - wing * 0.4, y - wing * lift * 0.9),
                (x, y),
                (x + wing * 0.4, y - wing * lift * 0.9),
                (x + wing, y - wing * lift * 0.8),
            ],
            frame.unit / 480,
        )
    tint(
        easel.picture, mix(easel.scene.palette.near, easel.scene.palette.sky[1], 0.2), flock.mask()
    )


def paint_fall(easel: Easel) -> None:
    """Let it snow or rain where the scene asks for it."""
    frame, features = easel.frame, easel.scene.features
    dice = easel.dice("fall")
    fall = Silhouette(frame)
    if "snow" in features:
        for _ in range(360):
            size = frame.unit / 520 * dice.between(0.5, 1.9)
            x, y = dice.unit() * frame.width, dice.unit() * frame.height
            fall.ellipse(x, y, size, size, int(dice.between(60, 210)))
    elif "rain" in features or easel.scene.mood == "storm":
        for _ in range(300):
            x, y = dice.unit() * frame.width * 1.1, dice.unit() * frame.height
            long = frame.unit * dice.between(0.02, 0.06)
            fall.line([(x, y), (x - long * 0.3, y + long)], 0.5, int(dice.between(25, 90)))
    else:
        return
    fall.fill(easel.picture, mix(easel.scene.palette.light, (255, 255, 255), 0.5))
