"""Why there is no whole answer, in words: what happened, what it means for the money, what to do.

Whatever ends something says what it means for the money. A refused question created nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import receipts
from pplx_jupyter.render.pieces import Bold, Code, Note, Sentence, note_forms
from pplx_jupyter.render.words import day, duration, money, one_line, time_of_day

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplx_jupyter.answer import Failure, Receipt

__all__ = ["failure_forms", "failure_line", "failure_note"]

NOTHING = "Nothing was billed."
_REFRESH = Code("--refresh")
_AGAIN = "Running this cell again shows this message and sends nothing. To ask again: "


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
    if failure.accepted and failure.kind in _STUCK:
        return _stuck(failure, receipt)
    return _NOTES.get(failure.kind, _failed)(failure, receipt, usual)


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
        line += f" Settle it: %pplx settle {one_line(receipt.job_id, 80)} --ask-again | --drop"
    return line


_VERBS = {
    "no_key": "was not sent: no Perplexity key is set",
    "unauthorized": "was not accepted",
    "forbidden": "was not accepted",
    "unsupported": "was not sent",
    "invalid": "was not accepted",
    "rate_limited": "was not sent yet",
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


def _short_money(failure: Failure) -> str:
    if failure.cost is not None:
        return f"{money(failure.cost)}, billed"
    if failure.accepted or failure.kind in {"failed", "expired"}:
        return "cost unknown"
    return "perhaps billed" if failure.kind in _UNSURE else "nothing was billed"


def _billed(failure: Failure, unknown: str) -> Sentence:
    return (f"{money(failure.cost)}, billed.",) if failure.cost is not None else (unknown,)


def _refused(failure: Failure) -> Sentence:
    return _billed(failure, "Cost unknown: the service had accepted it." if failure.accepted else NOTHING)


def _bracketed(usual: str) -> str:
    return f" (usually {usual})" if usual else ""


def _ident(failure: Failure, receipt: Receipt) -> str:
    return receipts.ident(receipt, request_id=failure.request_id, moment=failure.at)


def _bad(failure: Failure, receipt: Receipt, what: str, money: Sentence, *bullets: Sentence) -> Note:
    return Note("✕", "bad", what, money, failure.said, bullets, _ident(failure, receipt))


def _warn(
    failure: Failure, receipt: Receipt, what: str, money: Sentence, *bullets: Sentence, glyph: str = "!"
) -> Note:
    return Note(glyph, "warn", what, money, failure.said, bullets, _ident(failure, receipt))


def _no_key(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    note = _bad(
        failure,
        receipt,
        "Not sent: no Perplexity key is set.",
        (NOTHING,),
        ("Run ", Code("%pplx key"), " and paste the key (it is not shown and not saved in the notebook)."),
        ("Or set ", Code("PERPLEXITY_API_KEY"), " before Jupyter starts."),
        ("To try without a key: ", Code("pplx-jupyter demo")),
    )
    # Nothing happened that a line of identity could help to look up.
    return Note(note.glyph, note.tone, note.what, note.money, "", note.bullets)


def _unauthorized(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    came: list[Sentence] = [_key_came_from(failure.key_from)] if failure.key_from else []
    return _bad(
        failure,
        receipt,
        f"Not accepted: Perplexity refused the key ({failure.status or 401}).",
        _refused(failure),
        (
            (
                "An account without credits gets this reply, too: "
                "look at the balance in the API settings at Perplexity."
            ),
        ),
        ("If the key is wrong or deleted: ", Code("%pplx key"), ", then run this cell again."),
        *came,
    )


def _key_came_from(origin: str) -> Sentence:
    """Set the name of a variable apart: "the environment, PERPLEXITY_API_KEY"."""
    head, _, last = one_line(origin, 200).rpartition(" ")
    if last.isupper() and "_" in last:
        return (
            (f"The key came from {head} ", Code(last), ".")
            if head
            else ("The key came from ", Code(last), ".")
        )
    return (f"The key came from {one_line(origin, 200)}.",)


def _forbidden(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    return _bad(
        failure,
        receipt,
        f"Not accepted: Perplexity does not let this key ask this ({failure.status or 403}).",
        _refused(failure),
        ("Look at the kind and the project of the key in the API settings at Perplexity.",),
        ("To use another key: ", Code("%pplx key"), ", then run this cell again."),
    )


_STUCK = {
    "unauthorized": "refuses the key when asked about this job",
    "forbidden": "does not let this key ask about this job",
    "not_found": "does not find this job with this key",
}


def _stuck(failure: Failure, receipt: Receipt) -> Note:
    """Give the note for a job under way that the service refuses to be asked about."""
    status = f" ({failure.status})" if failure.status else ""
    later: list[Sentence] = []
    if failure.retry_at is not None:
        later = [
            (f"It is asked again by itself at {time_of_day(receipts.local(failure.retry_at, receipt))}.",)
        ]
    return _warn(
        failure,
        receipt,
        f"No answer yet: Perplexity {_STUCK[failure.kind]}{status}.",
        _billed(failure, "The job was accepted: it goes on, and is billed."),
        ("If the key was changed, use the one that it was asked with: ", Code("%pplx key")),
        *later,
    )


def _unsupported(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    fields = [one_line(field, 80) for field in failure.fields] or ["such an option"]
    has = {1: "it", 2: "both"}.get(len(fields), "them all")
    names: list[str | Code | Bold] = []
    for n, field in enumerate(fields):
        names += [_between(n, len(fields)), Code(field.split(" ")[0])]
    ask: Sentence = (
        "Ask without ",
        "it" if len(fields) == 1 else "them",
        ": remove ",
        *names,
        ", then run the cell again.",
    )
    return _bad(
        failure,
        receipt,
        f"Not sent: the agent API has {' and '.join(f'no {field}' for field in fields)}.",
        _refused(failure),
        (f"The sonar API, which has {has}, is retired for this key (403).",),
        *([ask] if failure.fields else []),
    )


def _between(n: int, total: int) -> str:
    return "" if n == 0 else " and " if n == total - 1 else ", "


def _invalid(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    fields = _listed([one_line(field, 80) for field in failure.fields]) or "this question"
    status = f" ({failure.status})" if failure.status else ""
    return _bad(
        failure,
        receipt,
        f"Not accepted: Perplexity does not take {fields}{status}.",
        _refused(failure),
        ("Change it and run this cell again: that is a new question.",),
    )


def _listed(words: Sequence[str]) -> str:
    return "".join(f"{_between(n, len(words))}{word}" for n, word in enumerate(words))


def _rate_limited(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    limit = one_line(failure.reason, 120).rstrip(".") or "a limit of this account is"
    limit = limit if limit.endswith((" is", " reached")) else f"{limit} is"
    reached = limit if limit.endswith("reached") else f"{limit} reached"
    if failure.retry_at is not None:
        what = f"Not sent yet: {reached}. It is sent by itself at {time_of_day(receipts.local(failure.retry_at, receipt))}."
        return _warn(failure, receipt, what, _refused(failure))
    bullet = ("Wait a minute, then run this cell again; it is the same question.",)
    return _warn(
        failure, receipt, f"Not sent: {reached} ({failure.status or 429}).", _refused(failure), bullet
    )


def _no_connection(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    host, reason = one_line(failure.host, 120), one_line(failure.reason, 200)
    why = f"no connection to {host}{f' ({reason})' if reason else ''}" if host else reason or "no connection"
    return _bad(
        failure,
        receipt,
        f"Not sent: {why}.",
        _refused(failure),
        ("Run the cell again; it is the same question.",),
    )


def _unreachable(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    host = one_line(failure.host, 120) or "Perplexity"
    status = f" ({failure.status})" if failure.status else ""
    later: Sentence = ("Run the cell again; it is the same question.",)
    if failure.retry_at is not None:
        later = (f"It is asked again by itself at {time_of_day(receipts.local(failure.retry_at, receipt))}.",)
    return _warn(
        failure,
        receipt,
        f"Not taken: something on the way to {host} failed{status}.",
        _billed(failure, "No job is known to exist, so nothing is known to be billed."),
        later,
    )


def _failed(failure: Failure, receipt: Receipt, usual: str) -> Note:
    took = f" after {duration(receipt.elapsed)}" if receipt.elapsed is not None else ""
    kept = receipts.handle(receipt)
    more: list[Sentence] = [("Everything that came back is kept: ", Code(f"{kept}.raw"))] if kept else []
    return _bad(
        failure,
        receipt,
        f"Failed{took}: Perplexity could not finish the job.",
        _billed(failure, "Cost unknown: the service sent none."),
        (
            "Ask again: run the cell with ",
            _REFRESH,
            f". That is a new job{_bracketed(usual)}. Running the cell as it is shows this message and sends nothing.",
        ),
        *more,
    )


def _cancelled(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    took = f" after {duration(receipt.elapsed)}" if receipt.elapsed is not None else ""
    took = took if failure.accepted else " before it was accepted"
    unknown = "Cost unknown: the service sends none for a cancelled job."
    cost = _billed(failure, unknown if failure.accepted else NOTHING)
    what = f"Cancelled{took}, {one_line(failure.reason, 80) or 'by you'}."
    return Note("■", "off", what, cost, failure.said, [(_AGAIN, _REFRESH)], _ident(failure, receipt))


def _expired(failure: Failure, receipt: Receipt, usual: str) -> Note:
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
        [*asked, ("Ask anew: ", _REFRESH, _bracketed(usual))],
        receipts.ident(receipt, request_id=failure.request_id, asked=True),
    )


def _not_found(failure: Failure, receipt: Receipt, usual: str) -> Note:
    return _bad(
        failure,
        receipt,
        f"Not found: Perplexity has no such job for this key ({failure.status or 404}).",
        _billed(failure, "Cost unknown."),
        ("It may have been asked with another key. To use that one: ", Code("%pplx key")),
        ("Ask anew: ", _REFRESH, _bracketed(usual)),
    )


def _unconfirmed(failure: Failure, receipt: Receipt, usual: str) -> Note:
    at = failure.at or receipt.asked_at
    at = receipts.local(at, receipt) if at is not None else None
    settle = f"%pplx settle {one_line(receipt.job_id, 80)}"
    looked = f": is there a request at {time_of_day(at, seconds=False)}?" if at else "."
    likely = f"0.00 or {usual}" if usual else "0.00 or what such a question costs"
    api = receipts.api(receipt) or "API"
    kept = f"the {usual.rpartition('–')[2]}" if usual else "what it may have cost"
    return _warn(
        failure,
        receipt,
        f"Unconfirmed: sent{f' at {time_of_day(at)}' if at else ''}, but {_why_unconfirmed(failure)}.",
        (f"It may be running, and may be billed: {likely}.",),
        (f"The {api} cannot be asked whether it exists, so nothing is sent again on its own.",),
        (f"Look at the usage page of your account{looked}",),
        (Bold("Not there:"), " ", Code(f"{settle} --ask-again"), f" sends it once more{_bracketed(usual)}."),
        (
            Bold("There, or you do not want it:"),
            " ",
            Code(f"{settle} --drop"),
            f" closes it; your budget keeps {kept} set aside.",
        ),
        glyph="?",
    )


def _why_unconfirmed(failure: Failure) -> str:
    reason = one_line(failure.reason, 160).rstrip(".")
    if reason.startswith("the "):
        return reason
    return f"the connection broke before Perplexity replied{f' ({reason})' if reason else ''}"


def _budget(failure: Failure, receipt: Receipt, usual: str) -> Note:
    costs = (
        f"There this question usually costs {usual}." if usual else "What it costs there is not known yet."
    )
    bullets: list[Sentence] = [
        (f"The sonar API is retired for this key (403); that try created nothing. {costs}",),
        ("Ask it this once: add ", Code("--yes")),
        *(("Raise the budget: ", Code(remedy)) for remedy in failure.fields[:1]),
    ]
    what = f"Not sent: moved to the agent API, it could pass the budget {one_line(failure.reason, 80)}."
    return _warn(failure, receipt, what, (NOTHING,), *bullets)


def _forgotten(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    when = f" on {day(receipts.local(failure.at, receipt))}" if failure.at is not None else ""
    what = f"Forgotten: its prompt and answer were deleted{when}."
    cost = _billed(failure, "Its cost is not known." if failure.accepted else NOTHING)
    return Note("■", "off", what, cost, "", (), receipts.ident(receipt, asked=True))


_NOTES: dict[str, Callable[[Failure, Receipt, str], Note]] = {
    "no_key": _no_key,
    "unauthorized": _unauthorized,
    "forbidden": _forbidden,
    "unsupported": _unsupported,
    "invalid": _invalid,
    "rate_limited": _rate_limited,
    "no_connection": _no_connection,
    "unreachable": _unreachable,
    "failed": _failed,
    "cancelled": _cancelled,
    "expired": _expired,
    "not_found": _not_found,
    "unconfirmed": _unconfirmed,
    "budget": _budget,
    "forgotten": _forgotten,
}
