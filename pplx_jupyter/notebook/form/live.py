"""A form as it is shown in one cell: its widgets read, checked and answered for."""

from __future__ import annotations

import contextvars
import secrets
import threading
from html import escape
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.notebook.form.below import Below
from pplx_jupyter.notebook.form.draft import Checked, refusal_of
from pplx_jupyter.notebook.form.kit import Kit
from pplx_jupyter.notebook.form.money import outlook
from pplx_jupyter.notebook.form.page import Page
from pplx_jupyter.notebook.form.static import KeptSlot, static_forms
from pplx_jupyter.notebook.form.words import sentence_of, words_of
from pplx_jupyter.notebook.outputs.display import Pin, next_to_widget
from pplx_jupyter.notebook.outputs.final import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.job import Job
    from pplx_jupyter.notebook.form.controls import Control
    from pplx_jupyter.notebook.form.form import ResearchForm
    from pplx_jupyter.notebook.form.money import Outlook
    from pplx_jupyter.notebook.frontend import Place

__all__ = ["Live", "kept_forms"]

_PATIENCE = 0.05
"""Seconds that the background thread waits for a callback to end."""

_PAUSE = 0.3
"""Seconds without a change until the ledger is asked what a click would cost: not at every key."""


class Live:
    """What one cell shows of a form.

    Parameters
    ----------
    form
        The form; its draft is written here as a person types.
    place
        The cell.
    compact
        Show only what is bound, and the button.

    Attributes
    ----------
    below
        What stands below the form.
    """

    def __init__(self, form: ResearchForm, shell: Any, place: Place, *, compact: bool) -> None:
        self.place = place
        self._form = form
        self._draft = form.draft
        self._compact = compact
        self._lock = threading.RLock()
        # What is made later, on another thread, belongs to this cell all the same.
        self._context = contextvars.copy_context()
        self._setting = False
        self._changes = 0
        self._known = ""
        self._found = Checked({}, None)
        token = secrets.token_hex(4)
        pin = Pin(place.kernel, place.parent)
        self._kit = Kit()
        self._kit.pin(pin)
        self.below = Below(self._kit, shell, place, token, on_turn=self._look_later, on_anew=self._asked_anew)
        self._slot = KeptSlot(f"pplx-form-{token}-cell", pin, token)
        self._page = Page(
            self._kit,
            self._draft.bound.widgets(),
            compact=compact,
            token=token,
            how="" if place.voila else _how_to_get(form.name),
            on_change=self._changed,
            on_ask=self._clicked,
            on_clear=self._cleared,
        )
        self._write()

    def show(self, shell: Any) -> None:
        """Put the form below the running cell, and what its file keeps, from the cell's own thread."""
        outer = self._kit.column(self._page.box, self.below.box)
        self._check()
        self._look(self._changes)
        bundle = {"version_major": 2, "version_minor": 0, "model_id": outer.model_id}
        shell.display_pub.publish(data={**NOTHING, "application/vnd.jupyter.widget-view+json": bundle})
        if not self.place.voila:
            self._slot.place(shell, next_to_widget(kept_forms(self._form)))
            self.below.place()

    def close(self) -> None:
        """Free the widgets."""
        with self._lock:
            self._changes += 1
            self.below.close()
            self._page.close()
            self._kit.close()
            self._draft.bound.close()

    def _write(self) -> None:
        """Put the draft into the controls."""
        self._setting = True
        try:
            held = {**self._draft.values, "prompt": self._draft.template, "name": self._draft.name}
            for control in self._page.controls:
                control.set(held)
        finally:
            self._setting = False

    def _changed(self, _change: Any) -> None:
        if self._setting:
            return
        with self._lock:
            self._check()
            self._look_later()

    def _cleared(self, _button: Any) -> None:
        with self._lock:
            self._draft.template, self._draft.values, self._draft.follows = "", {}, None
            self._write()
            self._check()
            self._look_later()

    def _clicked(self, _button: Any) -> None:
        with self._lock:
            if self._check().request is None:
                return
            before = self._page.button
            self._changes += 1
            self._look(self._changes)
            if self._page.button != before and self._page.button.startswith("Ask"):
                # A variable, a setting or a choice has changed since: nothing is bought that was not shown.
                return
            job = self._form.ask()
            self._known = self._known if job is None else job.id
            self._changes += 1
            self._look(self._changes)

    def _asked_anew(self, before: str, job: Job) -> None:
        """Let the form hold the job that a click on "Ask again" below it led to."""
        self._known = job.id
        self._form.follow(before, job)

    def _read(self) -> dict[Control, RequestError]:
        """Take what stands in the controls into the draft; give what is no value at all."""
        unread: dict[Control, RequestError] = {}
        values: dict[str, Any] = {}
        for control in self._page.controls:
            try:
                found = control.get()
            except RequestError as error:
                unread[control] = error
                continue
            for name, value in found.items():
                # Several controls may set keys of one mapping.
                both = isinstance(value, dict) and isinstance(values.get(name), dict)
                values[name] = (
                    {**values[name], **value} if both else values.get(name) if value is None else value
                )
        if values:
            self._draft.take(values)
        return unread

    def _check(self) -> Checked:
        """Check what stands in the form, and say beside each field what is wrong."""
        unread = self._read()
        by_name = {name: error for control, error in unread.items() for name in control.names}
        self._found = found = self._draft.check(by_name)
        sentences = {control: sentence_of(error, control.part) for control, error in unread.items()}
        for name, error in found.errors.items():
            control = None if name in by_name else self._at_fault(name)
            if control is not None:
                sentences[control] = sentence_of(error, control.part)
        self._page.tell(sentences, self._draft.values)
        if found.errors:
            self._refuse(_to_mend(sentences, found))
        elif found.request is None:
            self._refuse("<p>Write a question; then it can be asked.</p>")
        cell = "" if found.request is None else self._draft.cell()
        values = self._draft.bound.values.items()
        self._page.show_cell(
            cell, "".join(f"; {escape(name)} is {escape(repr(held))}" for name, held in values)
        )
        return found

    def _at_fault(self, name: str) -> Control | None:
        """Give the control that a field's error stands below: of several for one mapping, the one that is wrong."""
        having = [each for each in self._page.controls if name in each.names]
        wrong = (each for each in having[1:] if refusal_of(name, each.get()[name]) is not None)
        return next(wrong, having[0] if having else None)

    def _refuse(self, html: str) -> None:
        self._page.show_money(html, "Ask", enabled=False)

    def _look_later(self) -> None:
        """Ask the ledger when nothing has changed for a moment."""
        from pplx_jupyter.watch.thread import background_loop

        self._changes += 1
        change, context, loop = self._changes, self._context.copy(), background_loop()

        def look() -> None:
            context.run(self._look, change)

        loop.call_soon_threadsafe(loop.call_later, _PAUSE, look)

    def _look(self, change: int) -> None:
        """Say what a click would do and cost; of several changes only the last is looked up."""
        # A click may run the user's own code under this lock; the background thread has all jobs to watch.
        if not self._lock.acquire(timeout=_PATIENCE):
            self._look_later()
            return
        try:
            if change != self._changes:
                return
            found, told = self._found, None
            try:
                if found.request is not None:
                    told = outlook(
                        self._form.session(),
                        found.request,
                        self.place.notebook,
                        is_known=found.is_known,
                        how=self._form.how,
                    )
                    self._page.show_money(told.html(), told.button, enabled=True)
                if self._compact and told is not None and told.answered is not None:
                    self._show_known(told.answered.id)
            except PplxError as error:
                self._refuse(f"<p><b>This cannot be asked:</b> {escape(words_of(error))}</p>")
            self._slot.update(next_to_widget(kept_forms(self._form, told)), {})
        finally:
            self._lock.release()

    def _show_known(self, job_id: str) -> None:
        """Show an answer that is in the ledger for what is chosen: it is free."""
        if job_id != self._known:
            self._known = job_id
            self._form.hold(job_id)


def kept_forms(form: ResearchForm, told: Outlook | None = None) -> dict[str, str]:
    """Give what a file keeps of a form, see `static_forms`."""
    try:
        cell = form.cell if form.draft.template.strip() else ""
    except RequestError:
        # What is wrong is said in the live form; a file keeps no half of a cell.
        cell = ""
    return static_forms(cell, told.plain() if told is not None else "", form.draft.bound.values)


def _to_mend(sentences: Mapping[Control, str], found: Checked) -> str:
    if not sentences:
        said = " ".join(words_of(error) for error in found.errors.values())
        return f"<p><b>This cannot be asked:</b> {escape(said)}</p>"
    fields = "1 field" if len(sentences) == 1 else f"{len(sentences)} fields"
    return f"<p><b>{fields} to mend</b> before this can be asked.</p>"


def _how_to_get(name: str) -> str:
    line = f"%pplx form {name} --cell".replace("  ", " ")
    return f", or run <code>{escape(line)}</code> to get it in place"
