"""What Run All does a second time, after a restart: by every way in which the first run's jobs ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from pplx_jupyter.ledger import open_ledger
from tests.notebook.conftest import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

LOAD = "%load_ext pplx_jupyter"
WEEK = 7 * 86_400.0
CELLS = {
    "done": "%%pplx_research done\nWhat is tea? seconds:30",
    "cut": "%%pplx_research cut\nWhat is rum? seconds:30 outcome:incomplete",
    "failed": "%%pplx_research failed\nWhat is mead? seconds:30 outcome:failed",
    "stopped": "%%pplx_research stopped\nWhat is cider? seconds:600000",
    "gone": "%%pplx_research gone\nWhat is sake? seconds:600000",
    "refused": "%%pplx_research refused\nWhat is kvass? seconds:30",
    "unsure": "%%pplx_research unsure --backend agent\nWhat is mate?",
}
STATES = {
    "done": "completed",
    "cut": "incomplete",
    "failed": "failed",
    "stopped": "cancelled",
    "gone": "expired",
    "refused": "failed",
    "unsure": "unconfirmed",
}
SHOWN = {
    "done": "From your ledger (simulated): answered",
    "cut": "From your ledger (simulated): answered",
    "failed": "Failed after",
    "stopped": "Cancelled after",
    "gone": "Expired: Perplexity no longer has this answer (404).",
    "unsure": "Unconfirmed: sent at",
}
UNDER_WAY = ("queued", "running")
ERRORS = {
    "failed": "JobFailed",
    "stopped": "JobCancelled",
    "gone": "JobExpired",
    "unsure": "JobUnconfirmed",
}


def posts(sim: Simulator) -> int:
    """Count the questions that arrived; a cancel of the agent API's is a POST, too, and none is made here."""
    return sum(method == "POST" for method, _ in sim.requests)


class Book:
    """The notebook's rows by their names, in a ledger that all kernels share."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.ledger = open_ledger(environment["PPLX_JUPYTER_LEDGER"])

    def row(self, name: str) -> Row:
        (row,) = (row for row in self.ledger.find(name) if row.name == name)
        return row

    def states(self) -> dict[str, str]:
        return {name: self.row(name).state for name in CELLS}

    def until(self, name: str, *states: str) -> None:
        end = time.monotonic() + 30
        while not self.ledger.find(name) or self.row(name).state not in states:
            assert time.monotonic() < end, self.ledger.find(name)
            time.sleep(0.05)


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[[], Kernel]]:
    """Start a kernel in place of the one before, which is killed."""
    kernels: list[Kernel] = []

    def make() -> Kernel:
        for kernel in kernels:
            kernel.close()
        kernels[:] = [Kernel(environment)]
        kernels[0].run(LOAD)
        return kernels[0]

    yield make
    for kernel in kernels:
        kernel.close()


@pytest.fixture
def ended(start: Callable[[], Kernel], environment: dict[str, str], sim: Simulator) -> Book:
    """Run all cells once, in a kernel that is gone then; every job has ended in its own way."""
    kernel = start()
    book = Book(environment)
    for name, cell in CELLS.items():
        if name == "refused":
            sim.add_fault("status=422@post", times=1)
        if name == "unsure":
            sim.add_fault("reset-after@post+agent", times=1)
        kernel.run(cell, cell=name)
        book.until(name, *([STATES[name]] if name not in {"stopped", "gone"} else UNDER_WAY))
    kernel.run("%pplx cancel stopped")
    book.until("stopped", "cancelled")
    start()
    # It was asked more than a week ago, and no kernel has run since.
    row = book.row("gone")
    then = {"created_at": row.created_at - 8 * 86_400, "accepted_at": time.time() - 8 * 86_400}
    book.ledger.write(row.id, {**then, "due_at": 0.0})
    sim.advance(WEEK + 86_400)
    start().run("%pplx attach gone")
    book.until("gone", "expired")
    assert book.states() == STATES
    return book


def plain(displays: list[dict[str, Any]]) -> str:
    """Give what outputs say without widgets, on one line."""
    return " ".join(" ".join(each["data"].get("text/plain", "") for each in displays).split())


def test_run_all_again_after_a_restart_and_every_job_by_its_name_and_its_id(
    start: Callable[[], Kernel], ended: Book, sim: Simulator
) -> None:
    bought, sent = len(sim.bill.jobs), posts(sim)
    for _ in range(2):
        kernel = start()
        for name, cell in CELLS.items():
            ran = kernel.run(cell, cell=name)
            assert ran.reply["status"] == "ok", ran.error
            if name in SHOWN:
                assert SHOWN[name] in plain(ran.displays), name
        ended.until("refused", "completed")
        assert ended.states() == {**STATES, "refused": "completed"}
    assert posts(sim) == sent + 1, "the refused question alone was sent, once"
    assert len(sim.bill.jobs) == bought + 1

    sent = posts(sim)
    for name, shown in SHOWN.items():
        job_id = ended.row(name).id
        for line in (f"%pplx show {name}", f"%pplx show {job_id}", f"%pplx attach {job_id[:5]} again"):
            assert shown in plain(kernel.run(line).displays), line
        assert kernel.value("again.id") == repr(job_id)
    kernel.run("%%pplx_research slow\nWhat is arrack? seconds:60000")
    ended.until("slow", *UNDER_WAY)
    kernel = start()
    assert "Under way when this was written" in plain(kernel.run("%pplx show slow").displays)
    kernel.run("%pplx attach slow")
    sim.advance(70_000)
    kernel.until(lambda m: m["msg_type"] == "update_display_data" and "Sources" in str(m["content"]["data"]))
    assert posts(sim) == sent + 1


def headless(environment: dict[str, str], cells: dict[str, str]) -> dict[str, Any]:
    """Run a notebook to its end whatever fails in it, and give each cell's outputs."""
    from nbclient import NotebookClient

    book = new_notebook(cells=[new_code_cell(LOAD), *(new_code_cell(cell) for cell in cells.values())])
    NotebookClient(book, kernel_name="python3", allow_errors=True).execute(env=environment)
    nbformat.validate(book)
    return {name: cell.outputs for name, cell in zip(cells, book.cells[1:], strict=True)}


def errors(outputs: dict[str, Any]) -> dict[str, str]:
    found = {
        name: [out.ename for out in outs if out.output_type == "error"] for name, outs in outputs.items()
    }
    return {name: names[0] for name, names in found.items() if names}


def test_a_run_that_nobody_watches_fails_on_what_failed_and_buys_none_of_it_again(
    environment: dict[str, str], ended: Book, sim: Simulator
) -> None:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    bought, sent = len(sim.bill.jobs), posts(sim)
    for _ in range(2):
        outputs = headless(environment, CELLS)
        assert errors(outputs) == ERRORS
        for name, shown in SHOWN.items():
            displays = [out for out in outputs[name] if out.output_type == "display_data"]
            assert shown in plain(displays), name
        assert "widget" not in str(outputs)
    assert ended.states() == {**STATES, "refused": "completed"}
    assert posts(sim) == sent + 1
    assert len(sim.bill.jobs) == bought + 1
    book = new_notebook(cells=[new_code_cell(LOAD), new_code_cell(CELLS["gone"]), new_code_cell("after = 1")])
    with pytest.raises(CellExecutionError, match=ERRORS["gone"]):
        NotebookClient(book, kernel_name="python3").execute(env=environment)
    assert book.cells[2].execution_count is None, "the run ended there"
    assert posts(sim) == sent + 1

    # With `retry_failed` it buys on purpose what failed, and no answer anew.
    bought = len(sim.bill.jobs)
    cells = {name: CELLS[name] for name in ("done", "cut", "failed", "unsure")}
    outputs = headless({**environment, "PPLX_JUPYTER_RETRY_FAILED": "1"}, cells)
    assert errors(outputs) == {"failed": "JobFailed", "unsure": "JobUnconfirmed"}
    assert len(sim.bill.jobs) == bought + 1, "the failed one, which fails again"
