"""Moments at which a job could be lost or bought twice: a machine that sleeps, forks, fills its disk, sets its clock."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.records import Owner
from pplx_jupyter.ledger.sqlite.connection import Database
from pplx_jupyter.watch import lease, watcher

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("backend", ["sonar", "agent"])
posix = pytest.mark.skipif(os.name != "posix", reason="signals and forks")
Ask = Any


def posts(sim: Simulator) -> int:
    return sum(method == "POST" for method, _ in sim.requests)


# -- a machine that sleeps while it asks

SLEEPS = """
import httpx
backend, where = sys.argv[4:6]
from pplx_jupyter.watch import lease, pace, watcher
lease.this_owner.__kwdefaults__["held"] = 1.0
watcher.RENEW_SECONDS = watcher._OTHERS_SECONDS = 0.2
pace.next_ask = lambda age, under_way=1: 0.02
class Sleeps(httpx.AsyncBaseTransport):
    inner = httpx.AsyncHTTPTransport()
    async def handle_async_request(self, request):
        if where == "before" and request.method == "POST":
            os.kill(os.getpid(), signal.SIGSTOP)
        return await self.inner.handle_async_request(request)
session = make(transport=Sleeps())
job = research("Why?", backend=backend, session=session)
session.quiet_exit = True
while not job.answer:
    time.sleep(0.01)
print(job.remote_id, flush=True)
"""


def is_stopped(pid: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.startswith("T")


@posix
@BOTH
@pytest.mark.parametrize("where", ["before", "in flight"])
def test_a_machine_sleeps_during_the_post_and_another_takes_over(
    still: Simulator,
    spawn: Any,
    ask: Ask,
    *,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    backend: str,
) -> None:
    monkeypatch.setattr(watcher, "_OTHERS_SECONDS", 0.2)
    if where == "in flight":
        still.add_fault("hold@post#1")
    child = spawn(SLEEPS, still, backend, where)
    if where == "in flight":
        until(lambda: still.held == 1)
        child.process.send_signal(signal.SIGSTOP)
    until(lambda: is_stopped(child.process.pid))
    asker = ask(still)
    job = asker.job("Why?", backend=backend)
    if backend == "agent":
        until(lambda: job.status == "unconfirmed")
        assert len(still.bill.jobs) == int(where == "in flight")
    else:
        until(lambda: job.remote_id)
    still.release()
    child.process.send_signal(signal.SIGCONT)
    until(lambda: posts(still) == (2 if backend == "sonar" else 1))
    until(lambda: job.remote_id, "its reply settles what was given up")
    still.advance(1000)
    assert asker.end(job) == "completed"
    assert child.line() == job.remote_id == still.bill.jobs[0]["id"]
    assert child.end() == 0, child.err
    assert len(still.bill.jobs) == len(asker.session.ledger.jobs()) == 1


def taken_over(asker: Any, job: Any, **changes: Any) -> None:
    """Let another machine hold the row, as if this one had slept."""
    asker.session.ledger.renew(Owner("far", "far-host", "b", 1, "1", time.time() + 3600))
    asker.session.ledger.write(job.id, {"owner": "far", **changes})


def test_a_late_id_is_kept_even_while_another_is_about_to_give_the_job_up(
    still: Simulator, ask: Ask, until: Any
) -> None:
    still.add_fault("hold@post#1")
    asker = ask(still)
    job = asker.job(backend="agent")
    until(lambda: still.held == 1)
    taken_over(asker, job)
    still.release()
    until(lambda: job.remote_id)
    gives_up = {"state": "unconfirmed", "failure": {"kind": "unconfirmed"}}
    assert asker.session.ledger.write(job.id, gives_up, owner="far") is None, "it holds the row no longer"
    still.advance(1000)
    assert (asker.end(job), len(still.bill.jobs)) == ("completed", 1)


def test_a_late_refusal_settles_what_was_given_up(still: Simulator, ask: Ask, until: Any) -> None:
    still.add_fault("status=422@post#1")
    still.add_fault("hold@post#1")
    asker = ask(still)
    job = asker.job(backend="agent")
    until(lambda: still.held == 1)
    taken_over(asker, job, state="unconfirmed", failure={"kind": "unconfirmed"})
    still.release()
    until(lambda: job.status == "failed")
    assert (job.failure.kind, job.row.sending_at, still.bill.jobs) == ("invalid", None, [])
    again = asker.job(job.request.prompt, backend="agent")
    still.advance(1000)
    until(lambda: len(still.bill.jobs) == 1)
    still.advance(1000)
    assert (again.id, asker.end(again)) == (job.id, "completed"), "nothing had been bought: it is sent again"


def test_a_late_id_that_has_no_place_is_named(
    still: Simulator, ask: Ask, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    still.add_fault("hold@post#1")
    asker = ask(still)
    job = asker.job(backend="agent")
    until(lambda: still.held == 1)
    taken_over(asker, job, state="unconfirmed", failure={"kind": "unconfirmed"})
    asker.session.settle(job.id)
    still.release()
    until(lambda: still.bill.jobs[0]["id"] in caplog.text)
    assert (job.status, job.remote_id) == ("cancelled", "")


# -- a disk that is full

PAUSES = (0.02, 0.02, 0.02)


@BOTH
def test_an_id_is_kept_until_it_can_be_written(
    still: Simulator,
    ask: Ask,
    *,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    backend: str,
) -> None:
    monkeypatch.setattr("pplx_jupyter.watch.writing._WRITE_PAUSES", PAUSES)
    still.add_fault("hold@post#1")
    asker = ask(still)
    job = asker.job(backend=backend)
    until(lambda: still.held == 1)
    file, real = asker.session.ledger._file, Database.writing
    full, tries = True, 0

    @contextlib.contextmanager
    def writing(self: Any, **rest: Any) -> Any:
        nonlocal tries
        if self is file and full:
            tries += 1
            raise LedgerError("the ledger cannot be used: disk full.", why="disk full")
        with real(self, **rest) as db:
            yield db

    monkeypatch.setattr(Database, "writing", writing)
    still.release()
    until(lambda: tries > 3 * len(PAUSES), "it goes on trying")
    assert f"accepted it as {still.bill.jobs[0]['id']}, which cannot be written" in caplog.text
    assert "Nothing was sent" not in caplog.text
    told = [record for record in caplog.records if job.id in record.getMessage()]
    assert len(told) <= len(PAUSES), "and says so a few times only"
    assert (job.remote_id, job.row.unwritten) == (still.bill.jobs[0]["id"], "disk full"), "it is known here"
    full = False
    until(lambda: not job.row.unwritten)
    still.advance(1000)
    assert (asker.end(job), len(still.bill.jobs), posts(still)) == ("completed", 1, 1)


def test_a_look_that_cannot_be_written_is_kept_in_memory(
    still: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pplx_jupyter.watch.writing._WRITE_PAUSES", PAUSES)
    caplog.set_level(logging.CRITICAL)
    asker = ask(still)
    job = asker.job()
    until(lambda: job.remote_id)
    file, real = asker.session.ledger._file, Database.writing
    full = True

    @contextlib.contextmanager
    def writing(self: Any, **rest: Any) -> Any:
        if self is file and full:
            raise LedgerError("the ledger cannot be used: disk full.", why="disk full")
        with real(self, **rest) as db:
            yield db

    monkeypatch.setattr(Database, "writing", writing)
    still.advance(1000)
    assert asker.end(job) == "completed", "it is shown all the same"
    assert (job.row.unwritten, bool(job.answer.text)) == ("disk full", True)
    full = False
    until(lambda: not job.row.unwritten)
    assert (job.status, len(still.bill.jobs)) == ("completed", 1)


def test_a_move_whose_budget_cannot_be_looked_at_is_made_later(
    make_sim: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = make_sim(sonar_retired=True)
    asker = ask(sim)
    real, times = type(asker.session.ledger).rehold, 0

    def rehold(self: Any, *given: Any, **rest: Any) -> Any:
        nonlocal times
        times += 1
        if times == 1:
            raise LedgerError("the ledger cannot be used: disk full.", why="disk full")
        return real(self, *given, **rest)

    monkeypatch.setattr(type(asker.session.ledger), "rehold", rehold)
    job = asker.job("Why?")
    assert asker.end(job) == "completed"
    assert (times, job.row.backend, [each["backend"] for each in sim.bill.jobs]) == (2, "agent", ["agent"])


# -- a fork while a request is on its way

FORKS = """
import warnings
backend = sys.argv[4]
# Python 3.12 and newer warn of a fork beside threads, which is what is tried here.
warnings.simplefilter("ignore", DeprecationWarning)
session = make()
job = research("Before?", backend=backend, session=session)
print("asked", flush=True)
sys.stdin.readline()
child = os.fork()
if child == 0:
    signal.alarm(20)
    found = research("In the child?", backend=backend, session=session).wait(15)
    sys.exit(0 if found.text else 3)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), flush=True)
print(bool(job.wait(20).text), flush=True)
session.quiet_exit = True
"""


@posix
@BOTH
def test_a_fork_while_the_post_is_on_its_way(
    make_sim: Any, spawn: Any, ask: Ask, until: Any, backend: str
) -> None:
    sim = make_sim()
    sim.add_fault("hold@post#1")
    child = spawn(FORKS, sim, backend)
    assert child.line() == "asked"
    until(lambda: sim.held == 1)
    child.process.stdin.write("go\n")
    child.process.stdin.flush()
    assert child.line() == "0", child.end() or child.err
    sim.release()
    assert child.line() == "True"
    assert (child.end(), child.err) == (0, ""), (
        "the child does not wait for what is the parent's, nor name it"
    )
    assert sorted(job["prompt"] for job in sim.bill.jobs) == ["Before?", "In the child?"]
    assert {row.state for row in ask(sim).session.ledger.jobs()} == {"completed"}
    assert posts(sim) == 2


# -- clocks


def test_a_row_put_off_by_a_clock_that_ran_ahead_is_looked_at_now(
    still: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "RENEW_SECONDS", 0.05)
    asker = ask(still)
    job = asker.job()
    until(lambda: job.remote_id)
    ahead = time.time() + 30 * 86_400
    until(lambda: job.row.due_at > time.time())
    asker.session.close()
    asker.session.ledger.write(job.id, {"due_at": ahead, "accepted_at": ahead, "owner": ""})
    still.advance(1000)
    asker.session.watch()
    assert asker.end(job) == "completed"


def test_a_wait_that_the_service_told_is_kept(
    still: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "RENEW_SECONDS", 0.05)
    asker = ask(still)
    job = asker.submit()
    told = {"kind": "rate_limited", "said": "", "since": time.time(), "next": 0.0, "wait": 86_400.0}
    due = time.time() + 86_000
    asker.session.ledger.write(job.id, {"due_at": due, "trouble": told})
    other = asker.job("Something else?")
    until(lambda: other.remote_id)
    still.advance(1000)
    assert asker.end(other) == "completed"
    assert job.row.due_at == due


def owner(**changes: Any) -> Owner:
    values: dict[str, Any] = {
        "id": "x",
        "host": "far",
        "boot": "b",
        "pid": 1,
        "started": "1",
        "until": time.time() + 10,
    }
    return Owner(**(values | changes))


@pytest.mark.parametrize(("ahead", "free"), [(-1.0, True), (10.0, False), (3600.0, False), (90_000.0, True)])
def test_a_lease_of_a_clock_that_ran_ahead_ends(ahead: float, free: bool) -> None:
    assert lease.free_owners([owner(until=time.time() + ahead)]) == (["x"] if free else [])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc")
def test_a_killed_process_whose_parent_has_not_looked_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        me = lease.this_owner()
        of = owner(host=me.host, boot=me.boot, pid=process.pid, started=lease._stat(process.pid)[1])
        assert lease.free_owners([of]) == []
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert lease.free_owners([of]) == ["x"], "a zombie holds nothing"
    finally:
        process.kill()
        process.wait()


# -- what the service has forgotten


def test_what_was_sent_a_week_ago_on_sonar_is_not_sent_again_by_itself(sim: Simulator, ask: Ask) -> None:
    """After seven days the service may not know the idempotency key: a resend would be a second purchase."""
    asker = ask(sim)
    job = asker.submit(backend="sonar")
    asker.session.ledger.write(job.id, {"sending_at": time.time() - 7 * 86_400})
    asker.session.watch()
    assert asker.end(job) == "unconfirmed"
    assert posts(sim) == 0
    other = asker.submit(backend="sonar")
    asker.session.ledger.write(other.id, {"sending_at": time.time() - 6 * 86_400})
    asker.session.watch()
    assert (asker.end(other), posts(sim)) == ("completed", 1)


def test_a_resend_that_a_retired_api_refuses_can_be_given_up(make_sim: Any, ask: Ask, until: Any) -> None:
    """Killed between the POST and its 403: it cannot be told from a job that was accepted, so a person decides."""
    sim = make_sim(sonar_retired=True)
    asker = ask(sim)
    job = asker.submit("Why?")
    asker.session.ledger.write(job.id, {"sending_at": time.time() - 1})
    asker.session.watch()
    until(lambda: job.row.trouble is not None and job.row.trouble["kind"] == "retired")
    assert job.status == "submitting"
    job.cancel()
    assert asker.end(job) == "unconfirmed"
    asker.session.settle(job.id, ask_again=True)
    assert asker.end(job) == "completed"
    assert (job.row.backend, [each["backend"] for each in sim.bill.jobs]) == ("agent", ["agent"])
