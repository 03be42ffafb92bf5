"""Showing a job where the present cell runs: a live panel, a settled answer, or a cell that blocks."""

from __future__ import annotations

import datetime
import secrets
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter import render
from pplx_jupyter.notebook.display import Pin, Slot, output_metadata
from pplx_jupyter.notebook.progress import status_text, usual, usual_range
from pplx_jupyter.notebook.view import final_forms, show_final, show_live, show_text
from pplx_jupyter.render.words import duration, time_of_day
from pplx_jupyter.rows import receipt_of

if TYPE_CHECKING:
    from pplx_jupyter.job import Job
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["show"]

_END_OF_CELL = 0.05
"""Seconds that a cell is given to end before the background thread begins."""


def show(
    shell: Any,
    job: Job,
    session: Session,
    place: Place,
    *,
    wait: bool | None = None,
    timeout: float | None = None,
    brief: bool = False,
) -> None:
    """Show a job below the running cell, and wait for it where that is asked for or nobody is there to watch.

    Raises
    ------
    PplxError
        The cell blocks, and the job gives no answer: the run must fail.
    """
    row = job.row
    blocks = _blocks(wait, session, place)
    if not row.is_open:
        _show_settled(shell, job, row, place, brief=brief)
        if blocks:
            _raise(job)
        return
    if place.kernel is None:
        _show_in_terminal(session, row, blocks=blocks)
    elif place.headless:
        if blocks:
            _block_headless(shell, job, session, row, place, timeout=timeout, brief=brief)
            return
        shell.display_pub.publish(
            data=render.hint_forms(receipt_of(row), usual=usual_range(row)), metadata=output_metadata(row)
        )
    else:
        show_live(shell, session, row, place, brief=brief, earlier=_earlier(session, row, place))
    session.watch(after=0.0 if blocks else _END_OF_CELL)
    if blocks:
        seconds = session.settings.timeout if timeout is None else timeout
        if place.kernel is None:
            _wait_in_terminal(job, seconds)
        else:
            job.wait(seconds)


def _blocks(wait: bool | None, session: Session, place: Place) -> bool:
    if wait is not None:
        return wait
    return place.headless if session.settings.wait is None else session.settings.wait


def _show_settled(shell: Any, job: Job, row: Row, place: Place, *, brief: bool) -> None:
    body = job.body
    if place.kernel is None:
        print(show_text(row, body, reuse=job.reuse))
    else:
        show_final(shell, row, body, reuse=job.reuse, brief=brief)


def _raise(job: Job) -> None:
    error = job.error
    if error is not None:
        raise error


def _earlier(session: Session, row: Row, place: Place) -> Row | None:
    """Find a job under way that this cell asked before with another question: most often a mended typo."""
    from pplx_jupyter.ledger import OPEN

    if not place.cell:
        return None
    found = session.ledger.jobs(states=OPEN, cell=place.cell, base_url=session.base_url, limit=5)
    return next(
        (other for other in found if other.fingerprint != row.fingerprint and other.cancel == ""), None
    )


def _block_headless(
    shell: Any, job: Job, session: Session, row: Row, place: Place, *, timeout: float | None, brief: bool
) -> None:
    """Wait in the cell, and leave plain outputs alone: no widget survives a run that nobody watches."""
    pin = Pin(place.kernel, place.parent)
    upper = Slot(f"pplx-{row.id}-{secrets.token_hex(3)}-state", pin)
    asked = datetime.datetime.fromtimestamp(row.created_at).astimezone()
    parts = [
        f"{row.label}: sent {time_of_day(asked)}",
        row.model,
        f"effort {row.effort}" if row.effort else "",
        usual(row),
    ]
    sent = ", ".join(part for part in parts if part) + "; waiting"
    upper.show(shell, {"text/plain": sent}, output_metadata(row))
    session.watch()
    try:
        job.wait(session.settings.timeout if timeout is None else timeout)
    except BaseException:
        row = job.row
        if row.is_open:
            upper.update(render.hint_forms(receipt_of(row)), output_metadata(row))
            raise
        _publish_final(shell, upper, row, job.body, brief=brief)
        raise
    _publish_final(shell, upper, job.row, job.body, brief=brief)


def _publish_final(shell: Any, upper: Slot, row: Row, body: str | None, *, brief: bool) -> None:
    first, second = final_forms(row, body, brief=brief)
    if any(first.values()):
        upper.update(first, output_metadata(row))
        shell.display_pub.publish(data=second, metadata=output_metadata(row))
    else:
        upper.update(second, output_metadata(row))


def _show_in_terminal(session: Session, row: Row, *, blocks: bool) -> None:
    print(status_text(row, time.time()))
    if not blocks:
        _Announcer(session, row).start()


_told: set[str] = set()
"""Jobs of a terminal whose answer a blocking cell prints itself."""


def _wait_in_terminal(job: Job, timeout: float | None) -> None:
    _told.add(job.id)
    try:
        job.wait(timeout)
    except BaseException:
        # Whoever stops waiting still wants to hear of it.
        _told.discard(job.id)
        raise
    print(show_text(job.row, job.body))


class _Announcer:
    """A view for a terminal: prints the answer when it is there; IPython keeps such prints above its prompt."""

    def __init__(self, session: Session, row: Row) -> None:
        self.row = row
        self._session = session

    def start(self) -> None:
        from pplx_jupyter.notebook.painter import painter_of

        painter_of(self._session).add(self)

    def note(self, row: Row) -> None:
        self.row = row

    def urgency(self, now: float) -> float:  # noqa: ARG002 - a panel's depends on its clock
        return 0.0 if self.row.is_open else 1.0

    def paint(self, now: float) -> bool:
        row = self.row
        if row.id in _told:
            return True
        text = show_text(row, self._session.ledger.body(row.id))
        print(f"\n{row.label}: {row.state} after {duration(now - row.created_at)}\n{text}", flush=True)
        return True
