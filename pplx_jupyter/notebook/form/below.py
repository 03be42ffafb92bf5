"""What stands below a form: the job that it asked last, live in the page and plain in the file.

The panel is a part of the form's own widget, so that a page that was loaded anew, or an app of Voila's,
shows it, too: neither takes the update of an output. The outputs that the file keeps are placed when the
form is shown, since nothing can be added to a cell that has ended; the live form hides them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter import render
from pplx_jupyter.notebook.away import mark_shown
from pplx_jupyter.notebook.display import Pin, output_metadata
from pplx_jupyter.notebook.final import NOTHING, final_forms
from pplx_jupyter.notebook.form.static import KeptSlot
from pplx_jupyter.notebook.offers import offers_of
from pplx_jupyter.notebook.painter import painter_of
from pplx_jupyter.notebook.placed import Placed, remember
from pplx_jupyter.notebook.shown import note_shown
from pplx_jupyter.notebook.usual import usual_range
from pplx_jupyter.notebook.view import View
from pplx_jupyter.rows import receipt_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplx_jupyter.job import Job
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.form.kit import Kit
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["Below"]


class _End:
    """A view that shows nothing: it tells when a job has ended."""

    def __init__(self, row: Row, tell: Callable[[], None]) -> None:
        self.row = row
        self._tell = tell

    def note(self, row: Row) -> None:
        self.row = row

    def urgency(self, now: float) -> float:  # noqa: ARG002 - a panel's depends on its clock
        return 0.0 if self.row.is_open else 1.0

    def paint(self, now: float) -> bool:  # noqa: ARG002
        self._tell()
        return True


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
    on_end
        Called, on the background thread, when a job that is shown has ended.
    """

    def __init__(self, kit: Kit, shell: Any, place: Place, token: str, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._kit = kit
        self._shell = shell
        self._place = place
        self._pin = Pin(place.kernel, place.parent)
        self._slots = [KeptSlot(f"pplx-form-{token}-{end}", self._pin, token) for end in ("state", "answer")]
        self._view: tuple[Session, View] | None = None
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
        view = self._make_view(session, row, brief=brief, earlier=earlier)
        metadata = output_metadata(row)
        self._slots[0].update(NOTHING, metadata)
        self._slots[1].update(render.hint_forms(receipt_of(row), usual=usual_range(row)), metadata)
        remember(Placed(job))
        painter_of(session).add(view)
        painter_of(session).add(_End(row, self._unbox))

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
            row, job.body, ledger.pictures(row.id), reuse=job.reuse, brief=brief, ledger=ledger
        )
        html = "".join(each["text/html"] for each in forms)
        if job.reuse != "lockfile":
            mark_shown(ledger, row)
        if offers_of(row):
            view = self._make_view(job.session, row, brief=brief)
            view.show_offer(self._shell, forms[1])
            view.panel.finish(html, has_file=False, offers=offers_of(row))
            painter_of(job.session).add(view)
            return
        self.box.children = (self._kit.html(html),)
        for slot, each in zip(self._slots, forms, strict=True):
            slot.update(each, output_metadata(row))

    def _make_view(self, session: Session, row: Row, *, brief: bool, earlier: Row | None = None) -> View:
        view = View(
            session, row, self._pin, brief=brief, earlier=earlier, has_file=False, on_anew=self._rename
        )
        view.upper, view.lower = self._slots
        self._view = session, view
        self.box.children = (view.panel.box,)
        return view

    def _unbox(self) -> None:
        """Take the panel's frame away: an answer is a page, not a card; buttons that stay keep theirs."""
        if self._view is not None:
            _, view = self._view
            if not view.row.is_open and not offers_of(view.row):
                self.box.children = view.panel.box.children
        self._on_end()

    def _leave(self, row: Row | None) -> Row | None:
        """Show no more what stands there; give its job where that is another one, still under way."""
        if self._view is None:
            return None
        session, view = self._view
        self._view = None
        painter_of(session).remove(view)
        self.box.children = ()
        view.close()
        before = session.ledger.get(view.row.id)
        other = before is not None and before.is_open and (row is None or before.id != row.id)
        return before if other else None

    def _rename(self, before: Row, after: Row) -> None:
        """Let NAME hold the job that followed, where it still holds the one before."""
        from pplx_jupyter.job import Job

        held = self._shell.user_ns.get(before.name)
        if self._view is not None and isinstance(held, Job) and held.id == before.id:
            self._shell.user_ns[before.name] = Job(self._view[0], after.id)
