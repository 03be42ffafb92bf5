"""Checks of single values: each gives the value as it is stored, or raises RequestError."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pplx_jupyter.fields.messages import join_words, nearest, refuse, show

__all__ = [
    "check_characters", "check_choice", "check_effort", "check_integer", "check_model", "check_plain", "check_switch",
    "check_text", "check_url",
]  # fmt: skip

_PLACEHOLDER = re.compile(
    r"<(?:string|token|integer|int|number|float|boolean|bool|object|array|any|null|url|date|model|key|id"
    r"|api[ _-]?key|your[ _-][^<>]*)>",
    re.IGNORECASE,
)
_MAX_DEPTH = 60
_MAX_BITS = 256


def check_text(field: str, value: object) -> str | None:
    """Check a string; an empty one counts as not set."""
    if not isinstance(value, str):
        raise refuse(field, f": {show(value)} is not text.")
    check_characters(field, value)
    return value if value.strip() else None


def check_choice(field: str, value: object, choices: Sequence[str]) -> str | None:
    """Check that a value is one of the choices; an empty one counts as not set."""
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, str) and value in choices:
        return value
    near = nearest(value, choices)
    hint = f"; did you mean {near}?" if near else "."
    shown = value if isinstance(value, str) and value.isalnum() and len(value) <= 40 else show(value)
    raise refuse(field, f" {shown}: choose {join_words(choices)}{hint}")


def check_effort(field: str, value: object, choices: Sequence[str]) -> str | None:
    """Check an effort level of the agent API; a version may follow it, as in ``fast@2026-10-16.0``."""
    level, _, version = value.partition("@") if isinstance(value, str) else ("", "", "")
    if level.strip() and re.fullmatch(r"[\w.-]+", version):
        check_choice(field, level, choices)
        return str(value)
    return check_choice(field, value, choices)


def check_model(field: str, value: object) -> str | None:
    """Check a model's name: one word, such as ``sonar-deep-research`` or ``openai/gpt-5``."""
    text = check_text(field, value)
    if text is not None and re.search(r"\s", text):
        raise refuse(field, f" {show(value)}: write one word, such as sonar-deep-research.")
    return text


def check_switch(field: str, value: object) -> bool:
    """Check a boolean."""
    if not isinstance(value, bool):
        raise refuse(field, f" {show(value)}: choose True or False.")
    return value


def check_integer(field: str, value: Any, low: int | None, high: int | None) -> int:
    """Check a whole number; a boolean is none."""
    if low is None:
        allowed = "a whole number"
    elif high is None:
        allowed = f"a whole number, {low} or more"
    else:
        allowed = f"a whole number from {low} to {high}"
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or (low is not None and number < low) or (high is not None and number > high):
        shown = show(value)
        if isinstance(value, (bool, int, float)):
            shown = shown.strip("“”")
        raise refuse(field, f" {shown}: write {allowed}.")
    return number


def check_url(field: str, value: object) -> str | None:
    """Check an address that the service is to call: http or https, with a host."""
    text = check_text(field, value)
    if text is None:
        return None
    text = text.strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", text):
        raise refuse(field, f" {show(text)}: write an address that starts with https:// or http://.")
    return text


def check_plain(field: str, value: object, depth: int = 0) -> Any:
    """Check that a value is JSON and copy it as dicts and lists."""
    if depth > _MAX_DEPTH:
        raise refuse(field, f": nested deeper than {_MAX_DEPTH} levels.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            raise refuse(field, f": a whole number of {value.bit_length()} bits is too long.")
        return value
    if isinstance(value, str):
        check_characters(field, value)
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise refuse(field, f": {value} is not a number that JSON can hold.")
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise refuse(field, f": the key {show(key)} is not text.")
            check_characters(field, key)
        return {key: check_plain(field, item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [check_plain(field, item, depth + 1) for item in value]
    raise refuse(field, f": {show(value)} is a {type(value).__name__}, which JSON cannot hold.")


def check_characters(field: str, text: str) -> None:
    """Check that a text can be sent, and is no placeholder copied from the documentation."""
    if _PLACEHOLDER.fullmatch(text.strip()):
        raise refuse(
            field, f": {show(text.strip())} is a placeholder from the documentation; put your own value in."
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise refuse(
            field, f": character {error.start + 1} is half of a pair and cannot be sent; remove it."
        ) from None
