"""What a prompt asks of the stand-in painter: a motif, a mood of light, and a few features.

Words are looked up in small tables; where the prompt has none of them, its digest decides, so
that every prompt has a picture of its own and always the same one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Colour = tuple[int, int, int]
Motif = Literal["mountains", "lake", "sea", "forest", "desert", "city", "abstract"]
Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one mood of light, each as red, green and blue from 0 to 255.

    Attributes:
        sky: From the zenith down to the horizon, four colours.
        light: The sun or the moon, and everything it glitters on.
        haze: What distance fades into.
        near: The darkest silhouette, closest to the viewer.
        glow: How bright the air around the light is, in percent.
    """

    sky: tuple[Colour, Colour, Colour, Colour]
    light: Colour
    haze: Colour
    near: Colour
    glow: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture before anything is drawn.

    Attributes:
        motif: What the picture shows.
        mood: Name of the palette: dawn, golden, day, fog, night …
        palette: Its colours, turned a little so that two prompts of one mood differ.
        features: Names of details: fog, aurora, snow, rain, lighthouse, boats, village, birds …
    """

    motif: Motif
    mood: str
    palette: Palette
    features: frozenset[str]


def read_scene(prompt: str, negative: str = "") -> Scene:
    """Find the scene that ``prompt`` describes, without what ``negative`` excludes."""
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    unwanted = _Words(negative)
    words = _Words(prompt, unwanted=unwanted)
    features = frozenset(words.named_in(_FEATURES)) - set(unwanted.named_in(_FEATURES))
    motif = words.first_in(_MOTIFS) or next(words.named_in(_BACKDROPS), None)
    mood = next(words.named_in(_MOODS), None) or _usual_mood(motif, features, digest[1])
    return Scene(
        motif=motif or _CHANCE[digest[0] % len(_CHANCE)],
        mood=mood,
        palette=_turned(_PALETTES[mood], digest[2:5]),
        features=features,
    )


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two colours; ``share`` goes from 0 (all ``first``) to 1 (all ``second``)."""
    red, green, blue = (int(a + (b - a) * share + 0.5) for a, b in zip(first, second, strict=True))
    return red, green, blue


class _Words:
    """The words of a text, less those of another one."""

    def __init__(self, text: str, unwanted: _Words | None = None) -> None:
        self._text = text.casefold()
        self._words = re.findall(r"\w+", self._text)
        self._unwanted = unwanted

    def find(self, stem: str) -> int:
        """Index of the first word that fits ``stem``, -1 for none.

        A short stem is a whole word or its plural (a star, not a start), a longer one the
        beginning of a word. In scripts that are written without spaces it may stand anywhere.
        """
        if self._unwanted is not None and self._unwanted.find(stem) >= 0:
            return -1
        if not stem.isascii():
            return self._text.find(stem)
        if len(stem) < _LONG:
            fits = {stem, f"{stem}s"}
            return next((at for at, word in enumerate(self._words) if word in fits), -1)
        return next((at for at, word in enumerate(self._words) if word.startswith(stem)), -1)

    def named_in(self, table: Mapping[Name, str]) -> Iterator[Name]:
        """Names of ``table`` with a stem among these words, in the order of the table."""
        return (name for name, stems in table.items() if self._first(stems) >= 0)

    def first_in(self, table: Mapping[Name, str]) -> Name | None:
        """Name of ``table`` that these words mention first; ``None`` where they have none."""
        named = list(self.named_in(table))
        return min(named, key=lambda name: self._first(table[name])) if named else None

    def _first(self, stems: str) -> int:
        return min((at for at in map(self.find, stems.split()) if at >= 0), default=-1)


def _usual_mood(motif: Motif | None, features: frozenset[str], chance: int) -> str:
    if "fog" in features:
        return "fog"
    if motif == "desert":
        return "desert"
    moods = ("dawn", "golden", "day", "dusk", "spring", "autumn")
    return moods[chance % len(moods)]


def _turned(palette: Palette, chance: bytes) -> Palette:
    """Shift the channels of all colours alike by a few steps."""
    shift = tuple(each % 15 - 7 for each in chance)

    def turn(colour: Colour) -> Colour:
        red, green, blue = (
            min(255, max(0, channel + by)) for channel, by in zip(colour, shift, strict=True)
        )
        return red, green, blue

    first, second, third, fourth = map(turn, palette.sky)
    return replace(
        palette,
        sky=(first, second, third, fourth),
        haze=turn(palette.haze),
        near=turn(palette.near),
    )


_LONG: Final = 5  # letters of a stem that other words hardly begin with

_CHANCE: Final[tuple[Motif, ...]] = ("mountains", "lake", "sea", "forest", "mountains", "abstract")

_MOTIFS: Final[Mapping[Motif, str]] = MappingProxyType(
    {
        "abstract": "abstract contour topograph geometr pattern diagram paper gradient",
        "city": "city cities skyline town street urban rooftop skyscraper 街 都市",
        "desert": "desert dune sahara sand sandy canyon mesa 砂",
        "lake": "lake lakeside loch fjord tarn reservoir river 湖 川",
        "sea": (
            "sea seaside ocean harbour harbor port quay coast shore bay beach tide tidal island "
            "isle islet skerry boat sailing ferry ship lighthouse beacon cliff cape pier wave "
            "海 港 灯台 岬 côte mer phare"
        ),
        "forest": "forest wood woodland tree pine spruce fir grove jungle 森 木",
    }
)

# Words that decide only where no motif is named: a mountain lake is a lake.
_BACKDROPS: Final[Mapping[Motif, str]] = MappingProxyType(
    {
        "mountains": (
            "mountain hill hilly alp alpine peak ridge summit valley glacier volcano observator "
            "dome night sky star starry milky aurora 山 星 空"
        ),
    }
)

_MOODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dusk": "dusk twilight evening nightfall afterglow gloaming 夕",
        "night": (
            "night midnight nocturn moonlit moonlight moon star starry milky constellation meteor "
            "aurora 夜 星 月"
        ),
        "golden": "golden sunset sundown amber honey",
        "dawn": "dawn sunrise daybreak morning 朝 aube",
        "winter": "winter snow snowy frost ice icy frozen glacier 冬 雪 hiver",
        "storm": "storm thunder gale tempest rain rainy squall 嵐 雨",
        "fog": "overcast grey gray drizzle",
        "autumn": "autumn october ochre rust rusty 秋",
        "spring": "spring meadow green lush april 春",
        "day": "noon midday sunny day blue bright summer clear 夏",
    }
)

_FEATURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fog": "fog foggy mist misty haze hazy haar vapour steam 霧 brume",
        "aurora": "aurora northern polar",
        "snow": "snow snowy snowfall winter frost blizzard 雪 冬",
        "rain": "rain rainy drizzle downpour squall 雨",
        "lighthouse": "lighthouse beacon 灯台 phare",
        "boats": "boat harbour harbor sail sailing ferry ship port fishing regatta 港 船 舟",
        "trees": "forest wood woodland tree pine spruce fir 森",
        "village": "village town hamlet harbour harbor port quay 港",
        "birds": "bird gull tern crane heron geese swallow 鳥",
        "dome": "observator dome telescope",
    }
)


def _palette(  # noqa: PLR0917  # a row of the table below, read from the zenith to the ground
    zenith: int, upper: int, lower: int, horizon: int, light: int, haze: int, near: int, glow: int
) -> Palette:
    def colour(code: int) -> Colour:
        return code >> 16, code >> 8 & 255, code & 255

    return Palette(
        sky=(colour(zenith), colour(upper), colour(lower), colour(horizon)),
        light=colour(light),
        haze=colour(haze),
        near=colour(near),
        glow=glow,
    )


# One mood a line: zenith, upper sky, lower sky, horizon, light, haze, near, glow.
_PALETTES: Final[Mapping[str, Palette]] = MappingProxyType(
    {
        "dawn": _palette(0x46587E, 0x8D8BB0, 0xEDB6A6, 0xFFE4C8, 0xFFF4DE, 0xE6BFB6, 0x2A3350, 100),
        "golden": _palette(
            0x4F6488, 0xB98F7E, 0xF2B065, 0xFFE3A6, 0xFFF6D8, 0xEDB678, 0x35252F, 115
        ),
        "day": _palette(0x3C82B6, 0x86BCD9, 0xC9E4EA, 0xF2F4E8, 0xFFFDF2, 0xBFD8DF, 0x1D4654, 70),
        "fog": _palette(0x8C9FAA, 0xAFBEC4, 0xD0D8D9, 0xE8E8E2, 0xFBF9F0, 0xD6DCDB, 0x33474F, 60),
        "night": _palette(0x060B1F, 0x10204A, 0x28467A, 0x6A8AAE, 0xF6F2DC, 0x3C5A82, 0x060B1A, 55),
        "winter": _palette(
            0x7397BE, 0xAFC8DE, 0xDFE7F0, 0xFAEFE8, 0xFFFBF4, 0xDCE5EF, 0x3A5575, 80
        ),
        "storm": _palette(0x1E2830, 0x414F59, 0x78858D, 0xBFC2B8, 0xF0EBD6, 0x8D989C, 0x141B22, 60),
        "dusk": _palette(0x1C1C49, 0x573A77, 0xC65F7E, 0xF8AE7C, 0xFFE6BC, 0xB06C8C, 0x181433, 105),
        "spring": _palette(
            0x5A9DA9, 0xA3CDB7, 0xDFEBC6, 0xFAF5DA, 0xFFFDEA, 0xCBDFC2, 0x1D4A40, 80
        ),
        "autumn": _palette(
            0x6B7F90, 0xC4A684, 0xE9B96B, 0xF9E3AC, 0xFFF5D6, 0xDFB083, 0x4F2620, 95
        ),
        "desert": _palette(
            0x3A7A9C, 0x93BBC0, 0xF0D0A4, 0xFDE9CC, 0xFFF8E4, 0xECC59C, 0x7C3A26, 95
        ),
    }
)
