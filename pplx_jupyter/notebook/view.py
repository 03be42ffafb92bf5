"""A view: one cell's two outputs for one job, live while it is under way and plain for good at its end.

The upper slot holds the panel and becomes the line of state and money; the lower one holds a
static hint, which is all that a file saved too early keeps, and becomes the answer.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from pplx_jupyter import render
from pplx_jupyter.ledger import OPEN, REUSABLE
from pplx_jupyter.notebook import panel as buttons
from pplx_jupyter.notebook.display import Pin, Slot, output_metadata
from pplx_jupyter.notebook.panel import Panel
from pplx_jupyter.notebook.progress import clock_step, status_text, usual_cost, usual_range
from pplx_jupyter.request import Request
from pplx_jupyter.rows import answer_of, failure_of, receipt_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["View", "final_forms", "show_final", "show_live", "show_text"]

_KEPT_PANELS = 50
_NOTHING = {"text/html": "", "text/plain": ""}


class View:
    """What one cell shows of one job under way.

    Parameters
    ----------
    session
        Whose ledger the job is in.
    row
        The job as it is now.
    pin
        The kernel and the cell.
    brief
        Fold all sections of the answer but the first.
    earlier
        A job under way that this cell asked before with another question.
    has_file
        The page is a notebook's, not an app's.
    """

    def __init__(
        self,
        session: Session,
        row: Row,
        pin: Pin,
        *,
        brief: bool = False,
        earlier: Row | None = None,
        has_file: bool = True,
    ) -> None:
        token = secrets.token_hex(3)
        self.row = row
        self.upper = Slot(f"pplx-{row.id}-{token}-state", pin)
        self.lower = Slot(f"pplx-{row.id}-{token}-answer", pin)
        self._session = session
        self._brief = brief
        self._has_file = has_file
        self._earlier = earlier
        self._mode = "watching"
        self._mode_since = 0.0
        self._dirty = False
        self._painted_state = row.state
        self._clock_at = time.time()
        self.panel = Panel(row, pin, self.click, now=time.time(), earlier=earlier)

    def note(self, row: Row) -> None:
        """Take a newer row; it is painted when its turn comes."""
        if row.seq > self.row.seq:
            self.row = row
            self._dirty = True

    def urgency(self, now: float) -> float:
        """Give how urgent the next paint is: 0 not at all, then the clock, what is new, a new state."""
        if self._mode == "stopped" and not self._dirty:
            return 0
        if self.row.state != self._painted_state or (self._dirty and self._mode == "stopped"):
            return 3 + (now - self._clock_at)
        if self._dirty:
            # Whoever has waited longer comes first: of many panels none starves.
            waited = now - self._clock_at
            return 2 + waited / (1 + waited)
        late = (now - self._clock_at) / clock_step(now - self.row.created_at)
        return late if late >= 0.95 else 0

    def paint(self, now: float) -> bool:
        """Show what is new; say whether this view has nothing more to show."""
        row, self._dirty = self.row, False
        self._painted_state = row.state
        if self._mode == "stopped":
            self.panel.paint(row, now, mode="stopped", since=self._mode_since)
            return True
        if row.state not in OPEN:
            self._finish(row)
            return True
        self._clock_at = now
        self.panel.paint(row, now, mode=self._mode)
        return False

    def _finish(self, row: Row) -> None:
        upper, lower = final_forms(row, self._session.ledger.body(row.id), brief=self._brief)
        metadata = output_metadata(row)
        self.upper.update(upper, metadata)
        self.lower.update(lower, metadata)
        self.panel.finish(upper["text/html"] + lower["text/html"], has_file=self._has_file)

    def click(self, text: str) -> None:
        """Act on a button; the painter shows what came of it."""
        from pplx_jupyter.notebook.painter import painter_of

        if text == buttons.CANCEL:
            self._set_mode("cancel?")
        elif text == buttons.CANCEL_NO:
            self._set_mode("watching")
        elif text == buttons.CANCEL_YES:
            self._set_mode("watching")
            self._session.cancel(self.row.id)
        elif text == buttons.HURRY:
            self._session.ask_now(self.row.id)
        elif text == buttons.STOP:
            self._set_mode("stopped")
        elif text == buttons.WATCH:
            self._set_mode("watching")
            self.note_now()
            painter_of(self._session).add(self)
        elif text == buttons.CANCEL_EARLIER and self._earlier is not None:
            self._session.cancel(self._earlier.id)
            self._earlier = None
            self.panel.forget_earlier()
            self._dirty = True
        self._session.bell.ring()

    def note_now(self) -> None:
        """Read the row anew: it may have changed while nobody watched."""
        self.row = self._session.ledger.get(self.row.id) or self.row
        self._dirty = True

    def _set_mode(self, mode: str) -> None:
        self._mode, self._mode_since, self._dirty = mode, time.time(), True


def show_live(
    shell: Any, session: Session, row: Row, place: Place, *, brief: bool, earlier: Row | None = None
) -> None:
    """Show a job under way below the running cell: the panel, and under it the static hint."""
    from pplx_jupyter.notebook.painter import painter_of

    view = View(
        session, row, Pin(place.kernel, place.parent), brief=brief, earlier=earlier, has_file=not place.voila
    )
    metadata = output_metadata(row)
    hint = render.hint_forms(receipt_of(row), usual=usual_range(row))
    forms = {
        **view.panel.bundle,
        "text/plain": status_text(row, time.time()),
        "text/markdown": hint["text/markdown"],
    }
    view.upper.show(shell, forms, metadata)
    view.lower.show(shell, hint, metadata)
    painter = painter_of(session)
    run = str((place.parent.get("header") or {}).get("msg_id") or "")
    _keep(_Shown(view, place.cell or view.upper.display_id, run), painter.remove)
    painter.add(view)


class _Shown(NamedTuple):
    """A view, the cell that shows it, and the run of that cell."""

    view: View
    cell: str
    run: str


_shown: list[_Shown] = []


def _keep(shown: _Shown, forget: Callable[[View], None]) -> None:
    """Close what an earlier run of this cell showed, and the oldest of too many: ipywidgets keeps every widget for ever."""
    _shown.append(shown)
    gone = [each for each in _shown if each.cell == shown.cell and each.run != shown.run]
    settled = [each for each in _shown if each.view.row.state not in OPEN and each not in gone]
    surplus = len(_shown) - len(gone) - _KEPT_PANELS
    for each in [*gone, *settled[: max(0, surplus)]]:
        _shown.remove(each)
        forget(each.view)
        each.view.panel.close()


def final_forms(
    row: Row, body: str | None, *, reuse: str | None = None, brief: bool = False
) -> tuple[dict[str, str], dict[str, str]]:
    """Give the permanent forms of both slots."""
    receipt = receipt_of(row, reuse=reuse)
    if row.state in REUSABLE:
        answer = answer_of(row, body)
        if not answer.understood:
            return _NOTHING, render.raw_forms(answer, receipt)
        return render.state_forms(answer, receipt), render.answer_forms(
            answer, receipt, state_line=False, brief=brief
        )
    failure = failure_of(row)
    if failure is None:
        return _NOTHING, render.hint_forms(receipt)
    flags = {option.name: option.flag or option.name for option in Request.options()}
    told = dataclasses.replace(failure, fields=[flags.get(name, name) for name in failure.fields])
    return _NOTHING, render.failure_forms(told, receipt, usual=usual_cost(row))


def show_final(shell: Any, row: Row, body: str | None, *, reuse: str | None, brief: bool) -> None:
    """Show a settled job below the running cell, in its permanent forms."""
    metadata = output_metadata(row)
    for forms in final_forms(row, body, reuse=reuse, brief=brief):
        if any(forms.values()):
            shell.display_pub.publish(data=forms, metadata=metadata)


def show_text(row: Row, body: str | None, *, reuse: str | None = None) -> str:
    """Give a settled job as text, for a terminal."""
    return "\n".join(
        forms["text/plain"] for forms in final_forms(row, body, reuse=reuse) if forms["text/plain"]
    )
