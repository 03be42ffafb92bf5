"""Notes of questions that never left, or that the service did not take: nothing was created, nothing is billed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render.failures.parts import NOTHING, asked_again, bad, billed, not_billed, warn
from pplx_jupyter.render.pieces import Bold, Code, Note, Sentence
from pplx_jupyter.render.words import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.receipt import Failure, Receipt

__all__ = [
    "budget", "forbidden", "invalid", "no_connection", "no_key", "proxy", "redirected", "unauthorized", "unreachable",
    "unsupported",
]  # fmt: skip


def no_key(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say that there is no key, and how to give one."""
    note = bad(
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


def unauthorized(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say that the service refused the key, which it does for an empty account, too."""
    came: list[Sentence] = [_key_came_from(failure.key_from)] if failure.key_from else []
    return bad(
        failure,
        receipt,
        f"Not accepted: Perplexity refused the key ({failure.status or 401}).",
        not_billed(failure),
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


def forbidden(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say that the service does not let this key ask this."""
    return bad(
        failure,
        receipt,
        f"Not accepted: Perplexity does not let this key ask this ({failure.status or 403}).",
        not_billed(failure),
        ("Look at the kind and the project of the key in the API settings at Perplexity.",),
        ("To use another key: ", Code("%pplx key"), ", then run this cell again."),
    )


def unsupported(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say what the agent API lacks that the question asks for."""
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
    return bad(
        failure,
        receipt,
        f"Not sent: the agent API has {' and '.join(f'no {field}' for field in fields)}.",
        not_billed(failure),
        (f"The sonar API, which has {has}, is retired for this key (403).",),
        *([ask] if failure.fields else []),
    )


def invalid(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say which fields the service does not take."""
    fields = _listed([one_line(field, 80) for field in failure.fields]) or "this question"
    status = f" ({failure.status})" if failure.status else ""
    return bad(
        failure,
        receipt,
        f"Not accepted: Perplexity does not take {fields}{status}.",
        not_billed(failure),
        ("Change it and run this cell again: that is a new question.",),
    )


def redirected(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say that the address leads elsewhere, where no key is sent unasked."""
    other = one_line(failure.reason, 120)
    return bad(
        failure,
        receipt,
        f"Not accepted: the address leads elsewhere{f', to {other}' if other else ''} ({failure.status or 308}).",
        not_billed(failure),
        ("Neither the question nor the key was sent there.",),
        ("Set ", Code("PERPLEXITY_BASE_URL"), " to the service's own address, then run this cell again."),
    )


def proxy(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say that a proxy on the way wants to know who asks."""
    return bad(
        failure,
        receipt,
        f"Not sent on: a proxy on the way wants a login ({failure.status or 407}).",
        not_billed(failure),
        ("Give it one: ", Code("HTTPS_PROXY=http://user:password@host:port"), ", before Jupyter starts."),
    )


def no_connection(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say that it never left."""
    host, reason = one_line(failure.host, 120), one_line(failure.reason, 200)
    why = f"no connection to {host}{f' ({reason})' if reason else ''}" if host else reason or "no connection"
    return bad(
        failure,
        receipt,
        f"Not sent: {why}.",
        not_billed(failure),
        ("Run the cell again; it is the same question.",),
    )


def unreachable(failure: Failure, receipt: Receipt, _usual: str) -> Note:
    """Say that something on the way to the service failed."""
    host = one_line(failure.host, 120) or "Perplexity"
    status = f" ({failure.status})" if failure.status else ""
    later = asked_again(failure, receipt) or [("Run the cell again; it is the same question.",)]
    return warn(
        failure,
        receipt,
        f"Not taken: something on the way to {host} failed{status}.",
        billed(failure, "No job is known to exist, so nothing is known to be billed."),
        *later,
    )


def budget(failure: Failure, receipt: Receipt, usual: str) -> Note:
    """Say that it could pass the budget on the API that it moved to."""
    costs = (
        f"There this question usually costs {usual}." if usual else "What it costs there is not known yet."
    )
    bullets: list[Sentence] = [
        (f"The sonar API is retired for this key (403); that try created nothing. {costs}",),
        ("Ask it this once: add ", Code("--yes")),
        *(("Raise the budget: ", Code(remedy)) for remedy in failure.fields[:1]),
    ]
    what = f"Not sent: moved to the agent API, it could pass the budget {one_line(failure.reason, 80)}."
    return warn(failure, receipt, what, (NOTHING,), *bullets)


def _listed(words: Sequence[str]) -> str:
    return "".join(f"{_between(n, len(words))}{word}" for n, word in enumerate(words))


def _between(n: int, total: int) -> str:
    return "" if n == 0 else " and " if n == total - 1 else ", "
