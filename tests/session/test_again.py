"""Buying again what gave no answer: once, and not what came of it meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter import Batch, research_map
from pplx_jupyter.batch.deciding import Asking
from pplx_jupyter.batch.questions import questions_of, read_table
from pplx_jupyter.errors import RequestError
from pplx_jupyter.job import Job, attach
from pplx_jupyter.ledger import OPEN
from pplx_jupyter.ledger.budgets import day_of
from pplx_jupyter.ledger.gate import PARKED, is_parked

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator
    from tests.asking import Asker

    Ask = Callable[..., Asker]

PROMPT = "Who owns {{ company }} today?"


def failed_twice(ask: Ask, sim: Simulator) -> tuple[Asker, Job, Job]:
    """Give a job, and the failed one that asked its question anew."""
    asker = ask(sim)
    first = asker.job("Why?")
    asker.end(first)
    sim.add_fault("fail@post")
    anew = asker.job("Why?", refresh=True)
    assert asker.end(anew) == "failed"
    return asker, first, anew


@pytest.mark.parametrize(
    ("state", "serves"), [("running", True), ("completed", True), ("unconfirmed", False)]
)
def test_what_came_of_the_question_since_is_taken(ask: Ask, sim: Simulator, state: str, serves: bool) -> None:
    asker, first, anew = failed_twice(ask, sim)
    seen = anew.row
    now = time.time() + 5
    late = {"state": state, "settled_at": now if state == "completed" else None, "due_at": now + 9000}
    asker.session.ledger.write(first.id, late)
    before = len(asker.session.ledger.jobs())
    again = anew.retry()
    assert (again.id == first.id) == serves
    assert len(asker.session.ledger.jobs()) == before + (not serves)
    assert seen.id != again.id


def test_an_older_answer_is_not_what_a_retry_asks_for(ask: Ask, sim: Simulator) -> None:
    _, first, anew = failed_twice(ask, sim)
    assert anew.retry().id not in {first.id, anew.id}


def test_a_row_that_was_sent_once_more_elsewhere_is_not_bought_again(ask: Ask, sim: Simulator) -> None:
    asker, _, anew = failed_twice(ask, sim)
    session = asker.session
    seen = session.ledger.write(anew.id, {"accepted_at": None, "sending_at": None})
    assert seen is not None
    # Another window has sent it once more, under the same id; its reply was lost.
    session.ledger.write(anew.id, {"idempotency_key": "another", "state": "unconfirmed", "sending_at": 5.0})
    submitted = session.submit(anew.request, retry_of=seen)
    assert (submitted.row.id, submitted.row.state, submitted.created) == (anew.id, "unconfirmed", False)


def test_no_word_names_no_job(ask: Ask, sim: Simulator) -> None:
    asker = ask(sim)
    asker.end(asker.job("Why?"))
    for word in ("\ufeff", "\u200e", "\u2066"):
        with pytest.raises(RequestError, match="no job"):
            attach(word, session=asker.session)


def companies(count: int) -> list[dict[str, Any]]:
    return [{"company": f"company {n}"} for n in range(count)]


def test_a_paused_batch_sends_nothing_that_has_not_left(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    batch = research_map(PROMPT, companies(3), session=session, at_once=1)
    until(lambda: len(still.bill.jobs) == 1)
    waiting = next(job for job in batch.jobs if job and is_parked(job.row.due_at))
    # Let out, and refused as one too many: it would leave in a minute.
    session.ledger.write(waiting.id, {"due_at": time.time() + 3000})
    batch.pause()
    assert session.ledger.get(waiting.id).due_at == PARKED  # type: ignore[union-attr]
    batch.cancel()


def test_a_row_that_is_called_up_by_itself_counts_today(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    batch = research_map(PROMPT, companies(2), session=session, at_once=1)
    until(lambda: len(still.bill.jobs) == 1)
    waiting = next(job for job in batch.jobs if job and is_parked(job.row.due_at))
    session.ledger.write(waiting.id, {"day": "2026-01-31"})
    session.ask_now(waiting.id)
    until(lambda: len(still.bill.jobs) == 2)
    assert waiting.row.day == day_of(time.time())
    batch.cancel()


def test_a_run_without_refresh_in_between_forgets_nothing(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    asked = [*companies(2), {"company": "slow seconds:90000"}, {"company": "late seconds:90000"}]
    first = research_map(PROMPT, asked, session=session, refresh=True, at_once=3)
    until(lambda: len(still.bill.jobs) == 3)
    first.pause()
    still.advance(10_000)
    until(lambda: len(session.ledger.jobs(states=OPEN)) == 2)
    research_map(PROMPT, asked, session=session)
    until(lambda: len(still.bill.jobs) == 4)
    table = read_table(asked)
    again = Batch(session, PROMPT, table, questions_of(PROMPT, table, {}), Asking(refresh=True))
    assert (again.plan.new, again.plan.answered, again.plan.under_way) == (0, 2, 2)
    first.cancel()


def test_a_look_amid_a_submit_leaves_no_row_behind(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    table = read_table(companies(2))
    batch = Batch(session, PROMPT, table, questions_of(PROMPT, table, {}), Asking())
    batch.ask(first=1)
    until(lambda: len(still.bill.jobs) == 1)
    submit_all = session.submit_all

    def slow(*args: Any, **rest: Any) -> Any:
        found = submit_all(*args, **rest)
        until(lambda: len(still.bill.jobs) == 2)
        still.advance(10_000)
        until(lambda: not session.ledger.jobs(states=OPEN))
        batch.refresh()
        return found

    session.submit_all = slow  # type: ignore[method-assign]
    batch.ask()
    batch.wait(5)
    assert batch.tally.words["done"] == 2
