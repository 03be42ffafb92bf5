"""The kill matrix: SIGKILL at every step of a job's life, then a new process that runs the cell again.

The simulator's bill is the judge: no job is bought twice, and none is lost. Only the agent API, between
*sending* and the id, leaves a job unconfirmed. The table of all cases is printed at the end of the run.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.asking import KEY
from tests.conftest import TABLE
from tests.notebook.conftest import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.simulator import Simulator

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="SIGKILL")]
BOTH = pytest.mark.parametrize("backend", ["sonar", "agent"])
CHILD = Path(__file__).with_name("killed_child.py")
Ask = Any

STEPS = {
    # In the order of a job's life; how many jobs are bought by then where the agent API cannot tell.
    "intent: not yet written": None,
    "intent: half written": None,
    "intent: written": None,
    "lease: taken": None,
    "sending: not yet written": None,
    "sending: half written": None,
    "sending: written": 0,
    "request: half sent": 0,
    "reply: on its way": 1,
    "reply: half read": 1,
    "id: not yet written": 1,
    "id: half written": 1,
    "id: written": None,
    "running: written": None,
    "answer: half read": None,
    "answer: not yet written": None,
    "answer: half written": None,
    "answer: written": None,
    "output: half replaced": None,
}
NUMBERS = {step: number for number, step in enumerate(STEPS, 1)}
IN_A_KERNEL = ["sending: written", "reply: on its way", "running: written", "answer: half written"]
HEADS = ("kill matrix", "step", "backend", "run in", "bought", "state after the rerun", "ms")


def cell(backend: str, flags: str = "") -> str:
    return f"%%pplx_research sky --backend {backend} {flags}\nWhy is the sky blue?"


def life(sim: Simulator, step: str) -> Callable[[], None]:
    """Give what moves the service on: a job that was bought runs, or has ended, as the step wants it."""
    seconds = {"running": 50.0, "answer": 1000.0, "output": 1000.0}.get(step.partition(":")[0], 0.0)
    if step == "reply: on its way":
        sim.add_fault("hold@post#1")

    def move() -> None:
        nonlocal seconds
        if seconds and sim.bill.jobs:
            sim.advance(seconds)
            seconds = 0.0

    return move


@pytest.fixture
def long(make_sim: Callable[..., Simulator]) -> Simulator:
    """Jobs go on only where the clock is advanced, and take a hundred seconds."""
    return make_sim(0.001, durations=(100.0, 100.0))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PPLX_", "PERPLEXITY_"))}
    ours = {
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "PPLX_JUPYTER_LEDGER": str(tmp_path / "ledger.sqlite"),
        "PPLX_JUPYTER_BUDGET": "1000",
        "PYTHONWARNINGS": "ignore",
    }
    return {**kept, **ours}


class Processes:
    """Starts processes that run cells, each on the same ledger and service."""

    def __init__(self, sim: Simulator, environment: dict[str, str]) -> None:
        self._sim = sim
        self._environment = environment
        self._given = [sim.url, environment["PPLX_JUPYTER_LEDGER"], KEY]
        self._started: list[subprocess.Popen[str]] = []
        self._kernels: list[Kernel] = []

    def start(self, step: str, *cells: str) -> subprocess.Popen[str]:
        """Start an IPython that runs these cells and dies at this step."""
        process = subprocess.Popen(
            [sys.executable, str(CHILD), *self._given, step, json.dumps(cells)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        self._started.append(process)
        return process

    def run(self, *cells: str) -> list[dict[str, Any]]:
        """Run cells in a new IPython that nothing kills; give what each printed, raised and made."""
        process = self.start("", *cells)
        deadline = time.monotonic() + 40
        while True:
            try:
                out, err = process.communicate(timeout=0.02)
            except subprocess.TimeoutExpired:
                assert time.monotonic() < deadline, "it does not end"
                self._sim.advance(100)
            else:
                assert process.returncode == 0, err
                found: list[dict[str, Any]] = json.loads(out)
                return found

    def kernel(self, step: str = "") -> Kernel:
        """Start a kernel that dies at this step."""
        kernel = Kernel(self._environment)
        self._kernels.append(kernel)
        code = f"import sys; sys.path.insert(0, {str(CHILD.parent)!r})\n%load_ext pplx_jupyter\n"
        code += f"import killed_child; session = killed_child.inject(*{self._given!r}, {step!r})"
        ran = kernel.run(code, cell="cell-0")
        assert ran.reply["status"] == "ok", ran.error
        return kernel

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()
        for kernel in self._kernels:
            kernel.close()


@pytest.fixture
def processes(long: Simulator, environment: dict[str, str]) -> Iterator[Processes]:
    made = Processes(long, environment)
    yield made
    made.close()


@pytest.fixture
def judge(long: Simulator, environment: dict[str, str], record_property: Any, ask: Ask) -> Judge:
    return Judge(long, environment["PPLX_JUPYTER_LEDGER"], record_property, ask(long).session)


class Judge:
    """Compares the ledger with the service's bill."""

    def __init__(self, sim: Simulator, path: str, record: Any, session: Any) -> None:
        self._sim, self._path, self._record, self._session = sim, path, record, session

    def rows(self) -> list[Row]:
        rows: list[Row] = self._session.ledger.jobs()
        return rows

    def after_the_kill(self, step: str) -> None:
        """See that the process died where it should: what it left is what that step leaves."""
        number = NUMBERS[step]
        rows = self.rows()
        states = [row.state for row in rows]
        if number < NUMBERS["intent: written"]:
            assert rows == []
        elif number < NUMBERS["id: written"]:
            assert states == ["submitting"]
            assert (rows[0].sending_at is not None) == (number >= NUMBERS["sending: written"])
        elif number < NUMBERS["answer: written"]:
            assert states == (["queued"] if step == "id: written" else states)
            assert rows[0].is_open
        else:
            assert states == ["completed"]
        assert len(self._sim.bill.jobs) == int(number >= NUMBERS["reply: on its way"])

    def after_the_rerun(self, step: str, backend: str, where: str, ms: float) -> Row:
        """See that one job was bought once, is in one row, and that the file is sound."""
        (row,) = self.rows()
        lost = STEPS[step] if backend == "agent" else None
        bought = self._sim.bill.jobs
        assert row.state == ("completed" if lost is None else "unconfirmed")
        assert len(bought) == (1 if lost is None else lost), "what the service sold"
        assert ms < 10_000, "the lease of a dead process is free at once, not after 15 s"
        if lost is None:
            assert (row.remote_id, row.cost) == (bought[0]["id"], bought[0]["cost"])
        with contextlib.closing(sqlite3.connect(self._path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        number = f"{NUMBERS[step]:>2} {step}"
        self._record(TABLE, (HEADS, (number, backend, where, len(bought), row.state, f"{ms:.0f}")))
        return row


@BOTH
@pytest.mark.parametrize("step", [step for step in STEPS if step != "output: half replaced"])
def test_killed(long: Simulator, processes: Processes, judge: Judge, step: str, backend: str) -> None:
    move = life(long, step)
    process = processes.start(step, cell(backend, "--wait"))
    deadline = time.monotonic() + 30
    while process.poll() is None:
        assert time.monotonic() < deadline, "it was not killed"
        if long.held:
            process.kill()
        move()
        time.sleep(0.005)
    assert process.returncode == -signal.SIGKILL, process.communicate()
    long.release()
    judge.after_the_kill(step)

    done = len(long.requests) if step == "answer: written" else None
    (again,) = processes.run(cell(backend, "--wait"))
    row = judge.after_the_rerun(step, backend, "IPython", again["ms"])
    if row.state == "completed":
        assert (again["error"], again["id"]) == ("''", row.id)
        assert "simulated" in again["text"]
        assert again["text"][:60] in " ".join(again["printed"].split())
        assert done in {None, len(long.requests)}, "a settled answer asks nobody"
    else:
        settled_by_a_person(long, processes, judge, backend, row)


def settled_by_a_person(long: Simulator, processes: Processes, judge: Judge, backend: str, row: Row) -> None:
    """Run the cell of an unconfirmed job once more, which buys nothing, and settle it."""
    bought = [job["id"] for job in long.bill.jobs]
    how = f"--remote {bought[0]}" if bought else "--ask-again"
    again, settling, last = processes.run(
        cell(backend, "--wait"), f"%pplx settle {row.id} {how}", cell(backend, "--wait")
    )
    assert "JobUnconfirmed" in again["error"]
    assert f"%pplx settle {row.id}" in again["printed"]
    assert (settling["error"], last["error"]) == ("''", "''")
    assert last["text"]
    (settled,) = judge.rows()
    assert (settled.id, settled.state) == (row.id, "completed")
    assert [settled.remote_id] == [job["id"] for job in long.bill.jobs], "bought once, all in all"


class InKernel:
    """A cell at work in a real kernel, and what it has shown so far."""

    def __init__(self, kernel: Kernel, code: str) -> None:
        self._kernel = kernel
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": True,
        }
        message = kernel.client.session.msg("execute_request", content, metadata={"cellId": "cell-1"})
        kernel.client.shell_channel.send(message)
        self.updates: list[dict[str, Any]] = []
        self.displays: list[dict[str, Any]] = []

    @property
    def is_alive(self) -> bool:
        return bool(self._kernel._manager.is_alive())

    def kill(self) -> None:
        self._kernel._manager.signal_kernel(signal.SIGKILL)

    def listen(self) -> None:
        """Take what the kernel has said meanwhile."""
        with contextlib.suppress(queue.Empty):
            got = self._kernel.client.get_iopub_msg(timeout=0.05)
            kinds = {"update_display_data": self.updates, "display_data": self.displays}
            assert got["msg_type"] != "error", got["content"]
            kinds.get(got["msg_type"], []).append(got["content"])

    def final(self) -> list[str]:
        """Give the last forms of the slots that were filled for good, as text."""
        return [
            found["data"]["text/plain"]
            for found in (*self.displays, *self.updates)
            if found["metadata"].get("pplx_jupyter", {}).get("state") in {"completed", "unconfirmed"}
        ]


@BOTH
@pytest.mark.parametrize("step", [*IN_A_KERNEL, "output: half replaced"])
def test_killed_kernel(long: Simulator, processes: Processes, judge: Judge, step: str, backend: str) -> None:
    move = life(long, step)
    first = InKernel(processes.kernel(step), cell(backend))
    deadline = time.monotonic() + 30
    while first.is_alive:
        assert time.monotonic() < deadline, "it was not killed"
        first.listen()
        if long.held or len(first.final()) == 1:
            first.kill()
        move()
    long.release()
    judge.after_the_kill(step)
    if step == "output: half replaced":
        (upper,) = first.final()
        assert upper.startswith("Finished (simulated)")
        assert "run this cell again" in first.displays[1]["data"]["text/plain"], (
            "what the file keeps below it"
        )

    asked = len(long.requests)
    second = InKernel(processes.kernel(), cell(backend))
    started = time.monotonic()
    while len(second.final()) < 2:
        assert second.is_alive
        assert time.monotonic() < started + 20, "it does not end"
        second.listen()
        long.advance(100)
    row = judge.after_the_rerun(step, backend, "a kernel", (time.monotonic() - started) * 1000)
    upper, lower = second.final()
    if row.state == "completed":
        assert "(simulated)" in upper
        assert "This answer is simulated" in lower
    else:
        assert f"%pplx settle {row.id}" in upper + lower
    if step == "output: half replaced":
        assert len(long.requests) == asked, "a settled answer asks nobody"


ASKS = """
import sys
sys.path.insert(0, sys.argv[1])
import httpx, killed_child, pplx_jupyter.api.http, pplx_jupyter.watch.watcher
from pplx_jupyter.errors import JobUnconfirmed
from pplx_jupyter.asking import research
from pplx_jupyter.session import Session
from pplx_jupyter.settings import Settings
killed_child.hurry()
session = Session(base_url=sys.argv[2], ledger=sys.argv[3], api_key=sys.argv[4], settings=Settings(budget=1e6))
print("ready", flush=True)
questions = int(sys.stdin.readline())
jobs = [research(f"Question {n}?", backend=sys.argv[5], session=session) for n in range(questions)]
for job in jobs:
    try:
        assert job.wait(30).text
    except JobUnconfirmed:
        pass
print("done", flush=True)
"""


@BOTH
def test_ten_kills_at_any_moment(
    make_sim: Callable[..., Simulator], tmp_path: Path, record_property: Any, ask: Ask, backend: str
) -> None:
    sim = make_sim(500, durations=(100.0, 100.0), faults=["latency=0.03@post"])
    path = str(tmp_path / "ledger.sqlite")
    dice = random.Random(20_261_122)
    command = [sys.executable, "-c", ASKS, str(CHILD.parent), sim.url, path, KEY, backend]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def go(process: subprocess.Popen[str], questions: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write(f"{questions}\n")
        process.stdin.flush()

    started = time.monotonic()
    coming = start()
    try:
        for kill in range(10):
            process, coming = coming, start()
            with process:
                # Each asks all that were asked before, and two more.
                go(process, 2 * kill + 2)
                time.sleep(dice.uniform(0.0, 0.6))
                process.kill()
        go(coming, 40)
        assert coming.stdout is not None
        assert coming.stdout.read() == "done\n"
    finally:
        coming.kill()
        coming.communicate()

    prompts = [job["prompt"] for job in sim.bill.jobs]
    assert len(prompts) == len(set(prompts)), "nothing is bought twice"
    rows = ask(sim).session.ledger.changed(0)
    assert sorted(row.question for row in rows) == sorted(f"Question {n}?" for n in range(40))
    completed = {row.question: row.remote_id for row in rows if row.state == "completed"}
    lost = {row.question for row in rows if row.state == "unconfirmed"}
    assert len(completed) + len(lost) == 40
    assert {job["id"] for job in sim.bill.jobs if job["prompt"] not in lost} == set(completed.values())
    assert backend == "agent" or not lost
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    states = f"{len(completed)} completed, {len(lost)} unconfirmed"
    ms = (time.monotonic() - started) * 1000
    step = "10 kills at any moment, 40 questions"
    record_property(TABLE, (HEADS, (step, backend, "Python", len(prompts), states, f"{ms:.0f}")))
