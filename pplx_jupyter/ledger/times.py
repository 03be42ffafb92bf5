"""How long a job took: one notion for what is usual, for tables, charts and receipts.

Its time at the service begins with the first byte of its submit and ends as its answer is here. What
it waited before that is not Perplexity's doing: for its turn in a batch, through a pause or a night,
for a limit of questions a minute. Only the last submit counts of a job that was certainly refused
before, such as one that moved to the other API; the first of those that may have arrived, since a
resend under the same key may find the job at work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pplx_jupyter.ledger.records import Row

__all__ = ["TOOK", "began", "elapsed", "sent_at", "took"]

TOOK = "max(0.0, settled_at - coalesce(sending_at, accepted_at, created_at))"
"""`took` of a settled job, in SQL."""


def sent_at(row: Row) -> float | None:
    """Give when a job left for the service, in seconds since the epoch; None where it never did, or came back.

    What was adopted was asked elsewhere: there the service says when.
    """
    return row.accepted_at if row.sending_at is None else row.sending_at


def began(row: Row) -> float:
    """Give from when a job's time at the service counts; from the asking where it never left."""
    sent = sent_at(row)
    return row.created_at if sent is None else sent


def took(row: Row, now: float | None = None) -> float | None:
    """Give the seconds that a job was at the service, until `now` while it is under way; None where it has no end.

    This is what jobs are compared by: the usual time, "longer than usual", cost against duration.
    """
    end = _end(row, now)
    return None if end is None else max(0.0, end - began(row))


def elapsed(row: Row, now: float | None = None) -> float | None:
    """Give the seconds to show beside one job, until `now` while it is under way; None where there is nothing to tell.

    A job that was asked alone counts from the asking: somebody waits for it from then on. A row of a
    batch waits for its turn first, and counts from when it was sent; one that never left has no time.
    """
    end, start = _end(row, now), sent_at(row) if row.batch else row.created_at
    return None if end is None or start is None else max(0.0, end - start)


def _end(row: Row, now: float | None) -> float | None:
    return now if row.is_open else row.settled_at
