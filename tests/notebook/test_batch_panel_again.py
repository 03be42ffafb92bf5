"""A batch's view where its rows were paid for before, or are asked elsewhere: it shows them, and follows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter import Batch, research_map
from pplx_jupyter.batch.deciding import Asking
from pplx_jupyter.batch.questions import questions_of, read_table
from pplx_jupyter.notebook.away import away_line
from pplx_jupyter.notebook.batch import panel as panel_module
from pplx_jupyter.notebook.batch import show
from pplx_jupyter.notebook.outputs.display import Pin, Slot
from pplx_jupyter.notebook.panel.notify import Telling
from pplx_jupyter.settings import Settings
from tests.asking import hurry, make_session, make_sim, sim, still, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.notebook.batch.view import BatchView
    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

__all__ = ["hurry", "make_session", "make_sim", "sim", "still", "until"]

PROMPT = "Who owns {{ company }}?"
NOTEBOOK = "market.ipynb"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_views", "_placed"):
        monkeypatch.setattr(show, name, [])
    monkeypatch.setattr(panel_module, "_DOUBLE_CLICK_SECONDS", 0.0)
    # There is no page here to send to.
    monkeypatch.setattr(panel_module, "pin_widget", lambda *_: None)


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give the present text of each output, by the end of its id: ``state`` above, ``answer`` below."""
    found: dict[str, str] = {}

    def note(slot: Slot, *given: Any) -> None:
        found[slot.display_id.rpartition("-")[2]] = str(given[-2].get("text/html", "(live)"))

    monkeypatch.setattr(Slot, "show", note)
    monkeypatch.setattr(Slot, "update", note)
    return found


def planned(session: Session, *names: str) -> Batch:
    table = read_table([{"company": name} for name in names])
    return Batch(session, PROMPT, table, questions_of(PROMPT, table, {}), Asking(notebook=NOTEBOOK))


def shown(batch: Batch, *, cell: str = "cell") -> BatchView:
    """Show a batch as its cell does."""
    nowhere = SimpleNamespace(session=SimpleNamespace(send=lambda *_, **__: None), iopub_socket=None)
    place: Any = SimpleNamespace(
        kernel=Pin(nowhere, {}).kernel,
        parent={"header": {"msg_id": cell}},
        cell=cell,
        voila=False,
        notebook=NOTEBOOK,
    )
    plan = batch.plan
    show._show_view(None, batch, place, None if batch.is_asked else plan, Telling())
    return show._views[-1][2]


def bought(session: Session, *names: str) -> Batch:
    batch = research_map(PROMPT, [{"company": name} for name in names], session=session)
    batch.wait(20)
    return batch


def texts(view: BatchView) -> list[str]:
    return [each.description for each in view.panel.row.children]


def test_below_a_plan_stands_what_was_paid_for(
    sim: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    outputs: dict[str, str],
) -> None:
    session = make_session(sim)
    bought(session, "Aurubis")
    view = shown(planned(session, "Aurubis", "Borealis"))
    assert "Settled: 1 of 2 rows" in outputs["answer"]
    assert "1 row not asked: nothing was sent or billed now." in outputs["answer"]
    assert "Nothing has been sent or billed now." in view.panel._html["note"].value
    ask = view.panel.row.children[0]
    assert ask.description.startswith("Ask 1 question (")
    ask.click()
    until(lambda: "Settled: 2 of 2 rows" in outputs["state"])
    assert len(sim.bill.jobs) == 2


def test_a_plan_shows_what_becomes_of_rows_that_are_under_way_already(
    still: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    outputs: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pplx_jupyter.notebook.batch.view.PLAN_SECONDS", 0.05)
    session = make_session(still)
    research_map(PROMPT, [{"company": "Aurubis"}], session=session)
    until(lambda: len(still.bill.jobs) == 1)
    view = shown(planned(session, "Aurubis", "Borealis"))
    assert "Running: 0 of 2 rows settled" in outputs["answer"]
    still.advance(10_000)
    until(lambda: "Settled: 1 of 2 rows" in outputs["answer"])
    assert (view.mode, len(still.bill.jobs)) == ("plan", 1)


def test_a_plan_of_which_nothing_is_left_gives_way_to_the_answers(
    sim: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    outputs: dict[str, str],
) -> None:
    session = make_session(sim)
    view = shown(planned(session, "Aurubis"))
    ask = view.panel.row.children[0]
    bought(session, "Aurubis")
    ask.click()
    until(lambda: "Settled: 1 of 1 row" in outputs["state"])
    assert texts(view) == []
    assert len(sim.bill.jobs) == 1


@pytest.mark.parametrize("is_old", [False, True])
def test_a_batch_that_python_asks_anew_is_live_again_where_it_stands(
    sim: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    outputs: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    is_old: bool,
) -> None:
    batch = planned(make_session(sim), "Aurubis outcome:failed", "Borealis")
    batch.ask()
    view = shown(batch)
    until(lambda: "Settled: 2 of 2 rows" in outputs["state"])
    until(lambda: view.mode == "offering")
    if is_old:
        view.withdraw()
    seen: list[str] = []
    view.panel.show_live = lambda: seen.append("live")  # type: ignore[method-assign]
    capsys.readouterr()
    assert batch.retry_failed() == 1
    assert seen == ["live"]
    assert "1 question asked, usually 0.40–1.30 USD together." in capsys.readouterr().out
    until(lambda: view.mode == "offering")
    assert len(sim.bill.jobs) == 3


def test_answers_that_arrive_before_a_persons_eyes_are_no_news(
    still: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    outputs: dict[str, str],
) -> None:
    session = make_session(still, settings=Settings(budget=1e6, notebook=NOTEBOOK))
    batch = planned(session, "Aurubis", "Borealis seconds:90000")
    batch.ask()
    until(lambda: len(still.bill.jobs) == 2)
    still.advance(20_000)
    until(lambda: (batch.refresh(), batch.tally.over)[1] == 1)
    assert "1 answer arrived" in away_line(session.ledger, NOTEBOOK, still.url)
    view = shown(batch)
    until(lambda: "arrived" not in away_line(session.ledger, NOTEBOOK, still.url))
    assert view.mode == "watching"
    assert "Settled" not in outputs["state"]
