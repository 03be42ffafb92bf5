"""A failure as one line, for an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import receipts
from pplx_jupyter.render.words import money, one_line

if TYPE_CHECKING:
    from pplx_jupyter.receipt import Failure, Receipt

__all__ = ["failure_line"]

_VERBS = {
    "no_key": "was not sent: no Perplexity key is set",
    "unauthorized": "was not accepted",
    "forbidden": "was not accepted",
    "unsupported": "was not sent",
    "invalid": "was not accepted",
    "redirected": "was not accepted: the address leads elsewhere",
    "proxy": "was not sent on: a proxy wants a login",
    "no_connection": "was not sent: no connection",
    "budget": "was not sent: moved to the agent API, it could pass the budget",
    "unreachable": "was not taken",
    "failed": "failed",
    "cancelled": "was cancelled",
    "forgotten": "was forgotten: its prompt and answer are deleted",
    "expired": "has expired",
    "not_found": "was not found with this key",
    "unconfirmed": "is unconfirmed: sent, but the reply was lost",
}

# The service may have created a job without our knowing; only then is "nothing" not known.
_UNSURE = {"unconfirmed", "unreachable", "not_found"}


def failure_line(failure: Failure, receipt: Receipt) -> str:
    """Give a failure as one line, for an exception.

    ``prices (7f3a9c) failed: Internal error; request 5b0e6c1e; cost unknown.``
    """
    verb = _VERBS.get(failure.kind, "failed")
    why = one_line(failure.said or failure.reason, 300).rstrip(".")
    if failure.status is not None and str(failure.status) not in f"{verb} {why}":
        why = f"{why} ({failure.status})" if why else f"HTTP {failure.status}"
    request = one_line(failure.request_id or receipt.request_id, 80)
    joint = " " if failure.kind == "budget" else ": "
    parts = [
        f"{receipts.named(receipt)} {verb}{f'{joint}{why}' if why else ''}",
        f"request {request}" if request else "",
        _short_money(failure),
    ]
    line = "; ".join(filter(None, parts)) + "."
    if failure.kind == "unsupported" and failure.fields:
        line += (
            f" The agent API, which is left to this key, has no {', no '.join(failure.fields)}: remove that."
        )
    if failure.kind == "budget":
        line += f" Ask it this once: --yes.{''.join(f' Raise the budget: {one_line(r)}.' for r in failure.fields[:1])}"
    if failure.kind == "unconfirmed":
        line += f" Settle it: %pplx settle {one_line(receipt.job_id, 80)} --ask-again | --remote ID | --drop"
    return line


def _short_money(failure: Failure) -> str:
    if failure.cost is not None:
        return f"{money(failure.cost)}, billed"
    if failure.accepted or failure.kind in {"failed", "expired"}:
        return "cost unknown"
    return "perhaps billed" if failure.kind in _UNSURE else "nothing was billed"
