"""How long a job took is one notion, in Python as in SQL: what it waited for its turn is not in it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger.expected import expected
from pplx_jupyter.ledger.times import began, elapsed, sent_at, took
from pplx_jupyter.rows import receipt_of
from tests.asking import intend

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.ledger import Draft, Row
    from pplx_jupyter.ledger.sqlite import SqliteLedger

ASKED = 1_790_000_000.0
URL = "http://service.test"


@pytest.fixture
def job(ledger: SqliteLedger, draft: Callable[..., Draft]) -> Callable[..., Row]:
    """Give a job that was answered 60 s after the asking; times are seconds after it, too."""
    numbers = itertools.count()

    def make(
        *, batch: str = "", state: str = "completed", settled: float | None = 60.0, **sent: float
    ) -> Row:
        row, _ = intend(ledger, draft(f"q{next(numbers)}", model="m", effort="high", batch=batch))
        times = {f"{name}_at": ASKED + seconds for name, seconds in sent.items()}
        end = None if settled is None else ASKED + settled
        changes: dict[str, Any] = {
            "state": state,
            "cost": 0.4,
            "created_at": ASKED,
            "settled_at": end,
            **times,
        }
        found = ledger.write(row.id, changes)
        assert found is not None
        return found

    return make


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [
        ({"sending": 58.0, "accepted": 58.4}, 2.0),  # after a pause
        ({"sending": 1.0, "accepted": 40.0}, 59.0),  # sent again: the first may have arrived
        ({"accepted": 50.0}, 10.0),  # adopted, or of a ledger from before
        ({}, 60.0),
        ({"sending": 70.0}, 0.0),  # a clock that was set back
    ],
)
def test_the_time_at_the_service_is_the_same_in_python_and_in_sql(
    ledger: SqliteLedger, job: Callable[..., Row], sent: dict[str, float], seconds: float
) -> None:
    row = job(**sent)
    assert took(row) == seconds
    assert [past.seconds for past in ledger.past(URL, "sonar", "m", "high", 9)] == [seconds]


def test_what_is_usual_knows_nothing_of_a_queue(ledger: SqliteLedger, job: Callable[..., Row]) -> None:
    for n in range(8):
        job(batch="b", sending=100.0 * n, accepted=100.0 * n, settled=100.0 * n + 2)
    usual = expected(ledger.past(URL, "sonar", "m", "high", 200), "sonar", "m")
    assert (usual.seconds_low, usual.seconds_high, usual.longest) == (2.0, 2.0, 2.0)
    plan = [tuple(each) for each in ledger._file.all(f"EXPLAIN QUERY PLAN {_past_sql(ledger)}", ())]
    assert any(
        "INDEX jobs_past (base_url=? AND backend=? AND asked_model=? AND effort=?" in str(each)
        for each in plan
    )
    assert not any("TEMP B-TREE" in str(each) for each in plan)


def _past_sql(ledger: SqliteLedger) -> str:
    """Give the query as SQLite saw it."""
    seen: list[str] = []
    db = ledger._file.connection()
    db.set_trace_callback(seen.append)
    ledger.past(URL, "sonar", "m", "high", 200)
    db.set_trace_callback(None)
    return next(each for each in seen if "jobs_past" in each)


def test_a_row_of_a_batch_shows_its_own_time_and_a_job_asked_alone_what_somebody_waited(
    job: Callable[..., Row],
) -> None:
    row, alone = job(batch="b", sending=58.0), job(sending=58.0)
    assert (elapsed(row), elapsed(alone)) == (2.0, 60.0)
    for each in (row, alone):
        assert receipt_of(each).elapsed == elapsed(each)


def test_what_never_left_has_no_time(job: Callable[..., Row]) -> None:
    dropped = job(batch="b", state="cancelled")
    assert (sent_at(dropped), elapsed(dropped), receipt_of(dropped).elapsed) == (None, None, None)
    assert began(dropped) == ASKED
    waiting = job(batch="b", state="submitting", settled=None)
    assert elapsed(waiting, ASKED + 9) is None
    running = job(batch="b", state="running", settled=None, sending=5.0)
    assert (elapsed(running, ASKED + 9), took(running, ASKED + 9)) == (4.0, 4.0)
    unconfirmed = job(state="unconfirmed", settled=None, sending=5.0)
    assert elapsed(unconfirmed, ASKED + 9) is None
