"""What people built into the stand-in painter's scenes: streets, a village, a light, a dome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import ImageFilter

from mkdocs_comfy.testing.painting_canvas import Silhouette, halo, tint
from mkdocs_comfy.testing.painting_land import depth_colour, lay
from mkdocs_comfy.testing.painting_scene import mix

if TYPE_CHECKING:
    from mkdocs_comfy.testing.painting_canvas import Dice, Easel, Frame


def paint_lighthouse(easel: Easel, x: float, foot: float, side: int) -> None:
    """Set a lighthouse at (x, foot), its beam towards ``side`` (1 right, -1 left)."""
    frame, palette = easel.frame, easel.scene.palette
    tall = frame.unit * 0.23
    lamp = foot - tall * 0.93
    dark = easel.scene.mood in {"night", "dusk", "storm", "fog"}
    _paint_beam(easel, x, lamp - tall * 0.04, side, 80 if dark else 30)
    wide, slim = tall * 0.105, tall * 0.068
    tower = Silhouette(frame)
    tower.polygon([(x - wide, foot), (x - slim, lamp), (x + slim, lamp), (x + wide, foot)])
    cold = mix(depth_colour(palette, 0.5), palette.light, 0.45 if dark else 0.72)
    tower.fill(easel.picture, cold)
    shade, bands = Silhouette(frame), Silhouette(frame)
    shade.polygon(
        [(x - side * wide, foot), (x - side * slim, lamp), (x, lamp), (x - side * wide * 0.1, foot)]
    )
    for low, high in ((0.18, 0.36), (0.56, 0.74)):
        near, far_ = wide + (slim - wide) * low, wide + (slim - wide) * high
        down, up = foot - (foot - lamp) * low, foot - (foot - lamp) * high
        bands.polygon([(x - near, down), (x - far_, up), (x + far_, up), (x + near, down)])
    bands.fill(easel.picture, mix((164, 52, 44), palette.near, 0.4 if dark else 0.12))
    tint(easel.picture, palette.near, shade.mask().point([each // 3 for each in range(256)]))
    _paint_lantern(easel, (x, lamp), (slim, tall * 0.075), 210 if dark else 90)


def _paint_beam(easel: Easel, x: float, y: float, side: int, level: int) -> None:
    """Throw a beam from (x, y) across the picture; it widens and fades."""
    frame = easel.frame
    beam, parts = Silhouette(frame), 60
    far = frame.width * 0.9
    for part in range(parts):
        near, end = far * part / parts, far * (part + 1) / parts
        beam.polygon(
            [
                (x + side * near, y - near * 0.105),
                (x + side * end, y - end * 0.105),
                (x + side * end, y - end * 0.035),
                (x + side * near, y - near * 0.035),
            ],
            level=level * (parts - part) // parts,
        )
    soft = beam.mask().filter(ImageFilter.BoxBlur(frame.unit / 160))
    tint(easel.picture, easel.scene.palette.light, soft)


def _paint_lantern(
    easel: Easel, place: tuple[float, float], size: tuple[float, float], level: int
) -> None:
    """Put gallery, lamp and roof on a tower that ends at ``place``."""
    frame, palette = easel.frame, easel.scene.palette
    (x, lamp), (slim, up) = place, size
    cap = Silhouette(frame)
    cap.polygon(
        [
            (x - slim * 1.5, lamp),
            (x + slim * 1.5, lamp),
            (x + slim * 1.5, lamp + up * 0.3),
            (x - slim * 1.5, lamp + up * 0.3),
        ]
    )
    cap.polygon([(x - slim, lamp - up), (x, lamp - up * 2), (x + slim, lamp - up)])
    cap.line([(x - slim * 0.75, lamp), (x - slim * 0.75, lamp - up)], slim * 0.2)
    cap.line([(x + slim * 0.75, lamp), (x + slim * 0.75, lamp - up)], slim * 0.2)
    cap.fill(easel.picture, depth_colour(palette, 0.95))
    glass = Silhouette(frame)
    glass.ellipse(x, lamp - up * 0.5, slim * 0.55, up * 0.42)
    glass.fill(easel.picture, palette.light)
    tint(
        easel.picture,
        palette.light,
        halo(frame, x, lamp - up * 0.5, frame.unit * 0.13, level),
    )


def paint_village(easel: Easel, horizon: int) -> None:
    """Line the shore with gabled houses, and light some of their windows."""
    frame, palette = easel.frame, easel.scene.palette
    dice = easel.dice("village")
    houses, windows = Silhouette(frame), Silhouette(frame)
    x = frame.width * dice.between(0.02, 0.12)
    end = x + frame.width * dice.between(0.5, 0.75)
    foot = horizon
    while x < end:
        across = frame.unit * dice.between(0.035, 0.06)
        wall = frame.unit * dice.between(0.03, 0.062)
        _house(houses, dice, (x, foot, across, wall))
        _lit(windows, dice, (x, foot, across, wall))
        x += across * (1.02 if dice.chance(0.7) else dice.between(1.3, 2.2))
    houses.fill(easel.picture, depth_colour(palette, 0.78))
    windows.fill(easel.picture, mix((255, 204, 120), palette.light, 0.25))


def _house(shape: Silhouette, dice: Dice, place: tuple[float, float, float, float]) -> None:
    x, foot, across, wall = place
    top, peak = foot - wall, foot - wall - across * dice.between(0.4, 0.75)
    shape.polygon(
        [(x, foot), (x, top), (x + across / 2, peak), (x + across, top), (x + across, foot)]
    )
    if dice.chance(0.6):
        shape.polygon(
            [
                (x + across * 0.66, top),
                (x + across * 0.66, peak),
                (x + across * 0.78, peak),
                (x + across * 0.78, top),
            ]
        )


def _lit(shape: Silhouette, dice: Dice, place: tuple[float, float, float, float]) -> None:
    x, foot, across, wall = place
    pane = across * 0.13
    y = foot - wall * 0.9
    while y < foot - pane * 2:
        for column_ in (0.2, 0.44, 0.68):
            if dice.chance(0.5):
                left = x + across * column_
                shape.polygon(
                    [
                        (left, y),
                        (left + pane, y),
                        (left + pane, y + pane * 1.4),
                        (left, y + pane * 1.4),
                    ],
                    level=int(dice.between(110, 255)),
                )
        y += pane * 2.6


def paint_city(easel: Easel, *, top: float) -> None:
    """Paint rows of houses and towers with lit windows, from ``top`` (pixels) to the viewer."""
    frame, palette = easel.frame, easel.scene.palette
    rows = 4
    for row in range(rows):
        depth = row / (rows - 1)
        dice = easel.dice("street", row)
        base = top + (frame.height - top) * (0.2 + 0.75 * depth)
        shape, lights = Silhouette(frame), Silhouette(frame)
        x = -frame.unit * 0.05
        while x < frame.width:
            across = frame.unit * dice.between(0.04, 0.1) * (0.7 + 0.5 * depth)
            tall = frame.unit * dice.between(0.1, 0.42 - 0.14 * depth)
            roof = base - tall
            _tower(shape, dice, frame, (x, roof, across))
            if depth > 0:
                _windows(lights, dice, (x, roof, across, frame.height), 0.006 + 0.007 * depth)
            x += across * dice.between(0.85, 1.3)
        colour = depth_colour(palette, 0.08 + 0.92 * depth)
        lay(easel, shape.mask(), colour, crest=base - frame.unit * 0.2, foot=base)
        dark = easel.scene.mood in {"night", "dusk", "golden", "fog", "storm", "dawn"}
        glow = mix((255, 206, 128), palette.light, 0.3)
        level = (60 + 170 * depth) if dark else (30 + 40 * depth)
        dimmed = [int(each * level) // 255 for each in range(256)]
        tint(easel.picture, glow, lights.mask().point(dimmed))


def _tower(shape: Silhouette, dice: Dice, frame: Frame, place: tuple[float, float, float]) -> None:
    x, roof, across = place
    low = frame.height + 2
    shape.polygon([(x, low), (x, roof), (x + across, roof), (x + across, low)])
    if dice.chance(0.25):
        shape.polygon([(x, roof), (x + across / 2, roof - across * 0.5), (x + across, roof)])
    elif dice.chance(0.27):
        inset, up = across * 0.22, across * 0.35
        shape.polygon(
            [
                (x + inset, roof + 1),
                (x + inset, roof - up),
                (x + across - inset, roof - up),
                (x + across - inset, roof + 1),
            ]
        )
    elif dice.chance(0.2):
        shape.line([(x + across / 2, roof), (x + across / 2, roof - across)], frame.unit / 400)


def _windows(
    lights: Silhouette, dice: Dice, place: tuple[float, float, float, float], size: float
) -> None:
    x, roof, across, low = place
    pane = size * low * 0.5
    y = roof + pane * 2
    while y < min(low, roof + across * 5):
        at = x + pane * 1.5
        while at < x + across - pane * 2:
            if dice.chance(0.3):
                lights.polygon(
                    [(at, y), (at + pane, y), (at + pane, y + pane * 1.5), (at, y + pane * 1.5)],
                    level=int(dice.between(90, 255)),
                )
            at += pane * 2.4
        y += pane * 3.4


def paint_dome(easel: Easel, x: float, foot: float) -> None:
    """Set an observatory at (x, foot), its slit open to the sky."""
    frame, palette = easel.frame, easel.scene.palette
    wide = frame.unit * 0.06
    wall = wide * 0.75
    foot += wall * 0.5
    body, eaves, slit = Silhouette(frame), Silhouette(frame), Silhouette(frame)
    body.ellipse(x, foot - wall, wide, wide * 0.98)
    body.polygon(_box(x - wide, foot - wall, x + wide, foot))
    eaves.polygon(_box(x - wide * 1.06, foot - wall, x + wide * 1.06, foot - wall * 0.88))
    low, top = foot - wall * 1.1, foot - wall - wide * 0.9
    left, right = x + wide * 0.12, x + wide * 0.36
    slit.polygon([(left + 1, low), (left, top), (right, top), (right + wide * 0.08, low)])
    clear = body.mask()
    clear.paste(0, (0, min(frame.height, round(foot)), frame.width, frame.height))
    tint(easel.picture, mix(depth_colour(palette, 0.55), palette.light, 0.3), clear)
    eaves.fill(easel.picture, depth_colour(palette, 0.9))
    slit.fill(easel.picture, mix((255, 190, 96), palette.light, 0.2))
    glow = halo(frame, x + wide * 0.25, foot - wall - wide * 0.5, wide * 2.2, 70)
    tint(easel.picture, (255, 196, 110), glow)


def _box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
