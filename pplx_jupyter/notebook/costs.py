"""What jobs have cost, and what is left of the budgets, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.ledger.budgets import Sums, limits_of
from pplx_jupyter.notebook.outputs.table import table_forms, text_forms
from pplx_jupyter.render.words import count, money, money_range, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplx_jupyter.ledger.budgets import Budget

__all__ = ["budget_forms", "cost_forms", "sums_in_words"]

_NAMES = {
    "notebook": "this notebook",
    "notebook day": "this notebook and day",
    "day": "all notebooks a day",
    "month": "all notebooks a month",
    "total": "this ledger",
    "run": "this run",
}
_SOURCES = {"set": "%pplx budget", "setting": "setting", "default": "until you set one"}


def sums_in_words(sums: Sums) -> str:
    """Tell sums apart by how well they are known: reported, estimated, under way, unknown."""
    parts = [f"{money(sums.dollars('reported'))} reported"]
    if sums.estimated:
        parts.append(f"≈ {money(sums.dollars('estimated'))} estimated")
    if sums.running:
        parts.append(f"{sums.running} under way ({_range(sums.running_low, sums.running_high)})")
    if sums.unknown:
        parts.append(f"{sums.unknown} of unknown cost (up to {money(sums.dollars('unknown_high'))})")
    return " + ".join(parts)


def cost_forms(by: str, found: Mapping[str, Sums], *, simulated: bool = False) -> dict[str, str]:
    """Give what jobs cost by notebook, day, model or month; `simulated`: as far as the simulator bills."""
    shown = {key: sums for key, sums in found.items() if sums.jobs}
    if not shown:
        return text_forms("Nothing has been asked at this address yet, so nothing has cost anything.")
    total = sum(shown.values(), start=Sums())
    order = sorted(shown, reverse=True) if by in {"day", "month"} else sorted(shown, key=_dearest(shown))
    columns = ["Reported", "Estimated", "Under way", "Unknown"]
    rows = [_row(one_line(key) or f"(no {by})", shown[key]) for key in order]
    foot = _row("Total", total) if len(rows) > 1 else []
    kept = [i for i, _ in enumerate(columns) if i == 0 or any(row[2 + i] for row in rows)]
    head = [by.capitalize(), "Jobs", *(columns[i] for i in kept)]
    cut = [[*row[:2], *(row[2 + i] for i in kept)] for row in rows]
    last = [*foot[:2], *(foot[2 + i] for i in kept)] if foot else []
    above = f"{count(total.jobs, 'job')} by {by}, USD · {sums_in_words(total)}"
    above += " · simulated: nothing was billed" if simulated else ""
    return table_forms(head, cut, right=set(head[1:]), above=above, foot=last)


def budget_forms(
    keys: Mapping[str, str],
    set_by_person: Sequence[Budget],
    setting: float | None,
    totals: Mapping[str, Sums],
) -> dict[str, str]:
    """Give the budgets that hold here, with what is gone of each.

    Parameters
    ----------
    keys
        Of a question asked now, see `pplx_jupyter.ledger.budgets.keys_of`.
    totals
        The sums of each scope.
    """
    rows = []
    for limit in limits_of(keys, set_by_person, setting):
        sums = totals.get(limit.scope, Sums())
        left = max(0.0, limit.amount - sums.spent - sums.set_aside)
        amounts = [_amount(value) for value in (limit.amount, sums.spent, sums.set_aside, left)]
        rows.append([_NAMES[limit.scope], *amounts, _SOURCES[limit.source]])
    head = ["Budget of", "USD", "Spent", "Set aside", "Left", "From"]
    below = "Set aside: jobs under way and of unknown cost, each at what 9 of 10 such jobs cost at most."
    return table_forms(head, rows, right=set(head[1:5]), above="Budgets that hold here", below=below)


def _dearest(found: Mapping[str, Sums]) -> Callable[[str], tuple[float, str]]:
    return lambda key: (-found[key].spent - found[key].set_aside, key)


def _row(name: str, sums: Sums) -> list[str]:
    return [name, str(sums.jobs), *_cells(sums)]


def _cells(sums: Sums) -> list[str]:
    return [
        _amount(sums.dollars("reported")),
        f"≈ {_amount(sums.dollars('estimated'))}" if sums.estimated else "",
        f"{sums.running}: {_range(sums.running_low, sums.running_high).removesuffix(' USD')}"
        if sums.running
        else "",
        f"{sums.unknown}: up to {_amount(sums.dollars('unknown_high'))}" if sums.unknown else "",
    ]


def _amount(dollars: float) -> str:
    return money(dollars).removesuffix(" USD")


def _range(low: int, high: int) -> str:
    return money_range(low / 1e9, high / 1e9)
