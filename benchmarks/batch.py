"""A thousand rows at full speed in a real kernel: what the notebook, the page and the memory feel of them.

    python benchmarks/batch.py [ROWS]

The simulator ends each job at once and has no limit of pace, so that the kernel alone sets the speed. A
trivial cell is run over and over, first with nothing under way, then until the batch is settled.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import start_new_kernel
from verdict import verdict

from pplx_jupyter.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

ROWS = 1000
RESPONSE_BUDGET = 1.5
UPDATES_BUDGET = 20.0
MEMORY_BUDGET_KB = 60.0
_IDLE_CELLS = 300
_PAUSE = 0.02
_LONGEST = 900.0
_CELL = "1 + 1"
_SETUP = """
%load_ext pplx_jupyter
from pplx_jupyter import research_map
rows = [{"company": f"company {n}"} for n in range(ROWS)]
import numpy, pandas, ipywidgets
"""
_WARM = """
batch = research_map("Warm up with {{ company }}", rows[:20], yes=True)
"""
_ASK = """
batch = research_map("Profile {{ company }}: revenue, owners, risks", rows, yes=True, at_once=200)
"""


class Kernel:
    """A kernel driven as a page drives it: every message that reaches the page is counted."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.manager, self.client = start_new_kernel(
            kernel_name="python3", env=environment, stderr=subprocess.DEVNULL
        )
        self.updates: list[float] = []

    def run(self, code: str) -> tuple[float, str]:
        """Run a cell; give the seconds from request to idle, and what it printed."""
        started = time.perf_counter()
        # A frontend offers to ask the user: without that the kernel takes the run for one that nobody watches.
        msg_id = self.client.execute(code, allow_stdin=True, store_history=False)
        text = ""
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            mine = message["parent_header"].get("msg_id") == msg_id
            self._count(message)
            if mine and message["msg_type"] in {"stream", "error"}:
                content = message["content"]
                text += content.get("text") or f"{content['ename']}: {content['evalue']}"
            if mine and message["msg_type"] == "execute_result":
                text += message["content"]["data"]["text/plain"]
            if mine and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return time.perf_counter() - started, text

    def _count(self, message: dict[str, Any]) -> None:
        if message["msg_type"] in {
            "comm_msg",
            "comm_open",
            "comm_close",
            "update_display_data",
            "display_data",
        }:
            self.updates.append(time.monotonic())

    def drain(self, seconds: float) -> None:
        """Take what comes by itself for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self._count(self.client.get_iopub_msg(timeout=left))

    def memory(self) -> int:
        """Give the resident memory, in bytes."""
        pid = getattr(self.manager.provisioner, "pid", 0)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the system tells no resident memory")

    def close(self) -> None:
        """End the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@contextlib.contextmanager
def serving() -> Iterator[tuple[str, Callable[[], int]]]:
    """Run the simulator in a process of its own, so that it slows neither the kernel nor the measuring."""
    parent, child = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(child,), daemon=True)
    process.start()
    url = parent.recv()

    def bill() -> int:
        parent.send("bill")
        return int(parent.recv())

    try:
        yield url, bill
    finally:
        process.terminate()
        process.join(5)


def _serve(pipe: Connection) -> None:
    with Simulator(speed=math.inf) as simulator:
        pipe.send(simulator.url)
        while pipe.recv():
            pipe.send(len(simulator.bill.jobs))


def p95(times: list[float]) -> float:
    """Give the 95th percentile."""
    return statistics.quantiles(times, n=20)[-1]


def busiest_second(moments: list[float]) -> int:
    """Give the most updates within any second."""
    return max((sum(at <= each < at + 1.0 for each in moments) for at in moments), default=0)


def trivial(kernel: Kernel, cells: int) -> list[float]:
    """Run a trivial cell so many times; give the seconds of each."""
    times = []
    for _ in range(cells):
        times.append(kernel.run(_CELL)[0])
        time.sleep(_PAUSE)
    return times


def measure(kernel: Kernel, rows: int) -> dict[str, float]:
    """Run the batch; give the figures."""
    _, said = kernel.run(_SETUP.replace("ROWS", str(rows)))
    if said:
        raise SystemExit(said)
    # What is loaded once is no part of a job.
    kernel.run(_WARM)
    kernel.run("batch.wait(60); None")
    kernel.drain(2.0)
    idle = trivial(kernel, _IDLE_CELLS)
    before = kernel.memory()
    kernel.updates.clear()
    asking, said = kernel.run(_ASK)
    if said:
        raise SystemExit(said)
    began = time.monotonic()
    # The widgets themselves are sent once, before anything moves.
    kernel.updates.clear()
    busy = []
    while kernel.run("batch.is_over")[1] != "True":
        busy += trivial(kernel, 20)
        if time.monotonic() - began > _LONGEST:
            raise SystemExit(kernel.run("batch.tally")[1])
    took = time.monotonic() - began
    kernel.drain(1.5)
    updates = busiest_second(kernel.updates)
    memory = kernel.memory() - before
    # Before and after: a machine that others use is not equally fast all the time.
    idle += trivial(kernel, _IDLE_CELLS)
    return {
        "took": took,
        "asking": asking,
        "idle": p95(idle),
        "busy": p95(busy),
        "median idle": statistics.median(idle),
        "median busy": statistics.median(busy),
        "updates": updates,
        "memory": memory / rows / 1024,
    }


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with serving() as (url, bill), tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PERPLEXITY_BASE_URL": url,
            "PERPLEXITY_API_KEY": "pplx-benchmark-0123456789",
            "PPLX_JUPYTER_LEDGER": str(Path(folder) / "ledger.sqlite"),
            "PPLX_JUPYTER_BUDGET": "1000000",
        }
        kernel = Kernel(environment)
        try:
            found = measure(kernel, rows)
        finally:
            kernel.close()
        asked = bill() - min(20, rows)
    print(
        f"{rows} rows, {asked} bought, settled in {found['took']:.1f} s ({rows / found['took']:.0f} a second)"
    )
    print(f"{'the cell that asks':<44}{found['asking'] * 1000:>9.0f} ms")
    print(
        f"{'a trivial cell, idle: median, p95':<44}{found['median idle'] * 1000:>9.1f}{found['idle'] * 1000:>8.1f} ms"
    )
    print(
        f"{'a trivial cell, meanwhile: median, p95':<44}{found['median busy'] * 1000:>9.1f}{found['busy'] * 1000:>8.1f} ms"
    )
    times = found["busy"] / found["idle"]
    print(
        f"{'  p95, times idle':<44}{times:>9.2f}{'':>8}   budget {RESPONSE_BUDGET:g}: {verdict(times, RESPONSE_BUDGET)}"
    )
    updates = found["updates"]
    print(
        f"{'updates to the page in the busiest second':<44}{updates:>9.0f}{'':>8}   budget {UPDATES_BUDGET:g}: {verdict(updates, UPDATES_BUDGET)}"
    )
    memory = found["memory"]
    print(
        f"{'memory a job':<44}{memory:>9.1f} KB{'':>5}   budget {MEMORY_BUDGET_KB:g} KB: {verdict(memory, MEMORY_BUDGET_KB)}"
    )
    if asked != rows:
        print(f"NOT one purchase a row: {asked} for {rows}")


if __name__ == "__main__":
    main()
