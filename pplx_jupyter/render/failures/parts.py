"""What the notes of failures are put together from: their tone, their line about money, their line of identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import receipts
from pplx_jupyter.render.pieces import Note, Sentence
from pplx_jupyter.render.words import money, time_of_day

if TYPE_CHECKING:
    from pplx_jupyter.receipt import Failure, Receipt

__all__ = ["NOTHING", "asked_again", "bad", "billed", "bracketed", "ident", "not_billed", "warn"]

NOTHING = "Nothing was billed."


def billed(failure: Failure, unknown: str) -> Sentence:
    """Give the line about money; `unknown` where the service told no cost."""
    return (f"{money(failure.cost)}, billed.",) if failure.cost is not None else (unknown,)


def not_billed(failure: Failure) -> Sentence:
    """Give the line about money of a refusal, which creates nothing unless it comes late."""
    return billed(failure, "Cost unknown: the service had accepted it." if failure.accepted else NOTHING)


def bracketed(usual: str) -> str:
    """Give what such a question usually costs, to stand behind an offer to ask it."""
    return f" (usually {usual})" if usual else ""


def ident(failure: Failure, receipt: Receipt) -> str:
    """Give the line by which the service, or a person, can look it up."""
    return receipts.ident(receipt, request_id=failure.request_id, moment=failure.at)


def asked_again(failure: Failure, receipt: Receipt) -> list[Sentence]:
    """Give the line that says when it is asked again by itself; nothing where it is not."""
    if failure.retry_at is None:
        return []
    return [(f"It is asked again by itself at {time_of_day(receipts.local(failure.retry_at, receipt))}.",)]


def bad(failure: Failure, receipt: Receipt, what: str, cost: Sentence, *bullets: Sentence) -> Note:
    """Give the note of something that is over."""
    return Note("✕", "bad", what, cost, failure.said, bullets, ident(failure, receipt))


def warn(
    failure: Failure, receipt: Receipt, what: str, cost: Sentence, *bullets: Sentence, glyph: str = "!"
) -> Note:
    """Give the note of something that goes on, or that a person can mend."""
    return Note(glyph, "warn", what, cost, failure.said, bullets, ident(failure, receipt))
