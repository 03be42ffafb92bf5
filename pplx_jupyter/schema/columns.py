"""The columns of a table that answers of a shape fill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["columns_of"]

_LONGEST = 20
"""So many references in a row are followed."""


def columns_of(schema: Mapping[str, Any]) -> dict[str, str]:
    """Give the columns that an answer of this shape fills, each with its JSON type.

    One column, ``parsed``, where the answer is not one object with named fields.
    """
    root = _followed(schema, schema)
    properties = root.get("properties")
    if root.get("type") != "object" or not isinstance(properties, Mapping):
        return {"parsed": ""}
    return {str(name): _type_of(shape, schema) for name, shape in properties.items()}


def _type_of(shape: Any, schema: Mapping[str, Any]) -> str:
    shape = _followed(shape, schema)
    either = shape.get("anyOf")
    kinds = [_followed(each, schema).get("type") for each in (either if isinstance(either, list) else ())]
    found = [kind for kind in kinds or [shape.get("type")] if kind != "null"]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else ""


def _followed(shape: Any, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give what a shape's reference leads to, or itself: a model that refers to itself is one reference."""
    for _ in range(_LONGEST):
        if not isinstance(shape, Mapping):
            return {}
        reference, every = shape.get("$ref"), shape.get("allOf")
        if isinstance(reference, str):
            shape = _target(reference, schema)
        elif "type" not in shape and isinstance(every, list) and len(every) == 1:
            shape = every[0]
        else:
            return shape
    return {}


def _target(reference: str, schema: Mapping[str, Any]) -> Any:
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    try:
        root = DRAFT202012.create_resource(schema)
        return Registry().resolver_with_root(root).lookup(reference).contents
    except (Unresolvable, LookupError, TypeError, ValueError):
        return None
