"""The IPython terminal: text status, text answer, the prompt back at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests.asking import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplx_jupyter.simulator import Simulator

__all__ = ["until"]

pytestmark = pytest.mark.slow


@pytest.fixture
def terminal(environment: dict[str, str]) -> Iterator[pexpect.spawn[str]]:
    arguments = ["-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit", "--colors=nocolor"]
    child = pexpect.spawn(
        sys.executable,
        arguments,
        env={**environment, "TERM": "dumb", "COLUMNS": "200"},
        encoding="utf-8",
        timeout=20,
        dimensions=(50, 200),
    )
    child.expect(r"In \[1\]: ")
    child.sendline("%load_ext pplx_jupyter")
    child.expect(r"In \[2\]: ")
    yield child
    child.close(force=True)


def ask(terminal: pexpect.spawn[str], line: str, prompt: str) -> None:
    terminal.sendline(f"get_ipython().run_cell_magic('pplx_research', {line!r}, {prompt!r})")


def test_the_prompt_is_back_at_once_and_the_answer_comes_by_itself(
    terminal: pexpect.spawn[str], sim: Simulator, until: Callable[..., None]
) -> None:
    ask(terminal, "tea", "What is tea? seconds:6000")
    terminal.expect(r"tea \([0-9a-f]{6}\): sending")
    terminal.expect(r"In \[3\]: ")
    until(lambda: sim.bill.jobs)
    sim.advance(6000)
    terminal.expect(r"tea \([0-9a-f]{6}\): completed after")
    terminal.expect("Finished")
    terminal.expect("Sources")
    terminal.sendline("tea.wait().cost.total > 0")
    terminal.expect("True")
    assert len(sim.bill.jobs) == 1


def test_verbs_answer_in_text(terminal: pexpect.spawn[str]) -> None:
    ask(terminal, "tea --wait", "What is tea?")
    terminal.expect("Finished")
    terminal.sendline("%pplx jobs")
    terminal.expect("finished")
    terminal.sendline("%pplx doctor")
    terminal.expect("a terminal: answers come as text")
    terminal.sendline("%pplx show tea")
    terminal.expect("From your ledger")


def test_a_mistake_is_one_line(terminal: pexpect.spawn[str]) -> None:
    ask(terminal, "--recensy week", "x")
    terminal.expect("UsageError: --recensy is not an option; did you mean --recency")


def test_an_interrupted_wait_leaves_the_job(terminal: pexpect.spawn[str], sim: Simulator) -> None:
    ask(terminal, "tea", "What is tea? seconds:6000")
    terminal.expect(r"In \[3\]: ")
    terminal.sendline("from pplx_jupyter.waiting import Waiting as W")
    terminal.sendline("W._left = lambda wait, left=W._left: (left(wait), print('look' + 'ing'))[0]")
    terminal.sendline("tea.wait()")
    for _ in range(2):
        terminal.expect("looking\r\n")
    terminal.sendintr()
    terminal.expect("KeyboardInterrupt")  # long before the job ends, and the waiting with it
    terminal.sendline("tea.status in ('queued', 'running')")
    terminal.expect("True")
