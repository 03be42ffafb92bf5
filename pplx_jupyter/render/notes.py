"""The notes that stand above an answer: simulated, moved to the other API, incomplete, not understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import receipts
from pplx_jupyter.render.pieces import Code, Note, Sentence
from pplx_jupyter.render.words import day, money_of, one_line

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer
    from pplx_jupyter.receipt import Receipt

__all__ = ["above", "billed", "not_understood", "simulated"]


def above(answer: Answer, receipt: Receipt | None) -> list[Note]:
    """Give the notes that an answer needs, most important first."""
    found = [simulated()] if answer.simulated or (receipt is not None and receipt.simulated) else []
    if receipt is not None and receipt.late and receipt.reuse is None:
        what = "It had finished already when Perplexity was asked to stop; here is the answer."
        found.append(Note("■", "off", what, (billed(answer),)))
    if receipt is not None and receipt.moved:
        found.append(_moved(receipt))
    if answer.incomplete is not None:
        found.append(_incomplete(answer, receipt))
    return found


def simulated() -> Note:
    """Give the banner that every simulated answer carries, in every form."""
    what = "Simulated answer: written by the simulator, not by Perplexity."
    return Note(
        "!", "warn", what, ("Its text, its sources and its figures are invented. Nothing was billed.",)
    )


def billed(answer: Answer) -> str:
    """Say what an answer cost, as a sentence."""
    if answer.simulated:
        return "0.00 USD, nothing was billed."
    said = money_of(answer.cost)
    return "Cost unknown: the service sent none." if answer.cost.total is None else f"{said}, billed."


def _moved(receipt: Receipt) -> Note:
    when = f", {day(receipts.local(receipt.asked_at, receipt))}" if receipt.asked_at else ""
    money: Sentence = (
        (
            f"The sonar API is retired for this key (403{when}); that try created nothing and billed nothing. "
            "Remembered for this key: "
        ),
        Code("%pplx doctor"),
        " shows it and can forget it.",
    )
    return Note("→", "info", "Answered by the agent API.", money)


def _incomplete(answer: Answer, receipt: Receipt | None) -> Note:
    reason = one_line(answer.incomplete or "", 120)
    limit = f"{reason} reached" if reason.startswith("max_") else reason
    ends = "the answer ends early" if answer.text.strip() else "no text came"
    bullets: list[Sentence] = []
    if answer.text.strip():
        bullets.append(("What came is shown below as far as it goes. Its last section is cut off.",))
    if reason.startswith("max_"):
        bullets.append(("Ask anew with more room: ", Code("--max-tokens 16000 --refresh")))
    else:
        bullets.append(("Ask anew: ", Code("--refresh")))
    what = f"Incomplete: {ends}{f' ({limit})' if limit else ''}."
    ident = receipts.ident(receipt) if receipt is not None else ""
    return Note("!", "warn", what, (billed(answer),), "", bullets, ident)


def not_understood(answer: Answer, receipt: Receipt | None) -> Note:
    """Give the note above a body whose shape this version does not know."""
    kept = receipts.handle(receipt)
    money: list[str | Code] = [billed(answer)]
    if kept:
        money += [" Kept whole in ", Code(f"{kept}.raw"), "."]
    ident = receipts.ident(receipt) if receipt is not None else ""
    return Note("!", "warn", "Finished, but not understood: shown as it came.", tuple(money), ident=ident)
