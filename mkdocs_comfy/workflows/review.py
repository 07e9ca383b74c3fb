"""What is known of node classes that a reader of somebody else's workflow should look at.

A template is a program that the server runs. Offline nobody can tell what a class does; these are
the names by which ComfyUI's own nodes and widespread custom ones do it. A class that is not named
here may do as much: the list is for reading, not for letting through.
"""

from __future__ import annotations

import re

PARTNERS = (
    "ByteDance",
    "Bria",
    "Flux2Max",
    "Flux2Pro",
    "FluxKontextMax",
    "FluxKontextPro",
    "FluxPro",
    "Gemini",
    "Grok",
    "HitPaw",
    "Ideogram",
    "Kling",
    "Krea",
    "Ltxv",
    "Luma",
    "Magnific",
    "Meshy",
    "Minimax",
    "Moonvalley",
    "OpenAI",
    "OpenRouter",
    "Pika",
    "Pixverse",
    "Recraft",
    "Rodin",
    "Runway",
    "Stability",
    "Tencent",
    "Topaz",
    "Tripo",
    "Veo",
    "Vidu",
    "Wavespeed",
)
"""How the classes of partners begin (``comfy_api_nodes/`` of ComfyUI 0.3.75, and later ones)."""

NO_PARTNERS = frozenset({"Ideogram4Scheduler"})
"""Classes that begin so and run on the server itself."""

PLAIN = frozenset({"PreviewImage", "SaveImage", "SaveImageAdvanced"})
"""Classes that write images to the server's own folders and nowhere else."""


def is_partner(class_type: str) -> bool:
    """Whether a class is told by its name to be a partner's: it costs money and needs a key."""
    return class_type not in NO_PARTNERS and _PARTNER.match(class_type) is not None


def reach_of(class_type: str) -> str | None:
    """Return what a class can do beyond making an image, as far as its name tells, in words."""
    if class_type in PLAIN:
        return None
    if is_partner(class_type):
        return "reaches the network"
    words = {word.lower() for word in _WORD.findall(class_type)}
    for reach, telling in _REACHES:
        if not words.isdisjoint(telling):
            return reach
    return None


_PARTNER = re.compile(rf"(?:{'|'.join(PARTNERS)})[A-Z0-9_]|Pika[a-z]+$|\w+(?:Api|API)$")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_REACHES = (
    ("runs code", frozenset({"code", "command", "eval", "exec", "python", "script", "shell"})),
    (
        "reaches the network",
        frozenset(
            {"download", "email", "ftp", "http", "https", "remote", "request", "upload", "url"}
            | {"web", "webhook"}
        ),
    ),
    (
        "reads or writes files",
        frozenset(
            {"directory", "export", "file", "files", "folder", "import", "load", "path", "save"}
        ),
    ),
)
