"""Where a Request meets the ledger: what is bought, and what is there already."""

from __future__ import annotations

import dataclasses
import gc
import secrets
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pplx_jupyter import settling
from pplx_jupyter.asking import research
from pplx_jupyter.batch.asking import research_map
from pplx_jupyter.errors import KeyMissing, LedgerError, RequestError, ServiceError
from pplx_jupyter.job import Job, attach, jobs
from pplx_jupyter.ledger.gate import PARKED, is_parked
from pplx_jupyter.ledger.records import Owner
from pplx_jupyter.request import Request
from pplx_jupyter.session import Session, current_session, use_session
from pplx_jupyter.settings import Settings
from pplx_jupyter.watch.thread import run_in_background

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator

BOTH = pytest.mark.parametrize("backend", ["sonar", "agent"])
OTHER_KEY = "pplx-" + "0ther" * 7
Ask = Any


@BOTH
def test_the_same_question_is_bought_once(sim: Simulator, ask: Ask, backend: str) -> None:
    asker = ask(sim)
    job = asker.job("Why?", backend=backend)
    while_open = asker.job("  Why?\r\n", backend=backend)
    assert (while_open.id, while_open.reuse) == (job.id, None)
    assert asker.end(job) == "completed"
    requests = len(sim.requests)
    again = asker.job("Why?", backend=backend)
    assert (again.id, again.reuse, again.answer.text) == (job.id, "ledger", job.answer.text)
    later = ask(sim).job("Why?", backend=backend)
    assert (later.id, later.reuse, len(sim.requests), len(sim.bill.jobs)) == (job.id, "ledger", requests, 1)
    assert asker.job("Why?", backend=backend, take=2).id != job.id


def test_a_settled_answer_needs_neither_key_nor_network(sim: Simulator, ask: Ask, make_session: Any) -> None:
    asker = ask(sim)
    asker.end(asker.job("Why?"))
    sim.close()
    without = make_session(sim.url, api_key=None)
    assert not without.has_key
    assert research("Why?", session=without).wait(0).text
    with pytest.raises(KeyMissing, match="Nothing was sent"):
        research("Another?", session=without)
    assert len(without.ledger.jobs()) == 1


def test_refresh_buys_again_and_keeps_the_first(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    first = asker.job("Why?")
    asker.end(first)
    second = asker.job("Why?", refresh=True)
    assert asker.end(second) == "completed"
    assert (len(sim.bill.jobs), second.id != first.id, first.answer is not None) == (2, True, True)
    assert asker.job("Why?").id == second.id


def test_a_refresh_that_fails_leaves_the_first_answer_in_service(
    make_sim: Callable[..., Simulator], ask: Ask
) -> None:
    sim = make_sim()
    asker = ask(sim)
    first = asker.job("Why?")
    asker.end(first)
    sim.add_fault("fail@post#1")
    assert asker.end(asker.job("Why?", refresh=True)) == "failed"
    assert asker.job("Why?").id == first.id


@BOTH
def test_a_failed_job_is_bought_again_on_purpose_only(sim: Simulator, ask: Ask, backend: str) -> None:
    asker = ask(sim)
    sim.add_fault("fail@post#1")
    job = asker.job("Why?", backend=backend)
    assert asker.end(job) == "failed"
    again = asker.job("Why?", backend=backend)
    assert (again.id, again.reuse, len(sim.bill.jobs)) == (job.id, None, 1)
    bought = asker.job("Why?", backend=backend, retry_failed=True)
    assert (bought.id != job.id, asker.end(bought), len(sim.bill.jobs)) == (True, "completed", 2)
    assert asker.job("Why?", backend=backend, retry_failed=True).id == bought.id, "an answer is there now"


def test_retry_failed_buys_nothing_that_may_have_been_bought(sim: Simulator, ask: Ask) -> None:
    sim.add_fault("reset-after@agent+post#1")
    asker = ask(sim)
    job = asker.job("Why?", backend="agent")
    assert asker.end(job) == "unconfirmed"
    again = asker.job("Why?", backend="agent", retry_failed=True)
    assert (again.id, asker.end(again), len(sim.bill.jobs)) == (job.id, "unconfirmed", 1)


@pytest.mark.parametrize(("days", "state"), [(6, "completed"), (8, "unconfirmed")])
def test_a_lost_submit_is_resent_only_while_the_service_keeps_its_key(
    sim: Simulator, ask: Ask, days: int, state: str
) -> None:
    asker, first = ask(sim), time.time() - days * 86_400
    job = asker.submit("Why?", backend="sonar")
    asker.session.ledger.write(job.id, {"sending_at": first})
    asker.session.watch()
    assert (asker.end(job), len(sim.bill.jobs)) == (state, int(days < 7))
    assert job.row.sending_at == first, "the service counts from the first POST on"


def test_what_has_left_is_not_dropped_with_what_waits(sim: Simulator, ask: Ask) -> None:
    asker, now = ask(sim), time.time()
    ledger = asker.session.ledger
    left, waits = asker.submit("One?"), asker.submit("Two?")
    sent = {"state": "running", "remote_id": "r1", "sending_at": now, "accepted_at": now}
    ledger.write(left.id, sent)
    ledger.write(waits.id, {"due_at": PARKED})
    assert ledger.drop_parked([left.id, waits.id], {"state": "cancelled", "due_at": now}) == 1
    assert (left.row.state, waits.row.state) == ("running", "cancelled")


def test_retry_failed_as_a_setting_and_retry_as_a_method(sim: Simulator, ask: Ask) -> None:
    sim.add_fault("fail@post#2")
    asker = ask(sim, settings=Settings(retry_failed=True))
    first, second = asker.job("One?"), asker.job("Two?")
    assert (asker.end(first), asker.end(second)) == ("failed", "failed")
    assert asker.end(asker.job("One?")) == "completed"
    retried = second.retry()
    assert (retried.id != second.id, asker.end(retried)) == (True, "completed")


def test_a_retry_buys_once_however_often_and_wherever_it_is_run(sim: Simulator, ask: Ask) -> None:
    sim.add_fault("fail@post#1")
    asker, other = ask(sim), ask(sim)
    failed = asker.job("Why?")
    assert asker.end(failed) == "failed"
    # Another default does not make it another question.
    other.session.settings = dataclasses.replace(other.session.settings, effort="high")
    first, second = failed.retry(), Job(other.session, failed.id).retry()
    assert first.id == second.id != failed.id
    assert asker.end(first) == "completed"
    assert failed.retry().id == first.id, "the same cell, run again"
    assert len(sim.bill.jobs) == 2


def test_a_pinned_question_reuses_its_own_backends_answers(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    sonar = asker.job("Why?")
    assert (asker.end(sonar), sonar.row.backend) == ("completed", "sonar")
    assert asker.job("Why?", backend="sonar").id == sonar.id
    agent = asker.job("Why?", backend="agent")
    assert (agent.id != sonar.id, asker.end(agent)) == (True, "completed")
    assert asker.job("Why?", backend="agent").id == agent.id
    assert asker.job("Why?", backend="sonar").id == sonar.id
    assert asker.job("Why?").id in {sonar.id, agent.id}
    assert len(sim.bill.jobs) == 2


def test_answers_never_cross_addresses(make_sim: Callable[..., Simulator], ask: Ask) -> None:
    one, other = make_sim(), make_sim()
    for sim in (one, other, one, other):
        asker = ask(sim)
        assert asker.end(asker.job("Why?")) == "completed"
    assert (len(one.bill.jobs), len(other.bill.jobs)) == (1, 1)


def test_options_of_both_backends_are_refused_unsent(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    with pytest.raises(RequestError, match="remove one side"):
        asker.submit("Why?", search_mode="academic", max_steps=3)
    assert asker.session.ledger.jobs() == []


def test_settings_fill_what_a_question_leaves_open(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim, settings=Settings(backend="sonar", model="sonar-pro", effort="low", images=True))
    row = asker.submit("Why?").row
    assert (row.backend, row.pinned, row.model, row.effort) == ("sonar", True, "sonar-pro", "low")
    assert row.request["return_images"] is True
    own = asker.submit(
        "How?", model="sonar-deep-research", reasoning_effort="high", return_images=False, backend="auto"
    ).row
    assert (own.model, own.effort, own.request["return_images"]) == ("sonar-deep-research", "high", False)


def test_what_a_row_remembers_of_its_place(sim: Simulator, ask: Ask) -> None:
    session = ask(sim).session
    request = Request(prompt="Why is {{ x }}?")
    row = session.submit(request, name="n", notebook="b.ipynb", cell="c1", filled={"x": "it"}).row
    assert (row.name, row.notebook, row.cell, row.filled) == ("n", "b.ipynb", "c1", {"x": "it"})


# -- keys


def test_the_key_is_looked_for_anew_each_time(
    sim: Simulator, make_session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pplx_jupyter.api import key

    monkeypatch.setattr(key, "_from_keyring", lambda: "")
    for nothing in (None, "", "  \n"):
        session = make_session(sim, api_key=nothing)
        assert not session.has_key
        with pytest.raises(KeyMissing):
            session.submit(Request(prompt="Why?"))
    monkeypatch.setenv("PPLX_API_KEY", "pplx-set-after-the-first-cell")
    assert session.submit(Request(prompt="Why?")).created


def test_a_line_end_around_the_key_is_no_part_of_it(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim, api_key="pplx-pasted-0123456789\n")
    assert asker.end(asker.job("Why?")) == "completed"


def test_nobodys_rows_of_another_key_become_this_keys(sim: Simulator, ask: Ask) -> None:
    old, new = ask(sim), ask(sim, api_key=OTHER_KEY)
    left = old.submit("Why?")
    found = new.job("Why?")
    assert (found.id, new.end(found), found.row.account) == (left.id, "completed", new.session.account)
    assert len(sim.bill.jobs) == 1


def test_rows_that_another_key_follows_stay_its(still: Simulator, ask: Ask, until: Any) -> None:
    old, new = ask(still), ask(still, api_key=OTHER_KEY)
    job = old.job("Why?")
    until(lambda: job.remote_id)
    assert new.job("Why?").row.account == old.session.account
    still.advance(1000)
    assert new.end(job) == "completed"


def test_a_job_whose_key_is_refused_is_taken_over_by_the_next(still: Simulator, ask: Ask, until: Any) -> None:
    asker = ask(still)
    job = asker.job("Why?")
    until(lambda: job.remote_id)
    still.add_fault("status=401@get#1")
    until(lambda: job.row.trouble is not None)
    old = job.row
    asker.session.key = type(asker.session.key)(OTHER_KEY, "%pplx key")
    # The simulator takes each key for an account of its own: the new one is really asked with.
    asker.session.ledger.write(job.id, {"accepted_at": time.time() - 3600})
    with pytest.raises(ServiceError, match="not found with this key"):
        job.wait(20)
    assert (job.row.account, job.row.account != old.account) == (asker.session.account, True)
    assert len(still.bill.jobs) == 1


def test_what_another_key_sent_and_lost_is_not_sent_with_this_one(sim: Simulator, ask: Ask) -> None:
    old, new = ask(sim), ask(sim, api_key=OTHER_KEY)
    job = old.submit("Why?")
    old.session.ledger.write(job.id, {"sending_at": time.time() - 60})
    found = new.job("Why?")
    assert (found.id, new.end(found)) == (job.id, "unconfirmed"), "an idempotency key is an account's own"
    assert sim.bill.jobs == []


def test_a_key_set_later_does_not_change_a_watcher_at_work(ask: Ask) -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["authorization"])
        return httpx.Response(200, json={"id": "r1", "choices": [{"message": {"content": "It is so."}}]})

    asker = ask("http://service.test", transport=httpx.MockTransport(answer))
    first = asker.session.key.reveal()
    release = threading.Event()

    async def busy() -> None:
        release.wait(20)

    # The client is made on the background thread, and so perhaps long after the key was looked up.
    blocked = run_in_background(busy())
    job = asker.job("Why?")
    asker.session.key = type(asker.session.key)(OTHER_KEY, "%pplx key")
    release.set()
    blocked.result(20)
    assert asker.end(job) == "completed"
    assert keys == [f"Bearer {first}"]
    assert job.row.account != asker.session.account


def test_waiting_for_another_keys_job_follows_it(sim: Simulator, ask: Ask) -> None:
    old, new = ask(sim), ask(sim, api_key=OTHER_KEY)
    job = old.submit("Why?")
    assert Job(new.session, job.id).wait(20).text


def test_a_job_of_another_service_is_not_taken_over(make_sim: Callable[..., Simulator], ask: Ask) -> None:
    old, new = ask(make_sim()), ask(make_sim(), api_key=OTHER_KEY)
    row = old.submit("Why?").row
    assert new.session.follow(row) == row


def test_what_waits_for_its_turn_waits_on_when_it_is_taken_over(sim: Simulator, ask: Ask) -> None:
    old, new = ask(sim), ask(sim, api_key=OTHER_KEY)
    row = old.session.ledger.write(old.submit("Why?").id, {"due_at": PARKED})
    taken = new.session.follow(row)
    assert (taken.account, is_parked(taken.due_at)) == (new.session.account, True)


@pytest.mark.parametrize("changes", [{"owner": "another"}, {"state": "cancelled", "settled_at": 5.0}])
def test_what_changed_since_it_was_read_is_not_taken_over(
    sim: Simulator, ask: Ask, changes: dict[str, Any]
) -> None:
    old, new = ask(sim), ask(sim, api_key=OTHER_KEY)
    read = old.submit("Why?").row
    now = old.session.ledger.write(read.id, changes)
    new.session.follow(read)
    assert new.session.ledger.get(read.id) == now


# -- settling what may have been bought


@pytest.fixture
def unconfirmed(sim: Simulator, ask: Ask) -> Any:
    """Give who asked, and a job whose submit was lost."""
    sim.add_fault("reset-after@agent+post#1")
    asker = ask(sim)
    job = asker.job("Why?", backend="agent")
    assert asker.end(job) == "unconfirmed"
    return asker, job


def test_asking_again_uses_the_key_at_hand(sim: Simulator, ask: Ask, unconfirmed: Any) -> None:
    old, job = unconfirmed
    old.session.close()
    new = ask(sim, api_key=OTHER_KEY)
    new.session.settle(job.id, ask_again=True)
    new.session.watch()
    assert new.end(Job(new.session, job.id)) == "completed"
    assert len(sim.bill.jobs) == 2


def test_an_id_that_the_service_does_not_know_settles_nothing(unconfirmed: Any) -> None:
    asker, job = unconfirmed
    with pytest.raises(RequestError, match="knows no job"):
        asker.session.settle(job.id, remote_id="resp_mistyped")
    assert job.status == "unconfirmed"


@pytest.mark.parametrize(("how", "step"), [({"remote_id": "r1"}, "_check_remote"), ({}, "_dropped")])
def test_what_another_window_has_settled_meanwhile_stays(
    unconfirmed: Any, monkeypatch: pytest.MonkeyPatch, how: dict[str, str], step: str
) -> None:
    asker, job = unconfirmed

    def meanwhile(*_: Any) -> dict[str, Any]:
        asker.session.ledger.write(job.id, {"state": "completed"})
        return {"state": "cancelled"}

    monkeypatch.setattr(settling, step, meanwhile)
    with pytest.raises(RequestError, match="not unconfirmed"):
        asker.session.settle(job.id, **how)
    assert job.status == "completed"


def test_the_run_that_it_was_is_followed_with_the_key_at_hand(
    sim: Simulator, ask: Ask, unconfirmed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, job = unconfirmed
    monkeypatch.setattr(settling, "_check_remote", lambda *_: None)
    new = ask(sim, api_key=OTHER_KEY)
    assert new.session.settle(job.id, remote_id="r1").account == new.session.account


def test_what_was_closed_is_bought_again_on_purpose(unconfirmed: Any) -> None:
    asker, job = unconfirmed
    asker.session.settle(job.id)
    assert asker.submit("Why?", backend="agent").id == job.id
    assert asker.submit("Why?", backend="agent", retry_failed=True).id != job.id


def test_a_retry_buys_nothing_that_may_have_been_bought(unconfirmed: Any) -> None:
    asker, job = unconfirmed
    submitted = asker.session.submit(job.request, retry_of=job.row)
    assert (submitted.row.id, submitted.created, len(asker.session.ledger.jobs())) == (job.id, False, 1)


# -- the session itself


def test_one_watcher_a_key_and_a_new_one_after_close(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    asker.session.watch()
    first = asker.session._watchers[asker.session.account]
    asker.session.watch()
    assert asker.session._watchers[asker.session.account] is first
    asker.session.close()
    first.future.result(20)
    assert asker.end(asker.job("Why?")) == "completed"


def test_threads_may_share_a_session(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    found: list[str] = []

    def work() -> None:
        found.extend(asker.job(f"Question {n}?").id for n in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 10
    assert {asker.end(Job(asker.session, job_id)) for job_id in set(found)} == {"completed"}
    assert len(sim.bill.jobs) == 10


def test_the_processs_own_session(
    sim: Simulator, make_session: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    session = make_session(sim)
    use_session(session)
    try:
        job = research("Why?", name="sky")
        assert job.session is current_session() is session
        assert job.wait(20).text
        assert [each.id for each in jobs()] == [job.id]
        monkeypatch.setenv("PPLX_JUPYTER_LEDGER", str(tmp_path / "default.sqlite"))
        monkeypatch.setenv("PERPLEXITY_BASE_URL", "http://here.test/")
        use_session(None)
        made = current_session()
        assert made is not session
        assert (made.is_default, made.base_url, made.ledger.where) == (
            True,
            "http://here.test",
            str(tmp_path / "default.sqlite"),
        )
    finally:
        use_session(None)


def test_attach(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    session = asker.session
    one = asker.job("One?", name="prices")
    two = asker.submit("Two?", name="rates")
    assert asker.end(one) == "completed"
    assert attach(f" {one.id} ", session=session).id == one.id
    assert attach("prices", session=session).reuse == "ledger"
    assert attach(one.remote_id, session=session).id == one.id
    attached = attach("rates", session=session)
    assert (attached.id, asker.end(attached)) == (two.id, "completed")
    newest = asker.job("Three?", name="prices")
    assert attach("prices", session=session).id == newest.id
    assert attach(one).session is session
    assert attach(one, session=session).id == one.id
    for nothing in ("", "  ", "no such", "%"):
        with pytest.raises(RequestError, match="no job"):
            attach(nothing, session=session)


@pytest.mark.parametrize("limit", [None, "x", -1, 2.0, True])
def test_jobs_takes_a_whole_number_alone(sim: Simulator, ask: Ask, limit: Any) -> None:
    session = ask(sim).session
    with pytest.raises(RequestError, match=r"limit.*write a whole number, 0 or more"):
        jobs(limit=limit, session=session)
    assert jobs(limit=10**30, session=session) == []


def test_research_buys_a_failed_job_again_where_it_is_told_to(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    session = asker.session
    sim.add_fault("fail@post#1")
    failed = research("Why?", session=session)
    assert asker.end(failed) == "failed"
    assert research("Why?", session=session, retry_failed=False).id == failed.id
    with pytest.raises(RequestError, match=r"retry_failed.*choose True or False"):
        research("Why?", session=session, retry_failed="yes")  # type: ignore[arg-type]
    again = research("Why?", session=session, retry_failed=True)
    assert (again.id != failed.id, asker.end(again)) == (True, "completed")


def test_a_name_given_in_python_is_cleaned_before_it_is_kept(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    session = asker.session
    job = research("Why?", name="a\n\x1b[31mb\u202e", session=session)
    assert asker.end(job) == "completed"
    for name in ("a [31mb", "c d"):
        kept = session.ledger._file.all("SELECT name FROM jobs")
        assert [tuple(row) for row in kept] == [(name,)]
        assert job.row.label == f"{name} ({job.id})"
        # It was answered: the name alone is written.
        assert research("Why?", name="c\x07\nd", session=session).id == job.id
    long = "word " * 40
    named = research("How?", name=long, session=session)
    assert len(named.name) <= 80
    assert attach(long, session=session).id == named.id
    batch = research_map("When was {{ it }}?", [{"it": "tea"}], name="e\x1b]0;f\x07\n", session=session)
    assert batch.label == f"e]0;f ({batch.id})"


def test_attach_wants_one_job(sim: Simulator, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["abc111", "abc222"])
    monkeypatch.setattr(secrets, "token_hex", lambda n: next(ids) if n == 3 else "k" * n)
    asker = ask(sim)
    asker.submit("One?")
    asker.submit("Two?")
    with pytest.raises(RequestError, match="fits 2 jobs"):
        attach("abc", session=asker.session)
    assert attach("abc1", session=asker.session).id == "abc111"


def test_attach_without_a_key_only_reads(
    sim: Simulator, ask: Ask, make_session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pplx_jupyter.api import key

    monkeypatch.setattr(key, "_from_keyring", lambda: "")
    job = ask(sim).submit("Why?", name="sky")
    without = make_session(sim, api_key=None)
    assert attach("sky", session=without).status == "submitting"
    assert sim.requests == []
    assert job.row.seq == 1


def test_an_asking_now_comes_before_the_pace(still: Simulator, ask: Ask, until: Any) -> None:
    asker = ask(still)
    job = asker.job("Why?")
    until(lambda: job.remote_id)
    asker.session.ledger.write(job.id, {"due_at": time.time() + 1000})
    until(lambda: job.row.due_at > time.time() + 900)
    still.advance(1000)
    asker.session.ask_now(job.id)
    assert asker.end(job) == "completed"


def test_what_has_ended_is_neither_cancelled_nor_asked_about(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    job = asker.job("Why?")
    assert asker.end(job) == "completed"
    row = job.row
    asker.session.cancel(job.id)
    asker.session.ask_now(job.id)
    assert job.row == row


def test_what_waits_for_its_turn_waits_on_where_there_is_no_key(
    sim: Simulator, ask: Ask, make_session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pplx_jupyter.api import key

    monkeypatch.setattr(key, "_from_keyring", lambda: "")
    asker = ask(sim)
    job = asker.submit("Why?")
    waiting = asker.session.ledger.write(job.id, {"due_at": PARKED})
    assert make_session(sim, api_key=None).submit(Request(prompt="Why?")).row == waiting


def test_a_broken_ledger_at_exit_is_one_line(
    sim: Simulator, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    import os

    asker = ask(sim)
    asker.submit("Why?")
    session = asker.session
    session.quiet_exit = False

    class Gone:
        def get(self, _job_id: str) -> Any:
            raise LedgerError("the ledger is gone.")

    session._ledger = Gone()
    session._say_goodbye(os.getpid())
    assert capsys.readouterr().err == "pplx_jupyter: the ledger is gone.\n"
    session._say_goodbye(os.getpid() + 1)
    session.quiet_exit = True
    session._say_goodbye(os.getpid())
    assert capsys.readouterr().err == "", "a forked child, and a kernel, say nothing"


def test_a_session_that_watched_nothing_can_go(sim: Simulator, tmp_path: Path) -> None:
    session = Session(
        base_url=sim.url, ledger=str(tmp_path / "l.sqlite"), api_key="pplx-0123456789", settings=Settings()
    )
    gone = weakref.ref(session)
    del session
    gc.collect()
    assert gone() is None


def test_a_lease_of_a_dead_process_here_is_taken_at_once(sim: Simulator, ask: Ask) -> None:
    from pplx_jupyter.watch.lease import this_owner

    asker = ask(sim)
    me = this_owner()
    asker.session.ledger.renew(Owner("dead", me.host, me.boot, me.pid, "1", time.time() + 3600))
    job = asker.submit("Why?")
    asker.session.ledger.write(job.id, {"owner": "dead"})
    asker.session.watch()
    assert asker.end(job) == "completed"
