"""The end of a script: what is on its way gets a moment, and what is left is named."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.gate import is_parked

if TYPE_CHECKING:
    from collections.abc import Collection

    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.watch.bell import Bell

__all__ = ["say_goodbye"]

_GRACE_SECONDS = 3.0
"""How long a script that ends waits for its intents to leave."""


_NAMED = 5
"""How many are named; a batch may leave a thousand."""


def say_goodbye(ledger: Ledger, bell: Bell, job_ids: Collection[str]) -> None:
    """Give submits that are on their way a moment, then name what is left.

    Parameters
    ----------
    job_ids
        The jobs that this process wrote the intents of.
    """
    try:
        rows = _leave(ledger, bell, job_ids)
    except LedgerError as error:
        print(f"pplx_jupyter: {error}", file=sys.stderr)
        return
    if rows:
        more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
        named = ", ".join(row.label for row in rows[:_NAMED]) + more
        print(
            f"pplx_jupyter: still under way: {named}. Nothing is lost: run this again, or pplx-jupyter jobs, to collect.",
            file=sys.stderr,
        )


def _leave(ledger: Ledger, bell: Bell, job_ids: Collection[str]) -> list[Row]:
    until = time.monotonic() + _GRACE_SECONDS
    heard = bell.rings
    rows = _open_rows(ledger, job_ids)
    # One that has left and has no reply yet is waited for, too: the agent API could not be asked for it later.
    while (
        any(row.state == "submitting" and row.trouble is None and not is_parked(row.due_at) for row in rows)
        and (left := until - time.monotonic()) > 0
    ):
        heard = bell.wait(heard, min(left, 0.1))
        rows = _open_rows(ledger, job_ids)
    return rows


def _open_rows(ledger: Ledger, job_ids: Collection[str]) -> list[Row]:
    rows = (ledger.get(job_id) for job_id in sorted(job_ids))
    return [row for row in rows if row is not None and row.is_open]
