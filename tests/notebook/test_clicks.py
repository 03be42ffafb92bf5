"""What a click buys and stops: each case in a moment, without a page, and so on every Python.

The same over the wire of real kernels: test_form.py, test_history.py, test_panel_clicks.py and test_settle_buttons.py.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.job import Job
from pplx_jupyter.ledger import Wanted
from pplx_jupyter.notebook.history import browser as browser_module
from pplx_jupyter.notebook.history.browser import Browser
from pplx_jupyter.notebook.history.controls import ANEW
from pplx_jupyter.notebook.outputs.display import Pin
from pplx_jupyter.notebook.panel import view as view_module
from pplx_jupyter.notebook.panel.texts import (
    ASK_AGAIN,
    CANCEL,
    CANCEL_EARLIER,
    CANCEL_NO,
    CANCEL_YES,
    CLOSE,
    HURRY,
    STOP,
    WATCH,
)
from pplx_jupyter.notebook.panel.view import View
from tests.asking import ask, hurry, make_session, make_sim, nothing_of_the_environment, sim, still, until
from tests.notebook.test_form import FormPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.simulator import Simulator
    from tests.asking import Asker
    from tests.notebook.conftest import Kernel

    Ask = Callable[..., Asker]
    Until = Callable[..., None]

__all__ = ["ask", "hurry", "make_session", "make_sim", "nothing_of_the_environment", "sim", "still", "until"]

AGAIN = f"{ASK_AGAIN} (0.40–1.30 USD)"


class Clock:
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        self.now = 1e9

    def time(self) -> float:
        return self.now

    monotonic = time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(view_module, "time", made)
    monkeypatch.setattr(browser_module, "time", made)
    return made


def no_page(told: list[str] | None = None) -> Pin:
    """Give a cell of no page; `told` gets what would be shown in it."""

    def send(_socket: Any, _kind: str, content: Any, **_rest: Any) -> None:
        if told is not None:
            told.append(str(content))

    return Pin(SimpleNamespace(session=SimpleNamespace(send=send), iopub_socket=None), {})


SHELL = SimpleNamespace(display_pub=SimpleNamespace(publish=lambda **_: None))


def until_set(event: threading.Event) -> None:
    assert event.wait(20)


def in_turn(turns: Any) -> None:
    """Wait until all that was clicked before is done."""
    done = threading.Event()
    turns.take(done.set)
    until_set(done)


# -- a panel


@pytest.fixture
def running(still: Simulator, ask: Ask, until: Until, clock: Clock) -> tuple[Job, View]:
    """Give a job under way, and a panel that was read."""
    job = ask(still).job("What is tea?")
    until(lambda: job.remote_id)
    view = View(job.session, job.row, no_page())
    clock.now += 10
    return job, view


def test_only_what_was_read_confirms_a_cancel(running: tuple[Job, View], clock: Clock) -> None:
    job, view = running
    view.click(CANCEL_YES)
    in_turn(view._turns)
    assert job.row.cancel == "", "nobody has asked for it"
    view.click(CANCEL)
    clock.now += 0.3
    view.click(CANCEL_YES)
    in_turn(view._turns)
    assert job.row.cancel == "", "the second click of a double one"
    clock.now += 0.4
    view.click(CANCEL_YES)
    in_turn(view._turns)
    assert job.row.cancel


def test_who_says_in_time_that_it_is_to_run_keeps_it(running: tuple[Job, View], clock: Clock) -> None:
    job, view = running
    view.click(CANCEL)
    clock.now += 1
    busy = threading.Event()
    view._turns.take(lambda: until_set(busy))
    view.click(CANCEL_YES)
    view.click(CANCEL_NO)
    busy.set()
    in_turn(view._turns)
    assert job.row.cancel == ""


def test_what_is_over_is_not_stopped(still: Simulator, ask: Ask, until: Until, clock: Clock) -> None:
    told: list[str] = []
    asker = ask(still)
    job = asker.job("What is tea?")
    until(lambda: job.remote_id)
    view = View(job.session, job.row, no_page(told))
    clock.now += 10
    still.advance(10_000)
    assert asker.end(job) == "completed"
    view.note(job.row)
    view.click(STOP)
    view.paint(clock.now)
    assert "Sources" in "".join(told), "the answer is shown"


def test_who_has_stopped_watching_cancels_nothing_by_a_late_click(
    still: Simulator, ask: Ask, until: Until, clock: Clock
) -> None:
    asker = ask(still)
    earlier, job = asker.job("What is rum?"), asker.job("What is tea?")
    until(lambda: job.remote_id and earlier.remote_id)
    view = View(job.session, job.row, no_page(), earlier=earlier.row)
    clock.now += 10
    for text in (STOP, CANCEL, CANCEL_EARLIER):
        view.click(text)
        clock.now += 1
    view.click(CANCEL_YES)
    in_turn(view._turns)
    assert (earlier.row.cancel, job.row.cancel) == ("", "")
    view.click(WATCH)
    view.click(CANCEL_EARLIER)
    in_turn(view._turns)
    assert earlier.row.cancel


@pytest.fixture
def offering(sim: Simulator, ask: Ask, clock: Clock) -> tuple[Job, View]:
    """Give a job that failed, and the button below its note."""
    sim.add_fault("fail@post#1")
    asker = ask(sim)
    job = asker.job("What is tea?")
    assert asker.end(job) == "failed"
    view = View(job.session, job.row, no_page())
    view.show_offer(SHELL, {"text/plain": ""})
    return job, view


def test_a_button_that_spends_is_heard_once_and_after_it_was_read(
    offering: tuple[Job, View], clock: Clock
) -> None:
    job, view = offering
    ledger = job.session.ledger
    clock.now += 0.3
    view.click(AGAIN)
    in_turn(view._turns)
    assert len(ledger.jobs()) == 1, "it had not been read"
    clock.now += 0.4
    for text in (STOP, CANCEL, CANCEL_YES, HURRY):
        view.click(text)
    for _ in range(3):
        view.click(AGAIN)
    in_turn(view._turns)
    assert len(ledger.jobs()) == 2
    assert view.row.id != job.id
    assert job.row.state == "failed"


def test_what_was_bought_elsewhere_meanwhile_is_taken(
    offering: tuple[Job, View], ask: Ask, sim: Simulator, clock: Clock
) -> None:
    job, view = offering
    other = ask(sim)
    bought = Job(other.session, job.id).retry()
    assert other.end(bought) == "completed"
    clock.now += 1
    view.click(AGAIN)
    in_turn(view._turns)
    assert (view.row.id, len(job.session.ledger.jobs())) == (bought.id, 2)


def test_the_second_click_on_ask_again_does_not_stop_what_it_led_to(
    offering: tuple[Job, View], ask: Ask, sim: Simulator, clock: Clock
) -> None:
    _, view = offering
    clock.now += 1
    sim.add_fault("hold@post")
    view.click(AGAIN)
    in_turn(view._turns)
    view.paint(clock.now)
    for text in (STOP, HURRY, AGAIN):
        view.click(text)
    in_turn(view._turns)
    assert view._mode == "watching"
    assert len(view._session.ledger.jobs()) == 2
    clock.now += 1
    view.click(STOP)
    assert view._mode == "stopped"
    sim.release()


def test_closing_buys_nothing_and_is_not_undone_by_a_late_click(
    sim: Simulator, ask: Ask, clock: Clock
) -> None:
    sim.add_fault("reset-after@agent+post#1")
    asker = ask(sim)
    job = asker.job("What is tea?", backend="agent")
    assert asker.end(job) == "unconfirmed"
    view = View(job.session, job.row, no_page())
    view.show_offer(SHELL, {"text/plain": ""})
    clock.now += 1
    for text in (CLOSE, AGAIN):
        view.click(text)
    in_turn(view._turns)
    assert (job.status, job.row.lost, len(asker.session.ledger.jobs())) == ("cancelled", 0, 1)


def test_what_was_settled_elsewhere_is_followed_not_bought(sim: Simulator, ask: Ask, clock: Clock) -> None:
    sim.add_fault("reset-after@agent+post#1")
    asker = ask(sim)
    job = asker.job("What is tea?", backend="agent")
    assert asker.end(job) == "unconfirmed"
    view = View(job.session, job.row, no_page())
    view.show_offer(SHELL, {"text/plain": ""})
    asker.session.settle(job.id)
    clock.now += 1
    view.click(AGAIN)
    in_turn(view._turns)
    assert (job.status, view.row.state, len(asker.session.ledger.jobs())) == ("cancelled", "cancelled", 1)


# -- the table of jobs


@pytest.fixture
def table(sim: Simulator, ask: Ask, clock: Clock) -> Browser:
    """Give the table of two answered questions."""
    asker = ask(sim)
    for name in ("tea", "rum"):
        assert asker.end(asker.job(f"What is {name}?", name=name)) == "completed"
    ledger = asker.session.ledger
    found = ledger.found(Wanted(), limit=10)
    return Browser(asker.session, no_page(), Wanted(), found, on_read=lambda *_: None)


def test_asking_anew_buys_once_and_only_after_its_price_was_shown(
    table: Browser, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = table.session.ledger
    anew = table._controls.buttons[ANEW]
    clock.now += 0.3
    anew.click()
    in_turn(table._turns)
    assert len(ledger.jobs()) == 2, "the price had not been read"
    clock.now += 0.2
    clicks: list[Row] = []
    ask_anew = table._acts.ask_anew

    def heard(row: Row) -> None:
        clicks.append(row)
        ask_anew(row)

    monkeypatch.setattr(table._acts, "ask_anew", heard)
    for _ in range(3):
        anew.click()
    in_turn(table._turns)
    assert len(clicks) == 1, "a second one finds nothing to buy, be the first already answered"
    assert [row.name for row in ledger.jobs()] == ["rum", "rum", "tea"]


def test_a_click_buys_the_job_whose_button_it_was(table: Browser, clock: Clock) -> None:
    ledger = table.session.ledger
    before = table._controls.buttons[ANEW]
    handlers = list(before._click_handlers.callbacks)
    table._controls.row.value = 2
    in_turn(table._turns)
    clock.now += 1
    for heard in handlers:
        # Made while the kernel was busy, and heard only now.
        heard(before)
    in_turn(table._turns)
    assert len(ledger.jobs()) == 2
    table._controls.buttons[ANEW].click()
    in_turn(table._turns)
    assert [row.name for row in ledger.jobs()] == ["tea", "rum", "tea"]


# -- a form


def test_a_click_on_what_was_free_buys_nothing(kernel: Kernel, sim: Simulator) -> None:
    page = FormPage(kernel)
    page.run(
        "from pplx_jupyter import ResearchForm\ndrink = 'tea'\nform = ResearchForm('What is {{ drink }}?')\nform"
    )
    page.click_ask()
    page.until(lambda: page.ask()["description"] == "Show the answer (free)", "the answer")
    kernel.run("drink = 'rum'", cell="aside")
    page.click_ask()
    page.until(lambda: page.ask()["description"].startswith("Ask ("), "its price first")
    assert len(kernel.ledger_rows()) == len(sim.bill.jobs) == 1
