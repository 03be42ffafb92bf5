"""The live buttons below the note of a job that gave no answer: a click buys once, and at most once."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.notebook.panel.view import _DOUBLE_CLICK_SECONDS
from tests.notebook.conftest import Kernel, Ran

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

WIDGET = "application/vnd.jupyter.widget-view+json"
UNCONFIRMED = "%%pplx_research tea --backend agent\nWhat is tea?"
FAILED = "%%pplx_research bad\nWhat is tea? outcome:failed"
ASK = "Ask again ("
READ_SECONDS = _DOUBLE_CLICK_SECONDS + 0.05
"""Whoever reads what a button spends needs longer than the second click of a double one."""


class Page:
    """A page as far as these tests need one: the outputs as they stand, and the buttons in them."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.outputs: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}

    def run(self, code: str, **rest: Any) -> None:
        """Run a cell whose outputs take the place of all others."""
        self.outputs.clear()
        for message in self.kernel.run(code, **rest).messages:
            self._take(message)

    def aside(self, code: str) -> Ran:
        """Run another cell; what the outputs were told meanwhile is heard, too."""
        ran = self.kernel.run(code, cell="aside")
        for message in ran.heard:
            if message["msg_type"] != "display_data":
                self._take(message)
        return ran

    def until(self, happened: Callable[[], object], what: str = "it did not happen") -> None:
        """Listen until something is so."""
        end = time.monotonic() + 20
        while not happened():
            assert time.monotonic() < end, f"{what}: {self.outputs}"
            try:
                self._take(self.kernel.client.get_iopub_msg(timeout=0.1))
            except queue.Empty:
                continue

    def _take(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind in {"display_data", "update_display_data"}:
            self.outputs[content["transient"].get("display_id") or str(len(self.outputs))] = content
        elif kind == "comm_open":
            self.models[content["comm_id"]] = dict(content["data"]["state"])
        elif kind == "comm_msg" and content["data"].get("method") == "update":
            self.models[content["comm_id"]].update(content["data"]["state"])

    @property
    def text(self) -> str:
        """What stands there without widgets."""
        return "\n".join(content["data"].get("text/plain", "") for content in self.outputs.values())

    @property
    def html(self) -> str:
        """What stands there in widgets."""
        return "\n".join(model.get("value", "") for model in self._shown())

    def buttons(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Give the buttons that stand there by their text: the model's id, and its state."""
        found = {}
        for model in self._shown():
            if model.get("_model_name") == "ButtonModel":
                comm = next(each for each, state in self.models.items() if state is model)
                found[model["description"]] = (comm, model)
        return found

    def offers(self, number: int) -> bool:
        """Whether so many buttons stand there, and no panel."""
        panels = [each for each in self.outputs.values() if WIDGET in each["data"]]
        return len(panels) == 1 and len(self.buttons()) == number and ASK in str(self.buttons())

    def button(self, start: str) -> tuple[str, dict[str, Any]]:
        return next(found for text, found in self.buttons().items() if text.startswith(start))

    def click(self, start: str, *, times: int = 1) -> None:
        time.sleep(READ_SECONDS)
        self.send_click(self.button(start)[0], times=times)

    def send_click(self, comm: str, *, times: int = 1) -> None:
        session = self.kernel.client.session
        for _ in range(times):
            content = {"comm_id": comm, "data": {"method": "custom", "content": {"event": "click"}}}
            self.kernel.client.shell_channel.send(session.msg("comm_msg", content))

    def _shown(self) -> Iterator[dict[str, Any]]:
        roots = [each["data"][WIDGET]["model_id"] for each in self.outputs.values() if WIDGET in each["data"]]
        while roots:
            model = self.models[roots.pop(0)]
            yield model
            roots += [child.removeprefix("IPY_MODEL_") for child in model.get("children", [])]


@pytest.fixture
def page(kernel: Kernel) -> Page:
    return Page(kernel)


@pytest.fixture
def other(environment: dict[str, str]) -> Iterator[Kernel]:
    kernel = Kernel(environment)
    try:
        kernel.run("%load_ext pplx_jupyter")
        yield kernel
    finally:
        kernel.close()


def ask_unconfirmed(page: Page, sim: Simulator, cell: str = UNCONFIRMED) -> None:
    sim.add_fault("reset-after@post+agent", times=1)
    page.run(cell)
    page.until(lambda: "Unconfirmed" in page.text and page.offers(2), "the note and its buttons")


def test_a_click_on_what_stood_there_before_spends_nothing(page: Page, sim: Simulator) -> None:
    page.run(FAILED + " seconds:90")
    page.until(lambda: "Stop watching" in page.buttons(), "the panel")
    stop, _ = page.button("Stop watching")
    page.until(lambda: page.offers(1), "the note and its button")
    # Queued behind a busy cell, for instance, and heard only now.
    time.sleep(READ_SECONDS)
    page.send_click(stop, times=2)
    page.send_click(page.button(ASK)[0])
    page.until(lambda: len(sim.bill.jobs) == 2, "the button itself is heard")
    assert page.kernel.value("__import__('pplx_jupyter').jobs()[0].status != 'failed'") == "True"
    assert len(page.kernel.ledger_rows()) == len(sim.bill.jobs) == 2


def test_both_buttons_stand_below_the_note_and_only_what_spends_is_primary(
    page: Page, sim: Simulator
) -> None:
    ask_unconfirmed(page, sim)
    note, buttons = page.outputs.values()
    assert "Unconfirmed" in note["data"]["text/plain"]
    assert WIDGET not in note["data"]
    assert not any(text for kind, text in buttons["data"].items() if kind != WIDGET)
    assert len(page.buttons()) == 2
    assert page.button(ASK)[1]["button_style"] == "primary"
    assert page.button("Close it")[1]["button_style"] == ""
    page.run(UNCONFIRMED)
    assert len(page.buttons()) == 2, "running the cell again brings them, too"
    assert len(sim.bill.jobs) == 1


def test_ask_again_sends_once_however_often_it_is_clicked(page: Page, sim: Simulator) -> None:
    ask_unconfirmed(page, sim)
    page.click(ASK, times=3)
    page.until(
        lambda: "Stop watching" in page.buttons() and "Unconfirmed" not in page.text,
        "the panel in the same place",
    )
    page.until(lambda: "Sources" in page.text, "the answer")
    assert not page.buttons()
    assert len(sim.bill.jobs) == 2
    assert page.kernel.value("tea.status") == "'completed'"


def test_close_it_closes_it_and_sends_nothing(page: Page, sim: Simulator) -> None:
    ask_unconfirmed(page, sim)
    page.click("Close it")
    page.until(lambda: "Closed by you" in page.text, "the closed note")
    assert not page.buttons()
    assert len(sim.bill.jobs) == 1
    assert page.kernel.value("tea.status") == "'cancelled'"


def test_what_another_kernel_has_settled_shows_by_itself_and_a_late_click_buys_nothing(
    page: Page, other: Kernel, sim: Simulator
) -> None:
    ask_unconfirmed(page, sim)
    comm, _ = page.button(ASK)
    other.run("%pplx settle tea --drop")
    page.until(lambda: "Closed by you" in page.text, "what the other kernel did")
    assert not page.buttons()
    content = {"comm_id": comm, "data": {"method": "custom", "content": {"event": "click"}}}
    page.kernel.client.shell_channel.send(page.kernel.client.session.msg("comm_msg", content))
    assert page.kernel.value("tea.status") == "'cancelled'"
    assert len(sim.bill.jobs) == 1


def test_a_click_in_two_kernels_buys_once(page: Page, other: Kernel, sim: Simulator) -> None:
    ask_unconfirmed(page, sim)
    second = Page(other)
    second.run(UNCONFIRMED)
    for each in (page, second):
        each.click(ASK)
    page.until(lambda: "Sources" in page.text, "the answer")
    second.until(lambda: "Sources" in second.text, "the answer")
    assert len(sim.bill.jobs) == 2


def test_a_failed_job_can_be_asked_again_and_its_name_holds_the_new_one(page: Page, sim: Simulator) -> None:
    page.run(FAILED)
    page.until(lambda: "Failed after" in page.text and page.offers(1), "the note and its button")
    assert "USD)" in next(iter(page.buttons()))
    first = page.kernel.value("bad.id")
    page.click(ASK, times=2)
    page.until(lambda: len(sim.bill.jobs) == 2, "the second purchase")
    page.until(lambda: page.offers(1), "the button of the second failure")
    assert page.kernel.value("bad.id") != first
    assert len(page.kernel.ledger_rows()) == len(sim.bill.jobs) == 2


def test_a_failed_job_that_was_asked_again_elsewhere_is_followed_not_bought(
    page: Page, other: Kernel, sim: Simulator
) -> None:
    sim.add_fault("fail@post", times=1)
    cell = "%%pplx_research tea\nWhat is tea?"
    page.run(cell)
    page.until(lambda: page.offers(1), "the button")
    other.run("%pplx retry tea")
    other.run("tea.wait()")
    page.click(ASK)
    page.until(lambda: "Sources" in page.text, "the answer that was bought in the other kernel")
    assert len(page.kernel.ledger_rows()) == len(sim.bill.jobs) == 2


def test_a_click_that_cannot_be_obeyed_says_why_and_can_be_repeated(page: Page, sim: Simulator) -> None:
    ask_unconfirmed(page, sim)
    page.aside("import os\nkey = os.environ.pop('PERPLEXITY_API_KEY')")
    page.click(ASK)
    page.until(lambda: "no Perplexity key" in page.html, "the reason")
    page.aside("os.environ['PERPLEXITY_API_KEY'] = key")
    assert page.button(ASK)[1]["disabled"] is False
    page.click(ASK)
    page.until(lambda: "Sources" in page.text, "the answer")
    assert len(sim.bill.jobs) == 2


def test_the_buttons_go_after_a_while_and_the_note_stays(page: Page, sim: Simulator) -> None:
    page.aside("import pplx_jupyter.notebook.panel.view as view\nview.OFFERED_SECONDS = 0.5")
    ask_unconfirmed(page, sim)
    page.until(lambda: not page.buttons(), "the buttons to go")
    assert "Unconfirmed" in page.text
    assert not any(WIDGET in each["data"] for each in page.outputs.values())


@pytest.mark.parametrize("cell", ["%%pplx_research tea\nWhat is tea? shape:none status", UNCONFIRMED])
def test_no_button_where_nothing_was_accepted_or_nobody_watches(
    page: Page, sim: Simulator, cell: str
) -> None:
    if cell == UNCONFIRMED:
        ask_unconfirmed(page, sim)
        page.run(cell, headless=True)
    else:
        sim.add_fault("status=422@post", times=1)
        page.run(cell)
        page.until(lambda: "Not accepted" in page.text, "the refusal")
    assert not any(WIDGET in each["data"] for each in page.outputs.values())
