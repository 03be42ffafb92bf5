from __future__ import annotations

import dataclasses
import datetime
import math
import re
import time
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pplx_jupyter.ledger.budgets import (
    DEFAULT_AMOUNT,
    PERIODS,
    Budget,
    Refusal,
    Sums,
    day_of,
    first_refusal,
    keys_of,
    limits_of,
    sums_of,
)
from pplx_jupyter.ledger.records import Row

DAY = "2026-11-22"
BILLION = 1_000_000_000


def row(state: str = "completed", **changes: Any) -> Row:
    values: dict[str, Any] = {
        "id": "7f3a9c", "seq": 1, "state": state, "fingerprint": "v1:x", "request": {}, "base_url": "http://s.test",
        "account": "me", "backend": "sonar", "pinned": False, "model": "m", "effort": "", "question": "q",
        "name": "", "notebook": "a.ipynb", "cell": "", "filled": {}, "idempotency_key": "k", "created_at": 1.0,
        "sending_at": 2.0, "accepted_at": 3.0, "settled_at": 4.0, "due_at": 1.0, "tries": 0, "owner": "",
        "remote_id": "", "remote_status": "", "request_id": "", "moved": False, "cancel": "", "trouble": None,
        "failure": None, "progress": {}, "cost": None, "cost_estimated": False, "day": DAY,
        "asked_model": "sonar-deep-research", "expected": {"low": 0.45, "high": 1.1, "jobs": 9},
    }  # fmt: skip
    return Row(**(values | changes))


# -- what a row adds


@pytest.mark.parametrize(
    ("state", "changes", "sums"),
    [
        ("completed", {"cost": 0.82}, Sums(jobs=1, reported=820_000_000)),
        ("incomplete", {"cost": 0.1, "cost_estimated": True}, Sums(jobs=1, estimated=100_000_000)),
        ("failed", {"cost": 0.3}, Sums(jobs=1, reported=300_000_000)),
        ("completed", {"cost": 0.0}, Sums(jobs=1)),
        ("running", {}, Sums(jobs=1, running=1, running_low=450_000_000, running_high=1_100_000_000)),
        # Set aside from the intent on: two that ask at once must not both fit.
        (
            "submitting",
            {"sending_at": None, "accepted_at": None},
            Sums(jobs=1, running=1, running_low=450_000_000, running_high=1_100_000_000),
        ),
        ("unconfirmed", {"accepted_at": None}, Sums(jobs=1, unknown=1, unknown_high=1_100_000_000)),
        ("completed", {}, Sums(jobs=1, unknown=1, unknown_high=1_100_000_000)),
        ("cancelled", {}, Sums(jobs=1, unknown=1, unknown_high=1_100_000_000)),
        ("expired", {"expected": {}}, Sums(jobs=1, unknown=1, unknown_high=1_300_000_000)),
        ("failed", {"sending_at": None, "accepted_at": None}, Sums()),
        ("cancelled", {"sending_at": None, "accepted_at": None}, Sums()),
        (
            "completed",
            {"cost": 0.82, "lost": 2},
            Sums(jobs=3, reported=820_000_000, unknown=2, unknown_high=2_200_000_000),
        ),
    ],
)
def test_what_a_row_adds(state: str, changes: dict[str, Any], sums: Sums) -> None:
    assert sums_of(row(state, **changes)) == sums


@given(st.floats(), st.booleans(), st.integers(0, 5), st.floats())
@example(1e308, False, 0, math.inf)
@example(math.nan, True, 1, math.nan)
@example(-5.0, False, 0, -1.0)
def test_no_cost_of_a_hostile_body_breaks_a_sum(cost: float, estimated: bool, lost: int, high: float) -> None:
    for state in ("completed", "running"):
        sums = sums_of(row(state, cost=cost, cost_estimated=estimated, lost=lost, expected={"high": high}))
        assert all(value >= 0 for value in sums.values())
        assert {type(value) for value in sums.values()} == {int}
        assert sum(sums.values()) * 500 < 2**63, "hundreds of such jobs still fit a column"


def test_sums_add_up_without_a_rest() -> None:
    tenth = Sums(jobs=1, reported=BILLION // 10)
    three = tenth + tenth + tenth
    assert (three.spent, three - tenth - tenth - tenth) == (0.3, Sums())
    both = Sums(reported=BILLION, estimated=BILLION, running_high=2 * BILLION, unknown_high=BILLION)
    assert (both.spent, both.set_aside, both.dollars("estimated")) == (2.0, 3.0, 1.0)


def test_a_day_is_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    midnight = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC).timestamp()
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert (day_of(midnight - 3601), day_of(midnight - 3600)) == ("2026-11-21", "2026-11-22")
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("seconds", [-1e300, 1e300, math.inf, math.nan])
def test_a_time_that_no_clock_tells_is_some_day(seconds: float) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", day_of(seconds))


def test_the_totals_of_a_question() -> None:
    assert keys_of("a.ipynb", DAY, "r1", "m") == {
        "notebook": "a.ipynb", "day": DAY, "month": "2026-11", "total": "",
        "notebook day": f"{DAY} a.ipynb", "model": "m", "run": "r1",
    }  # fmt: skip
    assert "run" not in keys_of("", DAY, "")


# -- which budgets hold

HERE = keys_of("a.ipynb", DAY, "")


def test_ten_dollars_hold_a_notebook_and_day_until_something_is_set() -> None:
    (default,) = limits_of(HERE, [], None)
    assert default == Budget("notebook day", f"{DAY} a.ipynb", DEFAULT_AMOUNT, "default")
    (found,) = limits_of(HERE, [Budget("month", "", 60.0)], None)
    assert found == Budget("month", "2026-11", 60.0, "set")
    (setting,) = limits_of(HERE, [], 3.0)
    assert setting == Budget("notebook day", f"{DAY} a.ipynb", 3.0, "setting")
    assert limits_of(HERE, [], 0.0)[0].amount == 0.0, "nothing may be spent"


def test_a_notebooks_budget_is_not_anothers() -> None:
    other = Budget("notebook", "b.ipynb", 1.0)
    assert [limit.source for limit in limits_of(HERE, [other], None)] == ["default"]
    mine = Budget("notebook", "a.ipynb", 1.0)
    assert limits_of(HERE, [other, mine], None) == [mine]


def test_a_run_has_its_own_setting_and_a_persons_budgets_hold_too() -> None:
    keys = keys_of("a.ipynb", DAY, "r1")
    found = limits_of(keys, [Budget("total", "", 100.0)], 5.0)
    assert [(limit.scope, limit.key, limit.amount) for limit in found] == [("total", "", 100.0), ("run", "r1", 5.0)]  # fmt: skip


def test_a_period_of_a_later_version_is_passed_over() -> None:
    assert [b.source for b in limits_of(HERE, [Budget("week", "", 1.0)], None)] == ["default"]


# -- what does not fit


def sums(spent: float = 0.0, running: float = 0.0, unknown: float = 0.0) -> Sums:
    return Sums(jobs=1, reported=round(spent * BILLION), running=bool(running), running_high=round(running * BILLION),
                unknown=bool(unknown), unknown_high=round(unknown * BILLION))  # fmt: skip


def test_what_runs_and_what_is_unknown_count_at_their_high_end() -> None:
    limit = Budget("notebook", "a.ipynb", 5.0)
    fits = {"notebook": sums(4.2, 0.4, 0.3)}
    assert first_refusal([limit], fits, 0.05, 0.1) is None, "to the last cent"
    refusal = first_refusal([limit], fits, 0.05, 0.11)
    assert refusal is not None
    assert refusal.left == pytest.approx(0.1)
    assert first_refusal([limit], fits, None, 0.2, freed=0.1) is None, "what is kept for it already"
    assert first_refusal([limit], {}, None, 5.0) is None
    assert first_refusal([], fits, None, 1e9) is None


def test_the_budget_that_is_missed_by_most_is_named() -> None:
    limits = [Budget("notebook", "a.ipynb", 1.0), Budget("month", "2026-11", 2.0)]
    totals = {"notebook": sums(0.9), "month": sums(2.5)}
    refusal = first_refusal(limits, totals, 0.4, 0.5)
    assert refusal is not None
    assert (refusal.budget.scope, refusal.left) == ("month", 0.0)


dollars = st.one_of(st.floats(0.0, 1e6), st.floats(0.0, 20.0), st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, 10.0]))  # fmt: skip
totals_of = st.builds(sums, dollars, dollars, dollars)


def follow(
    remedy: str, person: list[Budget], setting: float | None, *, is_run: bool
) -> tuple[list[Budget], float | None]:
    """Do what a remedy says, as a person would."""
    if found := re.fullmatch(r"%pplx budget (\d+\.\d\d) --per (\w+)", remedy):
        assert found[2] in PERIODS
        key = "a.ipynb" if found[2] == "notebook" else ""
        kept = [each for each in person if (each.scope, each.key) != (found[2], key)]
        return [*kept, Budget(found[2], key, float(found[1]))], setting
    config = re.fullmatch(r"--budget (\d+)" if is_run else r"%config PplxResearch\.budget = (\d+)", remedy)
    assert config is not None, remedy
    return person, float(config[1])


@given(
    st.dictionaries(st.sampled_from(PERIODS), dollars),
    st.none() | dollars,
    st.fixed_dictionaries(dict.fromkeys((*PERIODS, "notebook day", "run"), totals_of)),
    dollars,
    st.booleans(),
)
def test_following_the_remedies_makes_the_question_fit(
    amounts: dict[str, float], setting: float | None, totals: dict[str, Sums], high: float, is_run: bool
) -> None:
    keys = keys_of("a.ipynb", DAY, "r1" if is_run else "")
    person = [
        Budget(scope, "a.ipynb" if scope == "notebook" else "", each) for scope, each in amounts.items()
    ]
    limits = limits_of(keys, person, setting)
    steps = 0
    while refusal := first_refusal(limits, totals, None, high):
        refusal = dataclasses.replace(refusal, day=totals["day"])
        # The default makes way for a budget of the day.
        missed = "day" if refusal.budget.source == "default" else refusal.budget.scope
        person, setting = follow(refusal.remedy, person, setting, is_run=is_run)
        limits = limits_of(keys, person, setting)
        assert all(
            found.budget.scope != missed
            for limit in limits
            if (found := first_refusal([limit], totals, None, high))
        ), "that budget is raised far enough"
        steps += 1
        assert steps <= 6, "each remedy settles one budget"
    again = first_refusal(limits, totals, None, high)
    assert again is None


@given(dollars, totals_of, dollars)
def test_a_question_is_refused_exactly_where_it_could_pass(amount: float, total: Sums, high: float) -> None:
    limit = Budget("total", "", amount)
    needed = total.spent + total.set_aside + high
    assume(abs(needed - amount) > 1e-6)
    assert (first_refusal([limit], {"total": total}, None, high) is not None) == (needed > amount)


budgets = st.builds(
    Budget,
    st.sampled_from([*PERIODS, "notebook day", "run"]),
    st.just(""),
    dollars,
    st.sampled_from(["set", "setting", "default"]),
)


@given(st.builds(Refusal, budgets, totals_of, st.none() | dollars, dollars))
def test_the_line_is_one_and_says_what_to_do(refusal: Refusal) -> None:
    line = refusal.line()
    assert "\n" not in line
    assert line.startswith("it could pass the budget of this ")
    assert "--yes" in line
    assert "Raise the budget: " in line
    assert line.endswith("Nothing was sent.")


def test_the_words() -> None:
    refusal = Refusal(Budget("notebook", "a.ipynb", 5.0), sums(4.2, 0.42), 0.45, 1.1)
    assert refusal.line() == (
        "it could pass the budget of this notebook, 5.00 USD: spent 4.20, set aside 0.42, left 0.38; this question usually"
        " costs 0.45–1.10 USD. Ask it this once: --yes (in Python yes=True). Raise the budget: %pplx budget 6.00 --per notebook. Nothing was sent."
    )
    setting = Refusal(Budget("notebook day", "", 0.004, "setting"), Sums(), None, 1.3)
    assert setting.line() == (
        "it could pass the budget of this notebook and day, 0.0040 USD: spent 0.00, set aside 0.00, left 0.0040; this question has"
        " no usual cost yet, and 1.30 USD are set aside for such a one. Ask it this once: --yes (in Python yes=True). Raise the budget:"
        " %config PplxResearch.budget = 2 (outside a notebook PPLX_JUPYTER_BUDGET=2). Nothing was sent."
    )
    run = Refusal(Budget("run", "r", 1.0, "setting"), Sums(), None, 1.3)
    assert "Raise the budget: --budget 2. Nothing was sent." in run.line()
