"""A site's colours and what goes with them.

Colours are mixed in OKLCH (CSS Color 4 §9), where equal steps look equal: a row of shades stays a
row of shades whether it is yellow or blue. Imports nothing heavy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue in sRGB, each 0 to 255."""

DRAWING: Final = 1
"""Number of our way of drawing placeholders. Raised when the same text and colours give another
picture on purpose: every placeholder is then drawn anew and gets a new URL."""

DEFAULT: Final = ("#3f6ea8", "#5fb7a9")
"""Colours of a site that does not say its own."""

_GREY: Final = 0.02  # chroma under which a colour has no hue worth the name
_NONE: Final = 0.001  # as good as nothing
_SAME: Final = 30.0  # degrees under which two hues are taken for one
_COOL: Final = 260.0  # hue of the greys of a site without colours: a breath of blue


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """A colour in OKLCH (the matrices are those of CSS Color 4 §9 and of Björn Ottosson's "Oklab").

    Attributes:
        light: Lightness, 0 black to 1 white.
        chroma: Distance from grey, 0 to about 0.32 in sRGB.
        hue: Degrees; about 25 red, 110 yellow, 142 green, 265 blue.
    """

    light: float
    chroma: float
    hue: float

    @classmethod
    def of(cls, colour: str) -> Tone:
        """Read a colour.

        Args:
            colour: ``#rrggbb``.

        Raises:
            ValueError: It is not written so.
        """
        if len(colour) != 7 or colour[0] != "#":  # noqa: PLR2004  # #rrggbb
            raise ValueError(f"a colour is written #rrggbb, got {colour!r}")
        red, green, blue = (_linear(each / 255) for each in bytes.fromhex(colour[1:]))
        long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
        middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
        short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
        a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
        b = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
        return cls(
            light=0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
            chroma=math.hypot(a, b),
            hue=math.degrees(math.atan2(b, a)) % 360,
        )

    @property
    def grey(self) -> bool:
        """True where it has no hue worth the name."""
        return self.chroma < _GREY

    def colour(self) -> Colour:
        """Return it in sRGB; where sRGB has no such colour, with as much chroma as there is."""
        chroma = self.chroma
        samples = _linear_srgb(self.light, chroma, self.hue)
        while chroma > _NONE and not all(-_NONE <= each <= 1 + _NONE for each in samples):
            chroma *= 0.94
            samples = _linear_srgb(self.light, chroma, self.hue)
        red, green, blue = (round(255 * _curved(max(0.0, min(1.0, each)))) for each in samples)
        return red, green, blue


@dataclass(frozen=True, slots=True, kw_only=True)
class Shades:
    """The colours of one picture: what is far is light, what is near deep and of another hue.

    Attributes:
        hue: Hue of what is near, degrees.
        turn: Degrees from there to the hue of what is far, at most 100 either way.
        chroma: Strength of the colours.
    """

    hue: float
    turn: float
    chroma: float

    @classmethod
    def of(cls, colours: Sequence[str], *, shift: float, spread: float) -> Shades:
        """Choose the shades that go with a site.

        Args:
            colours: The site's colours, ``#rrggbb``: first its main one, last its accent; none of
                them for ``DEFAULT``.
            shift: Degrees that the main hue is turned by.
            spread: Degrees between the two hues where the site has one only.

        Raises:
            ValueError: A colour is not written so.
        """
        tones = [Tone.of(each) for each in colours or DEFAULT]
        main, accent = tones[0], tones[-1]
        if main.grey:
            main = accent
        if main.grey:
            return cls(hue=_COOL, turn=0.0, chroma=_GREY / 2)
        turn = 0.0 if accent.grey else (accent.hue - main.hue + 180) % 360 - 180
        return cls(
            hue=main.hue + shift,
            turn=max(-100.0, min(100.0, turn)) if abs(turn) >= _SAME else spread,
            chroma=min(0.15, max(0.09, main.chroma)),
        )

    def at(self, near: float) -> Colour:
        """Return a shade: ``near`` runs from 0, far, to 1; what lies beyond counts as these."""
        near = max(0.0, min(1.0, near))
        return Tone(
            light=0.87 - 0.56 * near,
            chroma=self.chroma * (0.42 + 1.25 * near - 0.87 * near * near),
            hue=self.hue + self.turn * (1 - near) ** 1.2,
        ).colour()

    @property
    def glow(self) -> Colour:
        """The colour of the light."""
        return Tone(light=0.95, chroma=self.chroma * 0.36, hue=self.hue + self.turn).colour()

    @property
    def orb(self) -> Colour:
        """The colour of what stands out: the second hue, as bright as it is strong."""
        return Tone(light=0.8, chroma=self.chroma * 0.9, hue=self.hue + self.turn * 1.15).colour()


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """Return ``one`` with a ``share``, 0 to 1, of ``other`` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  # IEC 61966-2-1


def _linear_srgb(light: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def _curved(value: float) -> float:
    return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055  # noqa: PLR2004  # IEC 61966-2-1
