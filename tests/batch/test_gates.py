"""Batches that ask the same, that were paused, or are asked wrongly: a click sends what it said, and none waits for ever."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter import research, research_map
from pplx_jupyter.batch.asking import make_batch
from pplx_jupyter.batch.deciding import Asking
from pplx_jupyter.errors import LedgerError, RequestError
from pplx_jupyter.ledger.gate import Gate
from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.settings import Settings
from tests.batch.test_batch import PROMPT, companies, prompts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.batch import Batch
    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

    Until = Callable[..., None]
    MakeSession = Callable[..., Session]
    Looks = Callable[[Session], None]


def planned(session: Session, count: int, **how: Any) -> Batch:
    return make_batch(session, PROMPT, companies(count), Asking(**how), {})


@pytest.fixture
def paused(still: Simulator, make_session: MakeSession, until: Until) -> Batch:
    """Give a batch of eight rows, of which two were sent before it was paused."""
    batch = research_map(PROMPT, companies(8), session=make_session(still), at_once=2)
    until(lambda: len(still.bill.jobs) == 2)
    batch.pause()
    return batch


def test_rows_of_a_paused_batch_stand_on_the_button_that_sends_them(
    paused: Batch, still: Simulator, until: Until, looks: Looks
) -> None:
    more = planned(paused.session, 9, at_once=10)
    plan = more.plan
    assert (plan.new, plan.paused, plan.under_way) == (7, 6, 2)
    assert "6 wait in a batch that was paused, and would go on, 1 is new" in plan.details
    assert plan.range == "2.80–9.10 USD"
    assert len(more.new_prompts) == 7
    more.ask(first=3)
    until(lambda: len(still.bill.jobs) == 5)
    looks(paused.session)
    assert len(still.bill.jobs) == 5, "the other four still wait where they were"
    more.ask()
    still.advance(1000)
    until(lambda: len(still.bill.jobs) == 9)
    assert max(prompts(still).values()) == 1


def test_fewer_rows_of_a_paused_batch_are_sent_by_a_click_alone(paused: Batch) -> None:
    fewer = planned(paused.session, 5)
    assert (fewer.plan.new, fewer.plan.paused) == (3, 3)


def test_the_same_rows_again_bring_the_paused_batch_back(
    paused: Batch, still: Simulator, looks: Looks
) -> None:
    same = planned(paused.session, 8, at_once=2)
    assert (same.plan.new, same.plan.under_way) == (0, 8)
    same.ask(resume=False)
    looks(paused.session)
    assert same.paused == "user"
    assert len(still.bill.jobs) == 2


def test_rows_that_two_batches_ask_obey_the_button_that_was_clicked_last(
    paused: Batch, still: Simulator, make_session: MakeSession, until: Until, looks: Looks
) -> None:
    other = planned(make_session(still), 6, at_once=2)
    other.ask()
    other.pause()
    paused.refresh()
    assert paused.paused == "user"
    paused.resume()

    def is_over() -> bool:
        still.advance(1000)
        paused.refresh()
        return paused.is_over

    until(is_over)
    assert paused.tally.words["done"] == 8
    other.refresh()
    assert other.is_over
    assert max(prompts(still).values()) == 1
    again = planned(paused.session, 8)
    assert again.plan.new == 0


def test_a_pause_holds_what_another_batch_had_taken(
    paused: Batch, still: Simulator, make_session: MakeSession, looks: Looks
) -> None:
    other = planned(make_session(still), 8, at_once=2)
    other.ask()
    assert other.paused == ""
    paused.refresh()
    paused.pause()
    other.refresh()
    assert other.paused == "user"
    still.advance(1000)
    looks(paused.session)
    assert len(still.bill.jobs) == 2


@pytest.mark.parametrize("wrong", [2.5, "5", None, 0, True, 1001])
def test_how_many_at_once_is_a_whole_number(sim: Simulator, make_session: MakeSession, wrong: Any) -> None:
    with pytest.raises(
        RequestError, match=r"^at_once .*write a whole number from 1 to 1000.*Nothing was sent"
    ):
        research_map(PROMPT, companies(2), session=make_session(sim), at_once=wrong)
    assert sim.bill.jobs == []


@pytest.mark.parametrize("wrong", [0, "2", 1.5])
def test_how_many_first_is_a_whole_number(sim: Simulator, make_session: MakeSession, wrong: Any) -> None:
    with pytest.raises(RequestError, match=r"^first .*write a whole number, 1 or more"):
        planned(make_session(sim), 3).ask(first=wrong)
    assert sim.bill.jobs == []


@pytest.mark.parametrize("switch", ["refresh", "retry_failed", "yes"])
def test_a_switch_is_true_or_false(sim: Simulator, make_session: MakeSession, switch: str) -> None:
    session = make_session(sim)
    given: dict[str, Any] = {switch: "no"}
    research_map(PROMPT, companies(1), session=session).wait(20)
    with pytest.raises(RequestError, match=f"^{switch} “no”: choose True or False. Nothing was sent"):
        research_map(PROMPT, companies(1), session=session, **given)
    with pytest.raises(RequestError, match="choose True or False"):
        Settings(retry_failed="no")  # type: ignore[arg-type]
    assert len(sim.bill.jobs) == 1


def test_a_gate_that_was_written_wrongly_stops_nobody(
    still: Simulator, make_session: MakeSession, until: Until
) -> None:
    session = make_session(still)
    batch = research_map(PROMPT, companies(4), session=session, at_once=2)
    until(lambda: len(still.bill.jobs) == 2)
    session.ledger.set_gate(batch.id, Gate(2.5))  # type: ignore[arg-type]
    still.advance(1000)
    until(lambda: len(still.bill.jobs) == 4)


def test_a_batch_whose_turn_cannot_be_told_does_not_stop_the_other_jobs(
    sim: Simulator, make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> int:
        raise LedgerError("the ledger cannot be used: datatype mismatch")

    monkeypatch.setattr(SqliteLedger, "release", broken)
    assert research("What else?", session=make_session(sim)).wait(20).text


def test_what_was_paid_for_a_row_that_is_asked_anew_stays_in_the_sum(
    sim: Simulator, make_session: MakeSession
) -> None:
    nothing = {"type": "integer", "not": {"type": "integer"}}
    schema = {"type": "object", "properties": {"n": nothing}, "required": ["n"]}
    batch = research_map(PROMPT, companies(2), session=make_session(sim), schema=schema)
    assert set(batch.wait(20)["state"]) == {"invalid"}
    assert batch.cost.total == pytest.approx(sim.bill.total)
    assert batch.retry_failed() == 2
    batch.wait(20)
    assert len(sim.bill.jobs) == 4
    assert batch.cost.total == pytest.approx(sim.bill.total)


def test_what_may_have_been_paid_for_a_row_that_is_asked_anew_is_counted_too(
    sim: Simulator, make_session: MakeSession
) -> None:
    batch = research_map("{{ q }} outcome:failed", [{"q": "Why?"}], session=make_session(sim))
    batch.wait(20)
    assert batch.tally.unknown == 1
    batch.retry_failed()
    batch.wait(20)
    assert batch.tally.unknown == 2


def test_an_answer_that_could_not_be_read_is_read_again(
    sim: Simulator, make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(sim)
    read = SqliteLedger.body
    failed: list[str] = []

    def once(ledger: SqliteLedger, job_id: str) -> str | None:
        if not failed:
            failed.append(job_id)
            raise LedgerError("database is locked")
        return read(ledger, job_id)

    first = research_map(PROMPT, companies(3), session=session, schema="owner")
    first.wait(20)
    monkeypatch.setattr(SqliteLedger, "body", once)
    fields = {"response_format": first.questions[0].request.response_format}
    batch = make_batch(session, PROMPT, companies(3), Asking(), fields)
    with pytest.raises(LedgerError):
        batch.ask()
    assert failed
    assert batch.is_asked
    assert set(batch.wait(20)["state"]) == {"ledger"}
    assert len(sim.bill.jobs) == 3


def test_whatever_stops_the_writing_is_told_to_who_waits(
    sim: Simulator, make_session: MakeSession, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    batch = planned(make_session(sim), 3)

    def broken(*_: Any, **__: Any) -> Any:
        raise sqlite3.ProgrammingError("a fault of ours")

    monkeypatch.setattr(SqliteLedger, "intend_all", broken)
    batch.ask(background=True)
    until(lambda: not batch.is_sending)
    with pytest.raises(Exception, match="ProgrammingError: a fault of ours"):
        batch.wait(5)


def test_a_webhooks_secret_given_in_clear_reaches_each_row(sim: Simulator, make_session: MakeSession) -> None:
    session = make_session(sim)
    hook: dict[str, Any] = {"webhook_url": "https://hook.test/x", "webhook_secret": "whsec-1"}
    assert research("Alone?", session=session, **hook).wait(20).text
    assert set(research_map(PROMPT, companies(2), session=session, **hook).wait(20)["state"]) == {"done"}


def test_rows_asked_again_count_for_the_notebook_that_asked_first(
    still: Simulator, make_session: MakeSession, until: Until
) -> None:
    session = make_session(still, settings=Settings(budget=1e6, notebook="a.ipynb"))
    batch = research_map(PROMPT, companies(3), session=session, at_once=1)
    batch.cancel()
    until(lambda: (batch.refresh(), batch.is_over)[1])
    nameless = make_session(still)
    research_map(PROMPT, companies(3), session=nameless, retry_failed=True)
    dropped = [row for row in nameless.ledger.jobs() if row.sending_at is None]
    assert dropped
    assert {row.notebook for row in dropped} == {"a.ipynb"}
