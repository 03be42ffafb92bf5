"""What kernels of several ipykernel versions say while a job is under way, message by message."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pplx_jupyter.ledger import open_ledger
from tests.kernels.conftest import clock_of, sent_at

if TYPE_CHECKING:
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator
    from tests.kernels.conftest import Heard, Message

WIDGET = "application/vnd.jupyter.widget-view+json"
ASK = "%%pplx_research tea\nWhat is tea? seconds:1200"
"""At the simulator's speed of 60 a job of twenty seconds, 1.6 of them in the queue; tests end it by `Simulator.advance`."""

SLEEP = "import time\nfor n in range(30):\n    print(n, flush=True)\n    time.sleep(0.1)"
CANCEL, CANCEL_YES = "Cancel", "Yes, cancel the job"


OLDEST_AND_NEWEST = pytest.mark.parametrize("version", ["6.29.5", "installed"])
EACH_KIND = pytest.mark.parametrize("version", ["6.29.5", "7.0.1", "installed"])
"""Versions that differ in how they take requests; in what they send, each does, and all are asked for that."""


def parents(messages: list[Message]) -> set[str]:
    return {m["parent_header"].get("msg_id", "") for m in messages}


def foreign(kernel: Heard, launch: str) -> list[Message]:
    """Give what others than the launching cell said that is none of a plain cell's own messages."""
    plain = {"status", "execute_input", "stream"}
    return [
        m for m in kernel.heard if m["parent_header"].get("msg_id") != launch and m["msg_type"] not in plain
    ]


def test_all_that_is_said_later_belongs_to_the_launching_cell(kernel: Heard, sim: Simulator) -> None:
    launch = kernel.ask(ASK, cell="one")
    ended = kernel.idle(launch)
    upper, lower = kernel.outputs(launch)
    shown = [m["content"]["data"] for m in kernel.under(launch) if m["msg_type"] == "display_data"]
    assert [WIDGET in data for data in shown] == [True, False]

    sleeping = kernel.run(SLEEP, cell="two")
    began, woke = sent_at(sleeping.messages[0]), kernel.idle(sleeping.msg_id)
    clocks = {clock_of(m) for m in kernel.ours(launch) if began < sent_at(m) < woke} - {None}
    assert len(clocks) >= 2, "the clock stood still while a cell computed"

    typed = kernel.complete("impor")
    typed_at = kernel.idle(typed)
    kernel.until(lambda m: clock_of(m) is not None and sent_at(m) > typed_at)
    printed = kernel.run("print('hello')", cell="three")
    printed_at = kernel.idle(printed.msg_id)
    kernel.until(lambda m: clock_of(m) is not None and sent_at(m) > printed_at)
    sim.advance(1200)
    kernel.until_state(launch, "completed")
    kernel.value("tea.status")  # so that what is said after the end is heard, too

    later = [m for m in kernel.ours(launch) if sent_at(m) > ended]
    assert {m["msg_type"] for m in later} == {"comm_msg", "update_display_data"}
    assert parents(later) == {launch}
    assert not foreign(kernel, launch)
    assert sleeping.text == "".join(f"{n}\n" for n in range(30))
    assert printed.text == "hello\n"

    finals = kernel.finals(launch)
    assert set(finals) == {upper, lower}
    for content in finals.values():
        assert WIDGET not in content["data"]
        assert {"text/html", "text/markdown", "text/plain"} <= set(content["data"])
    assert "Finished" in finals[upper]["data"]["text/plain"]
    assert "Sources" in finals[lower]["data"]["text/plain"]


@OLDEST_AND_NEWEST
def test_a_change_shows_within_a_second(kernel: Heard, sim: Simulator, environment: dict[str, str]) -> None:
    launch = kernel.ask("%%pplx_research tea\nWhat is tea? seconds:6000", cell="one")
    ledger = open_ledger(environment["PPLX_JUPYTER_LEDGER"])
    (row,) = ledger.jobs()

    assert kernel.until_words(launch, "Waiting at Perplexity")
    sim.advance(1200)
    while (now := ledger.get(row.id)) is not None and now.state != "running":
        time.sleep(0.005)
    written = time.time()
    assert kernel.until_words(launch, "<b>Running</b>") - written < 1.0

    # Another process's write, which rings no bell in the kernel.
    written = time.time()
    ledger.write(row.id, {"cancel": "refused"})
    assert kernel.until_words(launch, "This API offers no cancel") - written < 1.0
    ledger.close()


@EACH_KIND
def test_cancel_takes_two_clicks(kernel: Heard, sim: Simulator) -> None:
    launch = kernel.ask(ASK, cell="one")
    kernel.until_words(launch, "<b>Running</b>")
    clicked = kernel.click(kernel.until_button(launch, CANCEL))
    sure = kernel.until_button(launch, CANCEL_YES)
    asked = len(sim.requests)
    kernel.until(lambda _: len(sim.requests) >= asked + 2)
    assert {method for method, _ in sim.requests} == {"POST", "GET"}
    assert kernel.value("tea.row.cancel, tea.status") == "('', 'running')"

    clicked_again = kernel.click(sure)
    kernel.until_state(launch, "cancelled")
    assert kernel.value("tea.status") == "'cancelled'"
    assert [job["status"] for job in sim.bill.jobs] == ["cancelled"]
    for click in (clicked, clicked_again):
        assert {m["msg_type"] for m in kernel.under(click)} <= {"status"}
    assert not foreign(kernel, launch)


@OLDEST_AND_NEWEST
def test_a_reloaded_page_gets_the_widgets_state_as_the_answer_to_its_question(kernel: Heard) -> None:
    """JupyterLab waits for that answer, and with it for every widget of the page."""
    launch = kernel.ask(ASK, cell="one")
    button = kernel.until_button(launch, CANCEL)
    asked = kernel.send("comm_msg", {"comm_id": button, "data": {"method": "request_state"}})
    kernel.idle(asked)
    states = [m for m in kernel.under(asked) if m["msg_type"] == "comm_msg"]
    assert [m["content"]["data"]["method"] for m in states] == ["update"]
    assert states[0]["content"]["comm_id"] == button


@pytest.mark.parametrize("version", ["7.1.0", "installed"])
def test_a_click_is_heard_while_a_cell_computes(
    kernel: Heard, version: str, sim: Simulator, tmp_path: Path
) -> None:
    """Frontends send clicks to a subshell where the kernel, from ipykernel 7 on, has one."""
    launch = kernel.ask(ASK, cell="one")
    kernel.client.control_channel.send(kernel.client.session.msg("create_subshell_request", {}))
    subshell = kernel.client.get_control_msg(timeout=10)["content"]["subshell_id"]
    enough = tmp_path / "enough"
    computing = kernel.begin(
        "import os, time\nprint('computing', flush=True)\nend = time.monotonic() + 60\n"
        f"while not os.path.exists({str(enough)!r}) and time.monotonic() < end: time.sleep(0.02)"
    )
    kernel.until_under(computing, "stream")
    kernel.click(kernel.until_button(launch, CANCEL), subshell=subshell)
    kernel.click(kernel.until_button(launch, CANCEL_YES), subshell=subshell)
    kernel.until_state(launch, "cancelled")
    assert not [m for m in kernel.under(computing) if m["content"].get("execution_state") == "idle"]
    enough.touch()
    kernel.idle(computing)
    assert parents(kernel.ours(launch)) == {launch}


def interrupted(kernel: Heard, waiting: str) -> float:
    """Interrupt a cell that waits; give how many seconds later it had ended."""
    cell = kernel.begin(f"print('waiting', flush=True)\n{waiting}")
    kernel.until_under(cell, "stream")
    time.sleep(0.5)  # well inside the wait
    when = time.time()
    kernel.interrupt()
    ended = kernel.idle(cell)
    assert kernel.reply(cell)["status"] == "error"
    return ended - when


@EACH_KIND
def test_an_interrupt_ends_the_waiting_and_not_the_job(kernel: Heard, sim: Simulator) -> None:
    launch = kernel.ask(ASK, cell="one")
    kernel.until_words(launch, "<b>Running</b>")
    for waiting in ("await tea", "tea.wait()"):
        # The quickest of three: other load on the machine is not the kernel's, and the first error
        # imports what shows it. Without the ticks of the wait none is quick.
        seconds: list[float] = []
        while len(seconds) < 3 and min(seconds, default=1.0) >= 0.5:
            seconds.append(interrupted(kernel, waiting))
        assert min(seconds) < 0.5, (waiting, seconds)
    assert kernel.value("tea.done, tea.row.cancel") == "(False, '')"
    sim.advance(1200)
    kernel.until_state(launch, "completed")
    assert [job["status"] for job in sim.bill.jobs] == ["completed"]


STORM = """
def storm(jobs, seconds):
    from pplx_jupyter.session import current_session
    session, end, n = current_session(), time.time() + seconds, 0
    while time.time() < end:
        n += 1
        for job in jobs:
            session.ledger.write(job.id, {{"remote_status": f"STEP {{n}}"}})
            session.bell.ring()
        time.sleep(0.02)

import threading, time
threading.Thread(target=storm, args=({jobs}, {seconds}), daemon=True).start()
"""
"""Writes to the ledger far more often than a page is to be painted; each shows in the panel's line."""


def paints(kernel: Heard, launch: str, since: float) -> list[float]:
    """Give when a panel was painted: messages less than 0.1 s apart are one paint."""
    times = [sent_at(m) for m in kernel.ours(launch) if sent_at(m) >= since]
    return [t for n, t in enumerate(times) if n == 0 or t - times[n - 1] >= 0.1]


def most_in_a_second(times: list[float]) -> int:
    times = sorted(times)
    return max(sum(t <= other < t + 1 for other in times) for t in times)


def run_all(kernel: Heard, sim: Simulator, launches: list[str]) -> float:
    """Take jobs out of the queue, and wait until their panels say so; give when they did."""
    kernel.until(lambda _: len(sim.bill.jobs) == len(launches))
    sim.advance(1200)
    for launch in launches:
        if not any("<b>Running</b>" in str(state) for state in kernel.states(launch).values()):
            kernel.until_words(launch, "<b>Running</b>")
    return time.time()


def listen(kernel: Heard, seconds: float) -> None:
    end = time.monotonic() + seconds
    kernel.until(lambda _: time.monotonic() >= end, seconds=seconds + 5)


@pytest.mark.parametrize("many", [False, True], ids=["quiet", "storm"])
def test_one_panel_is_painted_at_most_four_times_a_second(newest: Heard, sim: Simulator, many: bool) -> None:
    launch = newest.ask("%%pplx_research tea\nWhat is tea? seconds:6000", cell="one")
    began = run_all(newest, sim, [launch])
    if many:
        newest.ask(STORM.format(jobs="[tea]", seconds=5), cell="storm")
    listen(newest, 4)
    times = paints(newest, launch, began)
    assert most_in_a_second(times) <= 4
    assert len(times) >= (8 if many else 3), "the panel stands still"


@pytest.mark.parametrize("many", [False, True], ids=["quiet", "storm"])
def test_twelve_panels_get_at_most_twenty_paints_a_second(newest: Heard, sim: Simulator, many: bool) -> None:
    names = [f"tea{n}" for n in range(12)]
    launches = [
        newest.ask(f"%%pplx_research {name}\nWhat is {name}? seconds:6000", cell=name) for name in names
    ]
    began = run_all(newest, sim, launches)
    if many:
        newest.ask(STORM.format(jobs=f"[{', '.join(names)}]", seconds=5), cell="storm")
    listen(newest, 4)
    each = [paints(newest, launch, began) for launch in launches]
    assert most_in_a_second([t for times in each for t in times]) <= 20
    assert min(len(times) for times in each) >= 2, "a panel stands still"
