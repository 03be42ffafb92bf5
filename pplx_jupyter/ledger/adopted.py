"""What a row of an adopted job holds: one that the service lists, and that no question of this ledger asked."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger.records import ADOPTED, ELSEWHERE, Draft

if TYPE_CHECKING:
    from pplx_jupyter.ledger.records import Adoptable

__all__ = ["draft_of", "progress_of", "trace_of"]


def draft_of(found: Adoptable, account: str, base_url: str) -> Draft:
    """Give the row's intent, as far as there is one: the service lists no question."""
    return Draft(
        fingerprint=f"{ADOPTED}{found.remote_id}",
        request={"model": found.model} if found.model else {},
        base_url=base_url,
        account=account,
        backend="sonar",
        pinned=True,
        model=found.model,
        # What it cost must not count as usual for questions whose effort is known.
        effort="not known",
        question="(asked elsewhere: Perplexity does not repeat the question)",
        notebook=ELSEWHERE,
    )


def progress_of(found: Adoptable, asked_at: float) -> dict[str, Any]:
    """Give what is known of it besides: it is asked about next, whatever the list says of it."""
    return {
        "state": "running",
        "remote_id": found.remote_id,
        "remote_status": found.remote_status,
        "created_at": asked_at,
        "accepted_at": asked_at,
        "idempotency_key": "",
    }


def trace_of(remote_id: str, salt: str) -> str:
    """Give what stays of a forgotten job's id: enough to know it again in the service's list, and no more."""
    return "forgotten:" + hashlib.sha256(f"{salt}{remote_id}".encode()).hexdigest()[:32]
