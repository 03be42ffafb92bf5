"""The words of a refusal: which field, what is wrong with it, what is allowed, and that nothing was sent."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["join_words", "nearest", "refuse", "show"]


def refuse(field: str, text: str) -> RequestError:
    """Make the error for a field; `text` follows the field's name directly."""
    return RequestError(f"{field}{text} Nothing was sent.", field=field)


def show(value: object) -> str:
    """Quote a value for a message, cut to about 60 characters."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = "an integer of thousands of digits"
    text = " ".join(text[:1000].split())
    return f"“{text if len(text) <= 60 else text[:59] + '…'}”"


def join_words(words: Iterable[str], last: str = "or") -> str:
    """Join as ``a, b or c``."""
    *head, tail = words
    return f"{', '.join(head)} {last} {tail}" if head else tail


def nearest(word: object, candidates: Iterable[str]) -> str | None:
    """Give the candidate that was probably meant, or None."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    written = show(word).strip("“”").lower()
    found = difflib.get_close_matches(written, by_lower, n=1, cutoff=0.6)
    if not found and len(written) > 2:
        found = [candidate for candidate in by_lower if candidate.startswith(written)]
    return by_lower[found[0]] if found else None
