"""``--after NAME``: a thread in a notebook, in a real kernel."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.notebook.conftest import Kernel

if TYPE_CHECKING:
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

FIRST = "%%pplx_research tea\nWhat is tea? Tell me. shape:plain seconds:20"
SECOND = "%%pplx_research since --after tea\nAnd since when? shape:plain seconds:20"
THIRD = "%%pplx_research where --after since\nAnd where? shape:plain seconds:20"


def answer_of(kernel: Kernel, cell: str, *, headless: bool = True) -> dict[str, Any]:
    ran = kernel.run(cell, headless=headless)
    assert ran.reply["status"] == "ok", ran.error
    forms: dict[str, Any] = ran.displays[-1]["data"]
    return forms


def test_a_thread_says_what_it_follows_and_survives_a_restart(
    kernel: Kernel, sim: Simulator, environment: dict[str, str]
) -> None:
    for cell in (FIRST, SECOND, THIRD):
        shown = answer_of(kernel, cell)
    tea, since = kernel.value("(tea.id, since.id)").strip("()").replace("'", "").split(", ")
    assert f"Follows since ({since}): “And since when?”" in shown["text/plain"]
    assert f"Which follows tea ({tea}): “What is tea?”" in shown["text/plain"]
    assert "Follows since" in shown["text/markdown"]
    head = shown["text/html"].partition("<h3")[0]
    assert "<summary" in head
    assert "What is tea? Tell me." in head, "the whole earlier question is folded away"
    assert len(sim.bill.jobs) == 3
    other = Kernel(environment)
    try:
        other.run("%load_ext pplx_jupyter")
        again = answer_of(other, THIRD)
        assert "Follows since" in again["text/html"]
        assert "Follows since" in answer_of(other, "%pplx show where")["text/plain"]
        assert other.value("where.follows.follows.name") == "'tea'"
    finally:
        other.close()
    assert len(sim.bill.jobs) == 3, "running it again is free"


def test_what_is_not_there_yet_is_one_line_and_nothing_is_sent(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%%pplx_research tea\nWhat is tea? seconds:6000")
    ran = kernel.run(SECOND, cell="cell-2")
    assert "is still under way; run this again when its answer is there (%pplx wait " in ran.text
    assert ran.text.strip().endswith("Nothing was sent.")
    assert len(ran.text.strip().splitlines()) == 1
    kernel.run("%pplx cancel tea")
    assert "no job “coffee”" in kernel.run("%%pplx_research x --after coffee\nWhy?", cell="cell-3").text
    assert "choose another NAME" in kernel.run("%%pplx_research tea --after tea\nWhy?", cell="cell-3").text
    assert len(kernel.ledger_rows()) == 1


def test_a_cell_that_blocks_waits_for_what_it_follows(kernel: Kernel, sim: Simulator) -> None:
    kernel.run(f"{FIRST.replace('tea', 'tea --no-wait', 1)} seconds:200")
    shown = answer_of(kernel, SECOND)
    assert "Follows tea" in shown["text/plain"]
    assert [job["status"] for job in sim.bill.jobs] == ["completed", "completed"]


def test_a_dry_run_shows_what_would_go_before_it(kernel: Kernel, sim: Simulator) -> None:
    answer_of(kernel, FIRST)
    shown = answer_of(kernel, SECOND.replace("--after", "--dry-run --after"), headless=False)["text/plain"]
    payload = json.loads(shown[shown.index("\n{") :])
    roles = [message["role"] for message in payload["request"]["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert payload["request"]["messages"][1]["content"].endswith(" characters)")
    assert len(sim.bill.jobs) == 1


def test_a_frozen_run_answers_follow_ups_and_brings_what_they_follow(
    kernel: Kernel, sim: Simulator, tmp_path: Path
) -> None:
    kernel.run(f"import os; os.chdir({str(tmp_path)!r})\n%config PplxResearch.notebook = 'thread.ipynb'")
    answer_of(kernel, FIRST)
    kernel.run("del tea", cell="aside")
    # The same cell: the notebook shows the follow-up alone.
    answer_of(kernel, SECOND)
    assert "2 answers" in kernel.run("%pplx freeze", cell="aside").text
    kernel.run("%config PplxResearch.frozen = True", cell="aside")
    shown = answer_of(kernel, SECOND)
    assert "From the lockfile" in str(kernel.run(SECOND, headless=True).displays)
    assert "Follows tea" in shown["text/plain"]
    assert len(sim.bill.jobs) == 2


def test_forgetting_says_what_it_means_for_what_follows(kernel: Kernel, sim: Simulator) -> None:
    answer_of(kernel, FIRST)
    sim.add_fault("hold@post", times=1)
    kernel.run(SECOND, cell="cell-2")
    refused = kernel.run("%pplx forget tea").text
    assert re.search(r"since \(\w+\) follows it, and has not been sent for certain: wait", refused)
    assert kernel.value("tea.answer is None") == "False"
    sim.release()
    answer_of(kernel, SECOND)
    told = kernel.run("%pplx forget tea").text
    assert "What followed it keeps its answer (since (" in told
    assert "Its cell cannot be run again." in told
    shown = answer_of(kernel, "%pplx show since")["text/plain"]
    assert ": its question is deleted" in shown
    assert "What is tea" not in shown


def test_job_ask_in_python(kernel: Kernel, sim: Simulator) -> None:
    answer_of(kernel, FIRST)
    assert kernel.value("tea.ask('And since when? shape:plain').wait().text != ''") == "True"
    assert len(sim.bill.jobs) == 2


@pytest.mark.parametrize("headless", [False])
def test_the_panel_of_a_follow_up_names_what_it_follows(
    kernel: Kernel, sim: Simulator, headless: bool
) -> None:
    answer_of(kernel, FIRST)
    ran = kernel.run(SECOND.replace("seconds:20", "seconds:900"), headless=headless, cell="cell-2")
    opened = [m["content"]["data"]["state"] for m in ran.messages if m["msg_type"] == "comm_open"]
    assert any("Follows tea (" in str(state.get("value")) for state in opened)
