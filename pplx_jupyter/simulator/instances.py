"""A value that satisfies a JSON schema, for ``response_format``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["instance"]

_FORMATS = {
    "date": "2026-11-22",
    "date-time": "2026-11-22T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@host.example",
    "hostname": "host.example",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://host.example/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_DEEPEST = 30
_SHOWN = 4
"""Down to this depth an answer has what it need not have, too: two items in a list, every property."""

_TELLING = {"$ref", "const", "enum", "items", "properties", "type"}
_UNREAD = {"if", "not", "pattern", "patternProperties"}
_LIMITING = {"contains", "maxItems", "uniqueItems"}


def instance(schema: Mapping[str, Any] | bool) -> Any:
    """Give a simple value that a JSON schema allows, with enough in it to look at.

    References within the schema, enumerations, alternatives, required properties and the limits
    of numbers, strings and lists are kept; ``pattern``, ``not`` and ``if`` are not looked at.
    """
    return _of(schema, schema if isinstance(schema, dict) else {}, 0)


def _of(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    schema = _merged(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            base = {key: value for key, value in schema.items() if key != word}
            return _of(_joined(base, schema[word][0]), root, depth + 1)
    return _typed(schema, root, depth)


def _merged(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Follow ``$ref`` and fold ``allOf`` in."""
    merged = dict(schema)
    for _ in range(_DEEPEST):
        if "$ref" in merged:
            merged = _joined(
                {k: v for k, v in merged.items() if k != "$ref"}, _lookup(str(merged["$ref"]), root)
            )
        elif merged.get("allOf"):
            parts = merged.pop("allOf")
            for part in parts:
                merged = _joined(merged, part)
        else:
            break
    return merged


def _joined(base: dict[str, Any], other: Any) -> dict[str, Any]:
    if not isinstance(other, dict):
        return base
    joined = {**base, **other}
    joined["properties"] = {**base.get("properties", {}), **other.get("properties", {})}
    joined["required"] = [*base.get("required", ()), *other.get("required", ())]
    return {key: value for key, value in joined.items() if key not in {"properties", "required"} or value}


def _lookup(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if name:
            found = found.get(name) if isinstance(found, dict) else None
    return found


def _typed(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" or (kind is None and "properties" in schema):
        properties = schema.get("properties", {})
        free = properties if depth < _SHOWN and "maxProperties" not in schema else {}
        names = [*schema.get("required", ()), *(name for name, one in free.items() if _is_plain(one))]
        return {
            name: _of(properties.get(name, {"type": "string"}), root, depth + 1)
            for name in dict.fromkeys(names)
        }
    if kind == "array" or (kind is None and "items" in schema):
        first = [_of(item, root, depth + 1) for item in schema.get("prefixItems", ())]
        least = int(schema.get("minItems", 0))
        if depth < _SHOWN and _is_plain(schema.get("items")) and not _LIMITING & set(schema):
            least = max(least, len(first) + 2)
        return first + [_of(schema.get("items", {}), root, depth + 1) for _ in range(least - len(first))]
    if kind in {"integer", "number"}:
        return _number(schema, whole=kind == "integer")
    return {"boolean": True, "null": None}[kind] if kind in {"boolean", "null"} else _string(schema)


def _is_plain(schema: Any) -> bool:
    """Whether a value of a schema can be made up that certainly satisfies it."""
    return isinstance(schema, dict) and bool(_TELLING & set(schema)) and not _UNREAD & set(schema)


def _string(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(str(schema.get("format")), "simulated")
    text = text.ljust(int(schema.get("minLength", 0)), ".")
    return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def _number(schema: Mapping[str, Any], *, whole: bool) -> float:
    step = schema.get("multipleOf") or (1 if whole else 0)
    low = schema.get("minimum", -math.inf)
    above = schema.get("exclusiveMinimum", -math.inf)
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    value: float = 0
    if value < low or value <= above:
        value = max(low, above)
        if step:
            value = math.ceil(value / step) * step
        if value <= above:
            limit = value + 1 if high == math.inf else (value + high) / 2
            value = value + step if step else limit
    if value > schema.get("maximum", math.inf) or value >= schema.get("exclusiveMaximum", math.inf):
        value = math.floor(high / step) * step if step else high
        if value >= schema.get("exclusiveMaximum", math.inf):
            value -= step or 1
    return int(value) if whole else value
