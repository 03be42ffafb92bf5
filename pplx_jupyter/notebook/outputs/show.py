"""Showing a job where the present cell runs: a live panel, a settled answer, or a cell that blocks."""

from __future__ import annotations

import datetime
import secrets
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter import render
from pplx_jupyter.ledger.times import elapsed
from pplx_jupyter.notebook.away import mark_shown
from pplx_jupyter.notebook.outputs.display import Pin, Slot, is_captured, output_metadata
from pplx_jupyter.notebook.outputs.final import final_forms, show_text
from pplx_jupyter.notebook.outputs.placed import Placed, remember
from pplx_jupyter.notebook.outputs.shown import note_shown
from pplx_jupyter.notebook.panel.placing import show_final, show_live
from pplx_jupyter.notebook.panel.progress import status_text
from pplx_jupyter.notebook.usual import usual, usual_range
from pplx_jupyter.render.words import duration, time_of_day
from pplx_jupyter.rows import awaits_pictures, earlier_of, receipt_of
from pplx_jupyter.session import asked_here

if TYPE_CHECKING:
    from pplx_jupyter.job import Job
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["does_block", "show"]

_BELL = "\a"
_LOOKED_AT = 50
"""The newest jobs of a cell's id that are looked at: a copied notebook's cells have the ids of the first one's."""

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
    sound: bool = False,
) -> None:
    """Show a job below the running cell, and wait for it where that is asked for or nobody is there to watch.

    With `sound` a person hears when it has ended, in the page or from the terminal.
    With the setting `parallel`, a cell that nobody watches does not wait: the first use of the job's
    result does, and ``%pplx wait`` completes the cell's outputs.

    Raises
    ------
    PplxError
        The cell blocks, and the job gives no answer: the run must fail.
    """
    row = job.row
    note_shown(place, row.id)
    blocks = does_block(wait, session, place)
    waits_at_use = wait is None and not blocks and place.headless and session.settings.parallel
    seconds = session.settings.timeout if timeout is None else timeout
    if not row.is_open:
        _show_settled(shell, job, row, place, brief=brief)
        if blocks or waits_at_use:
            _raise(job)
        return
    job.waits_at_use = waits_at_use
    if place.kernel is None or place.headless:
        _print_why(session, row)
    if place.kernel is None:
        _show_in_terminal(session, row, blocks=blocks, sound=sound)
    elif place.headless and blocks:
        _block_headless(shell, job, row, place, seconds, brief=brief)
        return
    elif place.headless:
        _place_headless(shell, job, row, place, seconds, brief=brief)
    else:
        earlier = _earlier(session, row, place)
        show_live(shell, session, row, place, brief=brief, sound=sound, earlier=earlier)
        remember(Placed(job))
    session.watch(after=0.0 if blocks else _END_OF_CELL)
    if blocks and place.kernel is None:
        _wait_in_terminal(job, seconds, sound=sound)
    elif blocks:
        job.wait(seconds)


def _print_why(session: Session, row: Row) -> None:
    """Say what makes the question a new one, where no panel does."""
    from pplx_jupyter.notebook.cell.why import why_asked

    told = why_asked(session, row)
    if told:
        print(told)


def does_block(wait: bool | None, session: Session, place: Place) -> bool:
    """Whether a cell waits for its answer."""
    settings = session.settings
    if wait is not None:
        return wait
    if place.headless and settings.parallel:
        return False
    return place.headless if settings.wait is None else settings.wait


def _show_settled(shell: Any, job: Job, row: Row, place: Place, *, brief: bool) -> None:
    body = job.body
    if place.kernel is None:
        ledger = job.session.ledger
        told = earlier_of(ledger, row)
        print(show_text(row, body, ledger.pictures(row.id), reuse=job.reuse, follows=told))
    else:
        show_final(shell, job.session, row, body, place, reuse=job.reuse, brief=brief)


def _raise(job: Job) -> None:
    error = job.error
    if error is not None:
        raise error


def _earlier(session: Session, row: Row, place: Place) -> Row | None:
    """Find a job under way that this cell asked before with another question: most often a mended typo.

    It must be this notebook's, or, where no name is known, this kernel's.
    """
    from pplx_jupyter.ledger import OPEN

    if not place.cell:
        return None
    found = session.ledger.jobs(states=OPEN, cell=place.cell, base_url=session.base_url, limit=_LOOKED_AT)
    ours = [other for other in found if other.notebook == place.notebook]
    if not place.notebook:
        here = asked_here()
        ours = [other for other in ours if other.id in here]
    return next((other for other in ours if other.fingerprint != row.fingerprint and not other.cancel), None)


def _place_headless(
    shell: Any, job: Job, row: Row, place: Place, seconds: float | None, *, brief: bool
) -> None:
    """Leave both outputs to be completed by a later cell that waits."""
    token = secrets.token_hex(3)
    pin, captured = Pin(place.kernel, place.parent), is_captured(place.parent)
    upper, lower = (
        Slot(f"pplx-{row.id}-{token}-{end}", pin, is_captured=captured) for end in ("state", "answer")
    )
    upper.show(shell, {"text/plain": _sent(row)}, output_metadata(row))
    lower.show(shell, render.hint_forms(receipt_of(row), usual=usual_range(row)), output_metadata(row))
    until = None if seconds is None else time.monotonic() + seconds
    remember(Placed(job, upper, lower, brief=brief, until=until))


def _sent(row: Row) -> str:
    asked = datetime.datetime.fromtimestamp(row.created_at).astimezone()
    parts = [
        f"{row.label}: sent {time_of_day(asked)}",
        row.model,
        f"effort {row.effort}" if row.effort else "",
        usual(row),
    ]
    return ", ".join(part for part in parts if part)


def _block_headless(
    shell: Any, job: Job, row: Row, place: Place, seconds: float | None, *, brief: bool
) -> None:
    """Wait in the cell, and leave plain outputs alone: no widget survives a run that nobody watches."""
    upper = Slot(
        f"pplx-{row.id}-{secrets.token_hex(3)}-state",
        Pin(place.kernel, place.parent),
        is_captured=is_captured(place.parent),
    )
    upper.show(shell, {"text/plain": _sent(row) + "; waiting"}, output_metadata(row))
    job.session.watch()
    try:
        job.wait(seconds)
    except BaseException:
        row = job.row
        if row.is_open:
            upper.update(render.hint_forms(receipt_of(row)), output_metadata(row))
            raise
        _publish_final(shell, upper, job, brief=brief)
        raise
    _publish_final(shell, upper, job, brief=brief)


def _publish_final(shell: Any, upper: Slot, job: Job, *, brief: bool) -> None:
    row = job.row
    ledger = job.session.ledger
    first, second = final_forms(
        row, job.body, ledger.pictures(row.id), follows=earlier_of(ledger, row), brief=brief
    )
    mark_shown(job.session.ledger, row)
    if any(first.values()):
        upper.update(first, output_metadata(row))
        shell.display_pub.publish(data=second, metadata=output_metadata(row))
    else:
        upper.update(second, output_metadata(row))


def _show_in_terminal(session: Session, row: Row, *, blocks: bool, sound: bool) -> None:
    print(status_text(row, time.time()))
    if not blocks:
        _Announcer(session, row, sound=sound).start()


_told: set[str] = set()
"""Jobs of a terminal whose answer a blocking cell prints itself."""


def _wait_in_terminal(job: Job, timeout: float | None, *, sound: bool) -> None:
    _told.add(job.id)
    try:
        job.wait(timeout)
    except BaseException:
        # Whoever stops waiting still wants to hear of it.
        _told.discard(job.id)
        raise
    row, ledger = job.row, job.session.ledger
    text = show_text(row, job.body, ledger.pictures(job.id), follows=earlier_of(ledger, row))
    print(f"{_BELL if sound else ''}{text}")


class _Announcer:
    """A view for a terminal: prints the answer when it is there; IPython keeps such prints above its prompt."""

    def __init__(self, session: Session, row: Row, *, sound: bool = False) -> None:
        self.row = row
        self._session = session
        self._bell = _BELL if sound else ""

    def start(self) -> None:
        from pplx_jupyter.notebook.panel.painter import painter_of

        painter_of(self._session).add(self)

    def note(self, row: Row) -> None:
        self.row = row

    def urgency(self, now: float) -> float:
        return 0.0 if self.row.is_open or awaits_pictures(self.row, now) else 1.0

    def paint(self, now: float) -> bool:
        row = self.row
        if row.id in _told:
            return True
        ledger = self._session.ledger
        text = show_text(row, ledger.body(row.id), ledger.pictures(row.id), follows=earlier_of(ledger, row))
        seconds = elapsed(row, now)
        after = "" if seconds is None else f" after {duration(seconds)}"
        print(f"{self._bell}\n{row.label}: {row.state}{after}\n{text}", flush=True)
        return True
