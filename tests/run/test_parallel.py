"""Cells that send first: the time of the slowest, every answer in its own cell, no trace of the last cell."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from pplx_jupyter.errors import JobFailed, WaitTimeout
from pplx_jupyter.settings import Settings
from pplx_jupyter.simulator import Simulator
from tests.run.conftest import Shell, shown

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.asking import Asker

pytestmark = pytest.mark.slow

FOUR = [f"%%pplx_research {name}\nWhat is {name}? seconds:200" for name in ("tea", "rum", "gin", "ale")]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Jobs go on only where the clock is advanced."""
    with Simulator(speed=0.001) as simulator:
        yield simulator


def under_way(sim: Simulator) -> int:
    return sum(job["status"] in {"queued", "running"} for job in sim.bill.jobs)


def wait_it_out(sim: Simulator, process: subprocess.Popen[str], together: int) -> int:
    """Let time pass whenever so many jobs are under way; give how often that was."""
    passed, until = 0, time.monotonic() + 100
    while process.poll() is None:
        assert time.monotonic() < until
        if under_way(sim) == together:
            sim.advance(300)
            passed += 1
        time.sleep(0.02)
    return passed


@pytest.mark.parametrize(("options", "together", "periods"), [([], 1, 4), (["--parallel"], 4, 1)])
def test_four_questions_take_the_time_of_the_slowest(
    shell: Shell, sim: Simulator, options: list[str], together: int, periods: int
) -> None:
    shell.write(FOUR)
    process = shell.start("market.ipynb", *options)
    assert wait_it_out(sim, process, together) == periods
    out, said = process.communicate()
    assert process.returncode == 0, said
    assert "bought: 4 jobs" in out
    done = shell.read()
    assert [cell.source for cell in done.cells][1:] == FOUR
    for cell, outputs in list(zip(done.cells, shown(done), strict=True))[1:]:
        line, answer = outputs
        assert line["data"]["text/plain"].startswith("Finished")
        assert cell.source.split("\n")[1].partition("?")[0] in answer["data"]["text/plain"]
        assert len(cell.outputs) == 2
    assert "widget" not in json.dumps(done)


def test_a_failure_is_told_at_the_end_and_all_others_are_there(shell: Shell, sim: Simulator) -> None:
    shell.write([FOUR[0], "%%pplx_research bad\nWhat is bad? outcome:failed seconds:200", FOUR[1]])
    process = shell.start("market.ipynb", "--parallel")
    assert wait_it_out(sim, process, 3) == 1
    out, said = process.communicate()
    assert process.returncode == 1
    assert re.search(r"bad \(\w{6}\) +failed +bought", out)
    assert re.search(r"pplx-jupyter: JobFailed: bad \(\w{6}\) failed", said)
    done = shell.read()
    assert [len(outputs) for outputs in shown(done)] == [0, 2, 0, 2]
    assert "✕ Failed" in shown(done, "failed")[2][1]["data"]["text/plain"]
    assert len(done.cells) == 4
    assert done.metadata.papermill.exception is True


def test_a_cell_that_fails_leaves_what_is_under_way_to_the_next_run(shell: Shell, sim: Simulator) -> None:
    sent = "import time\nwhile not (tea.remote_id and rum.remote_id):\n    time.sleep(0.05)"
    shell.write([*FOUR[:2], f"{sent}\n1 / 0"])
    ran = shell.run("market.ipynb", "--parallel")
    assert ran.returncode == 1
    assert "pplx-jupyter: In [4] ZeroDivisionError: division by zero\n" in ran.stderr
    assert re.search(r"Still under way: tea \(\w{6}\), rum \(\w{6}\)\. Nothing is lost", ran.stdout)
    assert "run_line_magic" not in json.dumps(shell.read())
    shell.write(FOUR[:2])
    shell.environment["PPLX_JUPYTER_PARALLEL"] = "1"
    process = shell.start("market.ipynb")
    assert wait_it_out(sim, process, 2) == 1
    out, said = process.communicate()
    assert process.returncode == 0, said
    assert "asked earlier: 2 jobs" in out
    assert [len(outputs) for outputs in shown(shell.read())] == [0, 2, 2]
    assert len(sim.bill.jobs) == 2


def test_the_first_use_of_a_result_waits(ask: Callable[..., Asker]) -> None:
    with Simulator(speed=600) as sim:
        asker = ask(sim)
        job = asker.job("What is tea? seconds:200")
        assert not job.done
        job.waits_at_use = True
        assert job.cost.total is not None
        assert job.answer is not None
        other = asker.job("What is rum? seconds:200")
        other.waits_at_use = True
        assert other.answer is not None
        assert other.raw["id"] == other.remote_id


def test_the_first_use_of_a_failed_result_fails_but_its_cost_is_there(ask: Callable[..., Asker]) -> None:
    with Simulator(speed=600) as sim:
        job = ask(sim).job("What is tea? outcome:failed seconds:200")
        job.waits_at_use = True
        assert job.raw is not None
        assert job.cost.total is None
        with pytest.raises(JobFailed):
            _ = job.answer


def test_the_first_use_waits_no_longer_than_the_timeout(ask: Callable[..., Asker]) -> None:
    with Simulator(speed=0.001) as sim:
        job = ask(sim, settings=Settings(timeout=0.2)).job("What is tea?")
        job.waits_at_use = True
        for use in ("answer", "cost", "raw"):
            with pytest.raises(WaitTimeout):
                getattr(job, use)
