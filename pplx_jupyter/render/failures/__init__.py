"""Why there is no whole answer, in words: what happened, what it means for the money, what to do.

Whatever ends something says what it means for the money. A refused question created nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render.failures import ended, refused
from pplx_jupyter.render.failures.line import failure_line
from pplx_jupyter.render.pieces import Note, note_forms

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.receipt import Failure, Receipt

__all__ = ["failure_forms", "failure_line", "failure_note"]

_NOTES: dict[str, Callable[[Failure, Receipt, str], Note]] = {
    "no_key": refused.no_key,
    "unauthorized": refused.unauthorized,
    "forbidden": refused.forbidden,
    "unsupported": refused.unsupported,
    "invalid": refused.invalid,
    "redirected": refused.redirected,
    "proxy": refused.proxy,
    "no_connection": refused.no_connection,
    "unreachable": refused.unreachable,
    "failed": ended.failed,
    "cancelled": ended.cancelled,
    "expired": ended.expired,
    "not_found": ended.not_found,
    "unconfirmed": ended.unconfirmed,
    "budget": refused.budget,
    "forgotten": ended.forgotten,
}


def failure_forms(failure: Failure, receipt: Receipt, *, usual: str = "") -> dict[str, str]:
    """Give a failure in its three forms.

    Parameters
    ----------
    usual
        What such a question usually costs, such as ``0.45–1.10 USD``; left out where not known.

    Returns
    -------
    dict
        The three forms by MIME type: ``text/html``, ``text/markdown``, ``text/plain``.
    """
    return note_forms(failure_note(failure, receipt, usual=usual))


def failure_note(failure: Failure, receipt: Receipt, *, usual: str = "") -> Note:
    """Give the note that a failure is shown as; an unknown kind reads as ``failed``."""
    if failure.accepted and failure.kind in ended.STUCK:
        return ended.stuck(failure, receipt)
    return _NOTES.get(failure.kind, ended.failed)(failure, receipt, usual)
