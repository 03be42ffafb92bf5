"""The time whose costs are shown."""

from __future__ import annotations

import dataclasses
import datetime

from pplx_jupyter.errors import RequestError
from pplx_jupyter.render.words import MONTHS, count, day
from pplx_jupyter.settings import seconds_of

__all__ = ["ALL_TIME", "PERIODS", "Period", "period_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Period:
    """Whole days, in the local time.

    Attributes
    ----------
    name
        Such as ``November 2026`` or ``24 Oct to 22 Nov 2026 (30 days)``: a page that is kept outlives “the last 30 days”.
    first
        Its first day; None: as long as there has been a ledger.
    last
        Its last day.
    """

    name: str
    first: datetime.date | None
    last: datetime.date

    @property
    def since(self) -> float | None:
        """Seconds since the epoch."""
        return None if self.first is None else _midnight(self.first)

    @property
    def until(self) -> float:
        """Seconds since the epoch; not in the period any more."""
        return _midnight(self.last + datetime.timedelta(days=1))


def last_days(days: int, today: datetime.date) -> Period:
    """Give so many days, today's among them."""
    first = today - datetime.timedelta(days=days - 1)
    name = f"{_from(first, today)}{_day(today)} ({count(days, 'day')})"
    return Period(name, first, today)


def this_month(today: datetime.date) -> Period:
    """Give the month of a day."""
    following = (today.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
    return Period(
        f"{MONTHS[today.month - 1]} {today.year}",
        today.replace(day=1),
        following - datetime.timedelta(days=1),
    )


def all_time(today: datetime.date) -> Period:
    """Give all days until today."""
    return Period(ALL_TIME, None, today)


ALL_TIME = "all time"
PERIODS = {
    "last 7 days": lambda today: last_days(7, today),
    "last 30 days": lambda today: last_days(30, today),
    "this month": this_month,
    "last 365 days": lambda today: last_days(365, today),
    ALL_TIME: all_time,
}
"""The periods that a person chooses from: functions of today."""


def period_of(text: str, today: datetime.date) -> Period:
    """Read a period: ``month``, ``all``, an age such as ``30d``, or a date such as ``2026-11-01``.

    Raises
    ------
    RequestError
        It is none of these.
    """
    if text in {"month", "all"}:
        return this_month(today) if text == "month" else all_time(today)
    try:
        first = datetime.date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return Period(f"since {_day(first)}", first, max(first, today))
    try:
        days = round((seconds_of(text, "--since") or 0.0) / 86_400)
        return last_days(min(max(1, days), 36_500), today)
    except RequestError:
        raise RequestError(
            f"--since {text}: write an age such as 30d, a date such as 2026-11-01, month or all."
        ) from None


def _from(first: datetime.date, last: datetime.date) -> str:
    """Give ``24 Oct to ``, with its year where that is another; nothing where it is the same day."""
    said = _day(first)
    return "" if first == last else f"{said.removesuffix(f' {last.year}')} to "


def _day(of: datetime.date) -> str:
    return day(datetime.datetime.combine(of, datetime.time()))


def _midnight(of: datetime.date) -> float:
    return datetime.datetime.combine(of, datetime.time()).astimezone().timestamp()
