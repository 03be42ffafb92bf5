"""The buttons of a batch's panel, and what stands below them: a click does what was read when it was made."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sqlite3
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter import Batch, research_map
from pplx_jupyter.batch.deciding import Asking
from pplx_jupyter.batch.questions import questions_of, read_table
from pplx_jupyter.batch.standing import Standing, Tally, tally_of
from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.expected import Expected
from pplx_jupyter.notebook.batch import buttons as labels
from pplx_jupyter.notebook.batch import panel as module
from pplx_jupyter.notebook.batch import show, texts
from pplx_jupyter.notebook.batch import view as view_module
from pplx_jupyter.notebook.batch.panel import BatchPanel
from pplx_jupyter.notebook.batch.view import BatchView
from pplx_jupyter.notebook.outputs.display import Pin, Slot
from pplx_jupyter.notebook.panel.notify import Telling
from pplx_jupyter.notebook.turns import Turns
from tests.asking import make_session, make_sim, still, until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

__all__ = ["make_session", "make_sim", "still", "until"]

PLAN = ("Ask 14 questions (5.60–18.20 USD)", "Ask the first 3 only (1.20–3.90 USD)", "Show the 14 prompts")
LIVE = ("Pause", "Stop watching", "Cancel 14 rows")


USUAL = Expected(0.40, 1.30)


def tally(**rows: int) -> Tally:
    """Give the sums of a batch of which so many rows stand at each word."""
    standings = [
        Standing(job=f"{word} {n}", word=word, low=0.40, high=1.30)
        for word in rows
        for n in range(rows[word])
    ]
    return tally_of(standings)


class Buttons:
    """A panel, and what clicks on it came to; clicks go to the button that a text stood on."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.clicked: list[str] = []
        self.panel = BatchPanel(Pin(None, {}), self.clicked.append, lambda _: None)
        self.show(texts)
        self.wait()

    def show(self, texts: Sequence[str]) -> None:
        self.panel.set_buttons(texts)

    def wait(self) -> None:
        """Let the time pass in which a click is the second of a double one."""
        time.sleep(module._DOUBLE_CLICK_SECONDS)

    def button(self, start: str) -> Any:
        return next(each for each in self.panel.row.children if each.description.startswith(start))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DOUBLE_CLICK_SECONDS", 0.05)
    # There is no page here to send to.
    monkeypatch.setattr(module, "pin_widget", lambda *_: None)


@pytest.mark.parametrize(
    ("before", "clicked", "after"),
    [
        (PLAN, "Ask 14", LIVE),
        (LIVE, "Pause", ("Go on", "Stop watching", "Cancel 14 rows")),
        (("Go on", "Stop watching"), "Go on", ("Pause", "Stop watching")),
        (LIVE, "Cancel", ("Yes, cancel 14 rows", "Keep them running")),
        (("Retry failed rows (1: 0.40–1.30 USD)",), "Retry", ("Stop watching", "Cancel 1 row")),
    ],
)
def test_the_second_of_two_clicks_does_nothing(
    before: Sequence[str], clicked: str, after: Sequence[str]
) -> None:
    buttons = Buttons(before)
    buttons.button(clicked).click()
    buttons.show(after)
    for made in buttons.panel.row.children:
        made.click()
    assert len(buttons.clicked) == 1
    buttons.wait()
    buttons.button(after[0]).click()
    assert buttons.clicked[1] == after[0]


def test_a_click_that_is_heard_late_does_not_buy() -> None:
    buttons = Buttons(("Pause", "Stop watching"))
    pause, stop = buttons.panel.row.children
    buttons.show(("Retry failed rows (2)", "Stop watching"))
    buttons.wait()
    pause.click()
    assert buttons.clicked == []
    stop.click()
    assert buttons.clicked == ["Stop watching"]


def test_a_late_click_means_what_stood_on_the_button() -> None:
    buttons = Buttons(("Pause", "Retry failed rows (1)"))
    pause, retry = buttons.panel.row.children
    buttons.show(("Go on (9 rows)", "Retry failed rows (40)"))
    buttons.wait()
    pause.click()
    retry.click()
    assert buttons.clicked == [], "neither was meant to send anything but one row"
    buttons.button("Go on").click()
    buttons.button("Retry").click()
    assert buttons.clicked == ["Go on (9 rows)", "Retry failed rows (40)"]


def test_a_retry_that_lets_the_rest_go_on_says_so_and_for_how_much() -> None:
    stopped = tally(waiting=5, failed=1)
    retry = labels.retry_text(stopped, USUAL, "invalid")
    assert labels.live_buttons(stopped, "invalid", mode="watching", retry=retry) == (
        "Go on (5 rows: 2.00–6.50 USD)",
        "Stop watching",
        "Cancel 5 rows",
        "Retry failed rows and go on (6: 2.40–7.80 USD)",
    )
    assert labels.retry_text(stopped, USUAL, "user") == "Retry failed rows (1: 0.40–1.30 USD)"
    assert labels.retry_text(stopped, Expected(), "user") == "Retry failed rows (1: cost not known yet)"
    both = tally(failed=1, cancelled=2)
    assert labels.retry_text(both, USUAL, "") == "Retry rows without an answer (3: 1.20–3.90 USD)"
    assert labels.retry_text(tally(running=1), USUAL, "") == ""


@pytest.mark.parametrize(
    ("said", "now", "stays", "counts"),
    [
        ("Retry failed rows (3: 1.20–3.90 USD)", "Retry failed rows (3: 1.23–3.93 USD)", True, True),
        ("Retry failed rows (3: 1.20–3.90 USD)", "Retry failed rows (3: 1.20–4.50 USD)", False, False),
        ("Retry failed rows (3: 1.20–3.90 USD)", "Retry failed rows (3: 0.90–1.00 USD)", False, True),
        ("Retry failed rows (3: 1.20–3.90 USD)", "Retry failed rows (3: cost not known yet)", False, False),
        ("Retry failed rows (3: cost not known yet)", "Retry failed rows (3: 1.20–3.90 USD)", False, True),
        ("Retry failed rows (3: 1.20–3.90 USD)", "Retry failed rows (4: 1.20–3.90 USD)", False, False),
        ("Retry failed rows (3: 1.20–3.90 USD)", "Retry failed rows (2: 1.20–3.90 USD)", False, True),
        ("Retry failed rows (3: 1.20–3.90 USD)", "", False, True),
        ("Go on (999 rows: 1.20 USD)", "Go on (1,000 rows: 1.20 USD)", False, False),
        ("Go on (1,000 rows: 400.00–1,300.00 USD)", "Go on (1,000 rows: 400.00–1,301.00 USD)", True, True),
    ],
)
def test_cents_move_no_button_and_stop_no_click_and_more_does_both(
    said: str, now: str, stays: bool, counts: bool
) -> None:
    assert labels.steady(said, now) == (said if stays else now)
    assert (labels.asks_more(said, now) == "") == counts


def no_page() -> Pin:
    return Pin(SimpleNamespace(session=SimpleNamespace(send=lambda *_, **__: None), iopub_socket=None), {})


def test_who_stopped_watching_is_told_of_the_end_all_the_same(
    still: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(view_module, "tell_of_batch", lambda batch, _how: told.append(batch.id))
    rows = [{"company": "Aurubis"}]
    batch = research_map("Who owns {{ company }}?", rows, session=make_session(still))
    place: Any = SimpleNamespace(voila=False)
    view = BatchView(batch, no_page(), place, Telling(desktop=True))
    view._go_live()
    view.click("Stop watching")
    assert not view.paint(time.time())
    assert (view.urgency(time.time()), told) == (0.0, [])
    until(lambda: len(still.bill.jobs) == 1)
    still.advance(10_000)
    batch.wait(20)
    assert view.urgency(time.time() + 2) > 0
    assert view.paint(time.time() + 2)
    assert told == [batch.id]


def test_a_plan_that_has_changed_is_shown_anew_and_buys_nothing(
    sim: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(sim)
    rows = [{"company": name} for name in ("Aurubis", "Borealis")]
    research_map("Who owns {{ company }}?", rows[:1], session=session).wait(20)
    table = read_table(rows)
    asking = Asking(max_age=3600.0)
    batch = Batch(session, "", table, questions_of("Who owns {{ company }}?", table, {}), asking)
    place: Any = SimpleNamespace(voila=False)
    view = BatchView(batch, no_page(), place, Telling())
    view.show_plan(batch.plan)
    read = view.panel.row.children[0]
    assert read.description.startswith("Ask 1 question (")
    time.sleep(module._DOUBLE_CLICK_SECONDS)
    for row in session.ledger.jobs():
        session.ledger.write(row.id, {"settled_at": time.time() - 7200})
    read.click()
    until(lambda: view.panel.row.children[0].description.startswith("Ask 2 questions ("))
    assert len(sim.bill.jobs) == 1
    view.click("Stop watching")
    assert not batch.is_asked, "in a plan nothing but its own buttons asks"


def test_what_a_click_buys_must_have_been_read() -> None:
    buttons = Buttons(("Pause", "Retry failed rows (1)", "Cancel 9 rows"))
    buttons.show(("Pause", "Retry failed rows (5)", "Cancel 8 rows"))
    buttons.button("Retry").click()
    buttons.button("Pause").click()
    buttons.button("Cancel").click()
    assert buttons.clicked == ["Pause", "Cancel 8 rows"], "what stands beside it has not moved"
    buttons.wait()
    buttons.show(("Pause", "Retry failed rows (5)", "Cancel 7 rows"))
    buttons.button("Cancel").click()
    buttons.button("Retry").click()
    assert buttons.clicked[2:] == ["Cancel 7 rows", "Retry failed rows (5)"], (
        "fewer rows are no other meaning"
    )


def test_a_button_of_another_price_takes_the_place_of_the_one_before() -> None:
    from ipywidgets.widgets.widget import _instances

    buttons = Buttons(("Stop watching", "Retry failed rows (1)"))
    buttons.show(("Stop watching", "Retry failed rows (2)"))
    before = len(_instances)
    for number in range(3, 9):
        buttons.show(("Stop watching", f"Retry failed rows ({number})"))
    assert len(_instances) == before


def test_what_spends_is_clicked_once_until_that_is_done() -> None:
    buttons = Buttons(("Pause", "Retry failed rows (1)"))
    buttons.panel.hold()
    buttons.show(("Pause", "Retry failed rows (2)"))
    buttons.wait()
    buttons.button("Retry").click()
    buttons.button("Pause").click()
    assert buttons.clicked == ["Pause"]
    buttons.panel.release()
    buttons.wait()
    buttons.button("Retry").click()
    assert buttons.clicked == ["Pause", "Retry failed rows (2)"]


def made(batch: Batch) -> BatchView:
    place: Any = SimpleNamespace(voila=False, parent={}, cell="cell", notebook="")
    return BatchView(batch, no_page(), place, Telling())


def test_rows_that_fail_one_after_the_other_offer_nothing_that_changes_under_the_pointer(
    still: Simulator, make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"company": "Aurubis"}]
    view = made(research_map("Who owns {{ company }}?", rows, session=make_session(still)))
    view._go_live()
    failed = 0
    monkeypatch.setattr(labels, "retry_text", lambda *_: f"Retry failed rows ({failed})" if failed else "")
    now = time.time()
    for second in range(10):
        failed += second < 4
        view._paint(now + second)
        shown = [each.description for each in view.panel.row.children]
        assert shown[-1:] == (["Retry failed rows (4)"] if second >= 5 else ["Cancel 1 row"])


def test_a_part_is_offered_only_where_a_part_can_be_had(
    still: Simulator, make_session: Callable[..., Session]
) -> None:
    table = read_table([{"company": name} for name in "ABCDE"])
    questions = questions_of("Who owns {{ company }}?", table, {})
    plan = Batch(make_session(still), "", table, questions, Asking()).plan
    assert [text[:13] for text in labels.ask_buttons(plan)] == [
        "Ask 5 questio",
        "Ask the first",
        "Show the 5 pr",
    ]
    waiting = labels.ask_buttons(dataclasses.replace(plan, paused=2))
    assert not any(text.startswith("Ask the first") for text in waiting)


def test_rows_that_failed_after_the_button_was_read_are_not_bought(
    sim: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    rows = [{"company": name} for name in ("Aurubis", "Borealis")]
    batch = research_map("Who owns {{ company }}? outcome:failed", rows, session=make_session(sim))
    batch.wait(20)
    view = made(batch)
    view._go_live()
    view.click("Retry failed rows (1)")
    until(lambda: "more such rows by now" in view._said)
    assert len(sim.bill.jobs) == 2
    view.click("Retry failed rows (2)")
    until(lambda: len(sim.bill.jobs) == 4)


def test_a_click_buys_for_a_few_cents_more_and_not_for_much_more(
    sim: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = research_map(
        "Who owns {{ company }}? outcome:failed", [{"company": "Aurubis"}], session=make_session(sim)
    )
    batch.wait(20)
    view = made(batch)
    monkeypatch.setattr(view.panel, "finish", lambda *_: None)
    assert view._finish() is False
    said = view._offers[0]
    assert said == "Retry failed rows (1: 0.40–1.30 USD)"
    monkeypatch.setattr(Batch, "usual", Expected(0.90, 2.60))
    view.click(said)
    until(lambda: "usually cost more by now" in view._said)
    assert view._offers == ("Retry failed rows (1: 0.90–2.60 USD)",), "the button says how much"
    assert len(sim.bill.jobs) == 1
    monkeypatch.setattr(Batch, "usual", Expected(0.93, 2.68))
    view.click(view._offers[0])
    until(lambda: len(sim.bill.jobs) == 2)


def test_rows_that_wait_since_the_button_was_read_do_not_go_on(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    rows = [{"company": name} for name in "ABC"]
    batch = research_map("Who owns {{ company }}?", rows, session=make_session(still), at_once=1)
    until(lambda: len(still.bill.jobs) == 1)
    batch.pause()
    view = made(batch)
    view._go_live()
    view.click("Go on (1 row: 0.40–1.30 USD)")
    until(lambda: "more such rows by now" in view._said)
    assert batch.paused == "user"
    view.click("Go on (2 rows: 0.80–2.60 USD)")
    until(lambda: not batch.paused)


def test_an_amount_stays_whole_where_a_button_takes_two_lines() -> None:
    buttons = Buttons(PLAN)
    (said, *_), stood = buttons.panel.row.children, "14 questions (5.60\u2060–\u206018.20\u00a0USD)"
    assert said.description == f"Ask {stood}"
    buttons.show(PLAN)
    assert buttons.panel.row.children[0] is said, "the same words are the same button"
    said.click()
    assert buttons.clicked == [PLAN[0]]


def test_a_click_waits_for_no_lock_and_all_are_done_in_their_order(
    still: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    rows = [{"company": name} for name in ("Aurubis", "Borealis")]
    batch = research_map("Who owns {{ company }}?", rows, session=make_session(still), at_once=1)
    until(lambda: len(still.bill.jobs) == 1)
    view = made(batch)
    view._go_live()
    done: list[str] = []

    def noted(name: str, act: Callable[[], None]) -> None:
        act()
        done.append(name)

    for name in ("pause", "cancel"):
        monkeypatch.setattr(batch, name, functools.partial(noted, name, getattr(batch, name)))
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        for text in ("Pause", "Cancel 2 rows", "Yes, cancel 2 rows"):
            view.click(text)
        assert time.monotonic() - started < 0.2
        assert (done, view.mode) == ([], "watching")
        other.execute("ROLLBACK")
    until(lambda: len(done) == 2)
    assert done == ["pause", "cancel"]
    assert batch.tally.words["cancelled"] == 1


def test_what_a_click_came_to_is_said_and_the_button_lives(
    still: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = make_session(still)
    table = read_table([{"company": "Aurubis"}])
    batch = Batch(session, "", table, questions_of("Who owns {{ company }}?", table, {}), Asking())
    view = made(batch)
    view.show_plan(batch.plan)
    ask = view.panel.row.children[0]
    time.sleep(module._DOUBLE_CLICK_SECONDS)

    def refuse(**_: object) -> None:
        raise LedgerError("The ledger is locked by another program.")

    with monkeypatch.context() as patched:
        patched.setattr(batch, "ask", refuse)
        ask.click()
        ask.click()
        until(lambda: "The ledger is locked" in view.panel._html["note"].value)
    with monkeypatch.context() as patched:
        # An interrupt meets the click itself.
        patched.setattr(Turns, "take", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        time.sleep(module._DOUBLE_CLICK_SECONDS)
        with pytest.raises(KeyboardInterrupt):
            ask.click()
    assert not ask.disabled
    time.sleep(module._DOUBLE_CLICK_SECONDS)
    ask.click()
    until(lambda: len(still.bill.jobs) == 1)


def test_what_earlier_runs_showed_is_let_go_and_what_is_live_stays(
    still: Simulator, make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ipywidgets.widgets.widget import _instances

    for name, value in {"_views": [], "_placed": [], "_KEPT_VIEWS": 3}.items():
        monkeypatch.setattr(show, name, value)
    shell = SimpleNamespace(display_pub=SimpleNamespace(publish=lambda **_: None))
    session, table = make_session(still), read_table([{"company": "Aurubis"}])

    def run(number: int, prompt: str, *, ask: bool = False) -> Batch:
        """Show a batch as a frontend does that has no ids of cells."""
        batch = Batch(session, "", table, questions_of(prompt, table, {}), Asking())
        if ask:
            batch.ask()
        place: Any = SimpleNamespace(
            kernel=no_page().kernel, parent={"header": {"msg_id": str(number)}}, cell="", voila=False
        )
        show._show_view(shell, batch, place, None if ask else batch.plan, Telling())
        return batch

    live = run(0, "Who owns {{ company }}?", ask=True)
    alive = []
    for number in range(1, 6):
        planned = run(number, "Who runs {{ company }}?")
        alive.append(len(_instances))
    assert [view.batch for _, _, view in show._views] == [live, show._views[1][2].batch, planned]
    assert alive[1:] == alive[1:2] * 4
    assert [each.batch for each in show._placed] == [live, planned]
    again = run(6, "Who owns {{ company }}?", ask=True)
    assert [each.batch for each in show._placed] == [planned, again], "a newer run holds the same rows"


def test_a_batch_whose_widgets_are_all_closed_leaves_its_page(
    sim: Simulator, make_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ipywidgets

    told: list[dict[str, Any]] = []
    monkeypatch.setattr(Slot, "update", lambda _slot, forms, _metadata: told.append(forms))
    prompt, rows = "Who owns {{ company }}? outcome:failed", [{"company": "Aurubis"}]
    batch = research_map(prompt, rows, session=make_session(sim))
    view = made(batch)
    view._go_live()
    ipywidgets.Widget.close_all()
    view._paint(time.time())
    batch.wait(20)
    assert view.paint(time.time())
    assert ["settled: 1 of 1 row" in each["text/plain"] for each in told] == [True, False]
    assert not any("widget" in kind for each in told for kind in each)


def test_nothing_is_left_of_a_panel_that_is_closed() -> None:
    from ipywidgets.widgets.widget import _instances

    before = len(_instances)
    panel = BatchPanel(no_page(), lambda _: None, lambda _: None)
    panel.show_live()
    panel.paint({}, ("Stop watching", "Retry failed rows (1)"))
    panel.paint({}, ("Stop watching", "Retry failed rows (2)"))
    panel.close()
    assert len(_instances) == before
    panel.paint({"head": "late"}, ("Stop watching", "Retry failed rows (3)"))
    assert (len(_instances), panel.bundle) == (before, {})


def test_the_first_that_spends_stands_out_alone() -> None:
    buttons = Buttons(())
    for shown, wanted in ((PLAN, ["primary", "", ""]), (PLAN[2:], [""])):
        buttons.panel.set_buttons(shown, primary=True)
        assert [each.button_style for each in buttons.panel.row.children] == wanted


@pytest.mark.parametrize(
    ("waiting", "running", "said"),
    [
        (12, 2, "12 waiting rows are dropped free of charge, Perplexity is asked to stop 2 rows."),
        (1, 0, "1 waiting row is dropped free of charge."),
        (0, 1, "Perplexity is asked to stop 1 row."),
    ],
)
def test_what_cancelling_comes_to_is_said_of_rows_that_wait_and_of_those_under_way(
    waiting: int, running: int, said: str
) -> None:
    rows = tally(waiting=waiting, running=running)
    assert f"Cancel: {said}" in texts.told(rows, "", mode="watching")
    sure = texts.told(rows, "", mode="cancel?")
    assert sure.startswith(said[0].upper() + said[1:])
    assert ("may be billed" in sure) == bool(running)
    assert labels.live_buttons(rows, "", mode="watching")[-1].startswith(f"Cancel {waiting + running} row")


@pytest.mark.parametrize(
    ("waiting", "paused", "said"),
    [
        (12, "", "Pause: no new row is sent; rows under way go on and are billed."),
        (12, "user", "Go on: 12 waiting rows are sent in turn, and billed."),
        (0, "", "Cancel: "),
    ],
)
def test_only_a_button_that_is_there_is_explained(waiting: int, paused: str, said: str) -> None:
    rows = tally(waiting=waiting, running=2)
    assert texts.told(rows, paused, mode="watching").startswith(said)
