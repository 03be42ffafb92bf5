"""What running a question again means: an answer for nothing, a job to follow, or a purchase on purpose.

Pure functions of the question's rows: the ledger calls `decide` under its lock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pplx_jupyter.ledger import REUSABLE, Decision

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Attempts, Row

__all__ = ["decide", "is_older_than"]

_SPENT = ("failed", "cancelled", "expired")


def decide(
    attempts: Attempts,
    *,
    refresh: bool = False,
    retry_failed: bool = False,
    max_age: float | None = None,
    now: float | None = None,
) -> Decision:
    """Say whether a question is answered, followed or sent.

    Parameters
    ----------
    refresh
        Ask anew although an answer is there.
    retry_failed
        Buy a failed, cancelled or expired job again.
    max_age
        Seconds after which an answer is asked anew; None: never.
    now
        Seconds since the epoch; default: the clock.
    """
    best = attempts.best
    if best is None:
        return Decision("new")
    if best.is_open:
        # A fresh one that is under way already is followed: a cell with --refresh may be run twice in a row.
        return Decision("keep", best)
    if refresh:
        return Decision("new")
    if best.state in REUSABLE:
        if not is_older_than(best, max_age, now):
            return Decision("keep", best)
        # Asked anew before, and that gave no answer: buying once more is another decision.
        return _after(attempts.last or best, best, retry_failed=retry_failed)
    return _after(best, None, retry_failed=retry_failed)


def is_older_than(row: Row, max_age: float | None, now: float | None = None) -> bool:
    """Whether a row's answer came longer ago than `max_age` seconds."""
    if max_age is None:
        return False
    return (time.time() if now is None else now) - (row.settled_at or row.created_at) > max_age


def _after(last: Row, answered: Row | None, *, retry_failed: bool) -> Decision:
    """Decide by the last attempt, which is the too old answer itself or gave none."""
    if answered is not None and last.id == answered.id:
        return Decision("new")
    if last.state in _SPENT and last.accepted_at is None and last.sending_at is None:
        return Decision("arm", last)
    if retry_failed and last.state in _SPENT and last.accepted_at is not None:
        return Decision("new")
    return Decision("keep", last)
