"""What a person can do about a job that gave no answer, as buttons, and what a click on one does.

A click must not buy twice: another kernel, or the command line, may have settled the job since the buttons came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.notebook.panel.texts import ASK_AGAIN, CLOSE
from pplx_jupyter.notebook.usual import usual_cost

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session

__all__ = ["asked_again", "closed", "offers_of"]


def offers_of(row: Row) -> tuple[str, ...]:
    """Give the buttons of a job that gave no answer; what spends says how much."""
    again = f"{ASK_AGAIN} ({usual_cost(row) or 'billed anew'})"
    if row.state == "unconfirmed":
        return again, CLOSE
    if row.is_adopted:
        return ()
    # One that a person cancelled was not wanted; one that was never accepted is sent by running its cell.
    return (again,) if row.state in {"failed", "expired"} and row.accepted_at is not None else ()


def asked_again(session: Session, row: Row) -> Row:
    """Give the row that serves the question now: what was made of it elsewhere meanwhile, or a new purchase.

    Raises
    ------
    PplxError
        Nothing can be sent; the message says why.
    """
    from pplx_jupyter.job import Job

    now = session.ledger.get(row.id) or row
    if row.state == "unconfirmed":
        return session.settle(row.id, ask_again=True) if now.state == "unconfirmed" else now
    # Decided under the ledger's lock: an answer, or a job under way, that came since is taken.
    submitted = session.submit(
        Job(session, row.id).request,
        name=row.name,
        notebook=row.notebook,
        cell=row.cell,
        filled=row.filled,
        retry_of=row,
    )
    session.watch()
    return submitted.row


def closed(session: Session, row: Row) -> Row:
    """Close an unconfirmed job, and give its row; nothing is sent."""
    now = session.ledger.get(row.id) or row
    return session.settle(row.id) if now.state == "unconfirmed" else now
