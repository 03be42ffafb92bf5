"""What the buttons of the table of jobs do: the same as the verbs that they are named after."""

from __future__ import annotations

import contextvars
import functools
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger import OPEN, REUSABLE
from pplx_jupyter.ledger.once import warn_once
from pplx_jupyter.notebook.history.controls import ANEW
from pplx_jupyter.notebook.panel.offers import asked_again
from pplx_jupyter.notebook.panel.progress import waits_for_its_turn
from pplx_jupyter.notebook.panel.texts import CANCEL
from pplx_jupyter.notebook.panel.view import View
from pplx_jupyter.rows import has_answer

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.history.browser import Browser
    from pplx_jupyter.notebook.outputs.display import Pin
    from pplx_jupyter.session import Session

__all__ = ["Acts", "possible"]


def possible(row: Row) -> tuple[frozenset[str], str]:
    """Give the buttons that a job has a use for, and what a person may want to know of it."""
    if row.forgotten_at is not None:
        return frozenset({"Show"}), "Its prompt and answer were deleted; what it cost is kept."
    if waits_for_its_turn(row):
        return frozenset(
            {"Show", "Watch", "Cancel"}
        ), "It waits for its turn in a batch; Cancel drops it for nothing."
    if row.state in OPEN:
        return frozenset({"Show", "Watch", "Cancel"}), "Watch follows it here; it goes on in any case."
    if row.state == "unconfirmed":
        return frozenset({"Show"}), "Show it to settle whether it was bought."
    can = {"Show"}
    if has_answer(row):
        can |= {"Compare", "Export"}
    if row.is_adopted:
        return frozenset(can), "It was asked elsewhere; its question is not known here."
    can.add(ANEW)
    kept = "this answer is kept" if has_answer(row) else "it gave no answer"
    return frozenset(can), f"{ANEW} buys a new answer; {kept}."


class Acts:
    """What is done with a row of one table.

    Parameters
    ----------
    variables
        The user's own: NAME gets the job that a new question became.
    """

    def __init__(
        self, session: Session, pin: Pin, browser: Browser, variables: dict[str, Any] | None
    ) -> None:
        self._session = session
        self._pin = pin
        self._browser = browser
        self._variables = {} if variables is None else variables
        self._view: View | None = None
        # What is made in another thread belongs to the cell all the same.
        self._context = contextvars.copy_context()

    @property
    def is_following(self) -> bool:
        """Whether it shows a job under way, for which a person may wait without a click."""
        view = self._view
        if view is None or not view.row.is_open:
            return False
        try:
            # Where watching was stopped, the view knows no newer row.
            row = self._session.ledger.get(view.row.id)
        except LedgerError as error:
            warn_once(str(error))
            return True
        return row is not None and row.is_open

    def look_elsewhere(self) -> None:
        """Ask the service for what was asked elsewhere, in the background."""
        from pplx_jupyter.elsewhere import look_elsewhere

        look_elsewhere(self._session)

    def open(self, row: Row, *, cancel: bool = False) -> None:
        """Show a job below the table: its panel while it is under way, else how it ended.

        Parameters
        ----------
        cancel
            Ask whether it is to be cancelled.
        """
        from pplx_jupyter.notebook.panel.painter import painter_of

        row = self._session.follow(self._session.ledger.get(row.id) or row)
        made = functools.partial(View, self._session, row, self._pin, has_file=False, on_anew=self._replaced)
        view = self._context.copy().run(made)
        view.note_now()
        before, self._view = self._view, view
        self._browser.show_detail(view.panel.box)
        self._forget(before)
        if row.is_open:
            if self._session.has_key:
                self._session.watch()
            if cancel:
                view.click(CANCEL)
        painter_of(self._session).add(view)

    def ask_anew(self, row: Row) -> None:
        """Buy a new answer to a question: one purchase a click, and none where one is under way."""
        from pplx_jupyter.job import Job

        if row.state in REUSABLE:
            request = Job(self._session, row.id).request
            submitted = self._session.submit(
                request, name=row.name, notebook=row.notebook, cell=row.cell, filled=row.filled, refresh=True
            )
            self._session.watch()
            new = submitted.row
        else:
            new = asked_again(self._session, row)
        self._replaced(row, new)
        self._browser.await_end(new)
        self._browser.refresh(choose=new.id)
        self.open(new)

    def compare(self, row: Row) -> None:
        """Show what changed since the answer before."""
        from pplx_jupyter.job import Job
        from pplx_jupyter.notebook.verbs.comparing import compared

        job = Job(self._session, row.id)
        diff, _, _ = compared(job, job.earlier())
        self._show_html(diff._repr_mimebundle_()["text/html"])

    def export(self, row: Row, file: str) -> None:
        """Write an answer to a file of the kind that its name says."""
        from pplx_jupyter.export.files import told
        from pplx_jupyter.job import Job, answer_to

        answer = answer_to("save", Job(self._session, row.id))
        self._browser.say(str(told(answer.save(file))))

    def close(self) -> None:
        """Free what is shown below the table."""
        before, self._view = self._view, None
        self._forget(before)

    def _show_html(self, html: str) -> None:
        self._browser.page.value = html
        self._browser.show_detail(self._browser.page)
        self.close()

    def _forget(self, view: View | None) -> None:
        from pplx_jupyter.notebook.panel.painter import painter_of

        if view is not None:
            painter_of(self._session).remove(view)
            view.close()

    def _replaced(self, before: Row, after: Row) -> None:
        """Let NAME hold the job that followed, where it still holds the one before."""
        from pplx_jupyter.job import Job

        held = self._variables.get(before.name)
        if isinstance(held, Job) and held.id == before.id:
            self._variables[before.name] = Job(self._session, after.id)
