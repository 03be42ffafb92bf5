"""Citation markers in a text: ``[3]``, ``[3][4]``, ``[3, 4]``, ``[3-5]``, ``[web:3]``, ``[page:3]``.

A marker *resolves* when its number is that of a source. Markers in code, math and links are never
looked at: the Markdown parser has put those aside before this pattern runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["MARKER", "numbers"]

_ITEM = r"(?:(?:web|page):\s?)?[0-9]{1,3}(?:\s?[-–]\s?(?:(?:web|page):)?[0-9]{1,3})?"
MARKER = rf"\[\s?({_ITEM}(?:\s{{0,2}}[,;]\s{{0,2}}{_ITEM}){{0,30}})\s?\]"

_ONE = re.compile(r"(?:(?:web|page):\s?)?([0-9]{1,3})(?:\s?[-–]\s?(?:(?:web|page):)?([0-9]{1,3}))?")
_LONGEST_RANGE = 40


def numbers(inside: str, known: Collection[int]) -> list[int] | None:
    """Read what stands between the brackets of a marker.

    Parameters
    ----------
    inside
        A match of `MARKER`'s group, such as ``"3, web:5-7"``.
    known
        The numbers of the sources: a range that touches none of them is an interval, not a marker.

    Returns
    -------
    list of int or None
        The numbers in their order; None where this is no marker (0, a backward or wide range).
    """
    found: list[int] = []
    ranged = False
    for match in _ONE.finditer(inside):
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        if first < 1 or not first <= last < first + _LONGEST_RANGE:
            return None
        ranged = ranged or last > first
        found.extend(range(first, last + 1))
    if ranged and not any(number in known for number in found):
        return None
    return found
