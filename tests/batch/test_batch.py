"""Many questions at once, asked of the simulator in this process: bought once, within budget and pace, in order."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter import Batch, research, research_map
from pplx_jupyter.batch import forms, frame
from pplx_jupyter.batch.deciding import Asking
from pplx_jupyter.batch.questions import questions_of, read_table
from pplx_jupyter.errors import BudgetExceeded, KeyMissing, PplxError, RequestError, WaitTimeout
from pplx_jupyter.ledger import OPEN, rates
from pplx_jupyter.ledger.budgets import day_of
from pplx_jupyter.ledger.gate import is_parked
from pplx_jupyter.notebook.away import away_line
from pplx_jupyter.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

PROMPT = "Who owns {{ company }} today?"


def rows(*names: str) -> list[dict[str, Any]]:
    return [{"company": name, "n": n} for n, name in enumerate(names)]


def companies(count: int) -> list[dict[str, Any]]:
    return rows(*(f"company {n}" for n in range(count)))


def prompts(sim: Simulator) -> Counter[str]:
    """Give how often each prompt was bought."""
    return Counter(job["prompt"] for job in sim.bill.jobs)


def test_each_row_is_a_job_and_the_frame_keeps_their_order(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(companies(12), index=[f"row {n}" for n in range(12)])
    batch = research_map(PROMPT, table, session=make_session(sim), name="companies", at_once=4)
    found = batch.wait(30)
    assert list(found.index) == list(table.index)
    assert list(found["company"]) == list(table["company"])
    assert set(found["state"]) == {"done"}
    assert list(found.columns) == ["company", "n", "answer", "state", "reason", "cost", "sources", "job"]
    assert (found["sources"] >= 0).all()
    assert math.isclose(found["cost"].sum(), batch.cost.total or 0.0)
    assert [job.request.prompt for job in batch.jobs if job] == [
        f"Who owns company {n} today?" for n in range(12)
    ]
    assert batch.answer[3] is not None
    assert sim.bill.total == pytest.approx(batch.cost.total)


def test_equal_rows_are_asked_once_and_answered_ones_cost_nothing(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    session = make_session(sim)
    research("Who owns Borealis today?", session=session).wait(20)
    batch = research_map(PROMPT, rows("Aurubis", "Borealis", "Aurubis"), session=session)
    found = batch.wait(20)
    assert [each.word for each in batch.standings] == ["done", "ledger", "done"]
    jobs = list(found["job"])
    assert jobs[0] == jobs[2]
    assert found["cost"][2] == 0.0, "the column adds up"
    assert "asks the same as row 1" in forms.forms_of(batch)["text/plain"].replace("\n", " ")
    assert max(prompts(sim).values()) == 1
    assert batch.tally.saved > 0
    again = research_map(PROMPT, rows("Aurubis", "Borealis", "Aurubis"), session=session)
    assert again.is_over, "nothing to wait for"
    assert (again.plan.new, again.cost.total) == (0, 0.0)
    assert len(sim.bill.jobs) == 2
    assert again.id == batch.id


def test_answers_are_read_by_number_by_slice_and_in_one_pass(
    sim: Simulator, make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = research_map(PROMPT, companies(4), session=make_session(sim))
    batch.wait(20)
    texts = [answer.text for answer in batch.answer if answer is not None]
    assert len(texts) == 4
    assert [each.text for each in batch.answer[-2:] if each] == texts[-2:]
    last = batch.answer[-1]
    assert last is not None
    assert last.text == texts[3]
    with pytest.raises(IndexError):
        batch.answer[4]
    looks: list[int] = []
    found = batch.jobs

    def jobs(_: Batch) -> list[Any]:
        looks.append(1)
        return found

    monkeypatch.setattr(Batch, "jobs", property(jobs))
    assert [answer.text for answer in batch.answer if answer is not None] == texts
    assert len(looks) == 1, "three thousand rows are looked up once, not three thousand times"


def test_a_saved_notebook_holds_so_many_rows_and_no_more(
    still: Simulator, make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "_MOST_ROWS", 3)
    batch = research_map(PROMPT, companies(12), session=make_session(still), at_once=1)
    batch.cancel()
    batch.refresh()
    assert "9 more rows: batch.frame()." in forms.forms_of(batch)["text/plain"]
    failed = [dataclasses.replace(each, word="failed") for each in batch.standings]
    told = forms._table_forms(batch, failed, time.time())
    assert "6 more rows, 6 of them without an answer: batch.frame()." in told["text/plain"]
    assert told["text/html"].count("<tr>") == 7
    told = forms._table_forms(batch, [*batch.standings[:-1], failed[-1]], time.time())
    assert "8 more rows: batch.frame()." in told["text/plain"]
    assert "company 11" in told["text/plain"]


def test_answered_rows_need_no_key(sim: Simulator, make_session: Callable[..., Session]) -> None:
    research_map(PROMPT, companies(2), session=make_session(sim)).wait(20)
    keyless = make_session(sim, api_key=None)
    assert len(research_map(PROMPT, companies(2), session=keyless).wait(5)) == 2
    with pytest.raises(KeyMissing):
        research_map(PROMPT, companies(3), session=keyless)


def test_the_budget_is_for_all_together(sim: Simulator, make_session: Callable[..., Session]) -> None:
    session = make_session(sim, settings=Settings(budget=5.0))
    with pytest.raises(
        BudgetExceeded, match=r"these 10 questions usually cost 4\.00–13\.00 USD together"
    ) as error:
        research_map(PROMPT, companies(10), session=session)
    assert error.value.refusal.high == pytest.approx(13.0)
    assert session.ledger.jobs() == []
    assert sim.bill.jobs == []
    assert len(research_map(PROMPT, companies(3), session=session).wait(20)) == 3


def test_what_waits_is_set_aside(still: Simulator, make_session: Callable[..., Session]) -> None:
    session = make_session(still, settings=Settings(budget=6.0))
    batch = research_map(PROMPT, companies(4), session=session, at_once=1)
    with pytest.raises(BudgetExceeded):
        research("Another?", session=session)
    batch.cancel()
    research("Another?", session=session)


def test_no_more_than_so_many_are_under_way(
    still: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    looks: Callable[[Session], None],
) -> None:
    batch = research_map(PROMPT, companies(20), session=make_session(still), at_once=3)
    until(lambda: len(still.bill.jobs) == 3)
    looks(batch.session)
    assert len(still.bill.jobs) == 3
    batch.refresh()
    assert (batch.tally.under_way, batch.tally.waiting) == (3, 17)
    still.advance(1000)
    until(lambda: len(still.bill.jobs) == 6)
    # Those of one turn leave side by side.
    assert {job["prompt"] for job in still.bill.jobs} == {f"Who owns company {n} today?" for n in range(6)}
    batch.cancel()


def test_pausing_sends_no_new_row_and_cancelling_drops_them_for_free(
    still: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    looks: Callable[[Session], None],
) -> None:
    batch = research_map(PROMPT, companies(6), session=make_session(still), at_once=2)
    until(lambda: len(still.bill.jobs) == 2)
    batch.pause()
    still.advance(1000)
    until(lambda: batch.refresh() and batch.tally.over == 2)
    looks(batch.session)
    assert len(still.bill.jobs) == 2
    with pytest.raises(WaitTimeout, match="2 of 6 rows"):
        batch.wait(0.3)
    batch.resume()
    until(lambda: len(still.bill.jobs) == 4)
    batch.cancel()
    found = batch.wait(20)
    assert Counter(found["state"]) == {"done": 2, "cancelled": 4}
    assert len(still.bill.jobs) == 4
    assert batch.tally.unknown == 2, "two were under way: what they cost nobody told"
    # Asked again on purpose: what was never sent is sent, what was bought and cancelled is not.
    again = research_map(PROMPT, companies(6), session=batch.session, at_once=9)
    until(lambda: len(still.bill.jobs) == 6)
    assert again.plan.new == 0
    again.cancel()


def test_what_nobody_told_the_cost_of_did_not_cost_nothing(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    batch = research_map(PROMPT, companies(2), session=make_session(still))
    until(lambda: len(still.bill.jobs) == 2)
    assert batch.cost.total == 0.0
    batch.cancel()
    batch.wait(20)
    assert batch.cost.total is None


def test_what_was_shown_is_no_news(sim: Simulator, make_session: Callable[..., Session]) -> None:
    session = make_session(sim, settings=Settings(budget=1e6, notebook="market.ipynb"))
    batch = research_map(PROMPT, companies(2), session=session)
    batch.wait(20)
    assert "2 answers arrived while you were away" in away_line(session.ledger, "market.ipynb", sim.url)
    batch.mark_shown()
    assert away_line(session.ledger, "market.ipynb", sim.url) == ""


@pytest.mark.slow
def test_the_pace_is_learnt_and_kept(
    make_sim: Callable[..., Simulator], make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "WINDOW", 1.0)
    monkeypatch.setattr("pplx_jupyter.ledger.sqlite.parking.WINDOW", 1.0)
    sim = make_sim(rate_limit=5)
    batch = research_map(PROMPT, companies(18), session=make_session(sim), at_once=18)
    batch.wait(60)
    posts = sum(method == "POST" for method, _ in sim.requests)
    assert set(prompts(sim).values()) == {1}
    assert len(sim.bill.jobs) == 18
    # The first burst is refused in part; from then on the pace is known.
    assert posts - 18 <= 12, f"{posts - 18} refusals for 18 questions"


def test_a_refusal_of_all_stops_the_batch(
    make_sim: Callable[..., Simulator], make_session: Callable[..., Session]
) -> None:
    sim = make_sim(keys=["pplx-other"])
    batch = research_map(PROMPT, companies(40), session=make_session(sim), at_once=4)
    with pytest.raises(PplxError, match="rows were not sent"):
        batch.wait(20)
    posts = sum(method == "POST" for method, _ in sim.requests)
    assert posts < 15, "a thousand rows must not be refused one by one"
    assert batch.gate.paused == "unauthorized"


def test_one_refusal_for_good_is_enough_for_all_rows(
    make_sim: Callable[..., Simulator], make_session: Callable[..., Session]
) -> None:
    sim = make_sim(sonar_retired=True)
    batch = research_map(PROMPT, companies(5), session=make_session(sim), at_once=1)
    batch.wait(30)
    posts = Counter(path for method, path in sim.requests if method == "POST")
    assert set(prompts(sim).values()) == {1}
    assert sum(count for path, count in posts.items() if "responses" not in path) == 1
    assert [job.row.moved for job in batch.jobs if job] == [True] + [False] * 4


def test_failed_rows_are_marked_and_asked_anew_on_purpose(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    session = make_session(sim)
    batch = research_map(PROMPT, rows("Aurubis", "Borealis outcome:failed"), session=session)
    found = batch.wait(20)
    assert list(found["state"]) == ["done", "failed"]
    assert found["reason"][1].startswith("Perplexity could not finish it: “")
    research_map(PROMPT, rows("Aurubis", "Borealis outcome:failed"), session=session).wait(20)
    assert len(sim.bill.jobs) == 2, "a failed row is bought again only on purpose"
    assert batch.retry_failed() == 1
    batch.wait(20)
    assert prompts(sim) == {"Who owns Aurubis today?": 1, "Who owns Borealis outcome:failed today?": 2}


def test_a_schema_gives_columns_and_marks_what_does_not_fit(
    sim: Simulator, make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What has finished without an answer is asked about for ten minutes.
    monkeypatch.setattr("pplx_jupyter.watch.outcomes.asking._ANSWER_SECONDS", 0.5)
    session = make_session(sim)
    schema = "name, revenue: float, founded: int, n: int"
    batch = research_map(
        PROMPT, rows("Aurubis", "Borealis shape:empty shape:think"), session=session, schema=schema
    )
    found = batch.wait(20)
    assert list(found.columns[:6]) == ["company", "n", "name", "revenue", "founded", "n_answer"]
    assert str(found["founded"].dtype) == "Int64"
    assert found["name"][0] == "simulated"
    assert found["state"][0] == "done"
    assert found["state"][1] != "done"
    assert found["reason"][1]
    answer = research("Profile Cargotec.", session=session, schema="name, founded: int").wait(20)
    assert (answer.parsed["founded"], answer.invalid) == (0, "")


def test_a_number_too_large_hides_no_other_row() -> None:
    pytest.importorskip("pandas")
    table = read_table(rows("Aurubis", "Borealis"))
    found = frame._frame(table, [{"founded": 1866}, {"founded": 10**30}], {"founded": "Int64"})
    assert list(found.columns) == ["company", "n", "founded"]
    assert list(found["founded"]) == [1866, 10**30]


def test_a_script_that_ends_knows_its_rows(still: Simulator, make_session: Callable[..., Session]) -> None:
    session = make_session(still)
    batch = research_map(PROMPT, companies(4), session=session, yes=True, at_once=2)
    assert session._mine == {job.id for job in batch.jobs if job}
    batch.cancel()


def test_what_another_window_asked_anew_is_not_bought_again(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    session = make_session(sim)
    asked = rows("Aurubis outcome:failed", "Borealis")
    first, second = (research_map(PROMPT, asked, session=session) for _ in range(2))
    first.wait(20)
    second.wait(20)
    assert first.retry_failed() == 1
    first.wait(20)
    assert second.retry_failed() == 0
    assert len(sim.bill.jobs) == 3
    assert [job.id for job in second.jobs if job] == [job.id for job in first.jobs if job]


def test_a_run_that_asks_all_anew_and_is_cut_off_goes_on(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    before = make_session(still)
    asked = rows("Aurubis", "Borealis", "Covestro seconds:90000")
    research_map(PROMPT, rows("Aurubis"), session=before)
    until(lambda: len(still.bill.jobs) == 1)
    still.advance(10_000)
    until(lambda: not before.ledger.jobs(states=OPEN))
    research_map(PROMPT, asked, session=before, refresh=True)
    until(lambda: len(still.bill.jobs) == 4)
    still.advance(10_000)
    until(lambda: len(before.ledger.jobs(states=OPEN)) == 1)
    before.close()
    later, table = make_session(still), read_table(asked)
    cut_off = Batch(later, PROMPT, table, questions_of(PROMPT, table, {}), Asking(refresh=True))
    assert (cut_off.plan.new, cut_off.plan.answered, cut_off.plan.under_way) == (0, 2, 1)
    cut_off.ask()
    assert (cut_off.plan.new, cut_off.plan.answered, cut_off.plan.under_way) == (0, 2, 1)
    assert len(still.bill.jobs) == 4
    cut_off.cancel()
    # Over, and so the next run asks all anew.
    until(lambda: not before.ledger.jobs(states=OPEN))
    assert research_map(PROMPT, asked, session=make_session(still), refresh=True).plan.new == 0
    until(lambda: len(still.bill.jobs) == 7)


def test_what_was_planned_is_what_is_asked_whatever_is_set_meanwhile(
    sim: Simulator, make_session: Callable[..., Session]
) -> None:
    session = make_session(sim)
    table, asking = read_table(companies(2)), Asking(name="some")
    batch = Batch(session, PROMPT, table, questions_of(PROMPT, table, {}), asking)
    assert batch.plan.new == 2
    session.settings = dataclasses.replace(session.settings, effort="high")
    batch.ask()
    batch.wait(20)
    assert {job.row.effort for job in batch.jobs if job} == {""}
    assert batch.plan.new == 0


def test_rows_count_for_the_day_on_which_they_leave(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    batch = research_map(PROMPT, companies(3), session=session, at_once=1)
    until(lambda: len(still.bill.jobs) == 1)
    batch.pause()
    ledger = session.ledger
    parked = [job.id for job in batch.jobs if job and is_parked(job.row.due_at)]
    for job_id in parked:
        ledger.write(job_id, {"day": "2026-01-31"})
    assert ledger.totals("day", still.url, "2026-01-31")["2026-01-31"].running == 2
    batch.resume()
    still.advance(10_000)
    until(lambda: len(still.bill.jobs) == 2)
    today = day_of(time.time())
    assert ledger.totals("day", still.url, "2026-01-31")["2026-01-31"].running == 1
    assert sorted(job.row.day for job in batch.jobs if job) == ["2026-01-31", today, today]
    batch.cancel()


def test_no_cell_of_a_table_is_a_formula(sim: Simulator, make_session: Callable[..., Session]) -> None:
    hostile = r"$\href{https://evil.example}{x}$ <img src=x>"
    batch = research_map(PROMPT, rows(hostile), session=make_session(sim))
    batch.wait(20)
    html = forms.forms_of(batch)["text/html"]
    assert "<span>&#36;</span><span>&#92;</span>href" in html
    assert "<img" not in html


def test_what_is_said_of_running_again_is_true_with_refresh(
    still: Simulator, make_session: Callable[..., Session]
) -> None:
    session = make_session(still)
    plain, anew = (
        research_map(PROMPT, companies(2), session=session, refresh=refresh) for refresh in (False, True)
    )
    assert "above, run this cell again" in forms.hint_forms(plain)["text/plain"].replace("\n", " ")
    assert "take --refresh away" in forms.hint_forms(anew)["text/plain"].replace("\n", " ")
    anew.cancel()


def test_without_pandas_it_is_a_list_of_dicts(
    sim: Simulator, make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    found = research_map(PROMPT, companies(2), session=make_session(sim)).wait(20)
    assert [row["company"] for row in found] == ["company 0", "company 1"]
    assert found[0]["state"] == "done"


@pytest.mark.parametrize(
    ("prompt", "table", "said"),
    [
        ("Profile all.", companies(2), "uses no column"),
        (
            "Profile {{ compny }} {{ n }}.",
            companies(2),
            "row 1: {{ compny }} is not defined; did you mean {{ company }}?",
        ),
        (PROMPT, rows("Aurubis", ""), "row 2: its company is missing"),
        (PROMPT, [{"company": math.nan}], "row 1: its company is missing"),
        (PROMPT, [], "there are none"),
        (PROMPT, "Aurubis", "str is no table"),
        (PROMPT, [["Aurubis"]], "row 1 is list"),
    ],
)
def test_a_mistake_is_one_line_and_sends_nothing(
    sim: Simulator, make_session: Callable[..., Session], prompt: str, table: Any, said: str
) -> None:
    with pytest.raises(PplxError, match="Nothing was sent") as error:
        research_map(prompt, table, session=make_session(sim))
    assert said in str(error.value)
    assert sim.requests == []


def test_other_arguments_are_checked(sim: Simulator, make_session: Callable[..., Session]) -> None:
    for wrong in ({"at_once": 0}, {"yes": "yes"}, {"recency": "week"}):
        with pytest.raises(RequestError):
            research_map(PROMPT, companies(1), session=make_session(sim), **wrong)


def test_a_question_asked_by_itself_does_not_wait_for_its_turn(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    batch = research_map(PROMPT, companies(5), session=session, at_once=1)
    until(lambda: len(still.bill.jobs) == 1)
    research("Something else?", session=session)
    until(lambda: len(still.bill.jobs) == 2)
    parked = batch.jobs[4]
    assert parked is not None
    session.ledger.write(parked.id, {"day": "2026-01-31"})
    job = research("Who owns company 4 today?", session=session)
    until(lambda: len(still.bill.jobs) == 3)
    assert still.bill.jobs[-1]["prompt"] == "Who owns company 4 today?"
    assert job.id == parked.id
    assert job.row.day == day_of(time.time()), "it counts for the day on which it leaves"
    batch.cancel()


_SCRIPT = """
import sys
from pplx_jupyter import Session, research_map
from pplx_jupyter.settings import Settings
session = Session(api_key="pplx-test-0123456789abcdef", base_url=sys.argv[1], ledger=sys.argv[2], settings=Settings(budget=1e6))
rows = [{"company": f"company {n}"} for n in range(12)]
batch = research_map("Profile {{ company }}. seconds:60", rows, session=session, at_once=3)
print("asked", flush=True)
batch.wait(60)
print("over", flush=True)
"""


@pytest.mark.slow
def test_a_kernel_killed_amid_a_batch_loses_nothing_and_buys_nothing_twice(
    make_sim: Callable[..., Simulator], tmp_path: Path, until: Callable[..., None]
) -> None:
    sim = make_sim(120)
    command = [sys.executable, "-c", _SCRIPT, sim.url, str(tmp_path / "ledger.sqlite")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PPLX_", "PERPLEXITY_"))}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as first:
        until(lambda: len(sim.bill.jobs) >= 5)
        first.send_signal(signal.SIGKILL)
    assert len(sim.bill.jobs) < 12
    again = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=90)
    assert "over" in again.stdout
    assert sorted(prompts(sim)) == sorted(f"Profile company {n}. seconds:60" for n in range(12))
    assert set(prompts(sim).values()) == {1}


def test_two_that_ask_the_same_at_once_buy_once(sim: Simulator, make_session: Callable[..., Session]) -> None:
    made: list[Batch] = []

    def ask() -> None:
        made.append(research_map(PROMPT, companies(10), session=make_session(sim)))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for batch in made:
        batch.wait(20)
    assert set(prompts(sim).values()) == {1}
    assert len(sim.bill.jobs) == 10


def test_a_batch_under_way_is_followed_by_the_next_kernel(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    first = make_session(still)
    research_map(PROMPT, companies(6), session=first, at_once=2)
    until(lambda: len(still.bill.jobs) == 2)
    first.close()
    second = research_map(PROMPT, companies(6), session=make_session(still), at_once=2)
    still.advance(10_000)
    until(lambda: len(still.bill.jobs) >= 4)
    assert (second.plan.new, second.plan.under_way) == (0, 6 - second.plan.answered)
    third = research_map(PROMPT, companies(6), session=make_session(still), at_once=2)
    assert third.tally.words["done"] >= 2, "what this run has bought is spent, and not saved"
    assert (third.tally.words["ledger"], third.tally.saved) == (0, 0.0)
    assert "goes on with the same rows" in forms.hint_forms(third)["text/plain"].replace("\n", " ")
    second.cancel()
