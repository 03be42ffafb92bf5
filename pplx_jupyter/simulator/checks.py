"""Checks that both APIs share: values of fields, domains, dates, and where the question stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "DATE",
    "DATE_FIELDS",
    "RECENCY",
    "SIZES",
    "Place",
    "Problem",
    "domain_problems",
    "last_user_text",
    "value_problems",
]

Place = tuple[str | int, ...]
# Where, what is wrong, and the kind of error.
Problem = tuple[Place, str, str]

RECENCY = ("hour", "day", "week", "month", "year")
SIZES = ("low", "medium", "high")
DATE = re.compile(r"(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/\d{4}")
DATE_FIELDS = (
    "search_after_date_filter",
    "search_before_date_filter",
    "last_updated_after_filter",
    "last_updated_before_filter",
)
_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "int": (int, "integer"),
    "float": ((int, float), "number"),
    "bool": (bool, "boolean"),
    "str": (str, "string"),
    "dict": (dict, "dictionary"),
    "list": (list, "list"),
    "strs": (list, "list"),
    "date": (str, "string"),
}


def value_problems(place: Place, value: Any, kind: str, more: tuple[Any, ...]) -> Iterator[Problem]:
    """Say what is wrong with a value.

    `kind` is int, float, bool, str, strs, dict, list, date or enum; `more` the least and the
    greatest number, or the words of an enum.
    """
    if kind == "enum":
        if value not in more:
            allowed = [f"'{word}'" for word in more]
            yield place, f"Input should be {', '.join(allowed[:-1])} or {allowed[-1]}", "literal_error"
        return
    types, name = _TYPES[kind]
    # True is an int in Python, and not in JSON.
    fits = isinstance(value, types) and (kind == "bool" or not isinstance(value, bool))
    if not fits:
        yield place, f"Input should be a valid {name}", f"{name}_type"
    elif kind == "strs":
        for i, item in enumerate(value):
            if not isinstance(item, str):
                yield (*place, i), "Input should be a valid string", "string_type"
    elif kind == "date" and not DATE.fullmatch(value):
        yield place, "Value error, the date should have the form MM/DD/YYYY", "value_error"
    elif more and value < more[0]:
        yield place, f"Input should be greater than or equal to {more[0]}", "greater_than_equal"
    elif more and value > more[1]:
        yield place, f"Input should be less than or equal to {more[1]}", "less_than_equal"


def domain_problems(place: Place, domains: Any) -> Iterator[Problem]:
    """Say what is wrong with a domain filter."""
    if not isinstance(domains, list) or not all(isinstance(name, str) for name in domains):
        return
    if len(domains) > 20:
        yield place, f"List should have at most 20 items after validation, not {len(domains)}", "too_long"
    if len({name.startswith("-") for name in domains}) > 1:
        yield place, "Value error, allowed and denied domains cannot be mixed", "value_error"


def last_user_text(messages: Any) -> str:
    """Give the text of the last message of the user, or of a bare string."""
    if isinstance(messages, str):
        return messages
    asked = [m for m in messages if isinstance(m, dict) and m.get("role", "user") == "user"]
    content = asked[-1].get("content") if asked else ""
    if isinstance(content, list):
        return "\n".join(str(part["text"]) for part in content if isinstance(part, dict) and part.get("text"))
    return str(content or "")
