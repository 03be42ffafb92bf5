"""Notes of jobs that the service has, or may have, accepted: they may be billed, and are not asked again unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.receipt import DROPPED
from pplx_jupyter.render import receipts
from pplx_jupyter.render.failures.parts import NOTHING, asked_again, bad, billed, bracketed, ident, warn
from pplx_jupyter.render.pieces import Bold, Code, Note, Sentence
from pplx_jupyter.render.words import day, duration, money, one_line, time_of_day

if TYPE_CHECKING:
    from pplx_jupyter.receipt import Failure, Receipt

__all__ = ["STUCK", "cancelled", "expired", "failed", "forgotten", "not_found", "stuck", "unconfirmed"]

_REFRESH = Code("--refresh")
_BROKE = "the connection broke"
_AGAIN = "Running this cell again shows this message and sends nothing. To ask again: "
STUCK = {
    "unauthorized": "refuses the key when asked about this job",
    "forbidden": "does not let this key ask about this job",
    "not_found": "does not find this job with this key",
}


def failed(failure: Failure, receipt: Receipt, usual: str) -> Note:
    """Say that the service could not finish the job; also what an unknown kind reads as."""
    took = f" after {duration(receipt.elapsed)}" if receipt.elapsed is not None else ""
    kept = receipts.handle(receipt)
    more: list[Sentence] = [("Everything that came back is kept: ", Code(f"{kept}.raw"))] if kept else []
    return bad(
        failure,
        receipt,
        f"Failed{took}: Perplexity could not finish the job.",
        billed(failure, "Cost unknown: the service sent none."),
        (
            "Ask again: run the cell with ",
            _REFRESH,
            f". That is a new job{bracketed(usual)}. Running the cell as it is shows this message and sends nothing.",
        )
        if receipt.has_cell
        else _by_button(usual),
        *more,
    )


def _by_button(usual: str) -> Sentence:
    return (f"The button that asks again makes a new job of it{bracketed(usual)}.",)


def cancelled(failure: Failure, receipt: Receipt, usual: str) -> Note:
    """Say who cancelled it, and when."""
    if failure.reason == DROPPED:
        return _closed(failure, receipt, usual)
    took = f" after {duration(receipt.elapsed)}" if receipt.elapsed is not None else ""
    took = took if failure.accepted else " before it was accepted"
    unknown = "Cost unknown: the service sends none for a cancelled job."
    cost = billed(failure, unknown if failure.accepted else NOTHING)
    again: list[Sentence] = [(_AGAIN, _REFRESH)] if receipt.has_cell else []
    what = f"Cancelled{took}, {one_line(failure.reason, 80) or 'by you'}."
    return Note("■", "off", what, cost, failure.said, again, ident(failure, receipt))


def _closed(failure: Failure, receipt: Receipt, usual: str) -> Note:
    """Say that an unconfirmed job was closed: nothing was cancelled, and it may have run."""
    cost = (
        f"It may have run, and may be billed: {_likely(usual)}; your budget keeps {_kept(usual)} set aside."
    )
    again: list[Sentence] = [(_AGAIN, _REFRESH)] if receipt.has_cell else []
    what = "Closed by you, unconfirmed: nobody knows whether it ran."
    return Note("■", "off", what, (cost,), failure.said, again, ident(failure, receipt))


def expired(failure: Failure, receipt: Receipt, usual: str) -> Note:
    """Say that the service no longer has the answer."""
    cost = f"{money(failure.cost)}, as far as known." if failure.cost is not None else "Cost unknown."
    asked: list[Sentence] = []
    if receipt.asked_at is not None:
        at = day(receipts.local(receipt.asked_at, receipt))
        asked.append((f"It was asked on {at} and kept for 7 days; no kernel of yours fetched it in time.",))
    return Note(
        "✕",
        "bad",
        f"Expired: Perplexity no longer has this answer ({failure.status or 404}).",
        (cost,),
        failure.said,
        [*asked, ("Ask anew: ", _REFRESH, bracketed(usual)) if receipt.has_cell else _by_button(usual)],
        receipts.ident(receipt, request_id=failure.request_id, asked=True),
    )


def not_found(failure: Failure, receipt: Receipt, usual: str) -> Note:
    """Say that the service has no such job for this key."""
    return bad(
        failure,
        receipt,
        f"Not found: Perplexity has no such job for this key ({failure.status or 404}).",
        billed(failure, "Cost unknown."),
        ("It may have been asked with another key. To use that one: ", Code("%pplx key")),
        *([("Ask anew: ", _REFRESH, bracketed(usual))] if receipt.has_cell else []),
    )


def unconfirmed(failure: Failure, receipt: Receipt, usual: str) -> Note:
    """Say that it may be running, and how to settle it."""
    at = failure.at or receipt.asked_at
    at = receipts.local(at, receipt) if at is not None else None
    settle = f"%pplx settle {one_line(receipt.job_id, 80)}"
    looked = f": is there a request at {time_of_day(at, seconds=False)}?" if at else "."
    api = receipts.api(receipt) or "API"
    return warn(
        failure,
        receipt,
        f"Unconfirmed: sent{f' at {time_of_day(at)}' if at else ''}, but {_why_unconfirmed(failure)}.",
        (f"It may be running, and may be billed: {_likely(usual)}.",),
        (f"The {api} cannot be asked whether it exists, so nothing is sent again on its own.",),
        (f"Look at the usage page of your account{looked}",),
        (Bold("Not there:"), " ", Code(f"{settle} --ask-again"), f" sends it once more{bracketed(usual)}."),
        (
            Bold("There:"),
            " ",
            Code(f"{settle} --remote ID"),
            " collects its answer, with the id that stands there. ",
            Bold("Not wanted:"),
            " ",
            Code(f"{settle} --drop"),
            f" closes it; your budget keeps {_kept(usual)} set aside.",
        ),
        glyph="?",
    )


def _likely(usual: str) -> str:
    return f"0.00 or {usual}" if usual else "0.00 or what such a question costs"


def _kept(usual: str) -> str:
    return f"the {usual.rpartition('–')[2]}" if usual else "what it may have cost"


def _why_unconfirmed(failure: Failure) -> str:
    reason = one_line(failure.reason, 160).rstrip(".")
    if reason == _BROKE:
        reason = ""
    if reason.startswith("the "):
        return reason
    return f"{_BROKE} before Perplexity replied{f' ({reason})' if reason else ''}"


def forgotten(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say that its prompt and answer were deleted."""
    when = f" on {day(receipts.local(failure.at, receipt))}" if failure.at is not None else ""
    what = f"Forgotten: its prompt and answer were deleted{when}."
    cost = billed(failure, "Its cost is not known." if failure.accepted else NOTHING)
    return Note("■", "off", what, cost, "", (), receipts.ident(receipt, asked=True))


def stuck(failure: Failure, receipt: Receipt) -> Note:
    """Give the note for a job under way that the service refuses to be asked about."""
    status = f" ({failure.status})" if failure.status else ""
    return warn(
        failure,
        receipt,
        f"No answer yet: Perplexity {STUCK[failure.kind]}{status}.",
        billed(failure, "The job was accepted: it goes on, and is billed."),
        ("If the key was changed, use the one that it was asked with: ", Code("%pplx key")),
        *asked_again(failure, receipt),
    )
