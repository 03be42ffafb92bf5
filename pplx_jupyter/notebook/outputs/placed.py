"""The cells of this kernel that show a job under way: what ``%pplx wait`` waits for and completes.

A frontend takes a late update of an earlier cell from any thread. A run that nobody watches (nbclient,
papermill, nbconvert) drops whatever does not answer the cell that runs just then: there the cell that
waits publishes the final outputs itself, from the main thread, into the cells that they belong to.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import JobUnconfirmed, PplxError, WaitTimeout
from pplx_jupyter.job import Job
from pplx_jupyter.notebook.away import mark_shown
from pplx_jupyter.notebook.outputs.display import Pin, Slot, output_metadata
from pplx_jupyter.rows import answer_of, earlier_of, receipt_of
from pplx_jupyter.session import asked_here

if TYPE_CHECKING:
    from pplx_jupyter.notebook.frontend import Place
    from pplx_jupyter.session import Session

__all__ = ["Placed", "remember", "under_way", "wait_for_all"]


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """A job, and where its final outputs belong.

    Attributes
    ----------
    upper, lower
        The cell's two outputs; None where a painter completes them, or where no cell shows the job.
    brief
        Fold all sections of the answer but the first.
    until
        When the cell's own timeout ends, on the monotonic clock; None: as long as it takes.
    """

    job: Job
    upper: Slot | None = None
    lower: Slot | None = None
    brief: bool = False
    until: float | None = None

    def publish(self, pin: Pin) -> None:
        """Put the final outputs into their cell, as a message of the cell that runs now."""
        row = self.job.row
        if self.upper is None or self.lower is None or row.is_open:
            return
        from pplx_jupyter.notebook.outputs.final import final_forms

        ledger = self.job.session.ledger
        told = earlier_of(ledger, row)
        both = final_forms(row, ledger.body(row.id), ledger.pictures(row.id), follows=told, brief=self.brief)
        for slot, forms in zip((self.upper, self.lower), both, strict=True):
            dataclasses.replace(slot, pin=pin).update(forms, output_metadata(row))
        mark_shown(ledger, row)

    def end(self, timeout: float | None) -> PplxError | None:
        """Wait for the job, `timeout` seconds at most where its cell set none; give why it has no answer, or None.

        Raises
        ------
        WaitInterrupted
            A person interrupted.
        """
        try:
            self.job.wait(timeout if self.until is None else max(0.0, self.until - time.monotonic()))
        except PplxError as error:
            return error
        return None


_placed: list[Placed] = []


def remember(placed: Placed) -> None:
    """Keep a cell that shows a job under way until `wait_for_all` has completed it; a job that panels show, once."""
    _placed[:] = [each for each in _placed if each.upper is not None or each.job.id != placed.job.id]
    _placed.append(placed)


def under_way(session: Session) -> list[Placed]:
    """Give this kernel's cells that want their final outputs, and its jobs that no cell shows, oldest first."""
    # Those of another address stay out: the demo's service may have ended with its jobs under way.
    here = [each for each in _placed if each.job.session.base_url == session.base_url]
    shown = [each for each in here if _wants(each)]
    known = {each.job.id for each in shown}
    rows = [session.ledger.get(job_id) for job_id in asked_here() if job_id not in known]
    hidden = sorted((row for row in rows if row is not None and row.is_open), key=lambda row: row.created_at)
    return shown + [Placed(Job(session, row.id)) for row in hidden]


def wait_for_all(session: Session, place: Place) -> None:
    """Wait for every job that this kernel has under way, and leave each final output in its own cell.

    Says one line a job.

    Raises
    ------
    PplxError
        A job gave no answer; the outputs of all others are there all the same.
    WaitInterrupted
        A person interrupted; what had ended is there.
    """
    from pplx_jupyter.notebook.batch.show import placed_batches, wait_for_batches

    waiting = under_way(session)
    if not waiting and not placed_batches(session):
        print("No job of this kernel is under way. %pplx jobs lists all; %pplx wait ID waits for one.")
        return
    pin = Pin(place.kernel, place.parent)
    ends: dict[str, PplxError | None] = {}
    try:
        for each in waiting:
            if each.job.id not in ends:
                ends[each.job.id] = error = each.end(session.settings.timeout)
                print(error or _line(each.job))
    finally:
        for each in waiting:
            each.publish(pin)
        _placed[:] = [each for each in _placed if each not in waiting or each.job.row.is_open]
    errors = [error for error in ends.values() if error is not None]
    errors += wait_for_batches(session, place)
    if errors:
        raise min(errors, key=_mildness).with_traceback(None)


def _wants(placed: Placed) -> bool:
    """Whether there is something to wait for, or an output to complete; a forgotten job has neither."""
    row = placed.job.session.ledger.get(placed.job.id)
    return row is not None and (row.is_open or placed.upper is not None)


def _line(job: Job) -> str:
    from pplx_jupyter import render

    row = job.row
    answer = answer_of(row, job.session.ledger.body(row.id))
    return f"{row.label}: {render.state_forms(answer, receipt_of(row))['text/plain']}"


def _mildness(error: PplxError) -> bool:
    """Put what failed before what may still come: one error stands for them all."""
    return isinstance(error, WaitTimeout | JobUnconfirmed)
