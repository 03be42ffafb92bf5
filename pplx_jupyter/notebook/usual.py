"""What a question usually takes and costs, in words, and where the range comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.ledger.expected import Expected, expected_of
from pplx_jupyter.render.words import count, duration, money_range

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Row

__all__ = [
    "cost_range",
    "full_range",
    "long_after",
    "origin",
    "time_range",
    "usual",
    "usual_cost",
    "usual_range",
    "within",
]

_LONG_SHARE = 2.0
_LONG_AT_LEAST = 120.0


def cost_range(expected: Expected) -> str:
    """Give ``0.45–1.10 USD``, or an empty text where no figure is known."""
    if expected.low is None or expected.high is None:
        return ""
    return money_range(expected.low, expected.high)


def full_range(expected: Expected) -> str:
    """Give ``2–6 min and 0.45–1.10 USD``, or an empty text."""
    return " and ".join(part for part in (time_range(expected), cost_range(expected)) if part)


def origin(expected: Expected) -> str:
    """Give where a range comes from: ``your last 14 jobs like this`` or ``published``."""
    if expected.jobs:
        return f"your last {count(expected.jobs, 'job')} like this"
    return "published" if expected.high is not None else ""


def usual(row: Row) -> str:
    """Give what such a job usually takes and costs, with where that is from, or an empty text."""
    expected = _of(row)
    found = full_range(expected)
    return f"usually {found} ({origin(expected)})" if found else ""


def usual_range(row: Row) -> str:
    """Give that as ``2–6 min and 0.40–1.30 USD``, or an empty text."""
    return full_range(_of(row))


def usual_cost(row: Row) -> str:
    """Give its cost alone, or an empty text."""
    return cost_range(_of(row))


def long_after(row: Row, otherwise: float) -> float:
    """Give the seconds after which such a job counts as long: twice what nine of ten take, where that is known."""
    expected = _of(row)
    if not expected.jobs or expected.seconds_high is None:
        return otherwise
    return min(otherwise, max(_LONG_AT_LEAST, _LONG_SHARE * expected.seconds_high))


def within(row: Row) -> str:
    """Say within what time such jobs end."""
    expected = _of(row)
    if not expected.jobs or expected.seconds_high is None or expected.longest is None:
        return "most jobs end within 30 min"
    high, longest = duration(expected.seconds_high), duration(expected.longest)
    return f"9 of 10 such jobs end within {high}; the longest took {longest}"


def _of(row: Row) -> Expected:
    return expected_of(row.expected, row.backend, row.asked_model or row.model)


def time_range(expected: Expected) -> str:
    """Give ``2–6 min``, or an empty text where no figure is known."""
    if expected.seconds_low is None or expected.seconds_high is None:
        return ""
    if expected.seconds_high < 60:
        return f"{_between(round(expected.seconds_low), round(expected.seconds_high))} s"
    low, high = (max(1, round(seconds / 60)) for seconds in (expected.seconds_low, expected.seconds_high))
    return f"{_between(low, high)} min"


def _between(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"
