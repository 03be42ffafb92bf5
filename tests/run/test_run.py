"""``pplx-jupyter run``: what it writes, what it says, and how it ends."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import signal
import threading
from typing import TYPE_CHECKING

import pexpect
import pytest

from pplx_jupyter.cli import main
from pplx_jupyter.errors import BudgetExceeded, PplxError, WaitTimeout
from pplx_jupyter.ledger import open_ledger
from tests.run.conftest import Shell, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

TEA = "%%pplx_research tea\nWhat is tea from {{ region }}? seconds:240"
PARAMETERS = "region = 'nowhere'\nyears = 0"


def test_a_run_writes_beside_the_notebook_and_bills_and_a_second_is_free(
    shell: Shell, sim: Simulator
) -> None:
    shell.write([PARAMETERS, TEA, "years + 1"], "deep/market.ipynb", tags=["parameters"])
    before = (shell.folder / "deep" / "market.ipynb").read_bytes()
    first = shell.run("deep/market.ipynb", "-p", "region", "Assam", "-p", "years", "4", "--html")
    assert first.returncode == 0, first.stderr
    assert "bought: 1 job, 0." in first.stdout
    assert "Answered by the simulator: nothing was billed.\nWritten: deep/market-run.ipynb\n" in first.stdout
    assert re.search(
        r"2 of 4 cells · 1 under way · .*\n4 of 4 cells · 1 finished · 0\.\d\d USD", first.stderr, re.DOTALL
    )
    assert (shell.folder / "deep" / "market.ipynb").read_bytes() == before
    done = shell.read("deep/market-run.ipynb")
    assert [len(outputs) for outputs in shown(done)] == [0, 0, 0, 2, 0]
    assert "tea from Assam" in json.dumps(done)
    assert done.cells[4].outputs[0]["data"]["text/plain"] == "5"
    assert 'class="pplx-src"' in (shell.folder / "deep" / "market-run.html").read_text("utf-8")
    assert (shell.folder / "data" / "ledger.sqlite").exists()

    second = shell.run("deep/market.ipynb", "-p", "region", "Assam", "-o", "again.ipynb")
    assert second.returncode == 0, second.stderr
    assert re.search(r"tea \(\w{6}\)  finished  from the ledger  saved 0\.\d\d USD\n", second.stdout)
    assert "Nothing was bought." in second.stdout
    assert [len(outputs) for outputs in shown(shell.read("again.ipynb"))] == [0, 0, 0, 2, 0]
    assert [job["prompt"] for job in sim.bill.jobs] == ["What is tea from Assam? seconds:240"]


def test_a_notebook_without_research_runs_and_makes_no_ledger(shell: Shell) -> None:
    shell.write(
        ["import os\nos.environ['PPLX_JUPYTER_NOTEBOOK'], os.path.basename(os.getcwd())"], "deep/a{b}.ipynb"
    )
    ran = shell.run("deep/a{b}.ipynb")
    assert ran.returncode == 0, ran.stderr
    assert "no question was sent, and nothing was bought" in ran.stdout
    assert (
        shell.read("deep/a{b}-run.ipynb").cells[1].outputs[0]["data"]["text/plain"]
        == "('a{b}.ipynb', 'deep')"
    )
    assert not (shell.folder / "data").exists()


def test_a_failed_job_fails_the_run_even_where_the_notebook_caught_it(shell: Shell) -> None:
    caught = "try:\n    research('What is rum? outcome:failed').wait()\nexcept Exception as error:\n    print(error)"
    shell.write([f"from pplx_jupyter import research\n{caught}", "2"])
    ran = shell.run()
    assert ran.returncode == 1
    assert re.search(r"What is rum\? outcome:failed +failed +bought +cost unknown", ran.stdout)
    assert shell.read().cells[-1].outputs[0]["data"]["text/plain"] == "2"


def test_a_refused_budget_is_3(shell: Shell, sim: Simulator) -> None:
    shell.write(["%%pplx_research tea\nWhat is tea?"])
    ran = shell.run("market.ipynb", "--budget", "0.01")
    assert ran.returncode == 3, ran.stderr
    assert "BudgetExceeded" in ran.stderr
    assert not sim.bill.jobs


def test_what_a_refused_run_had_not_sent_yet_is_not_sent_by_the_next_command(
    shell: Shell, sim: Simulator
) -> None:
    shell.write([f"%%pplx_research p{n}\nWhat is question {n}?" for n in range(4)])
    ran = shell.run("market.ipynb", "--parallel", "--budget", "3")
    assert ran.returncode == 3, ran.stderr
    ledger = open_ledger(str(shell.folder / "data" / "ledger.sqlite"))
    rows = ledger.jobs()
    assert len(rows) == 2
    assert not [row for row in rows if row.state == "submitting" and row.sending_at is None]
    unsent = sum(row.state == "cancelled" for row in rows)
    assert ran.stdout.count("cancelled  not sent  0.00 USD") == unsent
    again = shell.run("market.ipynb", "--parallel")
    assert again.returncode == 0, again.stderr
    assert len(sim.bill.jobs) == 4, "the next run asks them, each once"


def test_a_notebook_that_forgot_to_load_the_extension_is_told_so(shell: Shell) -> None:
    shell.write(["%unload_ext pplx_jupyter", "%%pplx_research tea\nWhat is tea?"])
    ran = shell.run()
    assert ran.returncode == 1
    assert "is there a cell with %load_ext pplx_jupyter above it?" in ran.stderr


@contextlib.contextmanager
def hurried(sim: Simulator, seconds: float) -> Iterator[None]:
    """Advance the service's clock once it has a job: a run that ended early may not have sent its question yet."""
    over = threading.Event()

    def advance() -> None:
        while not sim.bill.jobs and not over.wait(0.05):
            pass
        sim.advance(seconds)

    thread = threading.Thread(target=advance)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_timeout_is_4_and_says_what_goes_on(shell: Shell, sim: Simulator) -> None:
    shell.write(["%%pplx_research slow\nWhat is tea? seconds:90000"])
    ran = shell.run("market.ipynb", "--timeout", "0.5")
    assert ran.returncode == 4, ran.stderr
    assert re.search(r"Still under way: slow \(\w{6}\)\. Nothing is lost: run this again", ran.stdout)
    with hurried(sim, 90_000):
        again = shell.run()
    assert again.returncode == 0, again.stderr
    assert "asked earlier: 1 job" in again.stdout
    assert len(sim.bill.jobs) == 1


def test_an_unconfirmed_job_is_4(shell: Shell, sim: Simulator) -> None:
    sim.add_fault("reset-after@agent+post#1")
    shell.write(["%%pplx_research tea --backend agent\nWhat is tea?"])
    ran = shell.run()
    assert ran.returncode == 4, ran.stderr
    assert re.search(r"tea \(\w{6}\)  unconfirmed  bought  cost unknown", ran.stdout)


def test_a_kernel_that_dies_is_1_and_what_came_before_is_written(shell: Shell) -> None:
    shell.write(["%%pplx_research tea\nWhat is tea? seconds:1", "import os\nos.kill(os.getpid(), 9)", "3"])
    ran = shell.run()
    assert ran.returncode == 1
    assert "the kernel died in cell 3" in ran.stderr
    assert "bought: 1 job" in ran.stdout
    assert len(shown(shell.read())[1]) == 2


def test_ctrl_c_is_130_on_a_terminal_with_a_bar_and_the_job_goes_on(shell: Shell, sim: Simulator) -> None:
    shell.write(
        [
            "%%pplx_research tea\nWhat is tea? seconds:1",
            "%%pplx_research slow\nWhat is rum? seconds:90000",
            "3",
        ]
    )
    command = shell.command("market.ipynb")
    child = pexpect.spawn(
        command[0],
        command[1:],
        env=shell.environment,
        cwd=str(shell.folder),
        encoding="utf-8",
        dimensions=(24, 120),
        timeout=60,
    )
    child.expect(r"2 of 4 cells · \d\d:\d\d · 1 under way, 1 finished · 0\.\d\d USD \+ 1 not known yet")
    child.sendintr()
    child.expect(r"Still under way: slow \(\w{6}\)\. Nothing is lost")
    child.expect("WaitInterrupted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    done = shell.read()
    assert "it goes on" in json.dumps(done)
    assert not done.cells[-1].outputs
    assert [job["status"] for job in sim.bill.jobs][-1] in {"queued", "running"}


def test_a_polite_end_is_an_interrupt(shell: Shell, sim: Simulator) -> None:
    shell.write(["import time\nprint('begun', flush=True)\nopen('begun', 'w').close()\ntime.sleep(60)"])
    process = shell.start("market.ipynb")
    while not (shell.folder / "begun").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "KeyboardInterrupt" in said
    assert "begun" in shell.read().cells[-1].outputs[0]["text"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.ipynb"], "No such file"),
        (["text.ipynb"], "is no notebook"),
        (["good.ipynb", "-o", "x.txt"], "write a name that ends in .ipynb"),
        (["good.ipynb", "-o", "nowhere/x.ipynb"], "there is no folder"),
        (["good.ipynb", "-p", "two words", "1"], "cannot be a variable's name"),
        (["good.ipynb", "--budget", "much"], "invalid amount of US dollars value: 'much'"),
        (["good.ipynb", "--timeout", "0"], "invalid number of seconds value: '0'"),
        (["good.ipynb", "-p", "only"], "expected 2 arguments"),
        ([], "the following arguments are required"),
    ],
)  # fmt: skip
def test_usage_is_2_and_runs_nothing(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Shell(tmp_path).write(["1"], "good.ipynb")
    (tmp_path / "text.ipynb").write_text("a text")
    try:
        code = main(["run", *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("*-run.ipynb"))


def test_without_papermill_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "papermill" else find(name))
    assert main(["run", "market.ipynb"]) == 1
    assert capsys.readouterr().err == "pplx-jupyter: this needs papermill: pip install 'pplx-jupyter[demo]'\n"


@pytest.mark.parametrize(
    ("error", "code"), [(BudgetExceeded("too much"), 3), (WaitTimeout("too long"), 4), (PplxError("else"), 1)]
)
def test_every_command_ends_with_the_code_of_its_error(
    error: PplxError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_options: object) -> int:
        raise error

    monkeypatch.setattr("pplx_jupyter.cli.commands.jobs_command", fails)
    assert main(["jobs"]) == code
    assert str(error) in capsys.readouterr().err
