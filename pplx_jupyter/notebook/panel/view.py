"""A view: one cell's two outputs for one job, live while it is under way and plain for good at its end.

The upper slot holds the panel and becomes the line of state and money; the lower one holds a
static hint, which is all that a file saved too early keeps, and becomes the answer. Where a job gave
none and can be asked again, the upper slot becomes the note and the lower one its buttons, for a while.
"""

from __future__ import annotations

import functools
import secrets
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter import render
from pplx_jupyter.ledger import OPEN
from pplx_jupyter.ledger.once import warn_once
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
from pplx_jupyter.notebook.turns import Turns
from pplx_jupyter.notebook.usual import usual_range
from pplx_jupyter.rows import awaits_pictures, earlier_of, receipt_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session

__all__ = ["OFFERED_SECONDS", "View"]

OFFERED_SECONDS = 600.0
"""How long the buttons below a note stay: a file must not keep a widget, which no other kernel can show."""

_DOUBLE_CLICK_SECONDS = 0.6
_HEARD_IN = {
    buttons.STOP: {"watching", "cancel?"},
    buttons.CANCEL: {"watching"},
    buttons.CANCEL_YES: {"cancel?"},
    buttons.CANCEL_NO: {"cancel?"},
    buttons.HURRY: {"watching"},
    buttons.WATCH: {"stopped"},
    buttons.CANCEL_EARLIER: {"watching", "cancel?"},
}
"""When an act is one that a person can mean; a click may be heard long after it was made."""

_LIVE = {buttons.STOP, buttons.CANCEL, buttons.CANCEL_YES, buttons.HURRY}


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
        self._dirty = self._can_confirm = self._is_closed = False
        self._said = ""
        self._painted_state = row.state
        self._clock_at = time.time()
        self._on_anew = on_anew
        self._turns = Turns(session.ledger, self._tell, what=f"the panel of job {row.id}")
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
            if self._mode == "cancel?" and row.cancel in {"asked", "sent"}:
                # Answered, here or in another window.
                self._set_mode("watching")

    def urgency(self, now: float) -> float:
        """Give how urgent the next paint is: 0 not at all, then the clock, what is new, a new state."""
        if self._mode == "stopped" and not self._dirty:
            return 0
        if self._mode == "offering":
            return 3.0 if self._dirty else float(now - self._mode_since > OFFERED_SECONDS)
        if self._completing:
            return 0.0 if awaits_pictures(self.row, now) else 2.0
        if self._mode == "cancel?" and not self._can_confirm and self._is_read(now):
            return 3 + (now - self._clock_at)
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
        self._can_confirm = self._mode == "cancel?" and self._is_read(now)
        self.panel.paint(row, now, mode=self._mode, said=self._said, can_confirm=self._can_confirm)
        return False

    def _is_read(self, now: float) -> bool:
        """Whether what a click changed has stood there for longer than the second click of a double one takes."""
        return now - self._mode_since >= _DOUBLE_CLICK_SECONDS

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
        # A user's Widget.close_all() has closed the panel: what can be done stands in the note, too.
        offers = () if self.panel.is_closed else offers_of(row)
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
        """Free the widgets; what was clicked before is done all the same."""
        self._is_closed = True
        self.withdraw()
        self.panel.close()

    def click(self, text: str) -> None:
        """Act on a button; the painter shows what came of it.

        What needs the ledger, which another process may be writing, is done in a turn of its own: no cell
        waits for it.
        """
        spends = text.startswith(buttons.ASK_AGAIN) or text == buttons.CLOSE
        since = self._mode_since if spends or text == buttons.CANCEL_YES else self._resumed_at
        heard_in = {"offering"} if spends else _HEARD_IN.get(text, set())
        is_over = text in _LIVE and not self.row.is_open
        if time.time() - since < _DOUBLE_CLICK_SECONDS or self._mode not in heard_in or is_over:
            # Meant for the button, or the job, that stood there before.
            return
        self._said = ""
        if spends:
            self._settle(ask_again=text != buttons.CLOSE)
        elif text == buttons.CANCEL:
            self._set_mode("cancel?")
        elif text == buttons.CANCEL_NO:
            self._set_mode("watching")
        elif text == buttons.CANCEL_YES:
            # Whoever says in time that it is to run keeps it.
            self._turns.take(self._cancel, when=lambda: self._mode != "watching")
        elif text == buttons.HURRY:
            self._turns.take(lambda: self._session.ask_now(self.row.id))
        elif text == buttons.STOP:
            self._set_mode("stopped")
        elif text == buttons.WATCH:
            self._set_mode("watching")
            self._turns.take(self.note_now)
            painter_of(self._session).add(self)
        elif text == buttons.CANCEL_EARLIER:
            self._turns.take(self._cancel_earlier)
        self._session.bell.ring()

    def _cancel(self) -> None:
        self.note_now()
        if self.row.cancel not in {"asked", "sent"}:
            self._session.cancel(self.row.id)
        if self._mode == "cancel?":
            self._set_mode("watching")

    def _cancel_earlier(self) -> None:
        if self._earlier is not None:
            self._session.cancel(self._earlier.id)
            self._earlier = None
            self.panel.forget_earlier()
            self._dirty = True

    def _tell(self, line: str) -> None:
        """Say where it was clicked why nothing came of a click; the button is there to be clicked again."""
        if self._is_closed:
            warn_once(line)
        elif self._mode == "offering":
            self.panel.taken(line)
        else:
            self._said, self._dirty = line, True
            painter_of(self._session).add(self)
            self._session.bell.ring()

    def _settle(self, *, ask_again: bool) -> None:
        """Ask again, or close an unconfirmed job: once, however often and wherever it is clicked.

        Only its turn takes the click, and shows so: an interrupt comes before that, and the button takes the next
        click, or after, and holds up nothing.
        """
        self._turns.take(functools.partial(self._settled, self.row, ask_again=ask_again))

    def _settled(self, before: Row, *, ask_again: bool) -> None:
        if self._taken or self._mode != "offering" or self.row.id != before.id:
            return
        self._taken = True
        try:
            self.panel.taken()
            row = (asked_again if ask_again else closed)(self._session, before)
        except BaseException:
            self._taken = False
            raise
        try:
            if row.id != before.id and self._on_anew is not None:
                self._on_anew(before, row)
        finally:
            self.row = row
            self._dirty = self._acted = True
            self._session.bell.ring()

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
