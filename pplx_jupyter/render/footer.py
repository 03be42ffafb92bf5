"""What stands below an answer: how its citations fare, what it cost, where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import receipts
from pplx_jupyter.render.pieces import Bold, Sentence
from pplx_jupyter.render.words import count, day_time, money, money_of, one_line, times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.answer import Answer, Receipt, Usage
    from pplx_jupyter.render.body import Body

__all__ = ["cost_rows", "cost_source", "cost_summary", "integrity", "provenance"]

CHECKED = "Whether a source supports its sentence is not checked."

# The services' own names of cost items: what they are called here, and what is counted.
_ITEMS: dict[str, tuple[str, str]] = {
    "reasoning_tokens": ("Reasoning", "reasoning_tokens"),
    "search_queries": ("Searches", "search_queries"),
    "citation_tokens": ("Citations", "citation_tokens"),
    "output_tokens": ("Output", "output_tokens"),
    "output": ("Output", "output_tokens"),
    "input_tokens": ("Input", "input_tokens"),
    "input": ("Input", "input_tokens"),
    "request": ("Request", ""),
    "tool_calls": ("Tool calls", ""),
}


def integrity(body: Body, sent: int, *, marked: bool) -> tuple[bool, Sentence]:
    """Say how many citation markers lead to a source.

    Parameters
    ----------
    sent
        How many sources the service sent.
    marked
        Whether this form marks the others in its text.

    Returns
    -------
    tuple
        Whether this needs a look, and the sentence.
    """
    missing = sum(body.unresolved.values())
    if missing:
        return True, _missing(body, sent, missing, marked=marked)
    if not sent:
        return False, ("No sources came with this answer.",)
    if not body.markers:
        return False, (
            f"No citation markers, {count(sent, 'source')}: nothing in the text is tied to a source.",
        )
    all_of = (
        f"All {body.markers:,} citation markers lead" if body.markers > 1 else "The one citation marker leads"
    )
    return False, (f"{all_of} to a source. {CHECKED}",)


def _missing(body: Body, sent: int, missing: int, *, marked: bool) -> Sentence:
    good = body.markers - missing
    each = [f"[{n}]" + (f", {times(k)}" if k > 1 else "") for n, k in sorted(body.unresolved.items())]
    shown = "; ".join(each[:10]) + ("; …" if len(each) > 10 else "")
    others = {0: "", 1: " The other one leads to a source."}.get(
        good, f" The other {good:,} lead to a source."
    )
    return (
        Bold(
            f"{missing:,} of {count(body.markers, 'citation marker')} {'has' if missing == 1 else 'have'} no source:"
        ),
        f" {shown}{', marked in the text' if marked else ''}. ",
        f"The service sent {count(sent, 'source') if sent else 'no sources'}.{others} {CHECKED}",
    )


def cost_rows(answer: Answer) -> list[tuple[str, str, str]]:
    """Give the items of the cost, dearest first: name, quantity, US dollars with four decimals."""
    items = {key: value for key, value in answer.cost.items.items() if value or key in _ITEMS}
    if not items:
        return [(*row, "") for row in _quantities(answer.usage)]
    ordered = sorted(items.items(), key=lambda item: -item[1])
    return [
        (_label(key), _quantity(key, answer.usage), money(value, exact=True).removesuffix(" USD"))
        for key, value in ordered
    ]


def _label(key: str) -> str:
    return _ITEMS[key][0] if key in _ITEMS else one_line(key.replace("_", " "), 60).capitalize()


def _quantity(key: str, usage: Usage) -> str:
    field = _ITEMS.get(key, ("", ""))[1]
    number = getattr(usage, field) if field else None
    if number is None:
        return ""
    return f"{number:,}" if field == "search_queries" else count(number, "token")


def _quantities(usage: Usage) -> list[tuple[str, str]]:
    seen: Mapping[str, str] = {field: label for label, field in _ITEMS.values() if field}
    shown = ((label, field) for field, label in seen.items() if getattr(usage, field) is not None)
    return [(label, _quantity(field, usage)) for label, field in shown]


def cost_summary(answer: Answer, receipt: Receipt | None) -> str:
    """Give the receipt in a few words: ``0.82 USD``."""
    cost = money_of(answer.cost)
    if _simulated(answer, receipt):
        return "0.00 USD, simulated"
    if receipt is not None and receipt.reuse:
        return f"0.00 USD for this run, {cost} when it was asked"
    return cost


def cost_source(answer: Answer, receipt: Receipt | None) -> str:
    """Say where the amounts come from."""
    if _simulated(answer, receipt):
        return "Figures of the simulator: nothing was sent and nothing was billed."
    if answer.cost.total is None:
        return "The service sent no cost."
    if answer.cost.estimated:
        return "Estimated from published prices: the service sent no total."
    return "As sent by Perplexity (usage.cost), not computed here."


def _simulated(answer: Answer, receipt: Receipt | None) -> bool:
    return answer.simulated or (receipt is not None and receipt.simulated)


def cost_total(answer: Answer) -> str:
    """Give the total with four decimals, without its unit; ``unknown`` where it is."""
    said = money(answer.cost.total, exact=True).removesuffix(" USD")
    return "unknown" if answer.cost.total is None else f"≈ {said}" if answer.cost.estimated else said


def provenance(answer: Answer, receipt: Receipt) -> list[tuple[str, str]]:
    """Give where an answer came from: names and values, in the order to show them."""
    kinds = {"sonar": "sonar, asynchronous", "agent": "agent, background run"}
    name, job = one_line(receipt.name, 80), one_line(receipt.job_id, 80)
    rows = [
        ("Job", " · ".join(filter(None, [name, job]))),
        ("Asked", _stamp(receipt, "asked_at")),
        ("Answered", _stamp(receipt, "settled_at")),
        ("Model", receipts.model(answer, receipt)),
        ("API", kinds.get(receipt.backend, one_line(receipt.backend, 40))),
        ("Request id", one_line(receipt.request_id, 120)),
        ("Question (fingerprint)", fingerprint(receipt)),
        ("Written by", f"pplx_jupyter {one_line(receipt.version, 40)}" if receipt.version else ""),
    ]
    return [(label, value) for label, value in rows if value]


def _stamp(receipt: Receipt, field: str) -> str:
    moment = getattr(receipt, field)
    return day_time(receipts.local(moment, receipt), seconds=True, offset=True) if moment is not None else ""


def fingerprint(receipt: Receipt) -> str:
    """Give the beginning of the fingerprint: enough to compare two by eye."""
    kind, colon, digest = one_line(receipt.fingerprint, 200).rpartition(":")
    return f"{kind}{colon}{digest[:12]}"
