"""A batch that is planned once more: what was paid for is served, shown and saved, and only the rest is offered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter import Batch, research_map
from pplx_jupyter.batch import forms
from pplx_jupyter.batch.deciding import Asking
from pplx_jupyter.batch.questions import questions_of, read_table
from pplx_jupyter.batch.standing import Standing, tally_of
from pplx_jupyter.batch.words import figures, sums
from pplx_jupyter.errors import RequestError
from pplx_jupyter.ledger.expected import Expected
from pplx_jupyter.notebook.batch.buttons import asks_more, live_buttons, retry_text
from pplx_jupyter.notebook.batch.texts import told

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

PROMPT = "Who owns {{ company }} today?"


def planned(session: Session, *names: str, **asking: Any) -> Batch:
    """Give a batch as a cell has it that was run and not clicked."""
    table = read_table([{"company": name} for name in names])
    return Batch(session, PROMPT, table, questions_of(PROMPT, table, {}), Asking(**asking))


def asked(session: Session, *names: str) -> None:
    research_map(PROMPT, [{"company": name} for name in names], session=session).wait(20)


def test_what_was_paid_for_is_served_before_the_rest_is_asked(
    sim: Simulator, make_session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    session = make_session(sim)
    asked(session, "Aurubis", "Borealis outcome:failed")
    batch = planned(session, "Aurubis", "Borealis outcome:failed", "Cargotec", "Aurubis", name="companies")
    assert [None if job is None else job.status for job in batch.jobs] == [
        "completed",
        "failed",
        None,
        "completed",
    ]
    assert [None if answer is None else bool(answer.text) for answer in batch.answer] == [
        True,
        None,
        None,
        True,
    ]
    assert batch.job(0) is not None
    found = batch.frame()
    assert list(found["state"]) == ["ledger", "failed", "not asked", "ledger"]
    assert found["answer"][0] == found["answer"][3]
    assert repr(batch) == f"<Batch companies ({batch.id}): 3 of 4 rows settled, 1 not asked>"
    assert batch.plan.new == 1
    assert not batch.is_asked
    with caplog.at_level(logging.WARNING, "pplx_jupyter"):
        assert list(batch.wait(20)["state"]) == list(found["state"])
    assert "1 question is not asked: click Ask in its plan, or use companies.ask()." in caplog.text
    assert len(sim.bill.jobs) == 2, "nothing was bought"
    batch.ask()
    assert list(batch.wait(20)["state"]) == ["ledger", "failed", "done", "ledger"]
    assert len(sim.bill.jobs) == 3
    assert repr(batch).endswith("4 of 4 rows settled>")


def test_a_file_saved_with_a_plan_keeps_what_was_paid_for(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    session = make_session(sim)
    fresh = planned(session, "Aurubis", "Borealis")
    told = forms.forms_of(fresh)["text/plain"]
    assert "Nothing has been sent or billed. " in told
    assert "2 rows, not asked yet: nothing was sent or billed." in forms.unsent_forms(fresh)["text/plain"]
    asked(session, "Aurubis")
    batch = planned(session, "Aurubis", "Borealis")
    plan = " ".join(forms.plan_forms(batch, batch.plan)["text/plain"].split())
    assert "Nothing has been sent or billed now." in plan
    below = forms.unsent_forms(batch)
    assert "settled: 1 of 2 rows" in below["text/plain"]
    assert "1 row not asked: nothing was sent or billed now." in " ".join(below["text/plain"].split())
    assert "not asked yet" not in str(below)
    assert "| 1 | Aurubis | ledger |" in below["text/markdown"]
    assert "Settled: 1 of 2 rows" in below["text/html"]
    whole = forms.forms_of(batch)
    assert "Not sent yet: 1 question to buy" in whole["text/plain"]
    assert "| 1 | Aurubis | ledger |" in whole["text/markdown"]


def test_where_nothing_is_left_to_buy_nothing_is_left_to_click(
    sim: Simulator, make_session: Callable[..., Session], caplog: pytest.LogCaptureFixture
) -> None:
    session = make_session(sim)
    batch = planned(session, "Aurubis", "Borealis")
    assert batch.plan.new == 2
    asked(session, "Aurubis", "Borealis")
    assert list(batch.wait(20)["state"]) == ["ledger", "ledger"]
    assert batch.is_asked
    assert caplog.text == ""
    assert len(sim.bill.jobs) == 2


def test_a_batch_of_which_the_ledger_has_nothing_is_not_waited_for(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    batch = planned(make_session(sim), "Aurubis")
    with pytest.raises(RequestError, match="is not asked yet: click Ask in its plan"):
        batch.wait(20)
    assert (batch.jobs, batch.cost.total, batch.retry_failed()) == ([None], 0.0, 0)


@pytest.mark.parametrize("asking", [{"refresh": True}, {"max_age": 0.0}])
def test_an_answer_is_kept_until_a_newer_one_is_asked(
    sim: Simulator, make_session: Callable[..., Session], asking: dict[str, Any]
) -> None:
    session = make_session(sim)
    asked(session, "Aurubis")
    batch = planned(session, "Aurubis", **asking)
    assert (batch.plan.new, list(batch.frame()["state"])) == (1, ["ledger"])
    (before,) = batch.jobs
    with pytest.raises(RequestError, match="is not asked yet"):
        batch.wait(20)
    batch.ask()
    assert list(batch.wait(20)["state"]) == ["done"]
    assert len(sim.bill.jobs) == 2
    (now,) = batch.jobs
    assert before is not None
    assert now is not None
    assert before.id != now.id


def test_what_another_run_has_under_way_is_waited_for(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    research_map(PROMPT, [{"company": "Aurubis"}], session=session)
    until(lambda: len(still.bill.jobs) == 1)
    batch = planned(session, "Aurubis", "Borealis")
    assert list(batch.frame()["state"]) in (["running", "not asked"], ["sending", "not asked"])
    assert not batch.is_over
    still.advance(10_000)
    assert list(batch.wait(20)["state"]) == ["ledger", "not asked"] or list(batch.frame()["state"]) == [
        "done",
        "not asked",
    ]
    assert len(still.bill.jobs) == 1


def test_rows_that_wait_in_a_paused_batch_are_for_a_click(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    other = research_map(
        PROMPT, [{"company": "Aurubis"}, {"company": "Borealis"}], session=session, at_once=1
    )
    until(lambda: len(still.bill.jobs) == 1)
    other.pause()
    still.advance(10_000)
    until(lambda: (other.refresh(), other.tally.over)[1] == 1)
    batch = planned(session, "Aurubis", "Borealis", "Cargotec")
    assert list(batch.frame()["state"]) == ["ledger", "not asked", "not asked"]
    assert (batch.plan.new, batch.plan.paused) == (2, 1)
    assert list(batch.wait(5)["state"]) == ["ledger", "not asked", "not asked"], "it would wait for ever"


def test_a_cost_that_is_not_known_is_not_the_sum_of_the_others(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    asked_of = [{"company": name} for name in ("Aurubis", "Borealis seconds:9000")]
    batch = research_map(PROMPT, asked_of, session=session)
    until(lambda: len(still.bill.jobs) == 2)
    still.advance(2000)
    until(lambda: (batch.refresh(), batch.tally.over)[1] == 1)
    known = batch.cost
    assert known.total
    batch.cancel()
    batch.wait(20)
    assert (batch.cost.total, dict(batch.cost.items)) == (None, {"known": known.total})


def test_who_shows_a_batch_is_told_of_what_python_sends(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    batch = planned(make_session(sim), "Aurubis outcome:failed", "Borealis")
    told: list[int] = []
    batch.on_sent = lambda _, bought: told.append(bought)
    batch.ask(first=1)
    batch.wait(20)
    batch.retry_failed()
    batch.resume()
    assert told == [1, 1, 0]


def test_where_rows_ask_the_same_questions_are_counted_as_they_are_billed() -> None:
    def standing(job: str, word: str, *, saved: float | None = None) -> Standing:
        return Standing(job=job, word=word, low=0.4, high=1.3, saved=saved, cost=saved and 0.0)

    once = tally_of([standing("a", "running"), standing("b", "waiting"), standing("c", "ledger", saved=0.5)])
    assert live_buttons(once, "", mode="watching")[-1] == "Cancel 2 rows"
    assert [figure.of for figure in figures(once)][1:3] == ["2 rows, usual range", "1 row from the ledger"]
    each = [("a", "running", 2), ("b", "waiting", 1), ("d", "failed", 3), ("c", "ledger", 2)]
    twice = tally_of([standing(job, word) for job, word, rows in each for _ in range(rows)])
    assert live_buttons(twice, "", mode="watching")[-1] == "Cancel 2 questions for 3 rows"
    assert [figure.of for figure in figures(twice)][1:3] == [
        "2 questions for 3 rows, usual range",
        "1 question for 2 rows from the ledger",
    ]
    assert "Perplexity is asked to stop 1 question for 2 rows." in told(twice, "", mode="watching")
    retry = retry_text(twice, Expected(0.4, 1.3), "")
    assert retry == "Retry failed rows (1 question for 3 rows: 0.40–1.30 USD)"
    assert asks_more(retry, retry) == ""
    assert asks_more(retry, retry.replace("1 question for", "2 questions for"))
    assert "saved 0.00 USD (1 question for 2 rows from the ledger)" in sums(twice)


def test_what_an_earlier_run_took_is_not_the_time_of_this_one(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    batch = research_map(PROMPT, [{"company": "Aurubis"}], session=make_session(sim))
    batch.wait(20)
    batch._sending.started = (batch.standings[0].ended or 0.0) - 99
    assert "in 1 min 39 s" in forms.final_forms(batch)[0]["text/html"].replace("\xa0", " ")
