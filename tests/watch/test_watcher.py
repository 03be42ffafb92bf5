"""The watcher over real HTTP: one purchase a question, and its answer, whatever happens on the way."""

from __future__ import annotations

import itertools
import json
import socket
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pplx_jupyter.errors import JobExpired, LedgerError, ServiceError
from pplx_jupyter.ledger.records import Owner
from pplx_jupyter.watch import lease, pace, watcher, writing
from pplx_jupyter.watch.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator

BOTH = pytest.mark.parametrize("backend", ["sonar", "agent"])
Ask = Any


def posts(sim: Simulator, backend: str = "") -> int:
    paths = {"sonar": "/async", "agent": "/v1/responses", "": "/"}[backend]
    return sum(
        method == "POST" and path.startswith(paths) and not path.endswith("/cancel")
        for method, path in sim.requests
    )


# -- from submit to answer


@BOTH
def test_a_question_becomes_an_answer(sim: Simulator, ask: Ask, backend: str) -> None:
    asker = ask(sim)
    job = asker.job("Why is the sky blue?", backend=backend)
    assert asker.end(job) == "completed"
    row = job.row
    assert job.answer is not None
    assert "simulated" in job.answer.text.lower()
    assert (row.backend, row.remote_id, row.cost) == (
        backend,
        sim.bill.jobs[0]["id"],
        sim.bill.jobs[0]["cost"],
    )
    assert row.sending_at <= row.accepted_at <= row.settled_at
    assert (row.owner, row.trouble, row.failure, row.moved) == ("", None, None, False)
    assert row.request_id
    assert job.raw["id"] == row.remote_id
    assert (posts(sim), len(sim.bill.jobs)) == (1, 1)


@BOTH
def test_the_steps_of_a_job_are_seen(still: Simulator, ask: Ask, until: Any, backend: str) -> None:
    asker = ask(still)
    job = asker.job("seconds:100 Why?", backend=backend)
    until(lambda: job.status == "queued")
    still.advance(50)
    until(lambda: job.status == "running")
    if backend == "agent":
        until(lambda: job.row.progress["sources"] > 0)
        assert job.row.progress["latest"]
    still.advance(100)
    assert asker.end(job) == "completed"


@BOTH
def test_many_questions_at_once(sim: Simulator, ask: Ask, until: Any, backend: str) -> None:
    asker = ask(sim)
    jobs = [asker.job(backend=backend) for _ in range(60)]
    assert {asker.end(job) for job in jobs} == {"completed"}
    assert len(sim.bill.jobs) == posts(sim) == 60
    watching = asker.session._watchers[asker.session.account]._watcher
    until(lambda: not watching._in_flight)


@pytest.mark.parametrize(
    ("prompt", "backend", "state"),
    [
        ("outcome:failed x", "sonar", "failed"),
        ("outcome:failed x", "agent", "failed"),
        ("outcome:requires_action x", "agent", "failed"),
        ("outcome:incomplete x", "sonar", "incomplete"),
        ("outcome:incomplete x", "agent", "incomplete"),
    ],
)
def test_other_ends(sim: Simulator, ask: Ask, prompt: str, backend: str, state: str) -> None:
    asker = ask(sim)
    job = asker.job(prompt, backend=backend)
    assert asker.end(job) == state
    assert (job.answer is not None) == (state == "incomplete")
    assert job.body is not None
    if state == "failed" and backend == "agent":
        assert job.row.cost is None, "unknown, not 0"


@BOTH
def test_a_word_that_nobody_knows_is_watched(sim: Simulator, ask: Ask, until: Any, backend: str) -> None:
    asker = ask(sim)
    job = asker.job("outcome:unknown_status x", backend=backend)
    until(lambda: job.remote_status.lower() == "reviewing")
    asked = len(sim.requests)
    until(lambda: len(sim.requests) > asked + 3)
    assert job.status == "running"


def test_a_watcher_that_rests_keeps_its_leases(
    still: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = ask(still)
    job = asker.job()
    until(lambda: job.row.remote_id)
    monkeypatch.setattr(watcher, "RENEW_SECONDS", 0.0)
    monkeypatch.setattr(pace.Share, "wait", lambda *_: 100.0)

    def until_when() -> float:
        return float(max(each.until for each in asker.session.ledger.owners()))

    before = until_when()
    until(lambda: until_when() > before + 0.5)


def test_jobs_are_asked_when_they_are_due(ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "next_ask", lambda _age, _under_way=1: 0.3)
    asked: dict[str, list[float]] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"id": f"r{len(asked)}", "status": "CREATED"})
        asked.setdefault(request.url.path, []).append(time.monotonic())
        return httpx.Response(200, json={"id": "r", "status": "IN_PROGRESS"})

    asker = ask("http://service.test", transport=httpx.MockTransport(answer))
    asker.job()
    until(lambda: asked)
    asker.job()
    until(lambda: len(asked) == 2 and all(len(times) >= 4 for times in asked.values()))
    gaps = [b - a for times in asked.values() for a, b in itertools.pairwise(times)]
    assert min(gaps) >= 0.29
    assert sorted(gaps)[len(gaps) // 2] < 0.45


# -- faults of the POST


FAULTS = [
    "reset-before", "reset-after", "status=503", "status=500", "html=524", "status-after=503", "html-after=524",
    "malformed",
]  # fmt: skip
DONE = {"reset-after", "status-after=503", "html-after=524", "malformed"}


@pytest.mark.parametrize("fault", FAULTS)
def test_sonar_completes_and_is_never_bought_twice(sim: Simulator, ask: Ask, fault: str) -> None:
    sim.add_fault(f"{fault}@post#3")
    asker = ask(sim)
    job = asker.job(backend="sonar")
    assert asker.end(job) == "completed"
    assert (len(sim.bill.jobs), posts(sim)) == (1, 4)
    assert job.row.remote_id == sim.bill.jobs[0]["id"]


@pytest.mark.parametrize("backend", ["sonar", "agent"])
def test_a_reply_that_is_cut_off_behind_the_id_loses_nothing(sim: Simulator, ask: Ask, backend: str) -> None:
    sim.add_fault("truncate@post#1")
    asker = ask(sim)
    job = asker.job(backend=backend)
    assert asker.end(job) == "completed"
    assert (len(sim.bill.jobs), posts(sim)) == (1, 1)


@pytest.mark.parametrize("backend", ["sonar", "agent"])
def test_a_reply_that_trips_whoever_reads_it_loses_no_id(
    sim: Simulator, ask: Ask, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    def trip(*_args: Any, **_rest: Any) -> Any:
        raise TypeError("unhashable type: 'list'")

    monkeypatch.setattr("pplx_jupyter.watch.outcomes.sending.learnt", trip)
    asker = ask(sim)
    job = asker.job(backend=backend)
    assert asker.end(job) == "completed"
    assert (len(sim.bill.jobs), posts(sim)) == (1, 1)


@pytest.mark.parametrize("fault", FAULTS)
def test_agent_is_unconfirmed_and_never_bought_twice(sim: Simulator, ask: Ask, fault: str) -> None:
    sim.add_fault(f"{fault}@post#1")
    asker = ask(sim)
    job = asker.job("Why?", backend="agent")
    assert asker.end(job) == "unconfirmed"
    assert job.failure is not None
    assert job.failure.reason
    again = asker.job("Why?", backend="agent")
    assert (again.id, asker.end(again), posts(sim)) == (job.id, "unconfirmed", 1)
    assert len(sim.bill.jobs) == (fault in DONE)


@pytest.mark.parametrize("fault", ["latency=0.3", "list"])
@BOTH
def test_what_harms_nothing(sim: Simulator, ask: Ask, backend: str, fault: str) -> None:
    sim.add_fault(f"{fault}")
    asker = ask(sim)
    job = asker.job(backend=backend)
    assert asker.end(job) == "completed"
    assert len(sim.bill.jobs) == posts(sim) == 1


@pytest.mark.parametrize("settled", ["attach", "again", "drop"])
def test_an_unconfirmed_run_is_settled_by_a_person(sim: Simulator, ask: Ask, settled: str) -> None:
    sim.add_fault("reset-after@post#1")
    asker = ask(sim)
    job = asker.job("Why?", backend="agent")
    assert asker.end(job) == "unconfirmed"
    if settled == "attach":
        asker.session.settle(job.id, remote_id=sim.bill.jobs[0]["id"])
        assert asker.end(job) == "completed"
        assert (len(sim.bill.jobs), job.failure) == (1, None)
    elif settled == "again":
        asker.session.settle(job.id, ask_again=True)
        assert asker.end(job) == "completed"
        assert (len(sim.bill.jobs), posts(sim), job.failure) == (2, 2, None)
    else:
        asker.session.settle(job.id)
        assert (job.status, posts(sim)) == ("cancelled", 1)
        assert asker.end(asker.job("Why?", backend="agent")) == "cancelled", (
            "and is not bought again by itself"
        )
        assert posts(sim) == 1
    with pytest.raises(ValueError, match="is not unconfirmed"):
        asker.session.settle(job.id)


@pytest.mark.parametrize("settled", ["attach", "again"])
def test_what_was_settled_is_not_dropped_by_an_earlier_cancel(
    still: Simulator, ask: Ask, until: Any, settled: str
) -> None:
    still.add_fault("hold@post#1")
    still.add_fault("reset-after@post#1")
    asker = ask(still)
    job = asker.job(backend="agent")
    until(lambda: still.held == 1)
    job.cancel()
    still.release()
    assert asker.end(job) == "unconfirmed"
    if settled == "attach":
        asker.session.settle(job.id, remote_id=still.bill.jobs[0]["id"])
    else:
        asker.session.settle(job.id, ask_again=True)
    assert job.row.cancel == ""
    until(lambda: job.remote_id)
    still.advance(1000)
    assert asker.end(job) == "completed"


def refusing() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@BOTH
def test_no_connection_ends_the_submit_and_running_it_again_sends_it(
    make_sim: Callable[..., Simulator], ask: Ask, backend: str
) -> None:
    url = refusing()
    asker = ask(url)
    job = asker.job("Why?", backend=backend)
    assert asker.end(job) == "failed"
    assert job.failure is not None
    assert (job.failure.kind, job.failure.reason, job.failure.accepted) == (
        "no_connection",
        "connection refused",
        False,
    )
    assert job.failure.host == "127.0.0.1"
    with pytest.raises(ServiceError):
        job.wait(5)
    sim = make_sim(port=int(url.rpartition(":")[2]))
    again = asker.job("Why?", backend=backend)
    assert (again.id, asker.end(again), again.failure) == (job.id, "completed", None)
    assert len(sim.bill.jobs) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("status=401", "unauthorized"),
        ("status=403", "forbidden"),
        ("status=400", "invalid"),
        ("status=422", "invalid"),
    ],
)
@BOTH
def test_a_refused_submit_created_nothing_and_is_sent_when_run_again(
    sim: Simulator, ask: Ask, backend: str, fault: str, kind: str
) -> None:
    sim.add_fault(f"{fault}@post#1")
    asker = ask(sim)
    job = asker.job("Why?", backend=backend)
    assert asker.end(job) == "failed"
    assert job.failure is not None
    assert (job.failure.kind, job.failure.accepted, bool(job.failure.request_id)) == (kind, False, True)
    again = asker.job("Why?", backend=backend)
    assert (again.id, asker.end(again)) == (job.id, "completed")
    assert len(sim.bill.jobs) == 1


@BOTH
def test_a_limit_is_waited_out_by_itself(make_sim: Callable[..., Simulator], ask: Ask, backend: str) -> None:
    sim = make_sim(rate_limit=3)
    asker = ask(sim)
    jobs = [asker.job(backend=backend) for _ in range(5)]
    assert {asker.end(job) for job in jobs} == {"completed"}
    assert (len(sim.bill.jobs), posts(sim) > 5) == (5, True)


# -- faults of the GET


@BOTH
def test_a_job_survives_everything_on_the_way(still: Simulator, ask: Ask, until: Any, backend: str) -> None:
    asker = ask(still)
    job = asker.job(backend=backend)
    until(lambda: job.remote_id)
    for fault in (
        "status=503#9",
        "html=524#3",
        "reset-before#2",
        "reset-after#2",
        "truncate#2",
        "malformed#2",
        "status=429#2",
    ):
        kind, _, times = fault.partition("#")
        still.add_fault(f"{kind}@get", int(times))
    seen: set[str] = set()
    deadline = time.monotonic() + 60

    def calm() -> bool:
        row = job.row
        if row.trouble is not None:
            seen.add(row.trouble["kind"])
        assert row.is_open
        return row.tries == 0 and row.trouble is None and {"server", "no_connection", "rate_limited"} <= seen

    while not calm():
        assert time.monotonic() < deadline, (seen, job.row)
    still.advance(1000)
    assert asker.end(job) == "completed"
    assert len(still.bill.jobs) == posts(still) == 1


def test_a_404_right_after_the_acceptance_is_waited_out(sim: Simulator, ask: Ask) -> None:
    sim.add_fault("status=404@get#1")
    asker = ask(sim)
    job = asker.job(backend="agent")
    assert job.wait(20).text


def test_an_answer_older_than_seven_days_has_expired(still: Simulator, ask: Ask, until: Any) -> None:
    asker = ask(still)
    job = asker.job("Why?", backend="sonar")
    until(lambda: job.remote_id)
    still.advance(8 * 86_400)
    until(lambda: job.row.trouble is not None and job.row.trouble["kind"] == "not_found")
    assert job.row.is_open, "not by our clock"
    asker.session.ledger.write(job.id, {"accepted_at": time.time() - 8 * 86_400, "due_at": time.time()})
    asker.session.watch()
    assert asker.end(job) == "expired"
    with pytest.raises(JobExpired):
        job.wait(1)
    assert asker.end(asker.job("Why?", backend="sonar")) == "expired", "not bought again by itself"
    assert posts(still) == 1


@BOTH
def test_a_key_that_is_refused_later_is_an_error_of_waiting_and_not_of_the_job(
    still: Simulator, ask: Ask, until: Any, backend: str
) -> None:
    asker = ask(still)
    job = asker.job(backend=backend)
    until(lambda: job.remote_id)
    still.add_fault("status=401@get")
    with pytest.raises(ServiceError) as caught:
        job.wait(20)
    assert (caught.value.status, job.row.is_open) == (401, True)
    assert caught.value.request_id
    still.clear_faults()
    still.advance(1000)
    assert job.wait(20).text, "mended: waiting asks once more instead of repeating the old refusal"


# -- retirement


def test_a_retired_account_moves_and_is_remembered(
    make_sim: Callable[..., Simulator], ask: Ask, make_session: Any
) -> None:
    sim = make_sim(sonar_retired=True)
    asker = ask(sim)
    job = asker.job()
    assert asker.end(job) == "completed"
    assert (job.row.backend, job.row.moved, job.receipt.moved) == ("agent", True, True)
    assert (posts(sim, "sonar"), posts(sim, "agent"), len(sim.bill.jobs)) == (1, 1, 1)
    until = asker.session.ledger.retired_until(asker.session.account)
    assert 6.9 * 86_400 < until - time.time() <= 7 * 86_400
    other = ask(sim)
    assert other.end(other.job("Another?")) == "completed"
    assert (posts(sim, "sonar"), posts(sim, "agent")) == (1, 2), "the ledger remembers"
    stranger = ask(sim, api_key="pplx-another-account-0123456789")
    assert stranger.end(stranger.job("A third?")) == "completed"
    assert posts(sim, "sonar") == 2, "of that account alone"


def test_what_is_remembered_runs_out(make_sim: Callable[..., Simulator], ask: Ask) -> None:
    sim = make_sim()
    asker = ask(sim)
    asker.session.ledger.retire(asker.session.account, time.time() - 1)
    job = asker.job()
    assert (asker.end(job), job.row.backend) == ("completed", "sonar")


def test_options_of_sonar_alone_are_named(make_sim: Callable[..., Simulator], ask: Ask) -> None:
    sim = make_sim(sonar_retired=True)
    asker = ask(sim)
    for question in ("Why?", "Where?"):
        job = asker.job(question, search_mode="academic", return_images=True)
        assert asker.end(job) == "failed"
        assert job.failure is not None
        assert (job.failure.kind, set(job.failure.fields)) == (
            "unsupported",
            {"search_mode", "return_images"},
        )
    assert (posts(sim, "agent"), sim.bill.jobs) == (0, [])


def test_a_pinned_question_does_not_move(make_sim: Callable[..., Simulator], ask: Ask) -> None:
    sim = make_sim(sonar_retired=True)
    asker = ask(sim)
    job = asker.job("Why?", backend="sonar")
    assert asker.end(job) == "failed"
    assert job.failure is not None
    assert (job.failure.kind, posts(sim, "agent")) == ("forbidden", 0)
    assert "Sonar" in job.failure.said
    unpinned = asker.job("Why?")
    assert (asker.end(unpinned), unpinned.row.backend) == ("completed", "agent"), (
        "the pin was the question's, not the row's"
    )


def test_a_question_that_becomes_pinned_does_not_move_either(
    make_sim: Callable[..., Simulator], ask: Ask
) -> None:
    sim = make_sim(sonar_retired=True)
    sim.add_fault("status=400@post#1")
    asker = ask(sim)
    assert asker.end(asker.job("Why?")) == "failed"
    pinned = asker.job("Why?", backend="sonar")
    assert (asker.end(pinned), pinned.failure.kind, posts(sim, "agent")) == ("failed", "forbidden", 0)


def test_retirement_under_way_moves_nothing(still: Simulator, ask: Ask, until: Any) -> None:
    asker = ask(still)
    job = asker.job()
    until(lambda: job.remote_id)
    remote_id = job.remote_id
    still.sonar_retired = True
    with pytest.raises(ServiceError, match="Agent API") as caught:
        job.wait(20)
    assert caught.value.status == 403
    assert (job.row.backend, job.remote_id, job.row.is_open) == ("sonar", remote_id, True)
    assert job.row.due_at > time.time() + 3500
    still.sonar_retired = False
    still.advance(1000)
    assert job.wait(20).text
    assert len(still.bill.jobs) == posts(still) == 1


def test_retirement_of_a_resend_moves_nothing(sim: Simulator, ask: Ask, until: Any) -> None:
    sim.add_fault("hold@post#1")
    sim.add_fault("reset-after@post#1")
    asker = ask(sim)
    job = asker.job()
    until(lambda: sim.held == 1)
    sim.sonar_retired = True
    sim.release()
    until(lambda: job.row.trouble is not None and job.row.trouble["kind"] == "retired")
    assert (job.row.backend, job.row.moved, posts(sim, "agent")) == ("sonar", False, 0)
    sim.sonar_retired = False
    assert job.wait(20).text
    assert len(sim.bill.jobs) == 1


def test_a_budget_that_cannot_be_read_puts_the_move_off(
    make_sim: Callable[..., Simulator], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = make_sim(sonar_retired=True)
    asker = ask(sim)
    locked = [LedgerError("database is locked")]
    rehold = type(asker.session.ledger).rehold

    def look(ledger: Any, *args: Any, **rest: Any) -> Any:
        if locked:
            raise locked.pop()
        return rehold(ledger, *args, **rest)

    monkeypatch.setattr(type(asker.session.ledger), "rehold", look)
    job = asker.job()
    assert (asker.end(job), job.row.backend, len(sim.bill.jobs)) == ("completed", "agent", 1)
    assert not locked


# -- cancel


def test_cancelling_a_resend_that_is_refused_ends_it_unconfirmed(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    job = asker.submit(backend="sonar")
    asker.session.ledger.write(job.id, {"cancel": "asked", "sending_at": time.time() - 60})
    sim.add_fault("status=401@post#1")
    asker.session.watch()
    assert asker.end(job) == "unconfirmed", "whoever gave it up is not made to wait for another key"


@BOTH
def test_cancel(still: Simulator, ask: Ask, until: Any, backend: str) -> None:
    asker = ask(still)
    job = asker.job("Why?", backend=backend)
    until(lambda: job.remote_id)
    job.cancel()
    if backend == "agent":
        until(lambda: job.row.cancel == "sent")
        still.advance(3)
    assert asker.end(job) == "cancelled"
    assert (job.row.cost, job.failure.accepted, still.bill.jobs[0]["status"]) == (None, True, "cancelled")
    assert asker.end(asker.job("Why?", backend=backend)) == "cancelled", "not bought again by itself"
    assert posts(still) == 1


def test_cancel_that_is_not_offered(make_sim: Callable[..., Simulator], ask: Ask, until: Any) -> None:
    still = make_sim(0.001, offers_cancel=False)
    asker = ask(still)
    job = asker.job(backend="sonar")
    until(lambda: job.remote_id)
    job.cancel()
    until(lambda: job.row.cancel == "refused")
    assert job.row.is_open
    still.advance(1000)
    assert asker.end(job) == "completed"


def test_a_cancel_that_always_fails_does_not_keep_the_answer_away(
    still: Simulator, ask: Ask, until: Any
) -> None:
    asker = ask(still)
    job = asker.job(backend="sonar")
    until(lambda: job.remote_id)
    still.add_fault("status=500@delete")
    job.cancel()
    until(lambda: job.row.cancel == "refused")
    still.advance(1000)
    assert asker.end(job) == "completed"


@BOTH
def test_cancel_that_comes_too_late(
    still: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(pace, "next_ask", lambda _age, _under_way=1: 1000.0)
    asker = ask(still)
    job = asker.job(backend=backend)
    until(lambda: job.remote_id)
    still.advance(1000)
    job.cancel()
    assert asker.end(job) == "completed"
    assert (job.row.cancel, job.answer is not None) == ("late", True)


@BOTH
def test_cancel_of_an_intent_that_has_not_left(sim: Simulator, ask: Ask, backend: str) -> None:
    asker = ask(sim)
    job = asker.submit("Why?", backend=backend)
    job.cancel()
    assert asker.end(job) == "cancelled"
    assert (job.failure.accepted, posts(sim)) == (False, 0)
    again = asker.job("Why?", backend=backend)
    assert (again.id, asker.end(again), posts(sim)) == (job.id, "completed", 1)


@BOTH
def test_cancel_while_the_submit_is_in_flight(
    still: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setattr(pace, "next_ask", lambda _age, _under_way=1: 1000.0)
    still.add_fault("hold@post#1")
    asker = ask(still)
    job = asker.job(backend=backend)
    until(lambda: still.held == 1)
    job.cancel()
    still.release()
    until(lambda: job.row.cancel == "sent", "the cancel waited for the pace")
    assert len(still.bill.jobs) == posts(still) == 1


@BOTH
def test_cancel_while_a_look_is_in_flight(
    still: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    asker = ask(still)
    job = asker.job(backend=backend)
    until(lambda: job.remote_id)
    still.add_fault("hold@get#1")
    until(lambda: still.held == 1)
    monkeypatch.setattr(pace, "next_ask", lambda _age, _under_way=1: 1000.0)
    job.cancel()
    still.release()
    until(lambda: job.row.cancel == "sent", "the cancel waited for the pace")


def test_cancel_between_the_claim_and_the_first_byte(
    sim: Simulator, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = ask(sim)
    real = Exchange._body

    def body(self: Any, row: Any, request: Any) -> Any:
        asker.session.ledger.write(row.id, {"cancel": "asked"})
        return real(self, row, request)

    monkeypatch.setattr(Exchange, "_body", body)
    job = asker.job(backend="agent")
    assert asker.end(job) == "cancelled"
    assert (posts(sim), job.row.sending_at, job.failure.accepted) == (0, None, False)


# -- many watchers, one ledger


@BOTH
def test_two_sessions_on_one_ledger_buy_once(sim: Simulator, ask: Ask, backend: str) -> None:
    sim.add_fault("latency=0.05@post")
    one, other = ask(sim), ask(sim)
    jobs: dict[str, list[Any]] = {"one": [], "other": []}

    def submit(name: str, asker: Any) -> None:
        for n in range(20):
            jobs[name].append(asker.job(f"Question {n}?", backend=backend))

    threads = [threading.Thread(target=submit, args=pair) for pair in (("one", one), ("other", other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [job.id for job in jobs["one"]] == [job.id for job in jobs["other"]]
    assert {one.end(job) for job in jobs["one"]} == {"completed"}
    assert len(sim.bill.jobs) == posts(sim) == 20


def test_a_session_that_ends_hands_its_jobs_over_at_once(still: Simulator, ask: Ask, until: Any) -> None:
    first, second = ask(still), ask(still)
    job = first.job(backend="agent")
    until(lambda: job.remote_id)
    first.session.close()
    still.advance(1000)
    second.session.watch()
    started = time.monotonic()
    assert second.end(job) == "completed"
    assert time.monotonic() - started < 10, "without waiting for a lease of 15 s to run out"


def test_what_is_in_flight_at_the_end_of_a_session_is_still_written(
    still: Simulator, ask: Ask, until: Any
) -> None:
    still.add_fault("hold@post#1")
    asker = ask(still)
    job = asker.job(backend="agent")
    until(lambda: still.held == 1)
    asker.session.close()
    still.release()
    until(lambda: job.remote_id)
    assert job.status in {"queued", "running"}


def held_by(asker: Any, job: Any, **changes: Any) -> None:
    """Let another process hold a job's lease."""
    values: dict[str, Any] = {
        "id": "far",
        "host": "far-host",
        "boot": "b",
        "pid": 1,
        "started": "1",
        "until": time.time() + 3600,
    }
    asker.session.ledger.renew(Owner(**(values | changes)))
    asker.session.ledger.write(job.id, {"owner": "far"})


def test_a_live_owner_on_another_host_is_left_alone_until_its_lease_ends(
    sim: Simulator, ask: Ask, until: Any
) -> None:
    asker = ask(sim)
    job, own = asker.submit(backend="sonar"), asker.submit(backend="sonar")
    held_by(asker, job)
    asker.session.watch()
    assert asker.end(own) == "completed", "the watcher is at work"
    assert (job.status, posts(sim)) == ("submitting", 1)
    held_by(asker, job, until=time.time() - 0.1)
    assert asker.end(job) == "completed"


@pytest.mark.parametrize(
    ("backend", "state", "sent"), [("sonar", "completed", 1), ("agent", "unconfirmed", 0)]
)
def test_a_row_left_while_sending(sim: Simulator, ask: Ask, backend: str, state: str, sent: int) -> None:
    asker = ask(sim)
    job = asker.submit(backend=backend)
    asker.session.ledger.write(job.id, {"sending_at": time.time() - 60})
    held_by(asker, job, until=time.time() - 1)
    asker.session.watch()
    assert asker.end(job) == state
    assert posts(sim) == sent


def test_a_reply_that_outlives_its_lease_settles_what_was_given_up(
    still: Simulator, ask: Ask, until: Any
) -> None:
    still.add_fault("hold@post#1")
    asker = ask(still)
    job = asker.job(backend="agent")
    until(lambda: still.held == 1)
    held_by(asker, job)  # as if this machine had slept
    asker.session.ledger.write(
        job.id, {"state": "unconfirmed", "owner": "", "failure": {"kind": "unconfirmed"}}
    )
    still.release()
    until(lambda: job.remote_id)
    assert (job.row.is_open, job.failure) == (True, None)
    still.advance(1000)
    assert asker.end(job) == "completed"
    assert len(still.bill.jobs) == 1


def test_jobs_of_the_same_account_are_read_by_whoever_is_there(
    still: Simulator, ask: Ask, until: Any
) -> None:
    gone = ask(still)
    job = gone.job()
    until(lambda: job.remote_id)
    gone.session.close()
    still.advance(1000)
    other = ask(still)
    other.job("Something else?")
    assert other.end(job) == "completed", "nobody asked for it"


# -- the thread lives


def test_a_locked_ledger_does_not_lose_what_a_reply_said(
    still: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_WRITE_PAUSES", (0.05,) * 100)
    still.add_fault("hold@post#1")
    asker = ask(still)
    job = asker.job(backend="agent")
    until(lambda: still.held == 1)
    ledger, real = asker.session.ledger, type(asker.session.ledger).write
    free = threading.Event()
    refused: list[Any] = []

    def write(self: Any, *args: Any, **rest: Any) -> Any:
        if self is ledger and not free.is_set():
            refused.append(args)
            raise LedgerError("database is locked")
        return real(self, *args, **rest)

    monkeypatch.setattr(type(ledger), "write", write)
    still.release()
    until(lambda: len(refused) > 1, "it is tried again")
    assert job.status == "submitting"
    free.set()
    until(lambda: job.remote_id)
    still.advance(1000)
    assert asker.end(job) == "completed"
    assert len(still.bill.jobs) == 1


def test_a_row_that_cannot_be_read_fails_and_harms_no_other(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    bad, good = asker.submit(), asker.submit()
    asker.session.ledger.write(bad.id, {"request": {"prompt": "q", "search_mode": "of a newer version"}})
    asker.session.watch()
    assert (asker.end(good), asker.end(bad)) == ("completed", "failed")
    assert bad.row.sending_at is None
    assert posts(sim) == 1


def test_an_address_that_is_none_fails_the_submit(ask: Ask) -> None:
    asker = ask("http://exa mple:port")
    job = asker.job()
    assert asker.end(job) == "failed"
    assert job.failure.accepted is False


def test_a_look_that_breaks_does_not_end_the_watching(
    sim: Simulator, ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = [RuntimeError("odd"), RuntimeError("odd")]
    real = lease.free_owners

    def free(owners: Any) -> Any:
        if broken:
            raise broken.pop()
        return real(owners)

    monkeypatch.setattr(watcher, "free_owners", free)
    asker = ask(sim)
    assert asker.end(asker.job()) == "completed"
    assert not broken


# -- what is kept


def transport_of(
    seen: list[httpx.Request], answer: Callable[[httpx.Request], httpx.Response]
) -> httpx.MockTransport:
    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request)

    return httpx.MockTransport(handler)


def test_neither_key_nor_webhook_secret_is_in_the_ledger_and_both_are_sent(ask: Ask, tmp_path: Path) -> None:
    key, secret = "gateway-key-abcdefghijklmnop", "whsec-0123456789abcdef"
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"id": "r1", "status": "CREATED"})
        said = {"error": {"message": f"bad key {key}", "type": "invalid_api_key", "code": 401}}
        return httpx.Response(401, json=said, headers={"X-Request-ID": key})

    asker = ask("http://service.test", api_key=key, transport=transport_of(seen, answer))
    job = asker.job("Why?", webhook_url="https://hook.test/x", webhook_secret=secret)
    with pytest.raises(ServiceError) as caught:
        job.wait(20)
    assert key not in str(caught.value)
    assert "[withheld]" in str(caught.value)
    body = json.loads(seen[0].content)
    assert body["webhook"] == {"url": "https://hook.test/x", "secret": secret}
    assert seen[0].headers["authorization"] == f"Bearer {key}"
    db = sqlite3.connect(tmp_path / "ledger.sqlite")
    dump = "\n".join(db.iterdump())
    db.close()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert "hook.test" in dump
    for word in (key, secret):
        assert word not in dump
        assert word.encode() not in files


def test_a_webhooks_secret_is_there_however_quick_the_watcher_is(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[httpx.Request] = []
    transport = transport_of(
        seen, lambda _request: httpx.Response(200, json={"id": "r1", "status": "CREATED"})
    )
    asker = ask("http://service.test", transport=transport)
    asker.session.watch()
    ledger, real = asker.session.ledger, type(asker.session.ledger).intend

    def intend(self: Any, *args: Any, **rest: Any) -> Any:
        made = real(self, *args, **rest)
        asker.session.bell.ring()
        deadline = time.monotonic() + 10
        while not seen:
            assert time.monotonic() < deadline
        return made

    monkeypatch.setattr(type(ledger), "intend", intend)
    asker.submit("Why?", webhook_url="https://hook.test/x", webhook_secret="whsec-1")
    assert json.loads(seen[0].content)["webhook"]["secret"] == "whsec-1"


def test_half_a_character_of_the_service_does_not_keep_the_answer_away(ask: Ask) -> None:
    done = (
        b'{"id": "r\\ud800", "status": "COMPLETED", "response": {"model": "m\\udfff",'
        b' "choices": [{"message": {"content": "It is so \\ud83d."}}]}}'
    )

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, content=b'{"id": "r\\ud800", "status": "CR\\ud800"}')
        return httpx.Response(200, content=done)

    asker = ask("http://service.test", transport=httpx.MockTransport(answer))
    job = asker.job()
    assert asker.end(job) == "completed"
    assert job.answer.text.startswith("It is so")


def accepted(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"id": "r1", "status": "CREATED"})


def test_a_webhooks_secret_can_be_a_variables_name_and_only_the_name_is_kept(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, until: Callable[..., None]
) -> None:
    seen: list[httpx.Request] = []
    monkeypatch.setenv("HOOK_SECRET", "whsec-from-the-environment")
    asker = ask("http://service.test", transport=transport_of(seen, accepted))
    job = asker.job("Why?", webhook_url="https://hook.test/x", webhook_secret="$HOOK_SECRET")
    until(lambda: job.status == "queued")
    assert json.loads(seen[0].content)["webhook"]["secret"] == "whsec-from-the-environment"
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"$HOOK_SECRET" in files
    assert b"whsec-from" not in files


@pytest.mark.parametrize("secret", ["$HOOK_NOT_SET", "literal"])
def test_an_intent_whose_webhook_secret_is_not_known_is_not_sent_without_it(
    ask: Ask, until: Callable[..., None], secret: str
) -> None:
    seen: list[httpx.Request] = []
    asker = ask("http://service.test", transport=transport_of(seen, accepted))
    job = asker.submit("Why?", webhook_url="https://hook.test/x", webhook_secret=secret)
    # As a process that finds the intent of another one.
    asker.session._secrets.clear()
    asker.session.watch()
    until(lambda: job.status == "failed")
    assert "secret" in (job.row.failure or {})["reason"]
    assert not seen


def test_a_refused_key_says_where_it_came_from(ask: Ask) -> None:
    reply = httpx.Response(
        401, json={"error": {"message": "Invalid", "type": "invalid_api_key", "code": 401}}
    )
    job = ask("http://service.test", transport=transport_of([], lambda _request: reply)).job("Why?")
    with pytest.raises(ServiceError):
        job.wait(20)
    assert job.failure is not None
    assert job.failure.key_from
    assert job.failure.key_from in str(job._repr_mimebundle_()["text/plain"])
