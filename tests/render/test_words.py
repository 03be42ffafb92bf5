from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.answer import Cost
from pplx_jupyter.render import words

UTC = datetime.UTC
THEN = datetime.datetime(2026, 11, 19, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "exact", "said"),
    [
        (0.8153, False, "0.82 USD"),
        (0.8153, True, "0.8153 USD"),
        (0.0052, False, "0.0052 USD"),
        (0.0, False, "0.00 USD"),
        (0.00002, False, "under 0.0001 USD"),
        (1234.5, False, "1,234.50 USD"),
        (None, False, "cost unknown"),
        (float("nan"), False, "cost unknown"),
    ],
)
def test_money(amount: float | None, exact: bool, said: str) -> None:
    assert words.money(amount, exact=exact) == said


def test_money_of_tells_estimates_and_unknowns() -> None:
    assert words.money_of(Cost(0.39, estimated=True)) == "≈ 0.39 USD (estimated)"
    assert words.money_of(Cost(0.39)) == "0.39 USD"
    assert words.money_of(Cost(None, estimated=True)) == "cost unknown"


def test_money_range() -> None:
    assert words.money_range(0.45, 1.1) == "0.45–1.10 USD"
    assert words.money_range(0.452, 0.451) == "0.45 USD"


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (12, "12 s", "0:12"),
        (252.9, "4 min 12 s", "4:12"),
        (240, "4 min", "4:00"),
        (3780, "1 h 3 min", "1:03:00"),
        (-5, "0 s", "0:00"),
        (float("inf"), "0 s", "0:00"),
    ],
)
def test_lengths_of_time(seconds: float, long: str, short: str) -> None:
    assert words.duration(seconds) == long
    assert words.clock(seconds) == short


def test_dates_name_month_and_offset() -> None:
    cet = THEN.astimezone(datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)))
    assert words.day_time(THEN) == "19 Nov 2026, 9:12"
    assert words.day_time(THEN, seconds=True, offset=True) == "19 Nov 2026, 9:12:00 +00:00"
    assert words.day_time(cet, offset=True) == "19 Nov 2026, 5:42 -03:30"
    assert words.time_of_day(THEN) == "9:12:00"
    assert words.iso_day("2026-02-12") == "12 Feb 2026"
    assert words.iso_day("2026-02-12T10:00:00Z") == "12 Feb 2026"
    assert words.iso_day("last spring") == "last spring"
    assert words.iso_day("2026-13-01") == "2026-13-01"
    assert words.iso_day(None) == ""


@pytest.mark.parametrize(
    ("delta", "said"),
    [
        ({"days": 3, "hours": 5}, "3 days before"),
        ({"days": 1}, "1 day before"),
        ({"hours": 5}, "5 hours before"),
        ({"minutes": 1}, "1 minute before"),
        ({"seconds": 4}, "less than a minute before"),
        ({"seconds": -4}, ""),
    ],
)
def test_age(delta: dict[str, int], said: str) -> None:
    assert words.age(THEN, THEN + datetime.timedelta(**delta)) == said


def test_counts_and_times() -> None:
    assert [words.count(n, "source") for n in (0, 1, 1200)] == ["0 sources", "1 source", "1,200 sources"]
    assert words.count(2, "search") == "2 searches"
    assert words.count(2, "reply") == "2 replies"
    assert [words.times(n) for n in (1, 2, 6)] == ["once", "twice", "6 times"]


def test_plain_drops_what_hides_or_reorders() -> None:
    assert words.plain("a\x00\x1b[31mb\u202ec\u2066d\x85\te\nf") == "a[31mbcd\te\nf"
    assert words.plain("a\r\nb\rc\u2028d") == "a\nb\nc\nd"
    assert words.plain("\ud800x") == "\ufffdx"


def test_code_span_outlasts_its_ticks() -> None:
    assert words.code_span("a") == "`a`"
    assert words.code_span("`a``b") == "``` `a``b ```"


def test_keep_glues_numbers_to_units() -> None:
    assert (
        words.keep("4 min 12 s, 0.82 USD, 22 Nov 2026") == "4\xa0min 12\xa0s, 0.82\xa0USD, 22\xa0Nov\xa02026"
    )


@given(st.text(), st.integers(2, 50))
def test_shortened_text_keeps_the_limit(text: str, limit: int) -> None:
    assert len(words.one_line(text, limit)) <= limit
    assert "\n" not in words.one_line(text)
    words.plain(text).encode()
