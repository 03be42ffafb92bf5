"""The costs of a period as a page: sentences, and charts whose bars are tables."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING

from pplx_jupyter.ledger.budgets import Sums, day_of, keys_of, limits_of
from pplx_jupyter.notebook.spending.sums import BLUE
from pplx_jupyter.render import as_markdown, wrap
from pplx_jupyter.render.clean import text as escape
from pplx_jupyter.render.words import count, day_time, keep, money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.notebook.spending.sums import Bar, Chart, Costs
    from pplx_jupyter.session import Session

__all__ = ["Left", "chart_html", "lefts_of", "page_forms"]

_LEGEND = (
    "Filled bar: reported. Outlined bar and ≈: estimated from published prices, because the service sent no cost."
    " Unknown costs are in no bar."
)
_MARKS = "# reported, + estimated."
_HINT = (
    "pip install 'pplx-jupyter[charts]' also draws this as a picture, with cost against duration job by job."
)
_NONE = "Nothing was asked at this address in this time, so nothing has cost anything."
_BUDGETS = {"notebook": "of this notebook", "notebook day": "of this notebook and day", "day": "of this day",
            "month": "of this month", "total": "of this ledger"}  # fmt: skip

Left = tuple[str, float, float]
"""A budget: whose, its amount, and what is left of it, in US dollars."""


def lefts_of(session: Session, notebook: str) -> list[Left]:
    """Give what is left of the budgets that hold here."""
    keys = keys_of(notebook, day_of(time.time()), "")
    found = []
    for limit in limits_of(keys, session.ledger.budgets(), session.settings.budget):
        sums = session.ledger.totals(limit.scope, session.base_url, limit.key).get(limit.key, Sums())
        left = max(0.0, limit.amount - sums.spent - sums.set_aside)
        found.append((_BUDGETS.get(limit.scope, limit.scope), limit.amount, left))
    return found


def page_forms(
    costs: Costs,
    charts: Sequence[str],
    lefts: Sequence[Left] = (),
    *,
    folded: bool = False,
    hint: bool = False,
    at: datetime.datetime | None = None,
) -> dict[str, str]:
    """Give the page in the three permanent forms.

    Parameters
    ----------
    charts
        Which, by name.
    folded
        Fold the bars away: a picture of them follows.
    hint
        Say what would draw a picture.
    at
        When the ledger was read. Default: now.
    """
    read = f"From the ledger, {day_time(at or datetime.datetime.now().astimezone())}."
    title = f"What the research cost, {costs.period.name}"
    shown = [costs.charts[name] for name in charts if costs.charts[name].bars]
    sentences = _lead(costs)
    hints = [_HINT] if hint and shown else []
    below = [f"{_LEGEND} {read}" if shown else read, *hints]
    budgets = [
        f"Budget {whose}: {money(amount)}, {money(left).removesuffix(' USD')} left"
        for whose, amount, left in lefts
    ]
    return {
        "text/html": wrap(_html(title, sentences, shown, lefts, below, folded=folded)),
        "text/markdown": _markdown(title, [*sentences, *budgets], shown, below),
        "text/plain": _plain(
            title, [*sentences, *budgets], shown, [f"{_MARKS} {read}" if shown else read, *hints]
        ),
    }


def _lead(costs: Costs) -> list[str]:
    total = costs.total
    if total is None:
        return [_NONE]
    told = f"{money(total.reported + total.estimated)} in {count(total.jobs, 'job')}"
    if total.estimated:
        reported, estimated = (money(each).removesuffix(" USD") for each in (total.reported, total.estimated))
        by = "" if costs.simulated else " by Perplexity"
        told += f": {reported} reported{by} + {estimated} estimated"
    sentences = [f"{told}."]
    if total.unknown:
        verb = "has" if total.unknown == 1 else "have"
        sentences.append(f"{total.unknown:,} of them {verb} an unknown cost.")
    if total.running:
        sentences.append(f"{total.running:,} of them {'is' if total.running == 1 else 'are'} under way.")
    if costs.simulated:
        sentences.append("Simulated: nothing was billed.")
    return sentences


def _html(
    title: str,
    sentences: Sequence[str],
    charts: Sequence[Chart],
    lefts: Sequence[Left],
    below: Sequence[str],
    *,
    folded: bool,
) -> str:
    first, *rest = sentences
    amount, _, more = first.partition(" in ")
    lead = f"<b>{escape(keep(amount))}</b> in {escape(more)}" if more and first != _NONE else escape(first)
    parts = [f"<h3>{escape(keep(title))}</h3><p>{' '.join([lead, *map(escape, rest)])}</p>"]
    for whose, whole, left in lefts:
        spent = max(0.0, whole - left)
        parts.append(
            f"<p>Budget {escape(whose)}: {escape(keep(money(whole)))}, <b>{escape(money(left).removesuffix(' USD'))} left</b> "
            f'<meter value="{spent:.4f}" max="{max(whole, 0.0001):.4f}" style="width:200px">'
            f"{money(spent)} of {money(whole)}</meter></p>"
        )
    bars = "".join(map(chart_html, charts))
    if folded and bars:
        bars = f"<details><summary>The figures as tables</summary>{bars}</details>"
    foot = "".join(
        f'<p class="pplx-m" style="font-size:12px;margin:0">{escape(keep(line))}</p>' for line in below
    )
    return "".join([*parts, bars, foot])


def chart_html(chart: Chart) -> str:
    """Give a chart: a table of name, bar and amount."""
    most = max((bar.reported + bar.estimated for bar in chart.bars), default=0.0) or 1.0
    rows = "".join(_row(bar, most) for bar in chart.bars)
    return (
        f'<h4>{escape(chart.title)}</h4><div class="pplx-x" style="overflow-x:auto"><table style="width:100%">'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(bar: Bar, most: float) -> str:
    """Give a row; its bar stands beside the name where both fit, and below it on a narrow page."""
    filled = f'<div style="width:{100 * bar.reported / most:.1f}%;background-color:{BLUE};border-radius:2px 0 0 2px"></div>'
    share = 100 * bar.estimated / most
    outlined = (
        f'<div style="width:{share:.1f}%;box-sizing:border-box;border:1px solid {BLUE}"></div>'
        if share
        else ""
    )
    note = f'<br><span class="pplx-m" style="font-size:12px">{escape(bar.note)}</span>' if bar.note else ""
    return (
        '<tr><th scope="row" style="width:100%;text-align:left;font-weight:400"><div style="display:flex;flex-wrap:wrap">'
        f'<div style="flex:1 1 160px;overflow-wrap:anywhere">{escape(bar.name)}{note}</div>'
        f'<div style="flex:3 1 200px"><div style="display:flex;height:10px;margin:5px 0">{filled}{outlined}</div></div></div></th>'
        f'<td style="text-align:right;white-space:nowrap">{escape(bar.amount)}</td></tr>'
    )


def _markdown(title: str, sentences: Sequence[str], charts: Sequence[Chart], below: Sequence[str]) -> str:
    escaped = as_markdown.escape
    parts = [f"### {escaped(title)}", " ".join(map(escaped, sentences))]
    for chart in charts:
        rows = [
            f"| {escaped(bar.name)} | {escaped(bar.note)} | {escaped(bar.amount)} |" for bar in chart.bars
        ]
        head = f"| {chart.column} | Jobs | USD |\n|:--|:--|--:|"
        parts.append("\n".join([f"#### {escaped(chart.title)}\n", head, *rows]))
    return "\n\n".join([*parts, *map(escaped, below)])


def _plain(title: str, sentences: Sequence[str], charts: Sequence[Chart], below: Sequence[str]) -> str:
    lines = [title, *sentences]
    for chart in charts:
        most = max((bar.reported + bar.estimated for bar in chart.bars), default=0.0) or 1.0
        wide = max(len(bar.name) for bar in chart.bars)
        amounts = max(len(bar.amount) for bar in chart.bars)
        lines += ["", chart.title]
        for bar in chart.bars:
            drawn = "#" * round(18 * bar.reported / most) + "+" * round(18 * bar.estimated / most)
            lines.append(f"  {bar.name:<{wide}}  {bar.amount:>{amounts}}  {drawn:<18}  {bar.note}".rstrip())
    return "\n".join([*lines, "", *below])
