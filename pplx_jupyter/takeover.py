"""Taking over what another key asked: an open row whose key is gone, or refused, is followed by the key at hand.

A row that was sent and has no id is not sent with another key: an idempotency key is known to its own
account alone, so that this could be a second purchase. It is left *unconfirmed*, for a person to settle.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger import OPEN
from pplx_jupyter.ledger.gate import is_parked

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.session import Session

__all__ = ["taken_over"]


def taken_over(session: Session, row: Row) -> Row:
    """Give a row as this session's key may follow it: changed only where nobody follows it, or its own key is refused."""
    if not row.is_open or not session.has_key or row.base_url != session.base_url:
        return row
    account = session.account
    refused = row.trouble is not None and row.trouble.get("kind") in {"unauthorized", "forbidden"}
    if row.account == account or (_is_held(session, row) and not refused):
        return row
    now = time.time()
    changes: dict[str, Any] = {
        "account": account,
        "owner": "",
        "due_at": row.due_at if is_parked(row.due_at) else now,
        "tries": 0,
        "trouble": None,
    }
    if row.state == "submitting" and row.sending_at is not None:
        reason = "sent with another key, and the reply was lost"
        failure = {"kind": "unconfirmed", "reason": reason, "accepted": False, "at": row.sending_at}
        changes |= {"state": "unconfirmed", "failure": failure}
    # Its holder is named: whoever has taken it meanwhile keeps it.
    return session.ledger.write(row.id, changes, owner=row.owner, states=OPEN) or row


def _is_held(session: Session, row: Row) -> bool:
    from pplx_jupyter.watch.lease import free_owners

    owners = session.ledger.owners()
    return row.owner in {owner.id for owner in owners} and row.owner not in free_owners(owners)
