"""What the stand-in painter puts between sky and viewer: ridges, trees, dunes, paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PIL import ImageFilter

from mkdocs_comfy.testing.painting_canvas import (
    Dice,
    Frame,
    Silhouette,
    column,
    enlarged,
    noise,
    tint,
)
from mkdocs_comfy.testing.painting_scene import Colour, Palette, mix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL import Image

    from mkdocs_comfy.testing.painting_canvas import Easel

    Points = list[tuple[float, float]]

_STEP: Final = 3  # pixels between two points of a ridge line


def depth_colour(palette: Palette, depth: float) -> Colour:
    """Colour of a silhouette; ``depth`` goes from 0 (far, hazy) to 1 (near, dark)."""
    middle = mix(mix(palette.sky[0], palette.near, 0.3), palette.haze, 0.18)
    first, second = mix(palette.haze, middle, depth), mix(middle, palette.near, depth)
    return mix(first, second, depth)


def ridge_line(
    frame: Frame, dice: Dice, *, base: float, rise: float, cycles: float, octaves: int, sharp: bool
) -> Points:
    """Return a line of points across the picture, up to ``rise`` pixels above ``base``."""
    count = frame.width // _STEP + 2
    spread = cycles * frame.width / frame.unit
    heights = noise(dice, count, cycles=spread, octaves=octaves, sharp=sharp)
    return [(index * _STEP, base - rise * height) for index, height in enumerate(heights)]


def below(frame: Frame, line: Sequence[tuple[float, float]]) -> Points:
    """Close ``line`` to the polygon between it and the lower edge of the picture."""
    return [*line, (frame.width + 9, frame.height + 9), (-9, frame.height + 9)]


def lay(easel: Easel, mask: Image.Image, colour: Colour, *, crest: float, foot: float) -> None:
    """Fill ``mask`` with ``colour``, which fades into the haze from ``crest`` down to ``foot``."""
    frame, palette = easel.frame, easel.scene.palette
    strength = 0.75 if "fog" in easel.scene.features else 0.45
    share = min(max(crest / frame.height, 0.0), 0.97)
    end = min(max(foot / frame.height, share + 0.02), 1.0)
    foggy = mix(colour, palette.haze, strength)
    fill = column(frame, [(0, colour), (share, colour), (end, foggy), (1, foggy)])
    easel.picture.paste(fill, (0, 0), mask)


def paint_ridges(
    easel: Easel,
    *,
    top: float,
    bottom: float,
    layers: int,
    sharp: bool,
    crown: Callable[[Easel, float, float], None] | None = None,
) -> None:
    """Paint ``layers`` ridges one before the other, from ``top`` to ``bottom`` (pixels).

    ``crown`` paints what stands on the summit of the nearest one.
    """
    frame, palette = easel.frame, easel.scene.palette
    for layer in range(layers):
        depth = layer / max(1, layers - 1)
        dice = easel.dice("ridge", layer)
        base = top + (bottom - top) * (0.35 + 0.65 * depth)
        rise = frame.unit * (0.36 - 0.16 * depth) * dice.between(0.8, 1.15)
        craggy = sharp and layer < layers - 1
        line = ridge_line(
            frame,
            dice,
            base=base,
            rise=rise,
            cycles=1.4 + 1.5 * dice.unit(),
            octaves=easel.octaves + (1 if craggy else -1),
            sharp=craggy,
        )
        if crown is not None and layer == layers - 1:
            middle = line[len(line) // 5 :][: len(line) * 3 // 5 + 1]
            crown(easel, *min(middle, key=lambda point: point[1]))
        shape = Silhouette(frame)
        shape.polygon(below(frame, line))
        if "trees" in easel.scene.features and layer >= layers // 2:
            paint_conifers(shape, frame, easel.dice("wood", layer), line, 0.02 + 0.05 * depth)
        colour = depth_colour(palette, 0.12 + 0.88 * depth)
        lay(easel, shape.mask(), colour, crest=base - rise, foot=base + frame.unit * 0.2)
        if craggy:
            _paint_faces(easel, line, colour, depth)


def _paint_faces(easel: Easel, line: Points, colour: Colour, depth: float) -> None:
    """Let the light fall on the slopes that look towards it; on snow it stays white."""
    palette = easel.scene.palette
    snowy = "snow" in easel.scene.features
    shape = Silhouette(easel.frame)
    _facets(shape, line, towards=easel.light_x, reach=3.6 if snowy else 2.6, rough=0.08)
    warm = mix(palette.sky[3], palette.light, 0.75 if snowy else 0.25)
    lit = mix(colour, warm, 0.6 if snowy else 0.24 - 0.1 * depth)
    level = 200 if snowy else 170
    tint(easel.picture, lit, shape.mask().point([each * level // 255 for each in range(256)]))


def _facets(
    shape: Silhouette, line: Points, *, towards: float, reach: float, rough: float = 0.0
) -> None:
    """Mark under ``line`` how far the slopes facing ``towards`` catch the light."""
    window = 4
    edge: Points = []
    fall = 0.0
    for index, (x, y) in enumerate(line):
        before = line[max(0, index - window)][1]
        after = line[min(len(line) - 1, index + window)][1]
        slope = (before - after) if x < towards else (after - before)
        fall += (max(0.0, -slope) * reach - fall) * 0.35
        edge.append((x, y + fall * (1 + rough * (index * 7 % 5))))
    shape.polygon([*line, *reversed(edge)])


def paint_conifers(
    shape: Silhouette, frame: Frame, dice: Dice, line: Sequence[tuple[float, float]], size: float
) -> None:
    """Plant conifers of about ``size`` units of the picture along ``line``."""
    x = -frame.unit * 0.02
    while x < frame.width:
        index = min(len(line) - 1, max(0, int(x / _STEP)))
        tall = frame.unit * size * dice.between(0.55, 1.5)
        _conifer(shape, dice, x, line[index][1] + tall * 0.12, tall)
        x += tall * dice.between(0.16, 0.62)


def _conifer(shape: Silhouette, dice: Dice, x: float, foot: float, tall: float) -> None:
    tiers = 7
    left: Points = []
    right: Points = []
    for tier in range(tiers):
        share = (tier + 1) / tiers
        y = foot - tall * (1 - share * 0.94)
        reach = tall * 0.19 * share * dice.between(0.8, 1.15)
        left += [(x - reach, y), (x - reach * 0.45, y - tall * 0.015)]
        right += [(x + reach * dice.between(0.85, 1.1), y), (x + reach * 0.45, y - tall * 0.015)]
    shape.polygon([(x, foot - tall), *right, (x, foot), *reversed(left)])


def paint_forest(easel: Easel, *, top: float) -> None:
    """Paint rows of conifers with mist between them, from ``top`` (pixels) to the viewer."""
    frame, palette = easel.frame, easel.scene.palette
    rows = 5
    for row in range(rows):
        depth = row / (rows - 1)
        dice = easel.dice("row", row)
        base = top + (frame.height * 1.04 - top) * (0.12 + 0.88 * depth * (0.6 + 0.4 * depth))
        line = ridge_line(
            frame,
            dice,
            base=base,
            rise=frame.unit * (0.2 - 0.06 * depth),
            cycles=1.2,
            octaves=3,
            sharp=False,
        )
        size = 0.06 + 0.22 * depth * (0.5 + 0.5 * depth)
        shape = Silhouette(frame)
        shape.polygon(below(frame, line))
        paint_conifers(shape, frame, easel.dice("trees", row), line, size)
        colour = depth_colour(palette, 0.1 + 0.9 * depth)
        crest = base - frame.unit * size
        lay(easel, shape.mask(), colour, crest=crest, foot=base + frame.unit * 0.1)
        if row < rows - 1:
            easel.mist(base + frame.unit * 0.03, 0.1, 130, row)


def paint_dunes(easel: Easel, *, top: float) -> None:
    """Paint dunes with a lit and a shaded side, from ``top`` (pixels) to the viewer."""
    frame, palette = easel.frame, easel.scene.palette
    layers = 5
    for layer in range(layers):
        depth = layer / (layers - 1)
        dice = easel.dice("dune", layer)
        base = top + (frame.height * 1.02 - top) * (0.12 + 0.88 * depth)
        line = ridge_line(
            frame,
            dice,
            base=base,
            rise=frame.unit * (0.16 + 0.14 * depth),
            cycles=2.1 - 0.9 * depth,
            octaves=2,
            sharp=layer % 2 == 1,
        )
        sand = mix(mix(palette.haze, palette.sky[2], 0.3), palette.near, 0.1 + 0.42 * depth)
        shape = Silhouette(frame)
        shape.polygon(below(frame, line))
        lay(easel, shape.mask(), sand, crest=base - frame.unit * 0.25, foot=base)
        shade = Silhouette(frame)
        _facets(shade, line, towards=frame.width - easel.light_x, reach=9.0)
        soft = shade.mask().filter(ImageFilter.BoxBlur(1))
        tint(easel.picture, mix(sand, palette.near, 0.3 + 0.25 * depth), soft)


def paint_paper(easel: Easel) -> None:
    """Paint an abstract of cut paper: waves that lie on each other, with contour lines."""
    frame, palette = easel.frame, easel.scene.palette
    layers = 8
    for layer in range(layers):
        depth = layer / (layers - 1)
        dice = easel.dice("sheet", layer)
        line = ridge_line(
            frame,
            dice,
            base=frame.height * (0.34 + 0.7 * depth),
            rise=frame.unit * 0.34,
            cycles=dice.between(0.8, 1.6),
            octaves=2,
            sharp=False,
        )
        tilt = dice.between(-0.16, 0.16)
        line = [(x, y + (x - frame.width / 2) * tilt) for x, y in line]
        shape = Silhouette(frame)
        shape.polygon(below(frame, line))
        mask = shape.mask()
        _paint_shadow(easel, mask)
        colour = _sheet_colour(palette, depth)
        easel.picture.paste(colour, (0, 0), mask)
        contours = Silhouette(frame)
        _contours(contours, frame, line)
        contours.fill(easel.picture, mix(colour, palette.light, 0.34))


def _paint_shadow(easel: Easel, mask: Image.Image) -> None:
    lift = max(1, easel.frame.unit // 60)
    small = mask.reduce(4)
    blurred = enlarged(small.filter(ImageFilter.BoxBlur(max(1, lift // 3))), mask.size)
    shadow = blurred.point([each * 92 // 255 for each in range(256)])
    easel.picture.paste((6, 8, 22), (0, -lift), shadow)


def _sheet_colour(palette: Palette, depth: float) -> Colour:
    stops = (palette.sky[3], palette.sky[2], palette.sky[1], palette.sky[0], palette.near)
    at = depth * (len(stops) - 1)
    index = min(int(at), len(stops) - 2)
    return mix(stops[index], stops[index + 1], at - index)


def _contours(shape: Silhouette, frame: Frame, line: Points) -> None:
    middle = sum(y for _, y in line) / len(line)
    for turn in range(1, 6):
        calm, sink = 1 - 0.11 * turn, frame.unit * 0.021 * turn
        points = [(x, middle + (y - middle) * calm + sink) for x, y in line]
        shape.line(points, frame.unit / 560, level=225 - 34 * turn)
