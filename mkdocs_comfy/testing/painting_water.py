"""The stand-in painter's water: reflections, glitter, boats, headlands and banks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageFilter

from mkdocs_comfy.testing.painting_canvas import Frame, Silhouette, column, ramp, tint
from mkdocs_comfy.testing.painting_land import below, depth_colour, lay, ridge_line
from mkdocs_comfy.testing.painting_scene import mix
from mkdocs_comfy.testing.painting_town import paint_lighthouse

if TYPE_CHECKING:
    from mkdocs_comfy.testing.painting_canvas import Easel


def paint_water(easel: Easel, horizon: int) -> None:
    """Mirror what stands above ``horizon`` (pixels) and let the light glitter on it."""
    frame, palette = easel.frame, easel.scene.palette
    if not 0 < horizon < frame.height:
        return  # a picture of one row has no room for both
    deep = frame.height - horizon
    mirror = _mirrored(easel, horizon, deep)
    water = mix(palette.sky[0], palette.near, 0.35)
    body = column(Frame.of(frame.width, deep), [(0, palette.sky[2]), (0.3, water), (1, water)])
    veil = ramp(Frame.of(frame.width, deep), [(0, 45), (0.5, 110), (1, 175)])
    mirror.paste(body, (0, 0), veil)
    easel.picture.paste(mirror, (0, horizon))
    _paint_glitter(easel, horizon, deep)


def _mirrored(easel: Easel, horizon: int, deep: int) -> Image.Image:
    frame = easel.frame
    seen = min(horizon, deep)
    band = easel.picture.crop((0, horizon - seen, frame.width, horizon))
    band = band.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    band = band.resize((frame.width, deep), Image.Resampling.BICUBIC)
    band = band.filter(ImageFilter.BoxBlur((frame.unit / 160, frame.unit / 400)))
    dice, rippled, row = easel.dice("ripples"), band.copy(), 0
    while row < deep:
        share = row / deep
        tall = max(1, int(frame.unit * (0.002 + 0.008 * share)))
        shift = round(frame.unit * (0.002 + 0.014 * share) * dice.between(-1, 1))
        rippled.paste(band.crop((0, row, frame.width, min(deep, row + tall))), (shift, row))
        row += tall
    return rippled


def _paint_glitter(easel: Easel, horizon: int, deep: int) -> None:
    frame, palette = easel.frame, easel.scene.palette
    dice = easel.dice("glitter")
    sparks, waves = Silhouette(frame), Silhouette(frame)
    for _ in range(420):
        share = dice.unit()
        share = share * (0.35 + 0.65 * share)
        y = horizon + 1 + deep * share
        across = frame.unit * (0.004 + 0.035 * share) * dice.between(0.4, 1.6)
        down = max(0.3, frame.unit * (0.0005 + 0.0024 * share))
        if dice.chance(0.62):
            wide = frame.unit * (0.03 + 0.13 * share)
            off = (dice.unit() + dice.unit() + dice.unit() - 1.5) * wide
            sparks.ellipse(easel.light_x + off, y, across * 0.8, down, int(dice.between(60, 230)))
        else:
            waves.ellipse(
                dice.unit() * frame.width, y, across * 2.2, down, int(dice.between(20, 80))
            )
    waves.fill(easel.picture, mix(palette.sky[3], palette.sky[2], 0.4))
    sparks.fill(easel.picture, palette.light)


def paint_headland(easel: Easel, horizon: int, *, lighthouse: bool) -> None:
    """Let a headland run out into the water, with a lighthouse where one is asked for."""
    frame, palette = easel.frame, easel.scene.palette
    dice = easel.dice("headland")
    from_left = easel.light_x > frame.width / 2
    reach = frame.width * dice.between(0.34, 0.5)
    rise = frame.unit * dice.between(0.16, 0.22)
    line = ridge_line(
        frame, dice, base=0, rise=1, cycles=2.4, octaves=easel.octaves + 1, sharp=False
    )
    points = []
    for x, bump in line:
        inland = 1 - (x if from_left else frame.width - x) / reach
        slope = max(0.0, inland) * (2 - max(0.0, inland)) if inland < 1 else 1.0
        height = rise * slope * (0.75 - 0.5 * bump)
        points.append((x, horizon + frame.unit * 0.015 - height if inland > 0 else horizon + 99))
    shape = Silhouette(frame)
    last = horizon + frame.unit * 0.02
    shape.polygon([(x, min(y, last)) for x, y in points] + [(frame.width, last), (0, last)])
    colour = depth_colour(palette, 0.86)
    mask = shape.mask()
    hidden = Image.new("L", frame.size)
    hidden.paste(mask.crop((0, 0, frame.width, horizon)), (0, 0))
    if lighthouse:
        index = int((reach * 0.42 if from_left else frame.width - reach * 0.42) / 3)
        x, y = points[min(index, len(points) - 1)]
        paint_lighthouse(easel, x, y + frame.unit * 0.02, 1 if from_left else -1)
    lay(easel, hidden, colour, crest=horizon - rise, foot=horizon + frame.unit * 0.1)


def paint_boats(easel: Easel, horizon: int) -> None:
    """Let a few sails drift on the water, larger towards the viewer."""
    frame, palette = easel.frame, easel.scene.palette
    dice = easel.dice("boats")
    fleet = 4
    sails = [(dice.between(0.06, 0.5), berth + dice.between(0.15, 0.85)) for berth in range(fleet)]
    for share, berth in sorted(sails):
        y = horizon + (frame.height - horizon) * share
        x = frame.width * (0.06 + 0.88 * berth / fleet)
        size = frame.unit * (0.035 + 0.1 * share)
        boat, echo = Silhouette(frame), Silhouette(frame)
        _sail(boat, x, y, size, -1)
        _sail(echo, x, y, size * 0.8, 1)
        tint(
            easel.picture,
            depth_colour(palette, 0.9),
            echo.mask().filter(ImageFilter.BoxBlur((1, 3))).point([e // 3 for e in range(256)]),
        )
        boat.fill(easel.picture, depth_colour(palette, 0.72 + 0.4 * share))


def _sail(shape: Silhouette, x: float, y: float, size: float, up: int) -> None:
    hull = size * 0.42
    shape.polygon(
        [
            (x - hull, y + up * size * 0.13),
            (x + hull * 1.1, y + up * size * 0.13),
            (x + hull * 0.75, y),
            (x - hull * 0.7, y),
        ]
    )
    shape.line([(x, y), (x, y + up * size * 1.35)], size * 0.03)
    deck = y + up * size * 0.2
    shape.polygon(
        [(x + size * 0.05, deck), (x + size * 0.05, y + up * size * 1.3), (x + size * 0.5, deck)]
    )
    shape.polygon(
        [(x - size * 0.05, deck), (x - size * 0.05, y + up * size * 1.1), (x - size * 0.34, deck)]
    )


def paint_shore(easel: Easel) -> None:
    """Close the picture at its lower edge with a dark bank and some reeds."""
    frame, palette = easel.frame, easel.scene.palette
    dice = easel.dice("bank")
    tilt = dice.between(-0.16, 0.16)
    line = [
        (x, y + (x - frame.width / 2) * tilt * frame.unit / frame.width)
        for x, y in ridge_line(
            frame,
            dice,
            base=frame.height * 1.02,
            rise=frame.unit * 0.12,
            cycles=1.1,
            octaves=4,
            sharp=False,
        )
    ]
    shape = Silhouette(frame)
    shape.polygon(below(frame, line))
    for _ in range(260):
        index = int(dice.unit() * dice.unit() * (len(line) - 1))
        x, y = line[index if tilt < 0 else len(line) - 1 - index]
        tall, lean = frame.unit * dice.between(0.02, 0.075), dice.between(-0.25, 0.25)
        stem = [(x, y + 4), (x + lean * tall * 0.4, y - tall * 0.6), (x + lean * tall, y - tall)]
        shape.line(stem, frame.unit / 520)
    shape.fill(easel.picture, mix(palette.near, (0, 0, 0), 0.15))
