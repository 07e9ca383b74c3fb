r"""The name of an image before it exists: :data:`CacheKey`.

A key is a promise: as long as it stays the same, nobody renders again. What follows describes it
completely, so that it can be computed elsewhere; ``tests/goldens/keys.json`` holds it in place.

**The key** is ``k1-`` followed by the digest of the output node.

**The digest of a node** is the SHA-256, as 64 lower-case hex digits, of the node's serialisation
in UTF-8. The serialisation is one JSON object without any white space::

    {"class":CLASS,"inputs":{NAME:INPUT,NAME:INPUT}}

* CLASS is the node's ``class_type``, a text.
* NAMEs are the node's input names, as texts, in the order of their code points (not of UTF-16
  units). The output node's ``filename_prefix`` is left out. Ids and ``_meta`` never appear.
* INPUT is ``["link","DIGEST",SLOT]`` where the input is a link, that is a list of exactly two
  items, a text and a number that is no boolean: DIGEST is the digest of the source node, SLOT its
  output number. Any other input is ``["value",LITERAL]``, so a literal can never pass for a link.

Nodes that no chain of links joins to the output are not hashed, and neither are nodes that only
lead to its ``filename_prefix``.

**Texts** (CLASS, NAME, and texts and keys in literals) are brought to Unicode NFC and LF line ends
(CRLF and CR become LF) and written as JSON strings: ``"`` as ``\"``, ``\`` as ``\\``, U+0008,
U+0009, U+000A, U+000C and U+000D as ``\b \t \n \f \r``, other characters below U+0020 as ``\u00``
and two lower-case hex digits, everything else as itself. An input whose whole literal is a text
that ends in .safetensors, .sft, .ckpt, .pt, .pth, .bin, .gguf or .onnx (lower case) names a model
file, and Windows and Linux servers spell it differently: each ``\`` is written as ``/``. This
never applies to bound text: what was written into the graph for this image, and the inputs that
prompt and negative go to.

**Literals**

* ``null``, ``true``, ``false`` are written so; a boolean is not a number.
* Whole numbers, floats without a fraction included (``8.0``, ``-0.0``, ``1e3``), are written as
  decimal digits with ``-`` where negative: ``8``, ``0``, ``1000``.
* Other floats (IEEE 754 double) are written with the fewest digits that read back as the same
  number: positional from 0.0001 on (``5.5``, ``0.0001``), below that with an exponent of at least
  two digits (``1e-05``, ``2.5e-07``). Python's ``repr``.
* NaN and the infinities have no key.
* Lists are written as ``[A,B]`` and mappings as ``{"key":A}``, keys in code-point order, both
  without white space, their items by these rules (but for the rule of model files).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NewType

from mkdocs_comfy.text import canonical_text
from mkdocs_comfy.workflows.graph import PREFIX, Graph, Scalar, link_of, upstream

if TYPE_CHECKING:
    from collections.abc import Collection, Set as AbstractSet

    from mkdocs_comfy.workflows.graph import Target

CacheKey = NewType("CacheKey", str)
"""``k1-`` or, for what the embedded server paints, ``e1-``, and 64 hex digits."""

MODEL_SUFFIXES = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx")
MAX_DEPTH = 64
"""Lists and mappings may be nested this deep in a literal. Real widgets need two or three."""

_write = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def workflow_key(graph: Graph, output: str) -> CacheKey:
    """Return the key of what ``output`` makes, for a graph as it stands.

    Args:
        graph: Graph in API format, without cycles and links to missing nodes.
        output: Id of the node whose image is meant.

    Raises:
        ValueError: A literal has no key: NaN, infinity, text with half a surrogate pair, nesting
            beyond :data:`MAX_DEPTH`, or two input names that are the same in NFC.
    """
    return KeyPlan.of(graph, output).key({})


def digests_of(graph: Graph, outputs: Collection[str]) -> dict[str, str]:
    """Return the digest of each of ``outputs``; equal ones make the same image.

    One pass for all of them. The ``filename_prefix`` of none of them counts.

    Raises:
        ValueError: As :func:`workflow_key` does.
    """
    digests: dict[str, str] = {}
    for node_id in upstream(graph, *outputs):
        left_out = PREFIX if node_id in outputs else None
        digests[node_id] = _plan_node(node_id, graph[node_id], left_out, digests, set()).digest
    return {each: digests[each] for each in outputs}


def stand_in(key: CacheKey) -> CacheKey:
    """Return ``key`` in the key space of the embedded server, whose images are stand-ins."""
    return CacheKey("e1-" + key.removeprefix("k1-"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """One node, serialised as far as it can be before its changes are known.

    Attributes:
        id: Node id.
        head: The serialisation up to its first input.
        names: For each input its serialised name with the colon.
        inputs: For each input its serialised value.
        places: Input name, as in the graph, to its place in the two tuples above.
        links: Place, source node id and serialised slot of each input that is a link.
        sources: The source node ids of those.
        digest: Digest of the node where nothing is changed.
    """

    id: str
    head: str
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    places: Mapping[str, int]
    links: tuple[tuple[int, str, str], ...]
    sources: frozenset[str]
    digest: str

    def digest_with(self, changes: Mapping[str, Scalar], digests: Mapping[str, str]) -> str:
        """Return the node's digest with ``changes`` to its inputs and ``digests`` of sources."""
        inputs = list(self.inputs)
        for place, source, slot in self.links:
            if source in digests:
                inputs[place] = _linked(digests[source], slot)
        for name, value in changes.items():
            inputs[self.places[name]] = _literal(value)
        return _digest(self.head, self.names, inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlan:
    """The key of one graph as a function of changes to its literals.

    Made once per template; a page then pays for the nodes that its own values reach and for no
    other.

    Attributes:
        nodes: The nodes that lead to the output, sources before their users.
    """

    nodes: tuple[NodePlan, ...]

    @classmethod
    def of(cls, graph: Graph, output: str, *, prose: AbstractSet[Target] = frozenset()) -> KeyPlan:
        """Return the plan of what leads to ``output`` in ``graph``.

        Args:
            graph: Graph in API format, without cycles and links to missing nodes.
            output: Id of the node whose image is meant.
            prose: Inputs that hold bound text even where nothing is bound to them.

        Raises:
            ValueError: As :func:`workflow_key` does.
        """
        bound = {(target.node, target.input) for target in prose}
        digests: dict[str, str] = {}
        plans = []
        for node_id in upstream(graph, output):
            left_out = PREFIX if node_id == output else None
            plan = _plan_node(node_id, graph[node_id], left_out, digests, bound)
            digests[node_id] = plan.digest
            plans.append(plan)
        return cls(nodes=tuple(plans))

    def key(self, changes: Mapping[str, Mapping[str, Scalar]]) -> CacheKey:
        """Return the key with ``changes`` (node id → input → bound value) written into the graph.

        A changed link becomes a literal. Changes to nodes that do not lead to the output, and to
        the output's ``filename_prefix``, are not for here.

        Raises:
            ValueError: A bound value has no key, see :func:`workflow_key`.
        """
        fresh: dict[str, str] = {}
        for plan in self.nodes:
            changed = changes.get(plan.id)
            if changed or not plan.sources.isdisjoint(fresh):
                fresh[plan.id] = plan.digest_with(changed or {}, fresh)
        output = self.nodes[-1]
        return CacheKey("k1-" + fresh.get(output.id, output.digest))


def canonical_literal(value: Any, *, depth: int = 0) -> Any:
    """Return ``value`` so that two literals are equal as JSON just where they mean the same.

    Raises:
        ValueError: ``value`` has no key, see :func:`workflow_key`.
    """
    match value:
        case str():
            return canonical_text(value)
        case None | bool() | int():
            return value
        case float() if math.isfinite(value):
            return int(value) if value.is_integer() else value
        case list() | tuple() | Mapping() if depth >= MAX_DEPTH:
            message = f"a value is nested more than {MAX_DEPTH} levels deep"
            raise ValueError(message)
        case list() | tuple():
            return [canonical_literal(each, depth=depth + 1) for each in value]
        case Mapping():
            return {
                name: canonical_literal(each, depth=depth + 1)
                for name, each in _canonical_names(value).items()
            }
        case _:
            message = f"{value!r} is not a value that JSON can hold"
            raise ValueError(message)


def _plan_node(
    node_id: str,
    node: Mapping[str, Any],
    left_out: str | None,
    digests: Mapping[str, str],
    bound: AbstractSet[tuple[str, str]],
) -> NodePlan:
    original = {canonical_text(name): name for name in node["inputs"]}
    names: list[str] = []
    inputs: list[str] = []
    found: list[tuple[int, str, str]] = []
    places: dict[str, int] = {}
    for name, value in sorted(_canonical_names(node["inputs"]).items()):
        if original[name] == left_out:
            continue
        place = places[original[name]] = len(names)
        names.append(_write(name) + ":")
        if link := link_of(value):
            slot = str(link.slot)
            found.append((place, link.node, slot))
            inputs.append(_linked(digests[link.node], slot))
        else:
            is_model = isinstance(value, str) and (node_id, original[name]) not in bound
            inputs.append(_literal(_with_slashes(value) if is_model else value))
    head = f'{{"class":{_write(canonical_text(node["class_type"]))},"inputs":{{'
    return NodePlan(
        id=node_id,
        head=head,
        names=tuple(names),
        inputs=tuple(inputs),
        places=places,
        links=tuple(found),
        sources=frozenset(source for _, source, _ in found),
        digest=_digest(head, names, inputs),
    )


def _canonical_names(values: Mapping[str, Any]) -> dict[str, Any]:
    if not all(isinstance(name, str) for name in values):
        message = "a mapping has a key that is no text"
        raise ValueError(message)
    named = {canonical_text(name): value for name, value in values.items()}
    if len(named) < len(values):
        message = f"two of the names {sorted(values)!r} are the same text in Unicode NFC"
        raise ValueError(message)
    return named


def _with_slashes(text: str) -> str:
    canonical = canonical_text(text)
    return canonical.replace("\\", "/") if canonical.endswith(MODEL_SUFFIXES) else canonical


def _literal(value: Any) -> str:
    return f'["value",{_write(canonical_literal(value))}]'


def _linked(digest: str, slot: str) -> str:
    return f'["link","{digest}",{slot}]'


def _digest(head: str, names: list[str] | tuple[str, ...], inputs: list[str]) -> str:
    body = ",".join(map(str.__add__, names, inputs))
    return sha256(f"{head}{body}}}}}".encode()).hexdigest()
