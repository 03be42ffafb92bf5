"""The short form of a shape: ``name, revenue: float, tags: list[str], risk: high|low, note: str?``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.schema.mistakes import wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read"]

_TYPES: Mapping[str, Mapping[str, str]] = {
    "str": {"type": "string"},
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
}
_FIELD = re.compile(r"(?P<name>[^\W\d]\w*)\s*(?::\s*(?P<type>.+?))?\s*")
_LIST = re.compile(r"list(?:\[(.+)\])?")
_WORDS = re.compile(r"[\w .&/-]+(?:\|[\w .&/-]+)+")
_DEEPEST = 8
_SHOWN = 80


def read(text: str) -> dict[str, Any]:
    """Read the short form as a JSON schema; a field that may be missing ends in ``?``.

    Raises
    ------
    RequestError
        It is no short form.
    """
    properties: dict[str, Any] = {}
    required = []
    for part in _parts(text):
        field = _FIELD.fullmatch(part)
        if field is None:
            raise wrong(f"“{part.strip()}” is no field")
        kind = field["type"] or "str"
        optional = kind.endswith("?")
        shape = _shape(kind.removesuffix("?").strip(), part)
        if field["name"] in properties:
            raise wrong(f"{field['name']} stands there twice")
        properties[field["name"]] = {"anyOf": [shape, {"type": "null"}]} if optional else shape
        if not optional:
            required.append(field["name"])
    if not properties:
        raise wrong("it is empty")
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _parts(text: str) -> list[str]:
    """Split at commas outside brackets."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def _shape(kind: str, part: str, depth: int = 0) -> dict[str, Any]:
    if kind in _TYPES:
        return dict(_TYPES[kind])
    inner = _LIST.fullmatch(kind)
    if inner is not None and depth < _DEEPEST:
        return {"type": "array", "items": _shape((inner[1] or "str").strip(), part, depth + 1)}
    if _WORDS.fullmatch(kind):
        return {"type": "string", "enum": [word.strip() for word in kind.split("|")]}
    part, kind = part[:_SHOWN], kind[:_SHOWN]
    raise wrong(
        f"“{part}”: {kind} is no type; choose {', '.join(_TYPES)}, list[str] or words such as high|low"
    )
