"""The JSON that the text of an answer holds, decoded and cleaned: what goes on into tables and files."""

from __future__ import annotations

import json
import re
from typing import Any

from pplx_jupyter.render.words import plain

__all__ = ["decode"]

_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*)\n[ \t]*```", re.DOTALL)


def decode(text: str) -> Any:
    r"""Give the object or array that a text holds, bare or in a fenced block; None where it holds none.

    Its texts, and the names in it, are cleaned as the answer's text is: an escaped ``\ud800`` would
    make every file of a whole table fail, ``\u001b`` and ``\u202e`` change what is read.
    """
    text = text.strip()
    fenced = _FENCED.fullmatch(text)
    text = fenced[1].strip() if fenced else text
    if text[:1] + text[-1:] not in {"{}", "[]"}:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    _clean(found)
    return found


def _clean(found: dict[str, Any] | list[Any]) -> None:
    """Clean all texts in place; it may be nested deeper than functions may call each other."""
    holders: list[Any] = [found]
    while holders:
        holder = holders.pop()
        if isinstance(holder, dict):
            cleaned = {plain(name): _cleaned(each) for name, each in holder.items()}
            holder.clear()
            holder.update(cleaned)
            inside = list(holder.values())
        else:
            holder[:] = inside = [_cleaned(each) for each in holder]
        holders += [each for each in inside if isinstance(each, (dict, list))]


def _cleaned(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value
