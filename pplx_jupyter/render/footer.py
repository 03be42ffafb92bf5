"""What stands below an answer: how its citations fare, what it cost, where it came from."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pplx_jupyter.render import receipts
from pplx_jupyter.render.pieces import Bold, Sentence
from pplx_jupyter.render.words import count, day_time, duration, money, money_of, one_line, times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.answer import Answer, Usage
    from pplx_jupyter.receipt import Receipt
    from pplx_jupyter.render.body import Body
    from pplx_jupyter.render.sources import Ref

__all__ = ["cost_rows", "cost_source", "cost_summary", "counted", "integrity", "provenance"]

_FEW = 3
"""Of two sources nothing is said: one of them is half."""
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


def integrity(body: Body, refs: Mapping[int, Ref], *, marked: bool) -> tuple[bool, Sentence]:
    """Say how many citation markers lead to a source, and where the sources are of one kind.

    Parameters
    ----------
    refs
        The sources that the service sent, by number.
    marked
        Whether this form marks the others in its text.

    Returns
    -------
    tuple
        Whether this needs a look, and the sentence.
    """
    missing, sent, alike = sum(body.unresolved.values()), len(refs), _alike(refs)
    if missing:
        return True, (*_missing(body, sent, missing, marked=marked), alike)
    if not sent:
        return False, ("No sources came with this answer.",)
    if not body.markers:
        tied = "nothing in the text is tied to a source."
        return False, (f"No citation markers, {count(sent, 'source')}: {tied}", alike)
    all_of = (
        f"All {body.markers:,} citation markers lead" if body.markers > 1 else "The one citation marker leads"
    )
    return False, (f"{all_of} to a source. {CHECKED}", alike)


def _alike(refs: Mapping[int, Ref]) -> str:
    """Say where half of the sources or more are of one site, and where half or more have no date."""
    sites = Counter(ref.site for ref in refs.values() if ref.url)
    site, most = max(sites.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    undated = sum(not ref.date for ref in refs.values())
    said = ""
    if _many(most, len(refs)):
        who = f"All {most:,}" if most == len(refs) else f"{most:,} of the {len(refs):,}"
        said += f" {who} sources are of one site, {site}."
    if _many(undated, len(refs)):
        some = f"{undated:,} of the {len(refs):,} sources have no date."
        said += f" {f'None of the {undated:,} sources has a date.' if undated == len(refs) else some}"
    return said


def _many(number: int, sources: int) -> bool:
    return number >= max(_FEW, sources / 2)


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
    """Give the items of the cost, dearest first: name, quantity, US dollars with four decimals.

    What was counted and has no price of its own follows.
    """
    items = {key: value for key, value in answer.cost.items.items() if value or key in _ITEMS}
    if not items:
        return [(*row, "") for row in _quantities(answer.usage)]
    ordered = sorted(items.items(), key=lambda item: -item[1])
    priced = [
        (_label(key), _quantity(key, answer.usage), money(value, exact=True).removesuffix(" USD"))
        for key, value in ordered
    ]
    named = {name for name, _, _ in priced}
    return [*priced, *((*row, "") for row in _quantities(answer.usage) if row[0] not in named)]


def counted(answer: Answer) -> str:
    """Give what was counted and has no price of its own: ``Counted: Input 58 tokens.``; empty where it all has one."""
    rows = [f"{name} {quantity}" for name, quantity, usd in cost_rows(answer) if quantity and not usd]
    return f"Counted: {' · '.join(rows)}." if rows else ""


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
    moved = " (moved from the sonar API, retired for this key)" if receipt.moved else ""
    rows = [
        ("Job", " · ".join(filter(None, [name, job]))),
        ("Asked", _stamp(receipt, "asked_at")),
        ("Sent", _stamp(receipt, "sent_at") if receipt.in_batch else ""),
        ("Answered", _stamp(receipt, "settled_at")),
        ("Model", receipts.model(answer, receipt)),
        ("Took", duration(receipt.elapsed) if receipt.elapsed is not None else ""),
        ("API", kinds.get(receipt.backend, one_line(receipt.backend, 40)) + moved),
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
