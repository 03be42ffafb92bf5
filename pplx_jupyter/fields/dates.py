"""Dates of the calendar: taken as ``MM/DD/YYYY`` or as Python's, kept as the service wants them."""

from __future__ import annotations

import re
from datetime import date, datetime

from pplx_jupyter.fields.checks import check_text
from pplx_jupyter.fields.messages import refuse, show

__all__ = ["check_date", "iso_date"]

_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")


def check_date(field: str, value: object) -> str | None:
    """Check a calendar date and give it as ``MM/DD/YYYY``; dates of Python are taken, too."""
    if isinstance(value, date) and not isinstance(value.year, int):  # pandas.NaT
        raise refuse(field, f": {show(value)} is not a date.")
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return _wire_date(value)
    text = check_text(field, value)
    if text is None:
        return None
    if match := _DATE.fullmatch(text.strip()):
        month, day, year = map(int, match.groups())
        try:
            return _wire_date(date(year, month, day))
        except ValueError:
            raise refuse(field, f" {text}: {_date_trouble(year, month, day)}") from None
    raise refuse(field, f" {show(text)}: write the date as MM/DD/YYYY{_date_hint(text.strip())}.")


def iso_date(text: str) -> str:
    """Turn a checked ``MM/DD/YYYY`` into ``YYYY-MM-DD``."""
    month, day, year = text.split("/")
    return f"{year}-{month}-{day}"


def _wire_date(day: date) -> str:
    return f"{day.month:02}/{day.day:02}/{day.year:04}"


def _date_trouble(year: int, month: int, day: int) -> str:
    if month > 12 and 1 <= day <= 12 and month <= 31:
        return f"there is no month {month}; the month comes first, write {day:02}/{month:02}/{year:04}."
    if not 1 <= month <= 12:
        return f"there is no month {month}; write the date as MM/DD/YYYY."
    return "there is no such day; write a date of the calendar as MM/DD/YYYY."


def _date_hint(text: str) -> str:
    if match := _ISO_DATE.fullmatch(text):
        year, month, day = map(int, match.groups())
        try:
            return f", {_wire_date(date(year, month, day))}"
        except ValueError:
            return ""
    return ""
