"""Whether a decoded answer has its shape. What is checked is hostile: no value makes this fail or stand still."""

from __future__ import annotations

import dataclasses
import functools
import json
import traceback
from typing import TYPE_CHECKING, Any

from pplx_jupyter.schema.mistakes import Unsound
from pplx_jupyter.schema.models import canonical, model_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["UNCHECKED", "check"]

UNCHECKED = "could not be checked: "
"""How the reason begins where an answer may fit and may not."""

_DEEPEST = 64
_MOST_VALUES = 20_000
_LONGEST = 200
_PLACE = 80


def check(value: Any, schema: Mapping[str, Any]) -> tuple[Any, str]:
    """Say whether a decoded answer has its shape; never raises.

    Where the shape was given as a pydantic model in this process, the model alone decides, as it
    would for any JSON: what stands only in its JSON schema (``json_schema_extra``) is not checked.
    Elsewhere the JSON schema decides: types and limits strictly, of the formats ``date``,
    ``date-time``, ``email``, ``ipv4``, ``ipv6`` and ``uuid``, and patterns where pydantic is installed.

    Returns
    -------
    tuple
        The value, as an instance of the model where there is one, and why it does not fit; an empty
        text where it does. The reason begins with `UNCHECKED` where an answer is nested more than
        64 deep, takes more than 40,000 steps, or holds more than 20,000 values for a model, and where
        a check of the user's own fails.
    """
    if value is None:
        return None, "the answer is not JSON"
    try:
        return _checked(value, schema)
    except RecursionError:
        why = "it is nested too deeply"
    except Unsound as error:
        why = f"the schema is not sound: {error}"
    except Exception as error:  # noqa: BLE001 - one odd answer must not hide all the others, whatever is odd in it
        why = traceback.format_exception_only(error)[-1]
    return value, f"{UNCHECKED}{_one_line(why)}"


def _checked(value: Any, schema: Mapping[str, Any]) -> tuple[Any, str]:
    from pplx_jupyter.schema.keywords import MOST_STEPS, TooMuch

    depth, values = _size(value)
    if depth > _DEEPEST:
        return value, f"{UNCHECKED}it is nested more than {_DEEPEST} deep"
    checker, model = _checker(canonical(schema)), model_of(schema)
    if model is not None and values > _MOST_VALUES:
        # Each may be an error, or several, and a model gathers all of them before it tells of one.
        return value, f"{UNCHECKED}it holds more than {_MOST_VALUES:,} values"
    try:
        if model is None:
            return value, _first(checker.misfits(value))
        if checker.is_recursive:
            # A model tries all members of a union, at each level anew: what takes too long here would there.
            for _ in checker.misfits(value):
                pass
    except TooMuch:
        return value, f"{UNCHECKED}it takes more than {MOST_STEPS:,} steps"
    return _validated(value, model)


def _validated(value: Any, model: Any) -> tuple[Any, str]:
    from pydantic_core import ValidationError

    try:
        # As JSON, not as Python's values: a strict model takes a day as text in JSON alone.
        return model.model_validate_json(json.dumps(value)), ""
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return value, _reason(first["loc"], first["msg"])


def _first(errors: Iterator[Any]) -> str:
    error = next(errors, None)
    if error is None:
        return ""
    return _reason(error.absolute_path, error.message)


def _reason(path: Iterable[int | str], message: str) -> str:
    """Say where and what; of a long place the end is told, of a long message both ends."""
    place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path).lstrip(".")
    place = place if len(place) <= _PLACE else f"…{place[1 - _PLACE :]}"
    return _one_line(f"{place}: {_one_line(message)}" if place else message)


@dataclasses.dataclass(frozen=True, slots=True)
class _Checker:
    misfits: Callable[[Any], Iterator[Any]]
    is_recursive: bool


@functools.lru_cache(maxsize=32)
def _checker(schema: str) -> _Checker:
    """Prepare the check of a schema; once for all rows of a batch."""
    from pplx_jupyter.schema.keywords import misfits
    from pplx_jupyter.schema.sound import kind_of, look_through

    decoded = json.loads(schema)
    kind, found = kind_of(decoded), look_through(decoded)
    for each in found.schemas:
        # Where a schema names its draft, jsonschema goes on with that draft's own keywords: uncounted ones.
        each.pop("$schema", None)
    return _Checker(misfits(decoded, kind), found.is_recursive)


def _size(value: Any) -> tuple[int, int]:
    """Give how deep a value is nested, and how many it holds; no more is counted once it is too deep."""
    level, depth, values = [value], 0, 1
    while depth <= _DEEPEST and (level := [each for one in level for each in _inside(one)]):
        depth, values = depth + 1, values + len(level)
    return depth, values


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 3 :]}"
