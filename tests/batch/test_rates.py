"""What refusals teach of an account's pace: no clock, no network."""

from __future__ import annotations

import dataclasses
import json

from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.ledger.gate import Gate
from pplx_jupyter.ledger.rates import WINDOW, Rate, Sent, free_at, learnt, room

NOW = 1_000_000.0
NONE = Sent(0, 0, None)


def test_an_unknown_account_begins_slowly_and_doubles() -> None:
    assert room(None, NONE, NOW) == 5
    assert room(None, Sent(5, 0, NOW), NOW) == 0
    assert room(None, Sent(5, 5, NOW), NOW) == 5
    assert room(None, Sent(40, 40, NOW), NOW) == 40


def test_a_question_asked_by_itself_is_not_slowed_before_a_refusal() -> None:
    assert free_at(None, Sent(100, 0, NOW), NOW) == NOW


def test_a_refusal_teaches_what_was_accepted_and_for_how_long() -> None:
    rate = learnt(None, Sent(7, 5, NOW - 10), NOW, NOW + 50)
    assert (rate.allowed, rate.window, rate.until) == (5, 60.0, NOW + 50)
    assert room(rate, Sent(0, 0, None), NOW + 49) == 0, "not before the service said"
    assert room(rate, Sent(2, 2, NOW), NOW + 51) == 3
    assert free_at(rate, Sent(5, 5, NOW + 1), NOW + 51) == NOW + 61
    assert free_at(rate, Sent(5, 5, NOW + 1), NOW + 20) == NOW + 50


def test_one_that_says_nothing_is_waited_for() -> None:
    rate = learnt(None, Sent(3, 3, NOW - 1), NOW, None)
    assert (rate.allowed, rate.window) == (3, WINDOW)
    assert rate.until > NOW


def test_a_burst_of_refusals_is_one() -> None:
    first = learnt(None, Sent(10, 5, NOW - 1), NOW, NOW + 30)
    second = learnt(first, Sent(9, 0, NOW - 1), NOW + 0.5, None)
    assert (second.allowed, second.window, second.until) == (5, first.window, first.until)


def test_a_refusal_noted_by_a_clock_that_ran_ahead_teaches_nothing() -> None:
    ahead = learnt(None, Sent(5, 5, NOW), NOW + 400 * 86_400, NOW + 400 * 86_400 + 2)
    assert free_at(ahead, NONE, NOW) == NOW
    assert room(ahead, NONE, NOW) == 5
    # Clocks of two machines differ by a little.
    assert free_at(learnt(None, Sent(5, 5, NOW), NOW + 5, NOW + 30), NONE, NOW) == NOW + 30


def test_without_refusals_more_is_tried_in_time() -> None:
    rate = learnt(None, Sent(5, 5, NOW - 10), NOW, NOW + 50)
    assert room(rate, NONE, NOW + 299) == 5
    assert room(rate, NONE, NOW + 301) == 10


@given(
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.floats(0, 2e9),
    st.none() | st.floats(0, 2e9),
    st.none() | st.floats(0, 2e9),
)
def test_whatever_is_told_some_question_may_leave_in_the_end(
    count: int, accepted: int, now: float, told: float | None, oldest: float | None
) -> None:
    rate = learnt(None, Sent(count, accepted, oldest), now, told)
    assert rate.allowed >= 1
    assert 1.0 <= rate.window <= WINDOW
    assert room(rate, NONE, max(now, rate.until)) >= 1
    assert Rate.from_text(rate.to_text()) == rate
    assert dataclasses.replace(rate, allowed=3).allowed == 3


def test_what_a_newer_version_keeps_besides_is_left_out() -> None:
    assert Gate.from_text('{"at_once": 3, "paused": "user", "of a newer version": 1}') == Gate(3, "user")
    rate = Rate(5, 60.0, NOW, NOW + 30)
    newer = json.dumps({**json.loads(rate.to_text()), "of a newer version": 1})
    assert Rate.from_text(newer) == rate
