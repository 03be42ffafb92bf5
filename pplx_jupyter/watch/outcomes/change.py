"""What is written into a row, and the parts that every kind of reply shares: an end, a passing trouble."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.refusals import retry_after, said
from pplx_jupyter.watch import pace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.api.wire import Reply
    from pplx_jupyter.ledger import Row

__all__ = ["HOURLY", "MINUTE", "Change", "ended", "noted", "troubled", "until_free"]

HOURLY = 3600.0
MINUTE = 60.0

_TOLD_LONGEST = 5.0
"""How far our own backoff may lengthen the wait that a server names."""


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What to write into a row, and what to remember of its account.

    Attributes
    ----------
    body
        The body to keep with it, as it came.
    retired_for
        Seconds for which the sonar API counts as retired for this account; None: nothing new.
    limited
        The service refused a question as one too many.
    limited_until
        When it said to come again, in seconds since the epoch; None: it did not say.
    pictures
        The addresses of the answer's own images, where they were asked for.
    """

    changes: dict[str, Any]
    body: str | None = None
    retired_for: float | None = None
    limited: bool = False
    limited_until: float | None = None
    pictures: Sequence[str] = ()


def ended(state: str, failure: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Give what ends a row without an answer: nobody follows it any more."""
    return {
        "state": state,
        "failure": {**failure, "at": failure.get("at", now)},
        "settled_at": now,
        "trouble": None,
        "owner": "",
    }


def noted(row: Row, kind: str, words: str, now: float, wait: float) -> dict[str, Any]:
    """Give what notes a passing trouble, after which a row is looked at again in so many seconds."""
    since = row.trouble["since"] if row.trouble and row.trouble.get("kind") == kind else now
    trouble = {"kind": kind, "said": words, "since": since, "next": now + wait, "wait": wait}
    return {"trouble": trouble, "tries": row.tries + 1, "due_at": now + wait}


def troubled(
    row: Row, kind: str, reply: Reply, now: float, wait: float, *, words: str = ""
) -> dict[str, Any]:
    """Give what notes a trouble that a reply tells of; `words` take the place of the reply's own."""
    changes = noted(row, kind, words or said(reply), now, wait)
    changes["trouble"] |= {"status": reply.status, "request_id": reply.request_id}
    return changes


def until_free(row: Row, reply: Reply, now: float) -> float:
    """Give the seconds to wait after a 429: the server's, but never so few that the limit is kept full by asking."""
    told = retry_after(reply.headers, now)
    longest = 60.0 if told is None else _TOLD_LONGEST
    return max((told or 0.0) + 0.1, pace.backoff(row.tries + 1, longest=longest))
