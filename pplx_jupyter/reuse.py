"""What running a question again means: an answer for nothing, a job to follow, or a purchase on purpose.

Pure functions of the question's rows: the ledger calls `decide` under its lock.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from pplx_jupyter.ledger import REUSABLE, Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.ledger import Attempts, Row

__all__ = ["Seen", "again", "decide", "is_older_than"]

_SPENT = ("failed", "cancelled", "expired")


def decide(
    attempts: Attempts,
    *,
    refresh: bool = False,
    since: float | None = None,
    retry_failed: bool = False,
    max_age: float | None = None,
    now: float | None = None,
) -> Decision:
    """Say whether a question is answered, followed or sent.

    Parameters
    ----------
    refresh
        Ask anew although an answer is there.
    since
        Since when what was asked is fresh enough for `refresh`, in seconds since the epoch; None: never.
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
    if refresh and since is not None and (attempts.last or best).created_at >= since:
        # Asked anew already, by a run that was cut off: what came of that is what it is worth.
        is_fresh = best.state in REUSABLE and best.created_at >= since
        return (
            Decision("keep", best)
            if is_fresh
            else _after(attempts.last or best, None, retry_failed=retry_failed)
        )
    if refresh:
        return Decision("new")
    if best.state in REUSABLE:
        if not is_older_than(best, max_age, now):
            return Decision("keep", best)
        # Asked anew before, and that gave no answer: buying once more is another decision.
        return _after(attempts.last or best, best, retry_failed=retry_failed)
    return _after(best, None, retry_failed=retry_failed)


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """How a question's attempt ended, as a person saw it who buys it again.

    Attributes
    ----------
    key
        Its idempotency key: a row that is sent once more has a new one.
    ended
        Seconds since the epoch; None where it is not known.
    """

    key: str
    ended: float | None = None


def again(attempts: Attempts, *, seen: Mapping[str, Seen]) -> Decision:
    """Say whether a question is bought anew by who has seen how its last attempt ended.

    What came of it since, from another window's click or a late reply, is taken instead: a job under way,
    an answer, another attempt, one that may have been billed.

    Parameters
    ----------
    seen
        What was seen, by fingerprint.
    """
    best, last = attempts.best, attempts.last
    if best is None or last is None:
        return Decision("new")
    if best.is_open:
        return Decision("keep", best)
    known = seen.get(last.fingerprint, Seen(""))
    is_newer = (best.settled_at or 0.0) > (known.ended or 0.0)
    if best.state in REUSABLE and best.idempotency_key != known.key and is_newer:
        return Decision("keep", best)
    if last.state == "unconfirmed" or last.idempotency_key != known.key:
        return Decision("keep", last)
    return Decision("arm", last) if _never_left(last) else Decision("new")


def is_older_than(row: Row, max_age: float | None, now: float | None = None) -> bool:
    """Whether a row's answer came longer ago than `max_age` seconds."""
    if max_age is None:
        return False
    return (time.time() if now is None else now) - (row.settled_at or row.created_at) > max_age


def _after(last: Row, answered: Row | None, *, retry_failed: bool) -> Decision:
    """Decide by the last attempt, which is the too old answer itself or gave none."""
    if answered is not None and last.id == answered.id:
        return Decision("new")
    if _never_left(last):
        return Decision("arm", last)
    if retry_failed and last.state in _SPENT and last.accepted_at is not None:
        return Decision("new")
    return Decision("keep", last)


def _never_left(row: Row) -> bool:
    """Whether the service never took what has ended: it may be sent once more as it is."""
    return row.state in _SPENT and row.accepted_at is None and row.sending_at is None
