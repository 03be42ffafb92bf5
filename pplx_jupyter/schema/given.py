"""What a user gives as a shape, read as a JSON schema; every mistake is told before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pplx_jupyter.errors import RequestError
from pplx_jupyter.schema import short
from pplx_jupyter.schema.mistakes import Unsound, wrong
from pplx_jupyter.schema.models import remember

__all__ = ["format_of", "schema_in", "schema_of"]

_SHOWN = 80


def schema_of(given: Any, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a shape as a JSON schema.

    Parameters
    ----------
    given
        A pydantic model, a JSON schema as a mapping, the path of a ``.json`` file with one, the name of a
        variable that holds any of these, or the short form. References may lead only inside the schema.
    names
        The notebook's variables.

    Raises
    ------
    RequestError
        It is none of these, no JSON schema, or one that no answer can be checked against; nothing was sent.
    """
    if isinstance(given, str):
        return _of_text(given.strip(), names or {})
    if hasattr(given, "model_json_schema"):
        return _of_model(given)
    if isinstance(given, Mapping):
        return _sound(_plain(dict(given)))
    raise wrong(f"{_one_line(repr(given))} is no shape of an answer")


def format_of(given: Any, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read a shape as a Request's `response_format`; see `schema_of`."""
    schema = schema_of(given, names)
    return {"type": "json_schema", "json_schema": {"schema": schema}}


def schema_in(response_format: Any) -> dict[str, Any] | None:
    """Give the JSON schema of a Request's `response_format`, or None."""
    inner = response_format.get("json_schema") if isinstance(response_format, Mapping) else None
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    return dict(schema) if isinstance(schema, Mapping) else None


def _of_model(model: Any) -> dict[str, Any]:
    try:
        found = dict(model.model_json_schema())
    except Exception as error:  # noqa: BLE001 - of whatever kind: a model may hold what has no schema
        why = _one_line(str(error).partition("\n")[0])
        raise wrong(f"{getattr(model, '__name__', 'the model')} has no JSON schema: {why}", how="") from None
    # A model checks its patterns itself, with an engine of its own choice.
    schema = _sound(_plain(found), checks_itself=True)
    remember(schema, model)
    return schema


def _of_text(text: str, names: Mapping[str, Any]) -> dict[str, Any]:
    if text.startswith("{"):
        return _of_json(text, "this")
    if text.endswith(".json"):
        try:
            return _of_json(Path(text).expanduser().read_text(encoding="utf-8"), text)
        except (OSError, ValueError) as error:
            raise wrong(f"{text} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if text.isidentifier() and text in names and not isinstance(names[text], str):
        return schema_of(names[text])
    if text.isidentifier() and isinstance(names.get(text), str):
        return _of_text(str(names[text]).strip(), {})
    if text[:1].isupper() and text.isidentifier():
        raise wrong(f"{text} is not defined")
    return short.read(text)


def _of_json(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise wrong(f"{where} is no JSON schema")
    return _sound(_plain(found))


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    """Give a schema as it will be sent: of nothing but what JSON knows."""

    def refuse(value: object) -> NoReturn:
        raise wrong(
            f"a {type(value).__name__} stands in it, and JSON knows only dicts, lists, texts, numbers, True, False and None",
            how="",
        )

    try:
        found: dict[str, Any] = json.loads(json.dumps(given, allow_nan=False, default=refuse))
    except RequestError:
        raise
    except (TypeError, ValueError) as error:
        raise wrong(f"it is no JSON: {_one_line(str(error))}", how="") from None
    except RecursionError:
        raise wrong("it is nested too deeply", how="") from None
    return found


def _sound(schema: dict[str, Any], *, checks_itself: bool = False) -> dict[str, Any]:
    from pplx_jupyter.schema.sound import look_through, refuse_unchecked

    if not schema:
        raise wrong("it is empty")
    try:
        found = look_through(schema)
        if not checks_itself:
            refuse_unchecked(found)
    except Unsound as error:
        raise wrong(str(error), how="") from None
    except RecursionError:
        raise wrong("it is nested too deeply", how="") from None
    return schema


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
