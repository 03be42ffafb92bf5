"""The cells of a table as values: numbers, amounts with one unit, days, else text.

A column gets a type only where every cell that says something reads as that type; `-`, `n/a` and
nothing say nothing. Numbers are read as written in English, else as on the continent (``1.234,5``).
What looks like a number but is a name stays text: ``007``, a number of 19 digits.
"""

from __future__ import annotations

import dataclasses
import math
import re
from datetime import date
from typing import TYPE_CHECKING

from pplx_jupyter.render.words import MONTHS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Column", "read_column"]

Value = int | float | date | str | None

_NOTHING = frozenset(["", "-", "--", "–", "—", "−", "n/a", "n.a.", "na", "none", "null", "nan", "?", "…"])
_MINUS = str.maketrans({"−": "-", "–": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " "})
_AMOUNT = re.compile(
    r"([-+]?)([$€£¥]?) ?([-+]?)([0-9][0-9.,' ’]*(?:[eE][-+]?[0-9]{1,3})?|\.[0-9]+)(?: ?([%‰$€£¥]))?"
)
_ENGLISH = re.compile(
    r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?:[ '’][0-9]{3})+|[0-9]+)?(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?"
)
_CONTINENTAL = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,3}(?:[ '’][0-9]{3})+|[0-9]+)(?:,[0-9]+)?")
_DIGITS = 18
_DAYS = (
    re.compile(r"(?P<y>\d{4})[-/](?P<m>\d{1,2})[-/](?P<d>\d{1,2})"),
    re.compile(r"(?P<d>\d{1,2})\.? (?P<name>[A-Za-z]{3,9})\.?,? (?P<y>\d{4})"),
    re.compile(r"(?P<name>[A-Za-z]{3,9})\.? (?P<d>\d{1,2}),? (?P<y>\d{4})"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column, read.

    Attributes
    ----------
    kind
        ``"int"``, ``"float"``, ``"date"`` or ``"text"``.
    unit
        ``"%"`` or the sign of a currency, where every cell has it; the values are without it.
    """

    kind: str
    values: Sequence[Value]
    unit: str = ""


def read_column(texts: Sequence[str]) -> Column:
    """Read the cells of a column."""
    said = [text.translate(_MINUS).strip() for text in texts]
    there = [text for text in said if text.casefold() not in _NOTHING]
    if not there:
        return Column("text", list(texts))
    for english in (True, False):
        amounts = [_amount(text, english=english) for text in there]
        units = {amount[1] for amount in amounts if amount}
        if None not in amounts and len(units) == 1:
            numbers = [amount[0] for amount in amounts if amount]
            kind = "int" if all(isinstance(number, int) for number in numbers) else "float"
            return Column(kind, _placed(said, numbers if kind == "int" else [*map(float, numbers)]), *units)
    for pattern in _DAYS:
        days = [_day(pattern, text) for text in there]
        if None not in days:
            return Column("date", _placed(said, days))
    return Column("text", list(texts))


def _placed(said: Sequence[str], values: Sequence[Value]) -> list[Value]:
    left = iter(values)
    return [None if text.casefold() in _NOTHING else next(left) for text in said]


def _amount(text: str, *, english: bool) -> tuple[int | float, str] | None:
    match = _AMOUNT.fullmatch(text)
    if match is None or (match[1] and match[3]) or (match[2] and match[5]):
        return None
    digits = match[4].rstrip()
    if not (_ENGLISH if english else _CONTINENTAL).fullmatch(digits):
        return None
    bare = re.sub(r"[ '’,]" if english else r"[ '’.]", "", digits).replace(",", ".")
    named = len(bare) > 1 and bare[0] == "0" and bare[1].isdigit()
    if named or sum(map(str.isdigit, bare)) > _DIGITS:
        return None
    number = int(bare) if bare.isdigit() else float(bare)
    if not math.isfinite(number):
        return None
    return (-number if "-" in {match[1], match[3]} else number), match[2] or match[5] or ""


def _day(pattern: re.Pattern[str], text: str) -> date | None:
    match = pattern.fullmatch(text)
    if match is None:
        return None
    parts = match.groupdict()
    month = int(parts["m"]) if "m" in parts else _month(parts["name"].lower())
    try:
        return date(int(parts["y"]), month, int(parts["d"]))
    except ValueError:
        return None


def _month(name: str) -> int:
    """Give the number of an English month, abbreviated or not; 0 for another word."""
    return next(
        (
            n
            for n, month in enumerate(map(str.lower, MONTHS), 1)
            if month.startswith(name) or name == month[:3] + "t"
        ),
        0,
    )
