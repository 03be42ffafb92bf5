"""Patterns, looked for in linear time.

Python's own `re` may take years for one hostile text, and lets nothing else run meanwhile. The engine
that pydantic brings along needs time in proportion to the text; it knows no lookaround and no
backreferences.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["finder", "why_not"]


@functools.lru_cache(maxsize=256)
def finder(pattern: str) -> Callable[[str], bool] | None:
    """Give the function that says whether a pattern occurs in a text; None where no linear one can be had."""
    try:
        from pydantic_core import SchemaError, SchemaValidator
    except ImportError:
        return None
    try:
        found = SchemaValidator({"type": "str", "pattern": pattern, "regex_engine": "rust-regex"})
    except SchemaError:
        return None
    return found.isinstance_python


def why_not(pattern: str) -> str:
    """Say why a pattern cannot be looked for; an empty text where it can."""
    if finder(pattern) is not None:
        return ""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return f"the pattern {pattern!r} is no regular expression"
    if finder("a") is None:
        return f"to check the pattern {pattern!r} needs pydantic (pip install pydantic)"
    return f"the pattern {pattern!r} could keep everything waiting; write it without lookaround and backreferences, and not too large"
