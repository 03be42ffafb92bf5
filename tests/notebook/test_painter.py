"""The painter's turns: who is painted, and what a view that fails does to the others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pplx_jupyter.notebook.panel.painter import PAINTS_A_LOOK, TRIES, Painter
from pplx_jupyter.request import Request
from pplx_jupyter.session import Session
from pplx_jupyter.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pplx_jupyter.ledger import Row


class FakeView:
    """A view that counts its paints, and fails some of them."""

    def __init__(self, row: Row, *, fails: int = 0, urgent: float = 1.0) -> None:
        self.row = row
        self.paints = 0
        self._fails = fails
        self._urgent = urgent

    def note(self, row: Row) -> None:
        self.row = row

    def urgency(self, now: float) -> float:  # noqa: ARG002 - the protocol's
        return self._urgent

    def paint(self, now: float) -> bool:  # noqa: ARG002 - the protocol's
        self.paints += 1
        if self.paints <= self._fails:
            raise RuntimeError("not yet")
        return True


def session_of(folder: Path) -> Session:
    session = Session(
        api_key="pplx-0123456789abcdef",
        base_url="http://127.0.0.1:9",
        ledger=str(folder / "l.sqlite"),
        settings=Settings(),
    )
    session.quiet_exit = True
    return session


def until_empty(painter: Painter, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while painter._views:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_view_that_fails_is_tried_again_and_given_up_at_last(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    row = session.submit(Request("Why?")).row
    painter = Painter(session)
    once, ever, well = FakeView(row, fails=1), FakeView(row, fails=99), FakeView(row)
    for view in (once, ever, well):
        painter.add(view)
    until_empty(painter)
    assert (once.paints, ever.paints, well.paints) == (2, TRIES, 1)


def test_one_look_paints_the_most_urgent_few(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    row = session.submit(Request("Why?")).row
    painter = Painter(session)
    views = [FakeView(row, urgent=float(number)) for number in range(1, 9)]
    painter._views = list(views)
    painter._look(time.time())
    assert [view.paints for view in views] == [0] * (8 - PAINTS_A_LOOK) + [1] * PAINTS_A_LOOK


def test_a_painter_that_has_nothing_left_begins_anew(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    row = session.submit(Request("Why?")).row
    painter = Painter(session)
    for _ in range(3):
        view = FakeView(row)
        painter.add(view)
        until_empty(painter)
        assert view.paints == 1


def test_a_look_that_fails_does_not_end_the_painter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = session_of(tmp_path)
    row = session.submit(Request("Why?")).row
    painter, view = Painter(session), FakeView(row)
    look = painter._look
    failed: list[float] = []

    def fails_once(now: float) -> None:
        if not failed:
            failed.append(now)
            raise RuntimeError("the first look")
        look(now)

    painter._look = fails_once  # type: ignore[method-assign]
    painter.add(view)
    until_empty(painter)
    assert view.paints == 1
    assert "the first look" in caplog.text
