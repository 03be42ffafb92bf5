"""What stands below a form: the job that it asked last, live in the page and plain in the file.

The panel is a part of the form's own widget, so that a page that was loaded anew, or an app of Voila's,
shows it, too: neither takes the update of an output. The outputs that the file keeps are placed when the
form is shown, since nothing can be added to a cell that has ended; the live form hides them.
"""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any

from pplx_jupyter import render
from pplx_jupyter.notebook.away import mark_shown
from pplx_jupyter.notebook.form.static import KeptSlot
from pplx_jupyter.notebook.outputs.display import Pin, output_metadata
from pplx_jupyter.notebook.outputs.final import NOTHING, final_forms
from pplx_jupyter.notebook.outputs.placed import Placed, remember
from pplx_jupyter.notebook.outputs.shown import note_shown
from pplx_jupyter.notebook.panel.notify import tell_of_job, telling
from pplx_jupyter.notebook.panel.offers import offers_of
from pplx_jupyter.notebook.panel.painter import painter_of
from pplx_jupyter.notebook.panel.view import OFFERED_SECONDS, View
from pplx_jupyter.notebook.usual import usual_range
from pplx_jupyter.render.style import SMALL
from pplx_jupyter.rows import receipt_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplx_jupyter.job import Job
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.form.kit import Kit
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["Below"]


class _Follower:
    """A view that shows nothing: it tells when what another shows begins, ends, or can no longer be asked again."""

    def __init__(self, view: View, tell: Callable[[View, bool], None]) -> None:
        self._view = view
        self._tell = tell
        self._told = _phase(view.row)
        self._since = time.time()

    @property
    def row(self) -> Row:
        """The row that the other shows: a new one where its button bought anew."""
        return self._view.row

    def note(self, row: Row) -> None:
        """Take nothing: the other does."""

    def urgency(self, now: float) -> float:
        """Give whether there is something to tell; the other is painted before."""
        return float(_phase(self.row) != self._told or self._is_late(now))

    def paint(self, now: float) -> bool:
        """Tell; say whether nothing more will come."""
        phase = _phase(self.row)
        is_late = phase == self._told and self._is_late(now)
        self._told, self._since = phase, now
        is_open, offers = phase
        self._tell(self._view, offers and not is_late)
        return not is_open and (not offers or is_late)

    def _is_late(self, now: float) -> bool:
        """Whether the other has taken its buttons away: they are there for a while."""
        is_open, _ = self._told
        return not is_open and now - self._since > OFFERED_SECONDS


def _phase(row: Row) -> tuple[bool, bool]:
    """Give whether a job is under way, and whether it can be asked again."""
    return row.is_open, bool(offers_of(row))


class Below:
    """Shows one job, or one note, at a time.

    Attributes
    ----------
    box
        The widget that holds it.

    Parameters
    ----------
    token
        The form's, see `hiding_style`.
    on_turn
        Called, on the background thread, when a job that is shown has begun anew, or ended.
    on_anew
        Called when the button "Ask again" led to another job, with the id of the one before.
    """

    def __init__(
        self,
        kit: Kit,
        shell: Any,
        place: Place,
        token: str,
        *,
        on_turn: Callable[[], None],
        on_anew: Callable[[str, Job], None],
    ) -> None:
        self._on_turn = on_turn
        self._on_anew = on_anew
        self._kit = kit
        self._shell = shell
        self._place = place
        self._pin = Pin(place.kernel, place.parent)
        self._slots = [KeptSlot(f"pplx-form-{token}-{end}", self._pin, token) for end in ("state", "answer")]
        self._view: tuple[Session, View, _Follower] | None = None
        self.box = kit.column()

    def place(self) -> None:
        """Put the outputs that the file keeps below the running cell."""
        for slot in self._slots:
            slot.place(self._shell, NOTHING)

    def show_job(self, job: Job, *, brief: bool = False) -> None:
        """Show a job: its panel while it is under way, else how it ended."""
        session, row = job.session, job.row
        note_shown(self._place, row.id)
        earlier = self._leave(row)
        if not row.is_open:
            self._show_end(job, row, brief=brief)
            return
        said: list[str] = []
        told = telling(self._shell, self._place, session.settings, say=said.append)
        tell_of_job(session, row, told)
        self._make_view(session, row, brief=brief, earlier=earlier, sound=told.page)
        self.box.children = (*self.box.children, *map(self._line, said))
        metadata = output_metadata(row)
        self._slots[0].update(NOTHING, metadata)
        self._slots[1].update(render.hint_forms(receipt_of(row), usual=usual_range(row)), metadata)
        remember(Placed(job))
        self._begin()

    def _line(self, text: str) -> Any:
        return self._kit.html(f'<div class="pplx"><p class="pplx-m" {SMALL}>{escape(text)}</p></div>')

    def show_note(self, forms: Mapping[str, str]) -> None:
        """Show why nothing was sent."""
        self._leave(None)
        self.box.children = (self._kit.html(forms["text/html"]),)
        self._slots[0].update(forms, {})
        self._slots[1].update(NOTHING, {})

    def close(self) -> None:
        """Free the widgets."""
        self._leave(None)

    def _show_end(self, job: Job, row: Row, *, brief: bool) -> None:
        ledger = job.session.ledger
        forms = final_forms(
            row,
            job.body,
            ledger.pictures(row.id),
            reuse=job.reuse,
            brief=brief,
            ledger=ledger,
            has_cell=False,
        )
        html = "".join(each["text/html"] for each in forms)
        if job.reuse != "lockfile":
            mark_shown(ledger, row)
        if offers_of(row):
            view = self._make_view(job.session, row, brief=brief)
            view.show_offer(self._shell, forms[1])
            view.panel.finish(html, has_file=False, offers=offers_of(row))
            self._begin()
            return
        self.box.children = (self._kit.html(html),)
        for slot, each in zip(self._slots, forms, strict=True):
            slot.update(each, output_metadata(row))

    def _make_view(
        self, session: Session, row: Row, *, brief: bool, earlier: Row | None = None, sound: bool = False
    ) -> View:
        view = View(
            session,
            row,
            self._pin,
            brief=brief,
            earlier=earlier,
            has_file=False,
            sound=sound,
            on_anew=self._anew,
        )
        view.upper, view.lower = self._slots
        self._view = session, view, _Follower(view, self._turn)
        self.box.children = (view.panel.box,)
        return view

    def _begin(self) -> None:
        """Let the painter paint what stands there, from now on."""
        if self._view is not None:
            session, view, follower = self._view
            painter_of(session).add(view)
            painter_of(session).add(follower)

    def _turn(self, view: View, offers: bool) -> None:
        """Frame what is live; an answer, or a note without buttons, is a page and no card."""
        if self._view is not None and self._view[1] is view:
            if view.row.is_open or offers:
                self.box.children = (view.panel.box,)
            else:
                # The panel's first part is its end; the buttons that stood below it are gone.
                self.box.children = view.panel.box.children[:1]
        self._on_turn()

    def _leave(self, row: Row | None) -> Row | None:
        """Show no more what stands there; give its job where that is another one, still under way."""
        if self._view is None:
            return None
        session, view, follower = self._view
        self._view = None
        painter_of(session).remove(view)
        painter_of(session).remove(follower)
        self.box.children = ()
        view.close()
        before = session.ledger.get(view.row.id)
        other = before is not None and before.is_open and (row is None or before.id != row.id)
        return before if other else None

    def _anew(self, before: Row, after: Row) -> None:
        """Note that a click on "Ask again" has led to another job, which is shown in the same place."""
        from pplx_jupyter.job import Job

        if self._view is not None:
            note_shown(self._place, after.id)
            self._on_anew(before.id, Job(self._view[0], after.id))
