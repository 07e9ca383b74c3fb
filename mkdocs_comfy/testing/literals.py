"""What ComfyUI 0.3.64 makes of single values in a graph, and how it words a fault. Pure."""

from __future__ import annotations

from typing import Any

# A longer list of choices is not sent back.
LONGEST_LIST = 20


def fault(kind: str, message: str, details: str, **extra_info: Any) -> dict[str, Any]:
    """Return an entry of ``errors``, or an ``error``."""
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info}


def is_choice(kind: object) -> bool:
    """Whether the type of an input is a list of choices, in the old or the new notation."""
    return isinstance(kind, list) or kind == "COMBO"


def cast_literal(
    name: str, spec: list[Any], inputs: dict[str, Any], *, any_choice: bool
) -> list[dict[str, Any]]:
    """Cast a literal in place, as the type of its input wants it; return its first fault, if any.

    Args:
        name: The input.
        spec: Its type and its configuration.
        inputs: The inputs of the node; changed.
        any_choice: Take a value that is not among the choices.

    Raises:
        TypeError: The value cannot be compared with the limits.
    """
    wanted, config = spec
    value = inputs[name]
    if isinstance(value, dict) and "__value__" in value:
        value = inputs[name] = value["__value__"]
    about = {"input_name": name, "input_config": spec, "received_value": value}
    try:
        value = inputs[name] = _cast(wanted, value)
    except (TypeError, ValueError, OverflowError) as error:
        return [
            fault(
                "invalid_input_type",
                f"Failed to convert an input value to a {wanted} value",
                f"{name}, {value}, {error}",
                **about,
                exception_message=str(error),
            )
        ]
    about["received_value"] = value
    if "min" in config and value < config["min"]:
        message = f"Value {value} smaller than min of {config['min']}"
        return [fault("value_smaller_than_min", message, name, **about)]
    if "max" in config and value > config["max"]:
        message = f"Value {value} bigger than max of {config['max']}"
        return [fault("value_bigger_than_max", message, name, **about)]
    if any_choice or not is_choice(wanted):
        return []
    choices = wanted if isinstance(wanted, list) else config.get("options", [])
    if value in choices:
        return []
    if len(choices) > LONGEST_LIST:
        about["input_config"] = None
        listed = f"(list of length {len(choices)})"
    else:
        listed = str(choices)
    details = f"{name}: '{value}' not in {listed}"
    return [fault("value_not_in_list", "Value not in list", details, **about)]


def _cast(wanted: object, value: Any) -> Any:
    match wanted:
        case "INT":
            return int(value)
        case "FLOAT":
            return float(value)
        case "STRING":
            return str(value)
        case "BOOLEAN":
            return bool(value)
        case _:
            return value


def fits(received: object, wanted: object) -> bool:
    """Whether an output of one type may feed an input of another."""
    if received == wanted or "*" in {str(received), str(wanted)}:
        return True
    if not isinstance(received, str) or not isinstance(wanted, str):
        # A list of choices takes what a node outputs as COMBO, and the other way round.
        return is_choice(received) and is_choice(wanted)
    # Several types with commas: every one that may come must be among those that are taken.
    return set(received.split(",")) <= set(wanted.split(","))
