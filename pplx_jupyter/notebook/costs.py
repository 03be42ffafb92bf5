"""What jobs have cost, and what is left of the budgets, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.ledger.budgets import Sums, limits_of
from pplx_jupyter.notebook.outputs.table import table_forms, table_html, text_forms
from pplx_jupyter.render.words import count, day_time, money, money_range, one_line

if TYPE_CHECKING:
    import datetime
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
_COLUMNS = ("Jobs", "Reported", "Estimated", "Under way", "Unknown")
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


def cost_forms(
    by: str, found: Mapping[str, Sums], *, simulated: bool = False, at: datetime.datetime | None = None
) -> dict[str, str]:
    """Give what jobs cost by notebook, day, model or month.

    Parameters
    ----------
    simulated
        The simulator bills: nothing does.
    at
        When the ledger was read, to say so.
    """
    shown = {key: sums for key, sums in found.items() if sums.jobs}
    if not shown:
        return text_forms("Nothing has been asked at this address yet, so nothing has cost anything.")
    total = sum(shown.values(), start=Sums())
    order = sorted(shown, reverse=True) if by in {"day", "month"} else sorted(shown, key=_dearest(shown))
    rows = [_row(one_line(key) or f"(no {by})", shown[key]) for key in order]
    foot = _row("Total", total) if len(rows) > 1 else []
    above = f"{count(total.jobs, 'job')} by {by}, USD · {sums_in_words(total)}"
    above += " · simulated: nothing was billed" if simulated else ""
    below = f"From the ledger, all jobs until {day_time(at)}." if at else ""
    kept = [i for i in range(len(_COLUMNS)) if i < 2 or any(row[1 + i] for row in rows)]
    head = [by.capitalize(), *(_COLUMNS[i] for i in kept)]
    cut = [[row[0], *(row[1 + i] for i in kept)] for row in (rows if not foot else [*rows, foot])]
    last = cut.pop() if foot else []
    forms = table_forms(head, cut, right=set(head[1:]), above=above, below=below, foot=last)
    narrow = [_narrow(row) for row in rows]
    forms["text/html"] = table_html(
        head[:3], narrow, right=set(head[1:3]), above=above, below=below, foot=_narrow(foot) if foot else ()
    )
    return forms


def budget_forms(
    keys: Mapping[str, str],
    set_by_person: Sequence[Budget],
    setting: float | None,
    totals: Mapping[str, Sums],
    *,
    at: datetime.datetime | None = None,
) -> dict[str, str]:
    """Give the budgets that hold here, with what is gone of each.

    Parameters
    ----------
    keys
        Of a question asked now, see `pplx_jupyter.ledger.budgets.keys_of`.
    totals
        The sums of each scope.
    at
        When the ledger was read, to say so.
    """
    rows, narrow = [], []
    for limit in limits_of(keys, set_by_person, setting):
        sums = totals.get(limit.scope, Sums())
        left = max(0.0, limit.amount - sums.spent - sums.set_aside)
        whole, spent, aside, rest = map(_amount, (limit.amount, sums.spent, sums.set_aside, left))
        name, source = _NAMES[limit.scope], _SOURCES[limit.source]
        rows.append([name, whole, spent, aside, rest, source])
        also = f"\n{aside} set aside" if sums.set_aside else ""
        narrow.append([f"{name}\n{source}", whole, f"{spent}{also}", rest])
    head = ["Budget of", "USD", "Spent", "Set aside", "Left", "From"]
    above = "Budgets that hold here"
    below = "Set aside: jobs under way and of unknown cost, each at what 9 of 10 such jobs cost at most."
    below += f" From the ledger, {day_time(at)}." if at else ""
    forms = table_forms(head, rows, right=set(head[1:5]), above=above, below=below)
    # A narrow page shows four columns: what is left must not be out of sight.
    four = [*head[:3], head[4]]
    forms["text/html"] = table_html(four, narrow, right=set(four[1:]), above=above, below=below)
    return forms


def _dearest(found: Mapping[str, Sums]) -> Callable[[str], tuple[float, str]]:
    # As the charts have it, which know no set-aside.
    return lambda key: (-found[key].spent, key)


def _narrow(row: Sequence[str]) -> list[str]:
    """Give a row in three columns: what a narrow page would cut off stands in second lines."""
    name, jobs, reported, estimated, running, unknown = row
    names = [name, running.replace(":", " under way:"), unknown.replace(":", " of unknown cost:")]
    sums = [reported, f"{estimated} estimated".replace("≈ ", "≈\u00a0") if estimated else ""]
    return ["\n".join(filter(None, names)), jobs, "\n".join(filter(None, sums))]


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
