"""Clicks on a panel: each means what was read when it was made, none holds up a cell, and none is lost in silence."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.notebook.test_settle_buttons import ASK, FAILED, Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel

pytestmark = pytest.mark.slow

TEA = "%%pplx_research tea\nWhat is tea? seconds:60000"
RUM = "%%pplx_research rum\nWhich rums are aged in oak? seconds:60000"
STOP, CANCEL, SURE = "Stop watching", "Cancel", "Yes, cancel the job"
CLOSE_ALL = "import ipywidgets\nipywidgets.Widget.close_all()"


@pytest.fixture
def page(kernel: Kernel) -> Page:
    return Page(kernel)


@contextlib.contextmanager
def written(environment: dict[str, str]) -> Iterator[None]:
    """Let another process write the ledger meanwhile."""
    db = sqlite3.connect(environment["PPLX_JUPYTER_LEDGER"], isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
        db.close()


def be_impatient(page: Page) -> None:
    """Let the kernel give up its wait for another writer sooner than after ten seconds."""
    page.aside("import pplx_jupyter.ledger.sqlite.opening as opening\nopening.BUSY_SECONDS = 1.5")


def confirmable(page: Page) -> bool:
    """Whether the question is asked, and its answer can be clicked."""
    return SURE in page.buttons() and not page.button(SURE)[1]["disabled"]


def test_a_click_on_stop_watching_that_is_heard_late_cancels_nothing(page: Page) -> None:
    page.run(TEA)
    page.until(lambda: CANCEL in page.buttons(), "the panel")
    stop, cancel = page.button(STOP)[0], page.button(CANCEL)[0]
    page.send_click(cancel)
    page.until(lambda: confirmable(page), "the question")
    # A page that lags still shows what stood there before.
    page.send_click(stop)
    page.until(lambda: "Not watching" in page.html, "the click, as it was meant")
    assert page.kernel.value("tea.row.cancel, tea.status in ('queued', 'running')") == "('', True)"


def test_what_confirms_takes_no_click_that_was_meant_for_what_stood_there(page: Page) -> None:
    page.run(TEA)
    page.until(lambda: CANCEL in page.buttons(), "the panel")
    page.send_click(page.button(CANCEL)[0])
    page.until(lambda: SURE in page.buttons(), "the question")
    sure, state = page.button(SURE)
    assert state["disabled"]
    page.send_click(sure)
    page.until(lambda: confirmable(page), "the button")
    assert page.kernel.value("tea.row.cancel") == "''"
    page.send_click(sure)
    page.until(lambda: "Cancelled after" in page.text, "the end")


def test_a_cancel_that_cannot_be_noted_says_so_and_holds_up_no_cell(
    page: Page, environment: dict[str, str]
) -> None:
    be_impatient(page)
    page.run(TEA)
    page.until(lambda: CANCEL in page.buttons(), "the panel")
    page.send_click(page.button(CANCEL)[0])
    page.until(lambda: confirmable(page), "the question")
    with written(environment):
        page.send_click(page.button(SURE)[0])
        assert page.aside("1").seconds < 1
        page.until(lambda: "database is locked" in page.html, "the reason")
        assert confirmable(page), "it can be clicked again"
    page.send_click(page.button(SURE)[0])
    page.until(lambda: "Cancelled after" in page.text, "the end")


def test_an_interrupt_leaves_no_dead_button(page: Page, sim: Simulator, environment: dict[str, str]) -> None:
    page.run(FAILED)
    page.until(lambda: "Failed after" in page.text and page.offers(1), "the note and its button")
    with written(environment):
        page.click(ASK)
        page.until(lambda: page.button(ASK)[1]["disabled"], "the click to be heard")
        page.kernel.interrupt()
        assert page.aside("1").seconds < 1
    page.until(lambda: len(sim.bill.jobs) == 2, "the purchase, once")
    page.until(lambda: page.offers(1) and not page.button(ASK)[1]["disabled"], "the next button")
    assert len(page.kernel.ledger_rows()) == len(sim.bill.jobs) == 2


def test_a_copied_notebook_neither_cancels_nor_compares_with_the_first_ones_jobs(
    page: Page, sim: Simulator
) -> None:
    page.run(TEA)
    page.run("%%pplx_research ale\nWhat is ale?", cell="two")
    page.until(lambda: "Sources" in page.text, "an answer")
    page.aside("import os\nos.environ['JPY_SESSION_NAME'] = '/elsewhere/copy.ipynb'")
    page.run(RUM)
    assert STOP in page.buttons()
    assert "Cancel the earlier job" not in page.buttons()
    assert "asked another question" not in page.html
    page.run("%%pplx_research gin\nWhich gins are sweet? seconds:60000", cell="two")
    assert "A new question" not in page.html
    # In the copy itself a mended typo is one.
    page.run(RUM.replace("oak", "chestnut"))
    assert "Cancel the earlier job" in page.buttons()


def test_a_job_whose_widgets_a_user_closed_says_how_it_ended(page: Page, sim: Simulator) -> None:
    page.run("%%pplx_research bad\nWhat is tea? outcome:failed seconds:60000")
    page.until(lambda: bool(sim.bill.jobs), "the job")
    page.aside(CLOSE_ALL)
    sim.advance(60000)
    page.until(lambda: "Failed after" in page.text, "the note")
    assert "Under way when this was written" not in page.text
    ran = page.aside("import time; time.sleep(1)")
    assert not ran.text, "no traceback in a cell that has nothing to do with it"
