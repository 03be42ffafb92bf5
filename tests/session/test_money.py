"""Money over the wire: what is refused is not sent, what was sent counts, what is forgotten is gone."""

from __future__ import annotations

import json
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pplx_jupyter.asking import research
from pplx_jupyter.errors import BudgetExceeded, RequestError
from pplx_jupyter.job import Job
from pplx_jupyter.ledger import Draft
from pplx_jupyter.ledger.budgets import Sums, day_of
from pplx_jupyter.request import Request
from pplx_jupyter.reuse import decide
from pplx_jupyter.settings import Settings
from pplx_jupyter.submission import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

Ask = Any
DEEP = "sonar-deep-research"


def asker_with(ask: Ask, sim: Simulator, budget: float | None) -> Any:
    return ask(sim, settings=Settings(budget=budget))


def total(session: Session, scope: str = "total", key: str = "") -> Sums:
    return session.ledger.totals(scope, session.base_url, key)[key]


def past_jobs(session: Session, costs: list[float], *, backend: str = "sonar", days_ago: int = 0) -> None:
    """Settle jobs in the ledger that cost so much each."""
    for cost in costs:
        draft = Draft(
            fingerprint=secrets.token_hex(4), request={"prompt": "q"}, base_url=session.base_url, account="me",
            backend=backend, model=DEEP,
        )  # fmt: skip
        row, _ = session.ledger.intend(draft, decide, allowed=True)
        then = time.time() - 86_400 * days_ago
        ended = {"state": "completed", "cost": cost, "accepted_at": then, "settled_at": then + 100}
        session.ledger.write(row.id, {**ended, "created_at": then, "day": day_of(then)})


# -- refusing


def test_plain_python_in_a_notebook_counts_for_its_budget(
    sim: Simulator, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/market.ipynb")
    session = ask(sim, settings=Settings()).session
    session.ledger.set_budget("notebook", "market.ipynb", 2.0)
    first = research("What is one?", session=session)
    assert first.row.notebook == "market.ipynb"
    with pytest.raises(BudgetExceeded, match=r"of this notebook, 2\.00 USD.*yes=True"):
        research("What is two?", session=session)
    research("What is two?", session=session, yes=True).wait(20)
    first.wait(20)
    session.ledger.write(first.id, {"settled_at": time.time() - 90_000})
    assert research("What is one?", session=session, max_age="30d").id == first.id
    fresh = research("What is one?", session=session, max_age="1d", yes=True)
    assert fresh.id != first.id
    fresh.wait(20)
    assert len(sim.bill.jobs) == 3


def test_what_could_pass_the_budget_is_not_sent_and_leaves_no_row(sim: Simulator, ask: Ask) -> None:
    asker = asker_with(ask, sim, 1.0)
    asker.session.watch()
    with pytest.raises(BudgetExceeded, match=r"of this notebook and day, 1\.00 USD.*--yes.*Nothing was sent") as caught:  # fmt: skip
        asker.job("Why?")
    assert caught.value.refusal.high == 1.3, "the published range"
    assert (sim.requests, asker.session.ledger.jobs(), total(asker.session)) == ([], [], Sums())
    assert list(asker.session.refused.values()) == [1.3]


def test_yes_passes_once(sim: Simulator, ask: Ask) -> None:
    asker = asker_with(ask, sim, 1.0)
    with pytest.raises(BudgetExceeded):
        asker.job("Why?")
    job = asker.job("Why?", yes=True)
    assert (asker.end(job), asker.session.refused, len(sim.bill.jobs)) == ("completed", {}, 1)
    assert asker.job("Why?").id == job.id, "an answer that is there needs no budget"
    with pytest.raises(BudgetExceeded):
        asker.job("How?")
    assert research("How?", session=asker.session, yes=True).wait(20).text


def test_jobs_under_way_count_at_their_high_end(still: Simulator, ask: Ask, until: Any) -> None:
    asker = asker_with(ask, still, 3.0)
    for n in range(2):
        asker.job(f"Question {n}?")
    with pytest.raises(BudgetExceeded, match=r"spent 0\.00, set aside 2\.60, left 0\.40"):
        asker.job("Third?")
    until(lambda: len(still.bill.jobs) == 2)
    still.advance(1000)
    for row in asker.session.ledger.jobs():
        asker.end(Job(asker.session, row.id))
    spent = still.bill.total
    assert total(asker.session).spent == pytest.approx(spent)
    assert total(asker.session).set_aside == 0.0
    assert spent < 1.7
    assert asker.job("Third?").row.is_open, "what they really cost leaves room"


def test_unconfirmed_jobs_stay_set_aside_and_asking_again_needs_room(sim: Simulator, ask: Ask) -> None:
    asker = asker_with(ask, sim, 2.0)
    sim.add_fault("reset-after@agent+post#1")
    job = asker.job("Why?", backend="agent")
    assert asker.end(job) == "unconfirmed"
    with pytest.raises(BudgetExceeded, match=r"set aside 1\.30, left 0\.70"):
        asker.job("Another?", backend="agent")
    with pytest.raises(BudgetExceeded, match="Nothing was sent"):
        asker.session.settle(job.id, ask_again=True)
    assert len(sim.bill.jobs) == 1
    yesterday = day_of(time.time() - 86_400)
    asker.session.ledger.write(job.id, {"day": yesterday})
    asker.session.settle(job.id, ask_again=True)
    assert asker.end(job) == "completed"
    assert job.row.day == day_of(time.time()), "what is sent today counts today"
    sums = total(asker.session)
    assert (sums.jobs, sums.unknown, sums.dollars("unknown_high"), sums.spent) == (2, 1, 1.3, job.cost.total)
    assert total(asker.session, "day", yesterday) == Sums()


def test_settling_two_at_once_does_not_pass_the_budget(sim: Simulator, ask: Ask) -> None:
    asker = asker_with(ask, sim, 4.0)
    sim.add_fault("reset-after@agent+post#1")
    sim.add_fault("reset-after@agent+post#2")
    jobs = [asker.job(f"Question {n}?", backend="agent") for n in range(2)]
    assert [asker.end(job) for job in jobs] == ["unconfirmed"] * 2
    ready = threading.Barrier(2)
    said: list[str] = []

    def settle(job: Job) -> None:
        ready.wait(10)
        try:
            asker.session.settle(job.id, ask_again=True)
        except BudgetExceeded:
            said.append(job.id)

    threads = [threading.Thread(target=settle, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(said) == 1, "2.60 are set aside for what is unconfirmed, and 1.40 is room for one more"


def test_settling_with_yes_passes_the_budget(sim: Simulator, ask: Ask) -> None:
    asker = asker_with(ask, sim, 1.5)
    sim.add_fault("reset-after@agent+post#1")
    job = asker.job("Why?", backend="agent")
    assert asker.end(job) == "unconfirmed"
    asker.session.settle(job.id, ask_again=True, yes=True)
    assert asker.end(job) == "completed"


def test_dropping_keeps_the_amount_set_aside(sim: Simulator, ask: Ask) -> None:
    asker = asker_with(ask, sim, 10.0)
    sim.add_fault("reset-after@agent+post#1")
    job = asker.job("Why?", backend="agent")
    asker.end(job)
    asker.session.settle(job.id)
    assert total(asker.session).dollars("unknown_high") == 1.3


@pytest.mark.parametrize("per", ["notebook", "day", "month", "total"])
def test_a_budget_per(sim: Simulator, ask: Ask, per: str) -> None:
    asker = asker_with(ask, sim, None)
    ledger = asker.session.ledger
    past_jobs(asker.session, [9.0], days_ago=60)
    ledger.write(ledger.jobs()[0].id, {"notebook": "a.ipynb"})
    ledger.set_budget(per, "a.ipynb" if per == "notebook" else "", 10.0)
    refused = per in {"notebook", "total"}
    if refused:
        with pytest.raises(
            BudgetExceeded, match=rf"of this {'ledger' if per == 'total' else per}, 10\.00 USD"
        ):
            asker.submit("Why?", notebook="a.ipynb")
    else:
        # What was spent two months ago is another day's and another month's.
        assert asker.submit("Why?", notebook="a.ipynb").row.is_open
    elsewhere = asker.session.plan(Request(prompt="Else?"), notebook="b.ipynb").refusal
    assert (elsewhere is not None) == (per == "total")
    ledger.set_budget(per, "a.ipynb" if per == "notebook" else "", None)
    assert asker.submit("How?", notebook="a.ipynb").row.is_open


def test_ten_dollars_a_notebook_and_day_hold_until_somebody_sets_one(sim: Simulator, ask: Ask) -> None:
    asker = asker_with(ask, sim, None)
    for n in range(7):
        asker.submit(f"{n}?", notebook="a.ipynb")
    with pytest.raises(
        BudgetExceeded, match=r"of this notebook and day, 10\.00 USD.*%pplx budget 11\.00 --per day"
    ):
        asker.submit("8?", notebook="a.ipynb")
    asker.submit("8?", notebook="b.ipynb")
    with pytest.raises(BudgetExceeded) as caught:
        asker.submit("9?", notebook="a.ipynb")
    assert caught.value.refusal.remedy == "%pplx budget 12.00 --per day", "a day's budget is all notebooks'"
    asker.session.ledger.set_budget("day", "", 12.0)
    asker.submit("9?", notebook="a.ipynb")


def test_a_run_has_a_budget_of_its_own(sim: Simulator, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_VARIABLE, "first")
    asker = asker_with(ask, sim, 1.5)
    asker.submit("1?")
    with pytest.raises(BudgetExceeded, match=r"of this run, 1\.50 USD.*Raise the budget: --budget 3\."):
        asker.submit("2?")
    monkeypatch.setenv(RUN_VARIABLE, "second")
    assert asker.submit("2?").row.run == "second"
    assert total(asker.session, "run", "first").jobs == total(asker.session, "run", "second").jobs == 1


def test_nothing_may_be_spent_under_a_budget_of_nothing(sim: Simulator, ask: Ask) -> None:
    asker = asker_with(ask, sim, 0.0)
    with pytest.raises(BudgetExceeded, match=r"0\.00 USD"):
        asker.submit("Why?")


@pytest.mark.parametrize("amount", [-1.0, float("nan")])
def test_a_budget_is_an_amount(amount: float) -> None:
    with pytest.raises(RequestError, match=r"the setting budget is .*: write an amount of US dollars"):
        Settings(budget=amount)


RACING = """
import os
from pplx_jupyter import jobs
from pplx_jupyter.errors import BudgetExceeded
session = Session(base_url=url, ledger=ledger, api_key=key, settings=Settings(budget=float(sys.argv[4])))
session.ledger
print("ready", flush=True)
while not os.path.exists(sys.argv[5]):
    time.sleep(0.001)
taken = 0
for n in range(5):
    try:
        session.submit(Request(prompt=f"{sys.argv[6]}-{n}?"))
        session.watch()
        taken += 1
    except BudgetExceeded:
        pass
while any(job.status == "submitting" for job in jobs(session=session)):
    time.sleep(0.01)
print(taken, flush=True)
"""


def test_processes_that_share_a_ledger_share_its_budget(
    still: Simulator, spawn: Any, ask: Ask, tmp_path: Path
) -> None:
    room = 7
    budget, go = str(1.3 * room + 0.5), tmp_path / "go"
    children = [spawn(RACING, still, budget, str(go), str(n)) for n in range(4)]
    for child in children:
        assert child.line() == "ready", child.end() or child.err
    go.touch()
    taken = [int(child.line()) for child in children]
    assert sum(taken) == room
    rows = ask(still).session.ledger.jobs(limit=100)
    assert (len(rows), len(still.bill.jobs)) == (room, room), "and no refused one was sent"


# -- moving to the other API


def retired(sim: Simulator, ask: Ask) -> Any:
    """Give an asker with room for what a question costs on sonar, and not for what it could cost on agent."""
    sim.sonar_retired = True
    asker = asker_with(ask, sim, 1.5)
    past_jobs(asker.session, [0.1] * 5)
    return asker


def test_a_move_to_the_agent_api_looks_at_the_budget_again(sim: Simulator, ask: Ask) -> None:
    asker = retired(sim, ask)
    job = asker.job("Why?", name="prices")
    assert asker.end(job) == "failed"
    assert len(sim.requests) == 1, "nothing went to the agent API"
    assert (sim.bill.jobs, total(asker.session).set_aside) == ([], 0.0)
    with pytest.raises(BudgetExceeded) as caught:
        job.wait(0)
    line = str(caught.value)
    assert (
        "was not sent: moved to the agent API, it could pass the budget of this notebook and day, 1.50 USD"
        in line
    )
    assert line.endswith(
        "nothing was billed. Ask it this once: --yes. Raise the budget: %config PplxResearch.budget = 2."
    )
    shown = job._repr_mimebundle_()["text/plain"]
    assert (
        "Not sent: moved to the agent API, it could pass the budget of this notebook and day, 1.50 USD."
        in " ".join(shown.split())
    )
    assert "There this question usually costs" not in shown, "the range is the sonar API's"
    assert (job.row.backend, job.row.moved) == ("agent", True)
    with pytest.raises(BudgetExceeded, match="Nothing was sent"):
        asker.job("Why?")
    again = asker.job("Why?", yes=True)
    assert (again.id, asker.end(again), len(sim.bill.jobs)) == (job.id, "completed", 1), (
        "the same row is sent"
    )


def test_a_question_that_may_pass_the_budget_moves_all_the_same(sim: Simulator, ask: Ask) -> None:
    asker = retired(sim, ask)
    job = asker.job("Why?", yes=True)
    assert (asker.end(job), job.row.moved, job.row.backend) == ("completed", True, "agent")


def test_what_fits_moves_and_is_set_aside_anew(still: Simulator, ask: Ask, until: Any) -> None:
    still.sonar_retired = True
    # 2.00 are spent: with what is kept for it already counted twice, it would not fit.
    asker = asker_with(ask, still, 2.35)
    past_jobs(asker.session, [0.1] * 5)
    past_jobs(asker.session, [0.3] * 5, backend="agent")
    job = asker.job("Why?")
    until(lambda: job.status in {"queued", "running"})
    assert job.row.expected["high"] == 0.3
    assert total(asker.session).dollars("running_high") == 0.3


# -- what is usual


def test_the_range_comes_from_five_settled_jobs_on(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    for n in range(5):
        job = asker.job(f"Question {n}?", reasoning_effort="low")
        assert (job.row.expected["high"], job.row.expected["jobs"]) == (1.3, 0)
        asker.end(job)
    costs = sorted(bought["cost"] for bought in sim.bill.jobs)
    found = asker.session.expected(Request(prompt="x", reasoning_effort="low"), "sonar")
    assert (found.low, found.high, found.jobs) == (costs[2], costs[4], 5)
    assert asker.submit("Sixth?", reasoning_effort="low").row.expected["high"] == costs[4]
    others = [Request(prompt="x"), Request(prompt="x", reasoning_effort="high")]
    assert [asker.session.expected(other, "sonar").jobs for other in others] == [0, 0], (
        "of the same effort alone"
    )


def test_estimated_and_unknown_costs_are_no_history(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    sim.add_fault("no-cost@post")
    for n in range(5):
        asker.end(asker.job(f"Question {n}?"))
    sums = total(asker.session)
    assert (sums.reported, sums.estimated > 0) == (0, True)
    assert asker.session.expected(Request(prompt="x"), "sonar").jobs == 0


# -- what a server may say


@pytest.mark.parametrize(
    ("usage", "spent", "unknown"),
    [
        ('{"cost": {"total_cost": 1e308}}', 0.0, 1),
        ('{"cost": {"total_cost": NaN}}', 0.0, 1),
        ('{"cost": {"total_cost": -5}}', 0.0, 1),
        ('{"cost": {"total_cost": 1e999}}', 0.0, 1),
        ('{"cost": {"total_cost": "0.5"}}', 0.5, 0),
        ('{"cost": {"total_cost": "NaN"}}', 0.0, 1),
        ('{"cost": {"total_cost": "inf"}}', 0.0, 1),
        ('{"cost": {"total_cost": "-5"}}', 0.0, 1),
        ('{"cost": {"total_cost": 999999}}', 999_999.0, 0),
        ('{"cost": {' + ", ".join(f'"x{n}_cost": 1000000' for n in range(20_000)) + "}}", 1e6, 0),
        ('{"prompt_tokens": 1e12, "completion_tokens": 1e12, "num_search_queries": 1e12}', 1e6, 0),
    ],
)
def test_no_cost_that_a_server_sends_breaks_sums_or_budgets(
    ask: Ask, usage: str, spent: float, unknown: int
) -> None:
    head = '{"id": "r1", "status": "COMPLETED", "model": "sonar-deep-research", "response": {"model": "sonar-deep-research",'
    body = f'{head} "choices": [{{"message": {{"content": "An answer."}}}}], "usage": {usage}}}}}'

    def reply(request: httpx.Request) -> httpx.Response:
        text = '{"id": "r1", "status": "CREATED"}' if request.method == "POST" else body
        return httpx.Response(200, text=text, headers={"content-type": "application/json"})

    asker = ask("http://service.test", settings=Settings(), transport=httpx.MockTransport(reply))
    for n in range(3):
        job = asker.job(f"Question {n}?", yes=True)
        assert asker.end(job) == "completed", "an answer that was paid for is kept, whatever it says it cost"
        assert job.answer.text == "An answer."
    sums = total(asker.session)
    assert (sums.jobs, sums.spent, sums.unknown) == (3, 3 * spent, 3 * unknown)
    assert sums.unknown_high == 3 * unknown * 1_300_000_000
    refusal = asker.session.plan(Request(prompt="Next?")).refusal
    assert (refusal is not None) == (spent > 10), "the next is judged by them"
    assert asker.submit("Next?", yes=True).row.is_open


# -- older than


def age(session: Session, job: Job, days: float) -> None:
    then = time.time() - 86_400 * days
    session.ledger.write(job.id, {"created_at": then, "settled_at": then + 100})


def test_an_answer_older_than_its_age_is_asked_anew_and_kept(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    first = asker.job("Why?")
    asker.end(first)
    age(asker.session, first, 40)
    assert asker.job("Why?").id == first.id
    assert asker.job("Why?", max_age=41 * 86_400).id == first.id
    second = asker.job("Why?", max_age=30 * 86_400)
    assert (asker.end(second), second.id != first.id, len(sim.bill.jobs)) == ("completed", True, 2)
    assert first.answer is not None
    assert asker.job("Why?", max_age=30 * 86_400).id == second.id, "the fresh one serves from now on"
    age(asker.session, second, 31)
    by_setting = ask(sim, settings=Settings(max_age="30d", budget=100.0))
    assert by_setting.job("Why?").id not in {first.id, second.id}
    assert by_setting.job("Why?", max_age=1e9).row.is_open, "what is under way is followed"


def test_a_fresh_attempt_that_failed_is_not_bought_on_every_run(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    first = asker.job("Why?")
    asker.end(first)
    age(asker.session, first, 40)
    sim.add_fault("fail@post#1")
    failed = asker.job("Why?", max_age=86_400)
    assert asker.end(failed) == "failed"
    for _ in range(3):
        assert asker.job("Why?", max_age=86_400).id == failed.id
    assert len(sim.bill.jobs) == 2
    assert asker.job("Why?").id == first.id, "the old answer still serves where nobody minds its age"
    again = asker.job("Why?", max_age=86_400, retry_failed=True)
    assert (asker.end(again), len(sim.bill.jobs)) == ("completed", 3)


def test_a_refused_fresh_attempt_is_sent_again(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    first = asker.job("Why?")
    asker.end(first)
    age(asker.session, first, 40)
    sim.add_fault("status=422@post#1")
    refused = asker.job("Why?", max_age=86_400)
    assert asker.end(refused) == "failed"
    again = asker.job("Why?", max_age=86_400)
    assert (again.id, asker.end(again), len(sim.bill.jobs)) == (refused.id, "completed", 2)


def test_two_takes_are_two_purchases_and_each_is_free_to_rerun(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    jobs = [asker.job("Why?", take=take) for take in (1, 2)]
    assert [asker.end(job) for job in jobs] == ["completed"] * 2
    assert [asker.job("Why?", take=take).id for take in (1, 2)] == [job.id for job in jobs]
    assert total(asker.session).spent == pytest.approx(sim.bill.total)
    assert len(sim.bill.jobs) == 2


# -- planning


def test_a_plan_writes_and_sends_nothing(
    sim: Simulator, ask: Ask, make_session: Callable[..., Session]
) -> None:
    session = make_session(sim, api_key=None, settings=Settings(budget=1.0))
    request = Request(prompt="Why?")
    plan = session.plan(request, notebook="a.ipynb")
    assert (plan.decision.what, plan.backend, plan.expected.high) == ("new", "sonar", 1.3)
    assert plan.refusal is not None
    assert session.plan(request, yes=True).refusal is None
    assert (session.ledger.jobs(), sim.requests) == ([], [])
    asker = asker_with(ask, sim, 1.0)
    job = asker.job("Why?", yes=True)
    asker.end(job)
    kept = session.plan(request)
    assert (kept.decision.what, kept.decision.row.id, kept.refusal) == ("keep", job.id, None), "free is free"  # type: ignore[union-attr]
    assert session.plan(request, refresh=True).decision.what == "new"
    age(session, job, 3)
    assert session.plan(request, max_age=86_400).decision.what == "new"
    session.ledger.write(job.id, {"state": "failed"})
    assert session.plan(request).decision.what == "keep"
    assert session.plan(request, retry_failed=True).decision.what == "new"


# -- forgetting


def test_what_is_forgotten_is_gone_and_its_cost_stays(sim: Simulator, ask: Ask, tmp_path: Path) -> None:
    asker = ask(sim)
    job = asker.job("Why is PROMPTWORD so?", name="NAMEWORD", filled={"x": "FILLEDWORD"})
    assert asker.end(job) == "completed"
    text, cost, body = job.answer.text, job.row.cost, job.body
    sentence = json.dumps(max(text.split("\n"), key=len)[:60])[1:-1]
    assert sentence in body
    before = total(asker.session)
    assert asker.session.ledger.forget([job.id]) == 1
    asker.session.close()
    data = b"".join(file.read_bytes() for file in tmp_path.glob("ledger.sqlite*"))
    for word in ("PROMPTWORD", "NAMEWORD", "FILLEDWORD", sentence):
        assert word.encode() not in data, word
    assert (total(asker.session), job.row.cost) == (before, cost)


def test_a_handle_of_a_forgotten_job(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    job = asker.job("Why?", name="sky")
    asker.end(job)
    cost = job.cost.total
    asker.session.ledger.forget([job.id])
    assert (job.answer, job.raw, job.status, job.done, job.cost.total) == (
        None,
        None,
        "completed",
        True,
        cost,
    )
    assert job.failure.kind == "forgotten"
    with pytest.raises(RequestError, match="was forgotten: its prompt and answer are deleted"):
        job.wait(0)
    for use in (lambda: job.request, job.retry, lambda: job.diff(job), lambda: job.diff("sky")):
        with pytest.raises(RequestError, match="was forgotten"):
            use()
    shown = job._repr_mimebundle_()
    for form in ("text/plain", "text/markdown", "text/html"):
        assert "Forgotten: its prompt and answer were deleted" in shown[form]
        assert "USD, billed" in shown[form].replace("\u00a0", " ")
        assert "Why?" not in shown[form]
    assert repr(job) == f"<Job {job.id}: completed>"
    again = asker.job("Why?", name="sky")
    assert (again.id != job.id, asker.end(again), len(sim.bill.jobs)) == (True, "completed", 2)


def test_a_forgotten_job_that_was_never_sent_cost_nothing(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    sim.add_fault("status=422@post#1")
    job = asker.job("Why?")
    assert asker.end(job) == "failed"
    asker.session.ledger.forget([job.id])
    assert "Nothing was billed." in job._repr_mimebundle_()["text/plain"]
    assert str(job.error).endswith("nothing was billed.")


def test_an_open_job_is_not_forgotten(still: Simulator, ask: Ask, until: Any) -> None:
    asker = ask(still)
    job = asker.job("Why?")
    until(lambda: job.remote_id)
    assert asker.session.ledger.forget([job.id]) == 0
    still.advance(1000)
    assert asker.end(job) == "completed"
    assert job.answer is not None
