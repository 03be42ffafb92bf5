from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.ledger.expected import ASSUMED_HIGH, Expected, Past, expected, expected_of

amounts = st.floats(0.0, 1e6)
pasts = st.lists(st.builds(Past, amounts, st.floats(0.0, 1e7)), min_size=5, max_size=210)


def slow_percentile(values: list[float], percent: int) -> float:
    """Give the smallest value that at least `percent` of 100 values do not exceed."""
    return min(x for x in values if 100 * sum(y <= x for y in values) >= percent * len(values))


@given(pasts)
def test_the_range_is_the_nearest_rank_median_and_ninth_decile(past: list[Past]) -> None:
    found = expected(past, "sonar", "sonar-deep-research")
    costs, times = [job.cost for job in past], [job.seconds for job in past]
    assert (found.low, found.high) == (slow_percentile(costs, 50), slow_percentile(costs, 90))
    assert (found.seconds_low, found.seconds_high) == (slow_percentile(times, 50), slow_percentile(times, 90))
    assert (found.longest, found.jobs, found.set_aside) == (max(times), len(past), found.high)


@given(pasts, st.randoms())
def test_the_order_of_the_past_does_not_matter(past: list[Past], random: object) -> None:
    shuffled = list(past)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert expected(past, "agent", "m") == expected(shuffled, "agent", "m")


@pytest.mark.parametrize("jobs", range(5))
def test_with_less_than_five_jobs_the_published_range_holds(jobs: int) -> None:
    past = [Past(9.0, 9.0)] * jobs
    published = expected(past, "sonar", "sonar-deep-research")
    assert (published.low, published.high, published.jobs) == (0.40, 1.30, 0)
    for backend, model in (("agent", "sonar-deep-research"), ("sonar", "sonar-pro"), ("sonar", "")):
        unknown = expected(past, backend, model)
        assert unknown == Expected()
        assert unknown.set_aside == ASSUMED_HIGH, "a budget must hold something back for what nobody knows"
    assert expected([Past(9.0, 9.0)] * 5, "agent", "m").high == 9.0


@given(pasts)
def test_a_row_keeps_it_as_json(past: list[Past]) -> None:
    found = expected(past, "sonar", "sonar-deep-research")
    kept = json.loads(json.dumps(found.to_json()))
    assert expected_of(kept, "agent", "another") == found
    assert expected_of({**kept, "yes": True, "of_a_later_version": 1}, "agent", "another") == found


def test_a_row_that_kept_no_range_has_the_published_one() -> None:
    for kept in ({}, {"yes": True}, Expected().to_json()):
        assert expected_of(kept, "sonar", "sonar-deep-research") == expected(
            (), "sonar", "sonar-deep-research"
        )
        assert expected_of(kept, "agent", "sonar-deep-research").set_aside == ASSUMED_HIGH


def test_free_jobs_set_nothing_aside() -> None:
    found = expected([Past(0.0, 1.0)] * 5, "sonar", "m")
    assert (found.set_aside, math.copysign(1, found.set_aside)) == (0.0, 1.0)
