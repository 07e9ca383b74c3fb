"""What ComfyUI 0.3.64 says about a graph before it runs it: order, wording and all. Pure.

Checked field by field against recordings of a real server. The real one goes through the inputs of
a node in the order of a set; here they come in the order of the node's definition.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mkdocs_comfy.testing.literals import cast_literal, fault, fits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

# A real server runs into Python's recursion limit on a cycle; no real graph is this deep.
DEEPEST = 300
_FAULTS = (
    AttributeError,
    AssertionError,
    IndexError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What validation found.

    Attributes:
        graph: A copy of the graph with literals cast to the types of their inputs.
        outputs: Ids of the output nodes that can run, sorted; empty where ``error`` is set.
        error: The ``error`` of the reply, or ``None``.
        node_errors: Its ``node_errors``; may have entries although other outputs can run.
    """

    graph: dict[str, Any]
    outputs: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    node_errors: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a server knows when it judges a graph.

    Attributes:
        definition: Looks up a node class as ``/object_info`` describes it; ``None`` if unknown.
        takes_any: Whether an input of a class takes names that are not in its list.
        has_file: Whether there is such a file for an input that images are uploaded for.
    """

    definition: Callable[[str], Mapping[str, Any] | None]
    takes_any: Callable[[str, str], bool]
    has_file: Callable[[str], bool] = lambda _: False


def validate(graph: Any, rules: Rules, *, targets: Collection[str] | None = None) -> Verdict:
    """Judge what was posted as ``prompt``.

    Args:
        graph: Anything that JSON can say.
        rules: What the server knows.
        targets: Output nodes to look at; ``None`` for all.

    Raises:
        TypeError: The server would answer 500: no object, or an entry that is none.
    """
    if not isinstance(graph, dict):
        raise TypeError("a graph is an object")
    graph = copy.deepcopy(graph)
    sinks: list[str] = []
    for node in graph:
        if "class_type" not in graph[node]:
            return _refused(
                graph,
                "invalid_prompt",
                "Cannot execute because a node is missing the class_type property.",
                f"Node ID '#{node}'",
            )
        kind = graph[node]["class_type"]
        definition = rules.definition(kind)
        if definition is None:
            return _refused(
                graph,
                "invalid_prompt",
                f"Cannot execute because node {kind} does not exist.",
                f"Node ID '#{node}'",
            )
        if definition["output_node"] and (targets is None or node in targets):
            sinks.append(node)
    if not sinks:
        return _refused(graph, "prompt_no_outputs", "Prompt has no outputs", "")
    return _Inspection(graph, rules).judge(sorted(sinks))


def _refused(graph: dict[str, Any], kind: str, message: str, details: str) -> Verdict:
    return Verdict(graph=graph, error=fault(kind, message, details), node_errors={})


class _Inspection:
    """One pass over the nodes that lead to the outputs of a graph."""

    def __init__(self, graph: dict[str, Any], rules: Rules) -> None:
        self._graph, self._rules = graph, rules
        # Node id -> (fit to run, its own errors), as far as it has been looked at.
        self._seen: dict[str, tuple[bool, list[dict[str, Any]]]] = {}
        self._path: list[str] = []

    def judge(self, sinks: list[str]) -> Verdict:
        good, details, node_errors = [], [], dict[str, Any]()
        for sink in sinks:
            try:
                fit, errors = self._node(sink)
            except _FAULTS as error:
                self._path.clear()
                fit, errors = False, [_exception("exception_during_validation", error)]
                self._seen[sink] = (fit, errors)
            if fit:
                good.append(sink)
                continue
            details += [f"{each['message']}: {each['details']}" for each in errors]
            for node, (_, found) in self._seen.items():
                if found:
                    entry = node_errors.setdefault(node, self._entry(node, found))
                    entry["dependent_outputs"].append(sink)
        refusal = fault(
            "prompt_outputs_failed_validation",
            "Prompt outputs failed validation",
            "\n".join(details),
        )
        return Verdict(
            graph=self._graph,
            outputs=tuple(good),
            error=None if good else refusal,
            node_errors=node_errors,
        )

    def _entry(self, node: str, errors: list[dict[str, Any]]) -> dict[str, Any]:
        kind = self._graph[node]["class_type"]
        return {"errors": errors, "dependent_outputs": [], "class_type": kind}

    def _node(self, node: str) -> tuple[bool, list[dict[str, Any]]]:
        """Judge a node and all that leads to it."""
        if node in self._seen:
            return self._seen[node]
        if node in self._path or len(self._path) >= DEEPEST:
            raise RecursionError("maximum recursion depth exceeded")
        self._path.append(node)
        inputs, kind = self._graph[node]["inputs"], self._graph[node]["class_type"]
        fit, errors = True, []
        for name, required, spec in inputs_of(self._definition(kind)):
            if name not in inputs:
                if required:
                    errors.append(
                        fault(
                            "required_input_missing",
                            "Required input is missing",
                            name,
                            input_name=name,
                        )
                    )
                continue
            if isinstance(inputs[name], list):
                fit = self._link(name, spec, inputs[name], errors) and fit
            else:
                errors += self._literal(kind, name, spec, inputs)
        self._path.pop()
        self._seen[node] = (fit and not errors, errors)
        return self._seen[node]

    def _literal(
        self, kind: str, name: str, spec: list[Any], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Judge a literal; for an input that takes uploads, the files count and not the list."""
        uploaded = bool(spec[1].get("image_upload"))
        free = uploaded or self._rules.takes_any(kind, name)
        errors = cast_literal(name, spec, inputs, any_choice=free)
        if errors or not uploaded or self._rules.has_file(str(inputs[name])):
            return errors
        details = f"{name} - Invalid image file: {inputs[name]}"
        message = "Custom validation failed for node"
        return [fault("custom_validation_failed", message, details, input_name=name)]

    def _link(
        self, name: str, spec: list[Any], link: list[Any], errors: list[dict[str, Any]]
    ) -> bool:
        """Judge a link and what is beyond it; add to ``errors`` what this node is at fault for."""
        if len(link) != 2:  # noqa: PLR2004  # a pair
            errors.append(
                fault(
                    "bad_linked_input",
                    "Bad linked input, must be a length-2 list of [node_id, slot_index]",
                    name,
                    input_name=name,
                    input_config=spec,
                    received_value=link,
                )
            )
            return False
        source = link[0]
        received = self._definition(self._graph[source]["class_type"])["output"][link[1]]
        if not fits(received, spec[0]):
            errors.append(
                fault(
                    "return_type_mismatch",
                    "Return type mismatch between linked nodes",
                    f"{name}, received_type({received}) mismatch input_type({spec[0]})",
                    input_name=name,
                    input_config=spec,
                    received_type=received,
                    linked_node=link,
                )
            )
            return False
        depth = len(self._path)
        try:
            return self._node(source)[0]
        except _FAULTS as error:
            del self._path[depth:]
            inner = _exception(
                "exception_during_inner_validation",
                error,
                input_name=name,
                input_config=spec,
                exception_message=str(error),
                linked_node=link,
            )
            self._seen[source] = (False, [inner])
            return False

    def _definition(self, kind: str) -> Mapping[str, Any]:
        definition = self._rules.definition(kind)
        if definition is None:
            raise KeyError(kind)
        return definition


def inputs_of(definition: Mapping[str, Any]) -> Iterator[tuple[str, bool, list[Any]]]:
    """Yield name, whether it is required, and ``[type, config]`` of each input of a class."""
    for section in ("required", "optional"):
        for name, spec in definition["input"].get(section, {}).items():
            yield name, section == "required", [spec[0], spec[1] if len(spec) > 1 else {}]


def _exception(kind: str, error: Exception, **extra_info: Any) -> dict[str, Any]:
    message = {
        "exception_during_validation": "Exception when validating node",
        "exception_during_inner_validation": "Exception when validating inner node",
    }[kind]
    return fault(
        kind,
        message,
        str(error),
        **extra_info,
        exception_type=type(error).__name__,
        traceback=['  File "execution.py", in validate_inputs\n'],
    )
