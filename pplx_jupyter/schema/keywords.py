"""The keywords of JSON Schema, for values that are hostile: in counted steps, and each in linear time."""

from __future__ import annotations

import functools
import json
import threading
from datetime import datetime
from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING, Any

from jsonschema import FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry

from pplx_jupyter.schema.patterns import finder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]

__all__ = ["MOST_STEPS", "TooMuch", "misfits"]

MOST_STEPS = 40_000
"""Keywords applied for one answer; about 0.2 s."""

_ERROR = 2
_CHARACTERS = 1_000
"""So many characters of a message, or of a text searched, are one step."""


class TooMuch(Exception):
    """An answer needs more steps than are spent on one."""


class _Meter(threading.local):
    left = 0


_meter = _Meter()


def misfits(schema: Mapping[str, Any], kind: Any) -> Callable[[Any], Iterator[ValidationError]]:
    """Give the function that finds what in a value does not fit a schema.

    It raises `TooMuch` where a value needs more steps than `MOST_STEPS`. Nothing is fetched. Formats
    that it knows: date, date-time, email, ipv4, ipv6, uuid.

    Parameters
    ----------
    schema
        A sound one, in which nothing names a draft.
    kind
        The validator class of its draft.
    """
    validator = _metered(kind)(schema, format_checker=_formats(), registry=Registry())

    def find(value: Any) -> Iterator[ValidationError]:
        _meter.left = MOST_STEPS
        yield from validator.iter_errors(value)

    return find


@functools.cache
def _metered(kind: Any) -> Any:
    keywords = dict(kind.VALIDATORS)
    linear = {name: keyword for name, keyword in _linear(keywords).items() if name in keywords}
    extended: Any = extend  # types-jsonschema leaves it without types
    return extended(kind, {name: _counted(keyword) for name, keyword in {**keywords, **linear}.items()})


def _counted(keyword: Keyword) -> Keyword:
    # Choices inside choices double the work with each level of an answer: nothing but a count ends that.
    def apply(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _spend(1)
        for error in keyword(validator, value, instance, schema) or ():
            _spend(_ERROR + len(error.message) // _CHARACTERS)
            yield error

    return apply


def _spend(steps: int) -> None:
    _meter.left -= steps
    if _meter.left < 0:
        raise TooMuch


def _linear(keywords: Mapping[str, Keyword]) -> dict[str, Keyword]:
    """Give the keywords that jsonschema itself checks in quadratic or exponential time."""

    def additional(validator: Any, allowed: Any, instance: Any, schema: Any) -> Any:
        if "patternProperties" in schema and validator.is_type(instance, "object"):
            instance = _unmatched(instance, schema["patternProperties"])
            schema = {name: each for name, each in schema.items() if name != "patternProperties"}
        return keywords["additionalProperties"](validator, allowed, instance, schema)

    return {
        "additionalProperties": additional,
        "divisibleBy": _multiple,
        "multipleOf": _multiple,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "unevaluatedItems": _unchecked,
        "unevaluatedProperties": _unchecked,
        "uniqueItems": _unique,
    }


def _unchecked(_validator: Any, _value: Any, _instance: Any, _schema: Any) -> Iterator[ValidationError]:
    # Quadratic, and refused in a schema before it is asked for.
    return iter(())


def _pattern(validator: Any, pattern: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not _matches(pattern, instance, unknown=True):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, shapes: Any, instance: Any, _schema: Any
) -> Iterator[ValidationError]:
    if validator.is_type(instance, "object"):
        for pattern, shape in shapes.items():
            for name, each in instance.items():
                if _matches(pattern, name, unknown=False):
                    yield from validator.descend(each, shape, path=name, schema_path=pattern)


def _unmatched(instance: Mapping[str, Any], patterns: Iterable[str]) -> dict[str, Any]:
    return {
        name: each
        for name, each in instance.items()
        if not any(_matches(pattern, name, unknown=True) for pattern in patterns)
    }


def _matches(pattern: str, text: str, *, unknown: bool) -> bool:
    """Say whether a pattern occurs in a text; `unknown` where this machine has no linear engine for it."""
    _spend(len(text) // _CHARACTERS)
    find = finder(pattern)
    return unknown if find is None else find(text)


def _multiple(validator: Any, step: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """Compare as the decimals that were written: 19.99 is a multiple of 0.01."""
    if not validator.is_type(instance, "number"):
        return
    is_endless = isinstance(instance, float) and not isfinite(instance)
    if is_endless or Fraction(str(instance)) % Fraction(str(step)):
        yield ValidationError(f"{instance!r} is not a multiple of {step}")


def _unique(validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if not wanted or not validator.is_type(instance, "array"):
        return
    seen: set[str] = set()
    for each in instance:
        text = json.dumps(_same(each), sort_keys=True)
        _spend(len(text) // _CHARACTERS)
        if text in seen:
            yield ValidationError(f"{text[:_CHARACTERS]} stands there twice")
            return
        seen.add(text)


def _same(value: Any) -> Any:
    """Give a value in which equal numbers are written alike: 1.0 as 1."""
    if isinstance(value, dict):
        return {name: _same(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_same(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@functools.cache
def _formats() -> FormatChecker:
    """Give the same formats everywhere, whatever else is installed."""
    checker = FormatChecker(["date", "email", "ipv4", "ipv6", "uuid"])
    checker.checks("date-time", raises=ValueError)(_is_moment)
    return checker


def _is_moment(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return value[10:11] in {"T", "t", " "} and datetime.fromisoformat(value).tzinfo is not None
