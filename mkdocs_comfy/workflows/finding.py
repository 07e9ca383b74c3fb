"""What a search in a graph comes back with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mkdocs_comfy.workflows.graph import Target, id_order

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The inputs that one role of a template is written to.

    Attributes:
        targets: Where the graph leaves no doubt; all of them get the value.
        candidates: Where it does: what could be meant. Then ``targets`` is empty. Both empty:
            the graph has no place for the role.
    """

    targets: tuple[Target, ...] = ()
    candidates: tuple[Target, ...] = ()

    @classmethod
    def sure(cls, targets: Iterable[Target]) -> Found:
        """Return ``targets`` as found beyond doubt, each once, in the order of node ids."""
        return cls(targets=in_order(targets))

    @classmethod
    def unsure(cls, candidates: Iterable[Target]) -> Found:
        """Return ``candidates`` to ask about, each once, in the order of node ids."""
        return cls(candidates=in_order(candidates))

    def without(self, taken: Iterable[Target]) -> Found:
        """Return what is left where ``taken`` belongs to another role."""
        gone = frozenset(taken)
        return Found(
            targets=tuple(each for each in self.targets if each not in gone),
            candidates=tuple(each for each in self.candidates if each not in gone),
        )


def in_order(targets: Iterable[Target]) -> tuple[Target, ...]:
    """Return ``targets``, each once, in the order of their node ids."""
    return tuple(sorted(set(targets), key=lambda each: (id_order(each.node), each.input)))
