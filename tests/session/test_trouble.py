"""A full disk, a folder that cannot be written, a broken ledger: what was paid for is shown, and nothing is bought twice."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("backend", ["sonar", "agent"])
posix = pytest.mark.skipif(os.name != "posix", reason="limits and owners of files")
Ask = Any

FULL = """
import resource
from pplx_jupyter.watch import pace, watcher
pace.next_ask = lambda age, under_way=1: 0.05
watcher.RENEW_SECONDS = 0.1
def fill():
    "From now on no file may grow beyond what the ledger's log has: its next write fails as on a full disk."
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(ledger + "-wal"), resource.RLIM_INFINITY))
def make_room():
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
session = make()
session.quiet_exit = True
def say(*words):
    print(*words, flush=True)
"""

ANSWERED = (
    FULL
    + """
when, backend, saved = sys.argv[4:7]
job = research("What is tea?", name="tea", backend=backend, session=session)
if when == "sent":
    say("asked"); sys.stdin.readline(); fill(); say("full")
else:
    until(lambda: job.remote_id); fill(); say("full")
answer = job.wait(25)
say(len(answer.text) > 100, job.status, job.row.unwritten)
say(answer.save(saved))
print(job._repr_mimebundle_()["text/plain"].replace("\\n", " ")[:600], flush=True)
sys.stdin.readline()
make_room()
until(lambda: not job.row.unwritten)
say(job.status, Job(session, job.id).answer.text == answer.text)
"""
)


@posix
@BOTH
@pytest.mark.parametrize("when", ["sent", "running"])
def test_an_answer_that_cannot_be_written_is_shown_and_written_later(
    still: Simulator,
    spawn: Callable[..., Any],
    ask: Ask,
    until: Any,
    tmp_path: Path,
    when: str,
    backend: str,
) -> None:
    if when == "sent":
        still.add_fault("hold@post#1")
    child = spawn(ANSWERED, still, when, backend, str(tmp_path / "tea.json"))
    if when == "sent":
        assert child.line() == "asked"
        until(lambda: still.held == 1)
        child.tell("go")
        assert child.line() == "full"
        still.release()
    else:
        assert child.line() == "full"
    until(lambda: len(still.bill.jobs) == 1)
    still.advance(1000)
    assert child.line() == "True completed disk full or failing"
    assert child.line() == str(tmp_path / "tea.json")
    shown = child.line()
    assert "Answered, but not written to the ledger (disk full or failing)." in shown
    assert 'Save it now: tea.answer.save("tea.json").' in shown
    assert still.bill.jobs[0]["id"] in shown
    row = ask(still).session.ledger.find("tea")[0]
    assert row.is_open, "the file itself does not have it"
    child.tell("room")
    assert child.line() == "completed True"
    assert child.end() == 0, child.err
    ledger = ask(still).session.ledger
    assert [(row.state, row.unwritten) for row in ledger.jobs()] == [("completed", "")]
    saved = json.loads((tmp_path / "tea.json").read_text())
    assert saved["body"] == json.loads(ledger.body(row.id))
    assert len(still.bill.jobs) == 1
    assert sum(method == "POST" for method, _ in still.requests) == 1
    assert child.err.count("cannot be") <= 4, "told, but not every two seconds"


LEAVES = (
    FULL
    + """
backend = sys.argv[4]
job = research("What is tea?", name="tea", backend=backend, session=session)
say("asked"); sys.stdin.readline(); fill(); say("full")
until(lambda: job.remote_id)
say(job.remote_id)
"""
)


@posix
@BOTH
def test_a_process_that_ends_meanwhile_names_what_only_it_knew(
    still: Simulator, spawn: Callable[..., Any], ask: Ask, until: Any, backend: str
) -> None:
    still.add_fault("hold@post#1")
    child = spawn(LEAVES, still, backend)
    assert child.line() == "asked"
    until(lambda: still.held == 1)
    child.tell("go")
    assert child.line() == "full"
    still.release()
    remote_id = child.line()
    assert (child.end(), remote_id) == (0, still.bill.jobs[0]["id"]), child.err
    assert f"is not written to the ledger. Perplexity keeps it for 7 days as {remote_id}." in child.err
    asker = ask(still)
    job = asker.job("What is tea?", backend=backend)
    if backend == "agent":
        assert asker.end(job) == "unconfirmed"
        asker.session.settle(job.id, remote_id=remote_id)
    until(lambda: job.remote_id)
    still.advance(1000)
    assert (asker.end(job), len(still.bill.jobs)) == ("completed", 1)


REFUSED = (
    FULL
    + """
from pplx_jupyter.errors import LedgerError
first = research("What is tea?", session=session).wait(25)
session.close()
fill()
say(research("What is tea?", session=make()).answer.text == first.text)
try:
    research("What is coffee?", session=make())
except LedgerError as error:
    say(error)
say(len(session.ledger.jobs()))
"""
)


@posix
def test_what_cannot_be_written_down_is_not_sent(sim: Simulator, spawn: Callable[..., Any]) -> None:
    child = spawn(REFUSED, sim)
    assert child.line() == "True", "an answer that is there is shown"
    said = child.line()
    assert "cannot be used: disk full or failing." in said
    assert said.endswith("Nothing was sent.")
    assert (child.line(), child.end()) == ("1", 0), child.err
    assert [job["prompt"] for job in sim.bill.jobs] == ["What is tea?"]


# -- a ledger that can only be read


READS = """
from pplx_jupyter.errors import LedgerError
if os.geteuid() == 0:
    # The modes of files hold for root, too, without the capability to override them.
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capset(header, none) == 0, os.strerror(ctypes.get_errno())
def say(*words):
    print(*words, flush=True)
for question in ("What is tea?", "What is coffee?"):
    try:
        job = research(question, name="again", session=make())
        say(job.status, len(job.answer.text), job.row.unwritten or "-")
    except LedgerError as error:
        say(error)
session = make()
say(len(session.ledger.jobs()), session.ledger.totals("total", url, "")[""].jobs)
"""


@posix
@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "said"),
    [(0o700, 0o400, "read-only"), (0o500, 0o400, "read-only"), (0o500, 0o600, "its folder is read-only")],
)
def test_a_ledger_that_can_only_be_read_shows_its_answers(
    sim: Simulator,
    spawn: Callable[..., Any],
    ask: Ask,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    folder_mode: int,
    file_mode: int,
    said: str,
) -> None:
    asker = ask(sim)
    answer = asker.job("What is tea?").wait(20)
    asker.session.close()
    for running in asker.session._watchers.values():
        running.future.result(20)
    folder = tmp_path / "shared"
    folder.mkdir()
    path = folder / "ledger.sqlite"
    _copied(asker.session.ledger.where, path)
    path.chmod(file_mode)
    folder.chmod(folder_mode)
    before = len(sim.requests)
    child = spawn(READS, sim, ledger=path)
    request.addfinalizer(lambda: folder.chmod(0o700))
    assert child.line() == f"completed {len(answer.text)} -", child.end() or child.err
    refused = child.line()
    assert said in refused
    assert refused.endswith("Nothing was sent.")
    assert child.line() == "1 1"
    assert child.end() == 0, child.err
    assert len(sim.requests) == before
    assert [job["prompt"] for job in sim.bill.jobs] == ["What is tea?"]


def _copied(ledger: str, path: Path) -> None:
    """Copy a ledger with what is still in its log."""
    with contextlib.closing(sqlite3.connect(ledger)) as db, contextlib.closing(sqlite3.connect(path)) as to:
        db.backup(to)
        assert to.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@posix
def test_a_home_that_cannot_be_written_is_one_line(
    sim: Simulator, spawn: Callable[..., Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    request.addfinalizer(lambda: home.chmod(0o700))
    child = spawn(READS, sim, ledger=home / ".local" / "ledger.sqlite")
    for _ in range(2):
        said = child.line()
        assert "cannot be used: its folder cannot be made (Permission denied)." in said
        assert said.endswith("Nothing was sent.")
    child.end()
    assert sim.requests == []


# -- a ledger that is broken


def _in_one_file(ledger: Any) -> Path:
    """Write all of a ledger's log into its file."""
    ledger._file.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.close()
    return Path(ledger.where)


def test_a_broken_ledger_keeps_its_answers_and_a_lost_one_is_not_bought_in_silence(
    sim: Simulator, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    asker = ask(sim)
    texts = {n: asker.job(f"Question {n}?").wait(20).text for n in range(4)}
    asker.session.close()
    for running in asker.session._watchers.values():
        running.future.result(20)
    path = _in_one_file(asker.session.ledger)
    data = bytearray(path.read_bytes())
    data[:4096] = b"\0" * 4096
    path.write_bytes(data)
    again = ask(sim)
    assert {n: again.submit(f"Question {n}?").answer.text for n in range(4)} == texts
    (aside,) = path.parent.glob("ledger.sqlite.broken-*[0-9]")
    assert aside.read_bytes() == bytes(data), "the broken file is kept as it was"
    assert caplog.text.count(f"It is kept as {aside.name}; 4 jobs and 4 answers could be read") == 1
    with pytest.raises(LedgerError, match=r"was broken.*Run the cell again to go on\. Nothing was sent\.$"):
        again.submit("Something new?")
    assert len(sim.bill.jobs) == 4
    assert again.end(again.job("Something new?")) == "completed", "it is refused once"
    assert len(sim.bill.jobs) == 5


def test_a_job_whose_answer_is_lost_is_asked_about_and_not_bought(sim: Simulator, ask: Ask) -> None:
    asker = ask(sim)
    text = asker.job("What is tea?").wait(20).text
    asker.session.close()
    for running in asker.session._watchers.values():
        running.future.result(20)
    ledger = asker.session.ledger
    with ledger._file.writing() as db:
        db.execute("DELETE FROM bodies")
    path = _in_one_file(ledger)
    path.write_bytes(b"\0" * 4096 + path.read_bytes()[4096:])
    again = ask(sim)
    job = again.job("What is tea?")
    assert (again.end(job), job.answer.text) == ("completed", text)
    assert len(sim.bill.jobs) == 1


IN_FLIGHT = """
session = make()
job = research("What is tea?", name="tea", backend=sys.argv[4], session=session)
print("asked", flush=True)
sys.stdin.readline()
end = time.monotonic() + 20
while session.ledger.get(job.id) is None:
    assert time.monotonic() < end, "no reply has come to the row that is lost"
    time.sleep(0.02)
print(len(job.wait(25).text) > 100, job.status, flush=True)
while job.row.unwritten:
    assert time.monotonic() < end, "what only this process knows is not written"
    time.sleep(0.02)
session.quiet_exit = True
"""


@BOTH
@pytest.mark.parametrize("lost", [False, True])
def test_a_job_on_its_way_outlives_the_mending_by_another_process(
    still: Simulator,
    spawn: Callable[..., Any],
    ask: Ask,
    until: Any,
    tmp_path: Path,
    backend: str,
    lost: bool,
) -> None:
    still.add_fault("hold@post#1")
    child = spawn(IN_FLIGHT, still, backend)
    assert child.line() == "asked"
    until(lambda: still.held == 1)
    path = tmp_path / "ledger.sqlite"
    log = Path(f"{path}-wal")
    if lost:
        # All of it, its log included: the row is known to the other process alone.
        path.write_bytes(b"")
        os.utime(path, (1, 1))
        log.write_bytes(b"\0" * log.stat().st_size)
    else:
        path.write_bytes(b"\0" * path.stat().st_size)
    asker = ask(still)
    assert len(asker.session.ledger.jobs()) == (0 if lost else 1)
    child.tell("go")
    still.release()
    until(lambda: len(still.bill.jobs) == 1)
    still.advance(1000)
    assert child.line() == "True completed", f"{child.end()} {child.err}"
    assert child.end() == 0, child.err
    assert [row.state for row in asker.session.ledger.jobs()] == ["completed"]
    assert len(still.bill.jobs) == 1
