"""The panel of a job that tells its steps, as a person sees, clicks and types in it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import BUSY
from tests.browser.test_life import LOAD, WIDGET, ours
from tests.browser.test_look import faint

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator

_LISTEN = """() => {
    window.heard = []
    document.addEventListener('ended', event => window.heard.push(event.type), true)
}"""


def agent_cell(seconds: int) -> str:
    return f"%%pplx_research tea --backend agent\nWhat is tea? {secrets.token_hex(4)} shape:table seconds:{seconds}"


def choices(page: Any) -> Any:
    return page.cell(1).locator("input[type=radio]")


def rows(page: Any) -> Any:
    return page.cell(1).locator(".widget-html-content [role=region] tr")


def test_steps_unfold_while_the_kernel_computes(book: Any, sim: Simulator) -> None:
    page = book(LOAD, agent_cell(3000).replace(" tea ", " tea --sound "), BUSY)
    page.page.evaluate(_LISTEN)
    page.run(0)
    page.run(1)
    page.says(1, "No search yet.")
    assert choices(page).count() == 0, "no choice where there is nothing to choose"
    sim.advance(500)
    page.says(1, "sources so far")
    page.says(1, "latest step")
    assert rows(page).count() == 0 or not rows(page).first.is_visible()
    page.shot("steps-latest", 1)
    page.start(2)
    choices(page).nth(1).check()
    page.until(lambda: rows(page).count() and rows(page).first.is_visible(), "all steps")
    page.computed(2)
    before = rows(page).count()
    sim.advance(1200)
    page.until(lambda: rows(page).count() > before, "more steps")
    assert choices(page).nth(1).evaluate("node => node === document.activeElement"), (
        "nor does it lose the focus"
    )
    assert choices(page).nth(1).is_checked(), "what was chosen stays chosen when steps come in"
    assert rows(page).first.is_visible()
    page.shot("steps-all", 1)
    page.click(1, "Cancel")
    page.says(1, "Cancel this job?")
    # Each widget of the panel has a message of its own: one is seen before the next.
    page.until(lambda: "sources so far" not in page.output(1), "the steps to make room for the question")
    page.click(1, "Keep it running")
    page.says(1, "sources so far")
    page.until(rows(page).first.is_visible, "all steps again, where a question had hidden them")
    sim.advance(3000)
    page.says(1, "Sources")
    page.until(lambda: page.page.evaluate("window.heard") == ["ended"], "two notes, to their end")
    page.until(lambda: not page.cell(1).locator("audio").count(), "silence")
    saved = ours(page.save())
    assert all(WIDGET not in out["data"] for out in saved)
    assert "<audio" not in str(saved)


# The theme is set by a command of JupyterLab's.
@pytest.mark.parametrize("frontend", ["lab"], indirect=True)
def test_steps_and_threads_read_well_in_the_dark_and_on_a_narrow_page(book: Any, sim: Simulator) -> None:
    first = agent_cell(30)
    page = book(LOAD, agent_cell(3000), first, first.replace("tea --", "since --after tea --"), width=420)
    page.command("application:toggle-left-area")
    page.command("apputils:change-theme", theme="JupyterLab Dark")
    page.run(0)
    page.run(2)
    page.says(2, "Sources")
    page.run(3)
    page.says(3, "Follows tea (")
    page.says(3, "Sources")
    assert page.cell(3).locator("details", has_text="Follows tea").count() == 1
    page.shot("thread-dark-narrow", 3)
    assert not faint(page, 3)
    page.run(1)
    sim.advance(900)
    page.says(1, "sources so far")
    choices(page).nth(1).check()
    page.until(lambda: rows(page).count() and rows(page).first.is_visible(), "all steps")
    page.shot("steps-dark-narrow", 1)
    area = page.cell(1).locator(".jp-OutputArea").first
    assert area.evaluate("node => node.scrollWidth <= node.clientWidth + 1"), "nothing is cut off"
    assert not faint(page, 1)
    page.command("apputils:change-theme", theme="JupyterLab Light")
