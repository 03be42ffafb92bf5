"""A view: one cell's two outputs for one job, live while it is under way and plain for good at its end.

The upper slot holds the panel and becomes the line of state and money; the lower one holds a
static hint, which is all that a file saved too early keeps, and becomes the answer. Where a job gave
none and can be asked again, the upper slot becomes the note and the lower one its buttons, for a while.
"""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from pplx_jupyter import render
from pplx_jupyter.errors import PplxError
from pplx_jupyter.ledger import OPEN
from pplx_jupyter.notebook.away import mark_shown
from pplx_jupyter.notebook.cell.why import why_asked
from pplx_jupyter.notebook.outputs.display import Pin, Slot, next_to_widget, output_metadata
from pplx_jupyter.notebook.outputs.final import NOTHING, final_forms
from pplx_jupyter.notebook.panel import texts as buttons
from pplx_jupyter.notebook.panel.chime import Chime
from pplx_jupyter.notebook.panel.offers import asked_again, closed, offers_of
from pplx_jupyter.notebook.panel.painter import painter_of
from pplx_jupyter.notebook.panel.panel import Panel
from pplx_jupyter.notebook.panel.progress import clock_step, status_text
from pplx_jupyter.notebook.usual import usual_range
from pplx_jupyter.rows import awaits_pictures, earlier_of, receipt_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["View", "show_final", "show_live"]

OFFERED_SECONDS = 600.0
"""How long the buttons below a note stay: a file must not keep a widget, which no other kernel can show."""

_DOUBLE_CLICK_SECONDS = 0.6
_KEPT_PANELS = 50


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
    sound
        Let two notes sound in the page when the job has ended.
    on_anew
        Called with the row that the button "Ask again" led to, where it is another one.
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
        sound: bool = False,
        on_anew: Callable[[Row, Row], None] | None = None,
    ) -> None:
        token = secrets.token_hex(3)
        self.row = row
        self.upper = Slot(f"pplx-{row.id}-{token}-state", pin)
        self.lower = Slot(f"pplx-{row.id}-{token}-answer", pin)
        self._session = session
        self._brief = brief
        self._has_file = has_file
        self._sound = sound
        self._chime: Chime | None = None
        self._earlier = earlier
        self._mode = "watching"
        self._mode_since = self._resumed_at = 0.0
        self._dirty = False
        self._painted_state = row.state
        self._clock_at = time.time()
        self._on_anew = on_anew
        self._taking = threading.Lock()
        self._taken = self._acted = self._completing = self._heard = False
        why = f"{_follows(session, row)} {why_asked(session, row)}".strip() if row.is_open else ""
        self.panel = Panel(
            row, pin, self.click, now=time.time(), earlier=earlier, why=why, is_page=not has_file
        )

    def note(self, row: Row) -> None:
        """Take a newer row; it is painted when its turn comes."""
        if row.seq > self.row.seq:
            self.row = row
            self._dirty = True

    def urgency(self, now: float) -> float:
        """Give how urgent the next paint is: 0 not at all, then the clock, what is new, a new state."""
        if self._mode == "stopped" and not self._dirty:
            return 0
        if self._mode == "offering":
            return 3.0 if self._dirty else float(now - self._mode_since > OFFERED_SECONDS)
        if self._completing:
            return 0.0 if awaits_pictures(self.row, now) else 2.0
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
        changed = row.state != self._painted_state
        self._painted_state = row.state
        if self._mode == "offering":
            return self._paint_offer(row, now, changed=changed)
        if self._mode == "stopped":
            self.panel.paint(row, now, mode="stopped", since=self._mode_since)
            return True
        if row.state not in OPEN:
            return self._finish(row)
        self._clock_at = now
        self.panel.paint(row, now, mode=self._mode)
        return False

    def _finish(self, row: Row) -> bool:
        """Show how the job ended; say whether that is all, or buttons stay for a while, or images are still to come."""
        ledger = self._session.ledger
        follows = earlier_of(ledger, row)
        upper, lower = final_forms(
            row,
            ledger.body(row.id),
            ledger.pictures(row.id),
            follows=follows,
            brief=self._brief,
            has_cell=self._has_file,
        )
        offers = offers_of(row)
        metadata = output_metadata(row)
        html = upper["text/html"] + lower["text/html"]
        if offers:
            upper, lower = next_to_widget(lower), {**NOTHING, **self.panel.offer_bundle}
            self._offer()
            self.panel.offer(*offers)
        self._show_end(upper, metadata)
        self.lower.update(lower, metadata)
        self.panel.finish(html, has_file=self._has_file, offers=offers)
        mark_shown(ledger, row)
        self._completing = awaits_pictures(row, time.time())
        return not offers and not self._completing

    def _show_end(self, upper: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        if self._chime is not None:
            self._chime.stop()
        if not self._sound or self._heard:
            self.upper.update(upper, metadata)
            return
        self._heard = True
        self._chime = Chime(self.upper, upper, metadata)
        painter_of(self._session).add(self._chime)

    def show_offer(self, shell: Any, forms: Mapping[str, str]) -> None:
        """Show a job that gave no answer, and below its note what can be done, from the cell's own thread."""
        metadata = output_metadata(self.row)
        self._offer()
        self.panel.offer(*offers_of(self.row))
        self.upper.show(shell, next_to_widget(forms), metadata)
        self.lower.show(shell, {**NOTHING, **self.panel.offer_bundle}, metadata)

    def _offer(self) -> None:
        self._set_mode("offering")
        self._dirty = self._taken = self._acted = False

    def _paint_offer(self, row: Row, now: float, *, changed: bool) -> bool:
        if row.is_open:
            if self._chime is not None:
                self._chime.stop()
            self._mode, self._heard = "watching", False
            self._clock_at = self._resumed_at = now
            self.panel.resume(row, now)
            metadata = output_metadata(row)
            self.upper.update(self._live_forms(), metadata)
            self.lower.update(self._hint(), metadata)
            return False
        if changed or self._acted:
            self._mode = "watching"
            return self._finish(row)
        if now - self._mode_since > OFFERED_SECONDS:
            self.withdraw()
            return True
        return False

    def _hint(self) -> dict[str, Any]:
        return next_to_widget(render.hint_forms(receipt_of(self.row), usual=usual_range(self.row)))

    def _live_forms(self) -> dict[str, Any]:
        hint = render.hint_forms(receipt_of(self.row), usual=usual_range(self.row))
        return {
            **self.panel.bundle,
            "text/plain": status_text(self.row, time.time()),
            "text/markdown": hint["text/markdown"],
        }

    def show(self, shell: Any) -> None:
        """Show a job under way: the panel, and under it the static hint, from the cell's own thread."""
        metadata = output_metadata(self.row)
        self.upper.show(shell, self._live_forms(), metadata)
        self.lower.show(shell, self._hint(), metadata)

    def withdraw(self) -> None:
        """Take the buttons away, where there are any: the note stays."""
        if self._mode == "offering":
            self._mode = "watching"
            self.lower.update(NOTHING, output_metadata(self.row))

    def close(self) -> None:
        """Free the widgets."""
        self.withdraw()
        self.panel.close()

    def click(self, text: str) -> None:
        """Act on a button; the painter shows what came of it."""
        spends = text.startswith(buttons.ASK_AGAIN) or text == buttons.CLOSE
        since = self._mode_since if spends else self._resumed_at
        if time.time() - since < _DOUBLE_CLICK_SECONDS or spends != (self._mode == "offering"):
            # Meant for the button that stood there before.
            return
        if spends:
            self._settle(ask_again=text != buttons.CLOSE)
        elif text == buttons.CANCEL:
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

    def _settle(self, *, ask_again: bool) -> None:
        """Ask again, or close an unconfirmed job: once, however often and wherever it is clicked."""
        with self._taking:
            if self._taken or self._mode != "offering":
                return
            self._taken = True
        self.panel.taken()
        before = self.row
        try:
            row = (asked_again if ask_again else closed)(self._session, before)
        except PplxError as error:
            self._taken = False
            self.panel.taken(str(error))
            return
        if row.id != before.id and self._on_anew is not None:
            self._on_anew(before, row)
        self.row = row
        self._dirty = self._acted = True

    def note_now(self) -> None:
        """Read the row anew: it may have changed while nobody watched."""
        self.row = self._session.ledger.get(self.row.id) or self.row
        self._dirty = True

    def _set_mode(self, mode: str) -> None:
        self._mode, self._mode_since, self._dirty = mode, time.time(), True


def _follows(session: Session, row: Row) -> str:
    """Say what a job follows; empty where it follows nothing, at the cost of no look into the ledger."""
    from pplx_jupyter.render.receipts import followed

    return f"Follows {followed(earlier_of(session.ledger, row)[0])}." if row.follows else ""


def show_live(
    shell: Any,
    session: Session,
    row: Row,
    place: Place,
    *,
    brief: bool,
    sound: bool = False,
    earlier: Row | None = None,
) -> None:
    """Show a job under way below the running cell: the panel, and under it the static hint."""
    view = _view(shell, session, row, place, brief=brief, sound=sound, earlier=earlier)
    view.show(shell)
    _begin(view, session, place)


def _view(shell: Any, session: Session, row: Row, place: Place, **rest: Any) -> View:
    def rename(before: Row, after: Row) -> None:
        """Let NAME hold the job that followed, where it still holds the one before."""
        from pplx_jupyter.job import Job

        held = shell.user_ns.get(before.name)
        if isinstance(held, Job) and held.id == before.id:
            shell.user_ns[before.name] = Job(session, after.id)

    pin = Pin(place.kernel, place.parent)
    return View(session, row, pin, has_file=not place.voila, on_anew=rename, **rest)


def _begin(view: View, session: Session, place: Place) -> None:
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
    settled = [each for each in _shown if not each.view.row.is_open and each not in gone]
    surplus = len(_shown) - len(gone) - _KEPT_PANELS
    for each in [*gone, *settled[: max(0, surplus)]]:
        _shown.remove(each)
        forget(each.view)
        each.view.close()


def show_final(
    shell: Any,
    session: Session,
    row: Row,
    body: str | None,
    place: Place,
    *,
    reuse: str | None,
    brief: bool,
) -> None:
    """Show a settled job below the running cell, in its permanent forms; with its buttons where somebody is there."""
    ledger = session.ledger
    follows = earlier_of(ledger, row)
    forms = final_forms(
        row, body, ledger.pictures(row.id), reuse=reuse, follows=follows, brief=brief, ledger=ledger
    )
    if reuse != "lockfile":
        mark_shown(session.ledger, row)
    if offers_of(row) and not place.headless and not place.voila:
        view = _view(shell, session, row, place, brief=brief)
        view.show_offer(shell, forms[1])
        _begin(view, session, place)
        return
    metadata = output_metadata(row)
    for each in forms:
        if any(each.values()):
            shell.display_pub.publish(data=each, metadata=metadata)
