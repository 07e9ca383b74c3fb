"""The stand-in painter's tools: reproducible chance, gradients, masks, ridge lines, grain.

Everything is integer arithmetic or plain ``+ - * /`` on floats, which is the same on every
platform: no sine, no power, no system noise. Nothing is made smaller by ``Image.resize``, which
rounds differently since Pillow 13; ``Image.reduce`` and enlarging are the same in all releases.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageChops, ImageDraw

from mkdocs_comfy.testing.painting_scene import mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mkdocs_comfy.testing.painting_scene import Colour, Scene

_FINER: Final = 2  # silhouettes are drawn this many times larger, so that their edges are smooth


class Dice:
    """Reproducible chance: the same words, the same throws, on every platform and Python."""

    def __init__(self, *words: object) -> None:
        self._name = "\x1f".join(map(str, words)).encode("utf-8", "surrogatepass")
        self._drawn = 0
        self._pool = b""

    def bytes(self, count: int) -> bytes:
        """Return ``count`` random bytes that do not depend on earlier throws."""
        return hashlib.shake_128(self._name).digest(count)

    def unit(self) -> float:
        """Return a number, 0 <= number < 1."""
        if not self._pool:
            block = self._name + self._drawn.to_bytes(8, "big")
            self._pool = hashlib.shake_128(block).digest(1024)
        self._drawn += 1
        word, self._pool = self._pool[:4], self._pool[4:]
        return int.from_bytes(word, "big") / 2**32

    def between(self, low: float, high: float) -> float:
        """Return a number from ``low`` to ``high``."""
        return low + (high - low) * self.unit()

    def chance(self, share: float) -> bool:
        """Return true in ``share`` of all throws."""
        return self.unit() < share


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Measures of a picture, in pixels.

    Attributes:
        width: Columns.
        height: Rows.
        unit: Length that motifs are measured in: the shorter side.
    """

    width: int
    height: int
    unit: int

    @classmethod
    def of(cls, width: int, height: int) -> Frame:
        """Return the frame of a picture of ``width`` times ``height`` pixels."""
        return cls(width=width, height=height, unit=min(width, height))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


def noise(dice: Dice, count: int, *, cycles: float, octaves: int, sharp: bool) -> list[float]:
    """Return ``count`` heights from 0 to 1: a fractal line over ``cycles`` lattice cells.

    ``sharp`` folds the line, which gives crests and valleys in place of rounded hills.
    """
    heights = [0.0] * count
    weight, total = 1.0, 0.0
    for _ in range(octaves):
        if cycles * 2 > count:
            break
        lattice = [dice.unit() for _ in range(int(cycles) + 3)]
        step, at = cycles / count, dice.unit()
        for index in range(count):
            cell = int(at)
            part = at - cell
            left, right = lattice[cell], lattice[cell + 1]
            value = left + (right - left) * part * part * (3 - 2 * part)
            if sharp:
                value = 1 - abs(2 * value - 1)
            heights[index] += value * weight
            at += step
        total += weight
        weight *= 0.46
        cycles *= 2.1
    return [height / total for height in heights] if total else heights


def column(frame: Frame, stops: Sequence[tuple[float, Colour]]) -> Image.Image:
    """Return a vertical gradient; each stop is a share of the height (0 on top) and a colour."""
    pixels = bytearray()
    for (start, first), (end, second) in pairwise(stops):
        top, bottom = round(start * frame.height), round(end * frame.height)
        for row in range(bottom - top):
            pixels += bytes(mix(first, second, row / (bottom - top)))
    pixels += bytes(stops[-1][1]) * (frame.height - len(pixels) // 3)
    strip = Image.frombytes("RGB", (1, frame.height), bytes(pixels[: frame.height * 3]))
    return strip.resize(frame.size, Image.Resampling.NEAREST)


def ramp(frame: Frame, stops: Sequence[tuple[float, int]]) -> Image.Image:
    """Return a vertical gradient as a mask; levels from 0 to 255."""
    return column(frame, [(at, (level, level, level)) for at, level in stops]).getchannel(0)


class Silhouette:
    """A mask that is drawn larger than it is used, for smooth edges."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._mask = Image.new("L", (frame.width * _FINER, frame.height * _FINER))
        self._draw = ImageDraw.Draw(self._mask)

    def polygon(self, points: Sequence[tuple[float, float]], level: int = 255) -> None:
        """Fill a polygon of points in pixels of the picture."""
        self._draw.polygon([(x * _FINER, y * _FINER) for x, y in points], fill=level)

    def ellipse(self, x: float, y: float, across: float, down: float, level: int = 255) -> None:
        """Fill an ellipse around (x, y) with the radii ``across`` and ``down``."""
        self._draw.ellipse(
            (
                (x - across) * _FINER,
                (y - down) * _FINER,
                (x + across) * _FINER,
                (y + down) * _FINER,
            ),
            fill=level,
        )

    def line(self, points: Sequence[tuple[float, float]], width: float, level: int = 255) -> None:
        """Draw a line of ``width`` pixels, at least half a pixel wide."""
        self._draw.line(
            [(x * _FINER, y * _FINER) for x, y in points],
            fill=level,
            width=max(1, round(width * _FINER)),
        )

    def mask(self) -> Image.Image:
        """Return what was drawn, in the size of the picture."""
        return self._mask.reduce(_FINER)

    def fill(self, picture: Image.Image, colour: Colour) -> None:
        """Lay ``colour`` over ``picture`` where something was drawn; cheap for small things."""
        drawn = self._mask.getbbox()
        if drawn is None:
            return
        left, top = drawn[0] // _FINER, drawn[1] // _FINER
        right, low = -(-drawn[2] // _FINER), -(-drawn[3] // _FINER)
        part = self._mask.reduce(
            _FINER, (left * _FINER, top * _FINER, right * _FINER, low * _FINER)
        )
        picture.paste(colour, (left, top), part)


def spread(dice: Dice, frame: Frame, cells: tuple[int, int]) -> Image.Image:
    """Return soft noise as a mask: ``cells`` random levels, enlarged to the whole picture."""
    across, down = min(cells[0], frame.width), min(cells[1], frame.height)
    grid = Image.frombytes("L", (across, down), dice.bytes(across * down))
    return enlarged(grid, frame.size)


def enlarged(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return ``mask`` softly stretched to ``size``, reduced in whole steps where it is larger."""
    steps = -(-mask.width // size[0]), -(-mask.height // size[1])
    return mask.reduce(steps).resize(size, Image.Resampling.BICUBIC)


def halo(frame: Frame, x: float, y: float, radius: float, level: int) -> Image.Image:
    """Return a mask that falls from ``level`` at (x, y) to 0 at ``radius`` pixels."""
    rim = 179  # level of Pillow's radial gradient in the middle of each edge
    fall = [level * max(0, rim - each) ** 2 // rim**2 for each in range(256)]
    side = max(2, round(radius * 2))
    spot = enlarged(Image.radial_gradient("L").point(fall), (side, side))
    mask = Image.new("L", frame.size)
    mask.paste(spot, (round(x - radius), round(y - radius)))
    return mask


def tint(picture: Image.Image, colour: Colour, mask: Image.Image) -> None:
    """Lay ``colour`` over ``picture`` where ``mask`` says so."""
    picture.paste(colour, (0, 0), mask)


def finish(picture: Image.Image, dice: Dice) -> Image.Image:
    """Darken the corners a little and add a fine grain, which also hides banding."""
    edge = [max(0, (each - 120) // 4) for each in range(256)]
    corners = enlarged(Image.radial_gradient("L").point(edge), picture.size)
    tint(picture, (8, 10, 20), corners)
    levels = bytes((each & 3) + (each >> 2 & 3) for each in range(256))
    count = picture.width * picture.height
    grain = Image.frombytes("L", picture.size, dice.bytes(count).translate(levels))
    return ImageChops.add(picture, Image.merge("RGB", (grain, grain, grain)), 1, -3)


class Easel:
    """One picture in the making, with everything that its painters need to know.

    Attributes:
        picture: The pixels so far, RGB.
        frame: Measures of the picture.
        scene: What is painted.
        octaves: How fine ridge lines are worked out; grows with the steps.
        light_x: Column of the sun or the moon, pixels.
        light_y: Row of the sun or the moon, pixels.
    """

    def __init__(
        self, frame: Frame, scene: Scene, *, octaves: int, name: tuple[object, ...]
    ) -> None:
        self.picture = Image.new("RGB", frame.size)
        self.frame, self.scene, self.octaves = frame, scene, octaves
        self._name = name
        dice = self.dice("light")
        self.light_x = frame.width * dice.between(0.2, 0.8)
        high = scene.mood in {"night", "day", "winter", "storm"}
        self.light_y = frame.height * (dice.between(0.14, 0.3) if high else dice.between(0.3, 0.46))

    def dice(self, *words: object) -> Dice:
        """Return the dice of one part of this picture, independent of all other parts."""
        return Dice(*self._name, *words)

    def mist(self, y: float, share: float, level: int, turn: int) -> None:
        """Lay a bank of mist around row ``y``, ``share`` units of the picture high."""
        frame = self.frame
        at, half = y / frame.height, share * frame.unit / frame.height
        first, last = max(0.0, at - half), min(1.0, at + half)
        if first >= last:
            return
        middle = min(max(at, first), last)
        band = ramp(frame, [(0, 0), (first, 0), (middle, level), (last, 0), (1, 0)])
        cells = (max(2, round(4 * frame.width / frame.unit)), 9)
        patches = spread(self.dice("mist", turn), frame, cells)
        thick = patches.point([120 + each * 135 // 255 for each in range(256)])
        tint(self.picture, self.scene.palette.haze, ImageChops.multiply(band, thick))
