"""The shape that an answer is to have: read from what a user gives, and checked when the answer is there.

A shape is a pydantic model, a JSON schema (a dict, a file of one), or a short form such as
``name, revenue: float, founded: int, tags: list[str], listed: bool, note: str?``.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check", "columns_of", "format_of", "model_of", "schema_in", "schema_of"]

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
_HOW = (
    'write it as "name, revenue: float, founded: int, note: str?", or give a JSON schema or a pydantic model'
)

_models: dict[str, Any] = {}
"""Pydantic models by their schemas: an answer from the ledger gets its type back where the model was given again."""


def schema_of(given: Any, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a shape as a JSON schema.

    Parameters
    ----------
    given
        A pydantic model, a JSON schema as a mapping, the path of a ``.json`` file with one, the name of a
        variable that holds any of these, or the short form.
    names
        The notebook's variables.

    Raises
    ------
    RequestError
        It is none of these, or no JSON schema; nothing was sent.
    """
    if isinstance(given, str):
        return _of_text(given.strip(), names or {})
    if hasattr(given, "model_json_schema"):
        schema = _checked(dict(given.model_json_schema()))
        _models[_canonical(schema)] = given
        return schema
    if isinstance(given, Mapping):
        return _checked(json.loads(json.dumps(given)))
    raise _wrong(f"{given!r} is no shape of an answer")


def format_of(given: Any, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a shape as a Request's `response_format`; see `schema_of`."""
    schema = schema_of(given, names)
    return {"type": "json_schema", "json_schema": {"schema": schema}}


def schema_in(response_format: Any) -> dict[str, Any] | None:
    """Give the JSON schema of a Request's `response_format`, or None."""
    inner = response_format.get("json_schema") if isinstance(response_format, Mapping) else None
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    return dict(schema) if isinstance(schema, Mapping) else None


def model_of(schema: Mapping[str, Any]) -> Any:
    """Give the pydantic model that a schema was made of in this process, or None."""
    return _models.get(_canonical(schema))


def check(value: Any, schema: Mapping[str, Any]) -> tuple[Any, str]:
    """Say whether a decoded answer has its shape.

    Returns
    -------
    tuple
        The value, as an instance of the pydantic model where it was given as one, and why it does not
        fit; an empty text where it does.
    """
    if value is None:
        return None, "the answer is not JSON"
    worst = next(
        iter(sorted(_validator(_canonical(schema))(value), key=lambda error: str(error.json_path))), None
    )
    if worst is not None:
        place = str(worst.json_path).removeprefix("$").lstrip(".")
        message = " ".join(str(worst.message).split())[:200]
        return value, f"{place}: {message}" if place else message
    model = model_of(schema)
    if model is None:
        return value, ""
    try:
        return model.model_validate(value), ""
    except ValueError as error:
        # What a model checks besides its types is known to the model alone.
        return value, " ".join(str(error).split())[:200]


def columns_of(schema: Mapping[str, Any]) -> dict[str, str]:
    """Give the columns that an answer of this shape fills, each with its JSON type."""
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, Mapping):
        return {"parsed": ""}
    return {str(name): _type_of(shape) for name, shape in properties.items()}


def _type_of(shape: Any) -> str:
    if not isinstance(shape, Mapping):
        return ""
    kinds = [each.get("type") for each in shape.get("anyOf", ()) if isinstance(each, Mapping)]
    found = [kind for kind in kinds or [shape.get("type")] if kind != "null"]
    return found[0] if len(found) == 1 and isinstance(found[0], str) else ""


def _of_text(text: str, names: Mapping[str, Any]) -> dict[str, Any]:
    if text.startswith("{"):
        return _of_json(text, "this")
    if text.endswith(".json"):
        try:
            return _of_json(Path(text).expanduser().read_text(encoding="utf-8"), text)
        except OSError as error:
            raise _wrong(f"{text} cannot be read: {error.strerror or error}") from None
    if text.isidentifier() and text in names and not isinstance(names[text], str):
        return schema_of(names[text])
    if text.isidentifier() and isinstance(names.get(text), str):
        return _of_text(str(names[text]).strip(), {})
    if text[:1].isupper() and text.isidentifier():
        raise _wrong(f"{text} is not defined")
    return _short(text)


def _of_json(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _wrong(f"{where} is no JSON schema")
    return _checked(found)


def _short(text: str) -> dict[str, Any]:
    """Read the short form; a field that may be missing ends in ``?``."""
    properties: dict[str, Any] = {}
    required = []
    for part in _parts(text):
        field = _FIELD.fullmatch(part)
        if field is None:
            raise _wrong(f"“{part.strip()}” is no field")
        kind = field["type"] or "str"
        optional = kind.endswith("?")
        shape = _shape(kind.removesuffix("?").strip(), part)
        if field["name"] in properties:
            raise _wrong(f"{field['name']} stands there twice")
        properties[field["name"]] = {"anyOf": [shape, {"type": "null"}]} if optional else shape
        if not optional:
            required.append(field["name"])
    if not properties:
        raise _wrong("it is empty")
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _parts(text: str) -> list[str]:
    """Split at commas outside brackets."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def _shape(kind: str, part: str) -> dict[str, Any]:
    if kind in _TYPES:
        return dict(_TYPES[kind])
    inner = _LIST.fullmatch(kind)
    if inner is not None:
        return {"type": "array", "items": _shape((inner[1] or "str").strip(), part)}
    if _WORDS.fullmatch(kind):
        return {"type": "string", "enum": [word.strip() for word in kind.split("|")]}
    raise _wrong(
        f"“{part}”: {kind} is no type; choose {', '.join(_TYPES)}, list[str] or words such as high|low"
    )


def _checked(schema: dict[str, Any]) -> dict[str, Any]:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    if not schema:
        raise _wrong("it is empty")
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise _wrong(f"it is no JSON schema: {' '.join(str(error.message).split())[:120]}") from None
    return schema


@functools.lru_cache(maxsize=32)
def _validator(schema: str) -> Callable[[Any], Any]:
    """Give the function that finds an answer's errors; once a schema, for the rows of a batch."""
    from jsonschema.validators import validator_for

    decoded = json.loads(schema)
    kind = validator_for(decoded)
    found: Callable[[Any], Any] = kind(decoded).iter_errors
    return found


def _canonical(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, sort_keys=True)


def _wrong(what: str) -> RequestError:
    return RequestError(f"schema: {what}; {_HOW}. Nothing was sent.", field="schema")
