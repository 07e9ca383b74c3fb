"""A picture for a hero that is not at hand: paper cuts in the site's colours, made in a moment.

Layers of paper lie one above the other, from far and light to near and deep; each throws a soft
shadow and catches the light at its edge, and an orb hangs between them. The text decides where
everything is. Pictures are drawn with few pixels more than once: shadows in an eighth of the size,
and of each layer only what it covers.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from mkdocs_comfy.images.palette import DEFAULT, Shades, mixed
from mkdocs_comfy.images.variants import LONGEST_SIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    Point: TypeAlias = tuple[float, float]
    Box: TypeAlias = tuple[int, int, int, int]

MOST_PIXELS: Final = 2_500_000
"""Pixels that are drawn; a larger picture is enlarged from so many."""

_FINER: Final = 2  # shapes are drawn this many times larger, so that their edges are smooth
_COARSER: Final = 8  # shadows are blurred this many times smaller


def draw(text: str, size: tuple[int, int], colours: Sequence[str] = DEFAULT) -> Image.Image:
    """Draw the picture of a text: always the same one for the same arguments.

    Args:
        text: What it stands for, for example a prompt.
        size: Width and height in pixels, each 1 to 16383.
        colours: The site's, ``#rrggbb``: first its main one, last its accent; none for a default.

    Returns:
        An RGB image. As AVIF or WebP of 1344x768 it has some 10 kB.

    Raises:
        ValueError: A side is out of range, or a colour is not written so.
    """
    if not all(1 <= side <= LONGEST_SIDE for side in size):
        raise ValueError(f"a side has 1 to {LONGEST_SIDE} pixels, got {size[0]}x{size[1]}")
    width, height = size
    shrunk = math.sqrt(min(1.0, MOST_PIXELS / (width * height)))
    drawn = max(1, int(width * shrunk)), max(1, int(height * shrunk))
    image = _Picture(text, drawn, colours).compose()
    return image if drawn == size else image.resize(size, Image.Resampling.BICUBIC)


class _Dice:
    """Reproducible chance: the same text, the same throws."""

    def __init__(self, text: str) -> None:
        stream = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(512)
        self._throws = (int.from_bytes(stream[at : at + 2], "big") for at in range(0, 512, 2))

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * next(self._throws) / 65536


class _Picture:
    def __init__(self, text: str, size: tuple[int, int], colours: Sequence[str]) -> None:
        self._dice = dice = _Dice(text)
        spread = dice.between(-35, 35)
        self._shades = Shades.of(
            colours,
            shift=dice.between(-10, 10),
            spread=spread + math.copysign(40, spread),
        )
        self._width, self._height = size
        self._unit = min(size)
        at = self._shades.at
        self.image = _corners("RGB", size, at(0.02), at(0.10), at(0.22), at(0.34))
        self._light = _corners("L", size, (120,), (255,), (60,), (200,))  # from the upper right

    def compose(self) -> Image.Image:
        mirrored, motif = self._dice.between(0, 2) < 1, int(self._dice.between(0, 3))
        if motif == 0:
            self._rings()
        else:
            self._waves(steep=motif == 1)
        return self.image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else self.image

    def _waves(self, *, steep: bool) -> None:
        """Lay waves above each other: across the picture, or steeply down from its upper edge."""
        dice, unit = self._dice, self._unit
        lean = math.radians(dice.between(38, 62) if steep else dice.between(-9, 9))
        free = dice.between(0.24, 0.34) if steep else dice.between(0.36, 0.46)
        across = (math.cos(lean), math.sin(lean))
        down = (-across[1], across[0])
        first, last = self._extent(down)
        layers, orb = (6, 1) if steep else (5, 0)
        for number in range(layers):
            if number == orb:
                self._hang(
                    dice.between(0.72, 0.86) if steep else dice.between(0.52, 0.82),
                    dice.between(0.18, 0.34),
                    dice.between(0.09, 0.15),
                )
            share = number / (layers - 1)
            edge = self._wave(
                across,
                down,
                rest=free + (0.93 - free) * share**0.85 + dice.between(-0.03, 0.03),
                high=unit * dice.between(0.03, 0.08) * (1.3 if steep else 1),
            )
            far = 2 * (last - first)
            beyond = [(x + down[0] * far, y + down[1] * far) for x, y in (edge[-1], edge[0])]
            self._lay([*edge, *beyond], 0.2 + 0.66 * share)

    def _wave(self, across: Point, down: Point, *, rest: float, high: float) -> list[Point]:
        """Return a wave from one side of the picture to the other, and somewhat beyond.

        Args:
            across: The direction it runs in, of length 1.
            down: At a right angle to that.
            rest: Where it would be without waves, as a share of the picture's extent.
            high: Pixels of its crest over that.
        """
        dice = self._dice
        left, right = self._extent(across)
        first, last = self._extent(down)
        cycles = min(2.2, (right - left) / self._unit * 0.42)
        tilt = dice.between(-0.1, 0.1) * (last - first)
        swings = [
            (high, cycles * dice.between(0.7, 1.2), dice.between(0, 1)),
            (high * 0.4, cycles * dice.between(1.6, 2.4), dice.between(0, 1)),
        ]
        points = []
        for step in range(-6, 103):
            part = step / 96
            u = left + (right - left) * part
            v = first + (last - first) * rest + tilt * (part - 0.5)
            v += sum(each * math.sin(math.tau * (c * part + p)) for each, c, p in swings)
            points.append((u * across[0] + v * down[0], u * across[1] + v * down[1]))
        return points

    def _rings(self) -> None:
        """Lay discs into each other, around a point in the lower left or outside of it."""
        dice = self._dice
        x, y = dice.between(0.02, 0.3) * self._width, dice.between(0.85, 1.15) * self._height
        reach = math.hypot(max(x, self._width - x), max(y, self._height - y))
        layers, orb = 5, 1
        for number in range(layers):
            if number == orb:
                self._hang(
                    dice.between(0.7, 0.86), dice.between(0.18, 0.4), dice.between(0.07, 0.12)
                )
            share = number / (layers - 1)
            radius = reach * (0.8 - 0.62 * share**0.9) * dice.between(0.96, 1.04)
            middle = (
                x + dice.between(-0.05, 0.05) * reach,
                y + dice.between(-0.05, 0.05) * reach,
            )
            self._lay(_circle(middle, radius), 0.2 + 0.66 * share)

    def _hang(self, x: float, y: float, radius: float) -> None:
        """Hang an orb with a halo; where, in shares of the sides; how large, of the shorter one."""
        glow, orb = self._shades.glow, self._shades.orb
        middle, radius = (x * self._width, y * self._height), radius * self._unit
        box, mask = self._mask(_circle(middle, 1.25 * radius), margin=self._unit * 0.5)
        self.image.paste(glow, box, _times(_blurred(mask, self._unit * 0.16), 0.55))
        box, mask = self._mask(_circle(middle, radius))
        light, deep = mixed(glow, orb, 0.15), mixed(glow, orb, 0.6)
        self.image.paste(_corners("RGB", mask.size, light, glow, orb, deep), box, mask)

    def _lay(self, points: Sequence[Point], near: float) -> None:
        """Lay a sheet of paper; ``near`` as in ``Shades.at``."""
        shades = self._shades
        box, mask = self._mask(points, margin=self._unit * 0.2)
        if not mask.getbbox():
            return
        soft = _blurred(mask, self._unit * 0.055)
        self.image.paste(shades.at(near + 0.5), box, _times(soft, 0.42))
        steps = (near, near - 0.1, near + 0.12, near + 0.04)
        paper = _corners("RGB", self.image.size, *map(shades.at, steps), part=box)
        self.image.paste(paper, box, mask)
        edge = ImageChops.multiply(mask, ImageChops.invert(soft))
        edge = ImageChops.multiply(edge, self._light.crop(box))
        self.image.paste(mixed(shades.at(near - 0.3), shades.glow, 0.5), box, _times(edge, 1.15))

    def _extent(self, axis: Point) -> Point:
        """From where to where the picture reaches along an axis."""
        ends = [x * axis[0] + y * axis[1] for x in (0, self._width) for y in (0, self._height)]
        return min(ends), max(ends)

    def _mask(self, points: Sequence[Point], *, margin: float = 1) -> tuple[Box, Image.Image]:
        """What a shape covers, with so many pixels around it, as far as it is in the picture."""
        xs, ys = [x for x, _ in points], [y for _, y in points]
        box = (
            _clipped(min(xs) - margin, self._width),
            _clipped(min(ys) - margin, self._height),
            _clipped(max(xs) + margin + 1, self._width),
            _clipped(max(ys) + margin + 1, self._height),
        )
        fine = Image.new("L", ((box[2] - box[0]) * _FINER, (box[3] - box[1]) * _FINER))
        if all(fine.size):
            ImageDraw.Draw(fine).polygon(
                [((x - box[0]) * _FINER, (y - box[1]) * _FINER) for x, y in points], fill=255
            )
            fine = fine.reduce(_FINER)
        return box, fine


def _clipped(value: float, side: int) -> int:
    return max(0, min(side, int(value)))


def _circle(middle: Point, radius: float) -> list[Point]:
    angles = [math.tau * step / 240 for step in range(240)]
    return [(middle[0] + radius * math.cos(a), middle[1] + radius * math.sin(a)) for a in angles]


def _corners(
    mode: str, size: tuple[int, int], *corners: Iterable[int], part: Box | None = None
) -> Image.Image:
    """Four colours, each in its corner (rows from above), and what lies between; a part of it."""
    image = Image.frombytes(mode, (2, 2), bytes(sample for each in corners for sample in each))
    left, top, right, bottom = part or (0, 0, *size)
    # Between the centres of the four pixels bilinear is a pure gradient.
    box = (
        0.5 + left / size[0],
        0.5 + top / size[1],
        0.5 + right / size[0],
        0.5 + bottom / size[1],
    )
    return image.resize((right - left, bottom - top), Image.Resampling.BILINEAR, box)


def _blurred(mask: Image.Image, radius: float) -> Image.Image:
    coarse = mask.reduce(_COARSER).filter(ImageFilter.GaussianBlur(radius / _COARSER))
    return coarse.resize(mask.size, Image.Resampling.BICUBIC)


def _times(mask: Image.Image, factor: float) -> Image.Image:
    return mask.point([min(255, round(each * factor)) for each in range(256)])
