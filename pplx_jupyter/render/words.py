"""Amounts, times and counts as words: the same in every form and every locale.

Pure text, no HTML: ordinary spaces throughout. `keep` glues numbers to their units for HTML.
This module imports nothing but the standard library's `re`, so that panels can use it freely.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pplx_jupyter.answer import Cost

__all__ = [
    "MONTHS",
    "SHORT_MONTHS",
    "age",
    "clock",
    "code_span",
    "count",
    "day",
    "day_time",
    "duration",
    "file_name",
    "iso_day",
    "job_name",
    "keep",
    "money",
    "money_of",
    "money_range",
    "one_line",
    "plain",
    "shorten",
    "time_of_day",
    "times",
]

UNKNOWN_COST = "cost unknown"
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
SHORT_MONTHS = tuple(month[:3] for month in MONTHS)

# C0 and C1 controls but newline and tab, and the characters that reorder or hide what stands beside them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_BREAK = re.compile("\r\n|[\r\u2028\u2029]")
_NAME = 80
_SPACE = re.compile(r"\s+")
_UNIT = re.compile(r"(?<=\d) (?=(?:USD|min|s|h)\b)")
_DATE = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(SHORT_MONTHS)}) (\d{{4}})\b")
_ISO_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?")


def plain(text: str) -> str:
    """Drop control and bidirectional-override characters; newlines and tabs stay.

    Lone surrogates, which no encoding can carry, become U+FFFD.
    """
    if text.isprintable():
        # Most texts are short and hold none of them; three searches cost more than this look.
        return text
    text = _BREAK.sub("\n", text)
    return _SURROGATE.sub("\ufffd", _HIDDEN.sub("", text))


def one_line(text: str, limit: int | None = None) -> str:
    """Give `text` on one line, cleaned, and cut to `limit` characters where one is given."""
    single = text.isprintable() and "  " not in text
    line = (text if single else _SPACE.sub(" ", plain(text))).strip()
    return line if limit is None else shorten(line, limit)


def job_name(text: str) -> str:
    """Give the name of a job as it is kept: on one line, cleaned, at most 80 characters."""
    return one_line(str(text), _NAME)


def file_name(text: str) -> str:
    """Give the name of a file, such as a notebook's, on one line and cleaned; two spaces stay two."""
    return plain(text).replace("\n", " ").replace("\t", " ")


def shorten(text: str, limit: int) -> str:
    """Cut `text` to at most `limit` characters, at a word where possible, ending in ``…``."""
    if len(text) <= limit:
        return text
    cut = text[: max(limit - 1, 0)]
    if text[len(cut)].isspace():
        return cut.rstrip(" ,;:") + "…"
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > limit // 2 else cut).rstrip(" ,;:") + "…"


def code_span(text: str) -> str:
    """Give `text` as a Markdown code span that its own backticks cannot end."""
    text = one_line(text) or " "
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def keep(text: str) -> str:
    """Put no-break spaces between numbers and units, and inside dates, for HTML."""
    text = _UNIT.sub("\u00a0", text)
    return _DATE.sub("\\1\u00a0\\2\u00a0\\3", text)


def _digits(amount: float, *, exact: bool) -> str:
    if 0 < amount < 0.00005:
        return "under 0.0001"
    if exact or 0 < abs(amount) < 0.01:
        return f"{amount:,.4f}"
    return f"{amount:,.2f}"


def money(amount: float | None, *, exact: bool = False) -> str:
    """Give an amount of US dollars as words.

    Parameters
    ----------
    amount
        In US dollars; None or a number that is none gives ``"cost unknown"``.
    exact
        Four decimals, as in receipts. Otherwise two, and four below 0.01.
    """
    if amount is None or not math.isfinite(amount):
        return UNKNOWN_COST
    return f"{_digits(amount, exact=exact)} USD"


def money_of(cost: Cost) -> str:
    """Give the total of a cost: ``0.82 USD``, ``≈ 0.39 USD (estimated)`` or ``cost unknown``."""
    said = money(cost.total)
    return f"≈ {said} (estimated)" if cost.estimated and said != UNKNOWN_COST else said


def money_range(low: float, high: float) -> str:
    """Give a range such as ``0.45–1.10 USD``; one amount where both ends read the same."""
    first, last = _digits(low, exact=False), _digits(high, exact=False)
    return f"{last} USD" if first == last else f"{first}–{last} USD"


def duration(seconds: float) -> str:
    """Give a length of time: ``12 s``, ``4 min 12 s``, ``1 h 3 min``. Negative counts as 0."""
    whole = int(max(seconds, 0)) if math.isfinite(seconds) else 0
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def clock(seconds: float) -> str:
    """Give a length of time for tables: ``4:12``, ``1:03:00``."""
    whole = int(max(seconds, 0)) if math.isfinite(seconds) else 0
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def day(moment: datetime) -> str:
    """Give a date: ``22 Nov 2026``."""
    return f"{moment.day} {SHORT_MONTHS[moment.month - 1]} {moment.year}"


def time_of_day(moment: datetime, *, seconds: bool = True) -> str:
    """Give a time of day in the offset that `moment` carries: ``14:29:51``, or ``14:29``."""
    short = f"{moment.hour}:{moment.minute:02}"
    return f"{short}:{moment.second:02}" if seconds else short


def day_time(moment: datetime, *, seconds: bool = False, offset: bool = False) -> str:
    """Give date and time: ``22 Nov 2026, 14:34``; with `offset` also ``+01:00``."""
    text = f"{day(moment)}, {time_of_day(moment, seconds=seconds)}"
    shift = moment.utcoffset() if offset else None
    if shift is None:
        return text
    minutes = int(shift.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{text} {sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def iso_day(text: str | None) -> str:
    """Give a date that the service sent, ``2026-02-12`` as ``12 Feb 2026``; others as they are."""
    said = one_line(text or "", 40)
    match = _ISO_DAY.fullmatch(said)
    if match is None or not 1 <= int(match[2]) <= 12:
        return said
    return f"{int(match[3])} {SHORT_MONTHS[int(match[2]) - 1]} {match[1]}"


def age(then: datetime, now: datetime) -> str:
    """Tell how long before `now` something was: ``3 days before``. Empty where it was not before."""
    seconds = (now - then).total_seconds()
    if seconds < 0:
        return ""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{count(int(seconds // size), unit)} before"
    return "less than a minute before"


def count(number: int, noun: str) -> str:
    """Give a number with its noun: ``1 source``, ``12 sources``, ``38 searches``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {_plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def times(number: int) -> str:
    """Give how often: ``once``, ``twice``, ``6 times``."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")
