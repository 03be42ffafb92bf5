"""The buttons of a job that gave no answer, as a person sees and clicks them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from tests.browser.conftest import LAB
from tests.browser.test_life import LOAD, WIDGET, ours, question

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator

ASK, CLOSE = "Ask again", "Close it"
_READING = 700
"""Milliseconds: whoever reads what a button spends needs longer than the second click of a double one."""


def unconfirmed(sim: Simulator) -> str:
    sim.add_fault("reset-after@post+agent", times=1)
    return f"%%pplx_research tea --backend agent\nWhat is tea? {secrets.token_hex(4)} shape:table seconds:120"


def shown(page: Any, text: str) -> Any:
    return page.cell(1).locator("button.jupyter-button", has_text=text)


def test_an_unconfirmed_job_is_asked_again_by_one_click(book: Any, sim: Simulator) -> None:
    page = book(LOAD, unconfirmed(sim))
    page.run(0)
    page.run(1)
    page.says(1, "Unconfirmed: sent at")
    page.until(lambda: shown(page, CLOSE).count() == 1, "the buttons")
    note = page.cell(1).locator(".pplx-n").bounding_box()
    button = shown(page, ASK).bounding_box()
    assert note is not None
    assert button["y"] >= note["y"] + note["height"], "the buttons stand below the note"
    assert "mod-primary" in shown(page, ASK).get_attribute("class")
    page.shot("settle", 1)
    bought = len(sim.bill.jobs)
    page.page.wait_for_timeout(_READING)
    shown(page, ASK).dblclick()
    page.until(lambda: "Unconfirmed" not in page.output(1), "the note to go")
    page.says(1, "Sources")
    assert len(sim.bill.jobs) == bought + 1
    assert shown(page, ASK).count() == 0
    assert all(WIDGET not in out["data"] for out in ours(page.save()))


@LAB
def test_close_it_leaves_a_plain_note(book: Any, sim: Simulator) -> None:
    page = book(LOAD, unconfirmed(sim))
    page.run(0)
    page.run(1)
    page.until(lambda: shown(page, CLOSE).count() == 1, "the buttons")
    bought = len(sim.bill.jobs)
    page.page.wait_for_timeout(_READING)
    page.click(1, CLOSE)
    page.says(1, "Closed by you")
    page.until(lambda: shown(page, CLOSE).count() == 0, "the buttons to go")
    page.shot("settled", 1)
    assert len(sim.bill.jobs) == bought
    saved = ours(page.save())
    assert all(WIDGET not in out["data"] for out in saved)
    assert "Closed by you" in saved[-1]["data"]["text/markdown"]


@LAB
def test_a_file_saved_with_the_buttons_has_the_whole_note_without_them(book: Any, sim: Simulator) -> None:
    page = book(LOAD, question(30, more="outcome:failed"))
    page.run(0)
    page.run(1)
    page.says(1, "Failed after")
    page.until(lambda: shown(page, ASK).count() == 1, "the button")
    page.shot("failed-buttons", 1)
    note, buttons = ours(page.save())
    assert WIDGET not in note["data"]
    assert all("Failed after" in note["data"][f"text/{form}"] for form in ("html", "markdown", "plain"))
    assert not any(text for kind, text in buttons["data"].items() if kind.startswith("text/"))
    page.reload()
    page.says(1, "Failed after")
    page.until(lambda: shown(page, ASK).count() == 1, "the button in the page that was loaded anew")
    bought = len(sim.bill.jobs)
    page.page.wait_for_timeout(_READING)
    page.click(1, ASK)
    page.until(lambda: len(sim.bill.jobs) == bought + 1, "the purchase")


@LAB
def test_a_new_question_says_why(book: Any) -> None:
    cell = (
        f"%%pplx_research tea\nWhat was tea {secrets.token_hex(4)} on {{{{ today }}}}? shape:table seconds:60"
    )
    page = book(LOAD, "today = '19 Nov 2026'", cell, "today = '22 Nov 2026'")
    page.run(0)
    page.run(1)
    page.run(2)
    page.says(2, "Sources")
    page.run(3)
    page.run(2)
    page.says(2, "{{ today }} was 19 Nov 2026, is 22 Nov 2026")
    page.shot("why", 2)


# The theme is set by a command of JupyterLab's.
@LAB
def test_the_buttons_read_well_in_the_dark(book: Any, sim: Simulator) -> None:
    page = book(LOAD, unconfirmed(sim))
    page.command("apputils:change-theme", theme="JupyterLab Dark")
    page.run(0)
    page.run(1)
    page.until(lambda: shown(page, CLOSE).count() == 1, "the buttons")
    page.shot("settle-dark", 1)
    page.command("apputils:change-theme", theme="JupyterLab Light")
