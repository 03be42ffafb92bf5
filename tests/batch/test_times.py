"""What a row of a batch took is told alike wherever it is told: its wait for a turn is no part of it."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pplx_jupyter import research_map
from pplx_jupyter.batch.words import lines_of
from pplx_jupyter.notebook.batch import panel as module
from pplx_jupyter.notebook.batch import view as view_module
from pplx_jupyter.notebook.batch.view import BatchView
from pplx_jupyter.notebook.history.lines import Line
from pplx_jupyter.notebook.outputs.display import Pin
from pplx_jupyter.notebook.panel.notify import Telling
from pplx_jupyter.notebook.panel.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from pplx_jupyter.batch import Batch
    from pplx_jupyter.session import Session
    from pplx_jupyter.simulator import Simulator

PROMPT = "Who owns {{ company }} today?"
ROWS = [{"company": "Aurubis"}, {"company": "Borealis"}]


def table(batch: Batch) -> list[Any]:
    batch.refresh()
    return lines_of(batch, batch.standings, range(len(batch)), time.time())


def test_a_row_has_one_time_and_what_never_left_has_none(
    still: Simulator, make_session: Callable[..., Session], until: Callable[..., None]
) -> None:
    session = make_session(still)
    batch = research_map(PROMPT, ROWS, session=session, at_once=1)
    until(lambda: table(batch)[0].word == "running")
    jobs = [job for job in batch.jobs if job is not None]
    assert len(jobs) == 2
    for each in jobs:
        session.ledger.write(each.id, {"created_at": each.row.created_at - 600})
    waits = Texts.of(jobs[1].row, time.time(), mode="watching", earlier=None)
    assert '<span class="pplx-w"></span>' in waits.head, "no clock before it is sent"
    batch.cancel()
    batch.wait(20)
    sent, dropped = table(batch)
    assert sent.word == dropped.word == "cancelled"
    assert sent.time.startswith("0:0")
    assert "10 min" not in sent.told
    assert "Cancelled after" in sent.told
    assert dropped.time == ""
    for line, job in zip((sent, dropped), jobs, strict=True):
        assert Line.of(job.row, 1).took == line.time


def test_the_clocks_of_rows_under_way_move_now_and_then_and_others_stand(
    still: Simulator,
    make_session: Callable[..., Session],
    until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "pin_widget", lambda *_: None)
    batch = research_map(PROMPT, ROWS, session=make_session(still), at_once=1)
    until(lambda: table(batch)[0].word == "running")
    pin = Pin(SimpleNamespace(session=SimpleNamespace(send=lambda *_, **__: None), iopub_socket=None), {})
    place: Any = SimpleNamespace(voila=False)
    view = BatchView(batch, pin, place, Telling())
    view._go_live()
    written: list[str] = []
    view.panel._html["table"].observe(lambda change: written.append(change["new"]), "value")
    now = view_module.CLOCK_SECONDS * (time.time() // view_module.CLOCK_SECONDS + 1)
    for seconds in (0.0, 2.5, 5.0, 7.5, 65.0):
        view._paint(now + seconds)
    assert len(written) == 3, "not at every look: whoever reads the table reads on"
    assert re.search(r"1:[01]\d<", written[-1])
    batch.cancel()
    batch.wait(20)
    view._paint(now + 70)
    shown = len(written)
    view._paint(now + 80)
    assert len(written) == shown
