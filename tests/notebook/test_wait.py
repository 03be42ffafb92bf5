"""``%pplx wait`` in a live kernel, and what a job says before it has its answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.notebook.cell.prompts import fill
from tests.asking import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel, Ran

pytestmark = pytest.mark.slow

__all__ = ["until"]


def final(messages: list[dict[str, Any]], ran: Ran) -> list[str]:
    """Give what took the place of a cell's outputs, as text."""
    ids = {shown["transient"]["display_id"] for shown in ran.displays if "transient" in shown}
    updates = [m["content"] for m in messages if m["msg_type"] == "update_display_data"]
    return [
        update["data"]["text/plain"]
        for update in updates
        if update["transient"]["display_id"] in ids
        and update["metadata"]["pplx_jupyter"]["state"] == "completed"
    ]


def is_idle(message: dict[str, Any], msg_id: str) -> bool:
    ends = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
    return bool(ends and message["parent_header"].get("msg_id") == msg_id)


def test_wait_waits_for_all_of_this_kernel_and_each_cell_keeps_its_own(
    kernel: Kernel, sim: Simulator, until: Callable[..., None]
) -> None:
    tea = kernel.run("%%pplx_research tea\nWhat is tea? seconds:6000", cell="one")
    rum = kernel.run("%%pplx_research rum\nWhat is rum? seconds:7000", cell="two")
    kernel.run(
        "from pplx_jupyter import research\nale = research('What is ale? seconds:6000', name='ale')",
        cell="three",
    )
    # Not `run`, which leaves out what answers other cells.
    msg_id = kernel.client.execute("%pplx wait")
    until(lambda: len(sim.bill.jobs) == 3)
    sim.advance(8000)
    messages = kernel.until(lambda message: is_idle(message, msg_id))
    while len(final(messages, tea)) < 2 or len(final(messages, rum)) < 2:
        messages += kernel.until(lambda message: message["msg_type"] == "update_display_data")
    waited = [m for m in messages if m["parent_header"].get("msg_id") == msg_id]
    assert re.fullmatch(
        r"tea \(\w{6}\): Finished [^\n]+\nrum \(\w{6}\): Finished [^\n]+\nale \(\w{6}\): Finished [^\n]+\n",
        "".join(m["content"]["text"] for m in waited if m["msg_type"] == "stream"),
    )
    assert not [m for m in waited if m["msg_type"] == "display_data"]
    assert any("What is tea" in text for text in final(messages, tea))
    assert any("What is rum" in text for text in final(messages, rum))
    assert "No job of this kernel is under way" in kernel.run("%pplx wait").text


def test_wait_with_an_id_shows_the_job_here(kernel: Kernel) -> None:
    kernel.run("%%pplx_research tea\nWhat is tea? seconds:120", cell="one")
    waited = kernel.run("%pplx wait tea", cell="two")
    assert waited.reply["status"] == "ok"
    assert "application/vnd.jupyter.widget-view+json" in waited.displays[0]["data"]
    assert kernel.value("tea.done") == "True"


def test_one_that_fails_is_told_after_all_have_ended(kernel: Kernel) -> None:
    kernel.run("%%pplx_research bad\nWhat is bad? outcome:failed seconds:60", cell="one")
    kernel.run("%%pplx_research rum\nWhat is rum? seconds:240", cell="two")
    waited = kernel.run("%pplx wait", cell="three")
    assert waited.error.startswith("JobFailed: bad (")
    assert re.match(r"bad \(\w{6}\) failed: [^\n]+\nrum \(\w{6}\): Finished", waited.text)


def test_a_job_of_an_earlier_cell_of_run_all_has_no_answer_yet(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%%pplx_research tea\nWhat is tea? seconds:6000", cell="one")
    assert kernel.value("tea.answer") == "None"
    asked = kernel.run("%%pplx_research more\nMore than {{ tea.answer.text }}", cell="two")
    assert asked.reply["status"] == "error"
    assert "write {{ tea.wait().text }} to wait for one. Nothing was sent." in asked.text
    assert len(kernel.ledger_rows()) == 1


def test_an_answer_that_is_not_there_is_never_written_into_a_prompt(kernel: Kernel) -> None:
    kernel.run("%%pplx_research bad\nWhat is bad? outcome:failed", cell="one")
    kernel.run("%pplx wait", cell="two")
    assert (
        "has no answer, it is failed"
        in kernel.run("%%pplx_research more\n{{ bad.answer }}", cell="three").text
    )


def test_only_a_jobs_answer_is_looked_at() -> None:
    assert fill("{{ quiz.answer }}", {"quiz": {"answer": 42}})[0] == "42"
