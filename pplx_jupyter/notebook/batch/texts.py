"""What the parts of a batch's panel say, as HTML: pure functions of where its rows stand."""

from __future__ import annotations

import dataclasses
import datetime
import math
from html import escape
from typing import TYPE_CHECKING

from pplx_jupyter.batch import words
from pplx_jupyter.batch.forms import rows_html, unsent_words
from pplx_jupyter.batch.standing import NEEDS_YOU, OPEN, UNDER_WAY
from pplx_jupyter.notebook.batch.buttons import PAUSE, RESUME
from pplx_jupyter.render import stylesheet
from pplx_jupyter.render.pieces import html
from pplx_jupyter.render.words import count, duration, keep, money, one_line, time_of_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.batch.batch import Batch
    from pplx_jupyter.batch.plan import BatchPlan
    from pplx_jupyter.batch.standing import Standing, Tally
    from pplx_jupyter.ledger.budgets import Refusal

__all__ = [
    "ALL",
    "Choice",
    "choices",
    "head",
    "note",
    "plan_head",
    "plan_note",
    "plan_text",
    "prompts",
    "question",
    "rows_of",
    "strip",
    "table",
    "told",
]

_GLYPHS = 40
_PAGE = 100
"""Rows that a page of the live table holds: an update replaces all of it."""

_PROMPTS = 100
_RANK = (
    "failed",
    "invalid",
    "stuck",
    "unconfirmed",
    "expired",
    "cancelled",
    "running",
    "sending",
    "waiting",
    "not asked",
    "done",
    "ledger",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """Which rows the table shows: those of these words, or those from one number to another."""

    label: str
    words: tuple[str, ...] = ()
    first: int = 0
    end: int = 10**9


ALL = "all"


def choices(tally: Tally) -> list[Choice]:
    """Give what may be chosen; what needs the user comes first."""
    found = []
    if tally.needs_you:
        found.append(Choice(f"needs you ({tally.needs_you})", NEEDS_YOU))
    if tally.rows <= _PAGE:
        found.append(Choice(f"{ALL} ({tally.rows})"))
    else:
        found += [
            Choice(f"{first + 1}–{min(first + _PAGE, tally.rows)}", first=first, end=first + _PAGE)
            for first in range(0, tally.rows, _PAGE)
        ]
    found.append(Choice("under way", UNDER_WAY))
    return found


def rows_of(choice: Choice, standings: Sequence[Standing]) -> list[int]:
    """Give the numbers, from 0, of the rows that are chosen; a page of them at most."""
    wanted = [
        n
        for n, each in enumerate(standings[choice.first : choice.end], choice.first)
        if not choice.words or each.word in choice.words
    ]
    return wanted[:_PAGE]


def head(
    batch: Batch, tally: Tally, paused: str, now: float, *, stopped_at: float = 0.0, slow_until: float = 0.0
) -> str:
    """Give the first line: the state, the clock, and how long the rest takes."""
    if stopped_at:
        glyph, tone, word = "◌", "", "Not watching"
        clock = f"since {_time(stopped_at, seconds=False)}"
        goes_on = "rows under way go on" if paused and tally.waiting else "the rows go on"
        beside = f"{goes_on}, are billed, and their answers are collected into your ledger"
        if paused and not tally.under_way:
            beside = "paused, so that nothing is sent or billed"
    else:
        glyph, tone, word = words.state_words(batch, tally, paused)
        clock = duration(now - batch.started) if batch.started else ""
        beside = words.more_time(batch, tally, batch.asking.at_once) if not paused and tally.to_come else ""
        if slow_until > now and tally.waiting and not paused:
            beside = f"Perplexity allows the next question at {_time(slow_until)}"
    rest = f' <span class="pplx-m">&ensp;{escape(keep(beside))}</span>' if beside else ""
    return (
        f'<div class="pplx {tone}" style="max-width:none"><span class="pplx-g">{glyph}</span> <b>{escape(word)}</b>'
        f' <span class="pplx-w">{escape(keep(clock))}</span>{rest}</div>'
    )


def question(batch: Batch) -> str:
    """Give the prompt as it was written; written once."""
    text = escape(one_line(batch.template, 200))
    return f'{stylesheet()}<div class="pplx" style="max-width:none"><div dir="auto">{text}</div></div>'


def strip(batch: Batch, standings: Sequence[Standing], tally: Tally) -> str:
    """Give the bar of settled rows, one sign a row (of many rows: a group), and the four sums."""
    share = tally.over / tally.rows
    bar = (
        f'<div class="pplx-bar" style="margin:6px 0 4px"><i style="animation:none;width:{share:.1%}"></i></div>'
        if tally.rows
        else ""
    )
    # Forty of them fit a panel at the width of a usual page.
    style = "display:inline-block;width:17px;text-align:center;line-height:20px"
    signs = "".join(
        f'<span title="{escape(title, quote=True)}" class="pplx-g {tone}" style="{style}">{glyph}</span>'
        for glyph, tone, title in _signs(batch, standings)
    )
    amounts = "".join(
        f'<div style="flex:1 1 122px"><span class="pplx-m">{figure.name}</span><br><b class="pplx-w">{escape(keep(figure.amount))}</b>'
        f'<br><span class="pplx-m">{escape(keep(figure.of))}</span></div>'
        for figure in words.figures(tally, simulated=batch.is_simulated)
    )
    return (
        f'<div class="pplx" style="max-width:none">{bar}<div style="margin:6px 0 4px;line-height:20px">{signs}</div>'
        f'<div style="display:flex;flex-wrap:wrap;gap:4px 12px;margin:0 0 6px">{amounts}</div></div>'
    )


def _signs(batch: Batch, standings: Sequence[Standing]) -> list[tuple[str, str, str]]:
    """Give forty signs at most: of a group the one that needs most attention, with all its words in the title."""
    size = math.ceil(len(standings) / _GLYPHS)
    found = []
    for start in range(0, len(standings), size):
        group = standings[start : start + size]
        worst = min((each.word for each in group), key=_RANK.index)
        if size == 1:
            title = f"{start + 1} {batch.questions[start].label}: {worst}"
        else:
            counts = {word: sum(each.word == word for each in group) for word in _RANK}
            told = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
            title = f"{start + 1}–{start + len(group)}: {told}"
        found.append((*words.GLYPHS[worst], title))
    return found


def table(batch: Batch, standings: Sequence[Standing], wanted: Sequence[int], now: float) -> str:
    """Give the table of the chosen rows."""
    lines = words.lines_of(batch, standings, wanted, now)
    if not lines:
        return '<div class="pplx"><p class="pplx-m" style="margin:4px 0">No row is in this state.</p></div>'
    label = next(
        (name for name in batch.table.columns if name in batch.questions[0].filled), batch.table.columns[0]
    )
    return f'<div class="pplx" style="max-width:none">{rows_html(one_line(label, 40), lines, words.usd(batch))}</div>'


def note(
    batch: Batch, tally: Tally, paused: str = "", *, mode: str, said: str = "", budget: Refusal | None = None
) -> str:
    """Give the small print: what was told, what the buttons mean, and the line that identifies the batch.

    Parameters
    ----------
    budget
        The tightest budget, which is told with what is left of it.
    """
    how = " without --refresh" if batch.asking.refresh else ""
    stopped = f"Running this cell again{how} also brings the panel back. Nothing is bought twice."
    below = stopped if mode == "stopped" else told(tally, paused, mode=mode)
    left = f" · budget {budget.budget.words}: {_left(budget)}" if budget is not None else ""
    last = escape(keep(f"{words.ident(batch)}{left}"))
    parts = [f"<b>{escape(said)}</b>" if said else "", escape(below), last]
    return _small("<br>".join(each for each in parts if each))


def _left(budget: Refusal) -> str:
    amount = money(budget.left).removesuffix(" USD")
    return f"{amount} of {money(budget.budget.amount)} left"


def told(tally: Tally, paused: str, *, mode: str) -> str:
    """Say what pausing, going on and cancelling mean for the rows as they stand, and for the money."""
    if not (tally.waiting or tally.under_way):
        return ""
    if mode == "watching":
        return f"{_pausing(tally, paused)} Cancel: {_cancelling(tally)}.".strip()
    if mode == "cancel?":
        billed = " What these have done so far may be billed, and no partial answer comes back."
        return f"{_capital(_cancelling(tally))}.{billed if tally.under_way else ''}"
    return ""


def _pausing(tally: Tally, paused: str) -> str:
    """Say what a click does that sends, or does not send, the rows that wait for their turn."""
    if not tally.waiting:
        return ""
    if paused:
        return f"{RESUME}: {_waiting(tally)} sent in turn, and billed."
    return f"{PAUSE}: no new row is sent; rows under way go on and are billed."


def _cancelling(tally: Tally) -> str:
    """Say what cancelling does to rows that were not sent, and to those that were."""
    dropped = f"{_waiting(tally)} dropped free of charge" if tally.waiting else ""
    with_it = [word for word in OPEN if word != "waiting"]
    stopped = f"Perplexity is asked to stop {words.many(tally, *with_it)}" if tally.under_way else ""
    return ", ".join(each for each in (dropped, stopped) if each)


def _waiting(tally: Tally) -> str:
    verb = "is" if tally.questions["waiting"] == 1 else "are"
    return f"{words.many(tally, 'waiting', noun='waiting row')} {verb}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def plan_head(plan: BatchPlan) -> str:
    """Give the headline of a plan."""
    return f'{stylesheet()}<div class="pplx warn" style="max-width:none"><span class="pplx-g">!</span> <b>{html([plan.headline])}</b></div>'


def plan_text(plan: BatchPlan) -> str:
    """Give the rest of a plan."""
    raise_it = ""
    if plan.refusal is not None:
        raise_it = f" Raise it: <code>{escape(plan.refusal.remedy)}</code>, and run this cell again."
    return f'<div class="pplx" style="max-width:none"><p style="margin:4px 0 8px">{html([plan.details])}{raise_it}</p></div>'


def plan_note(batch: Batch, said: str = "") -> str:
    """Give the small print of a plan, with an error where there was one."""
    above = f"<b>{escape(said)}</b><br>" if said else ""
    return _small(
        f"{above}In a script: <code>research_map(…, yes=True)</code>, or <code>--yes</code>. {unsent_words(batch)}"
        f"<br>{escape(words.ident(batch))}"
    )


def prompts(batch: Batch) -> str:
    """Give the prompts that would be bought, the first hundred of them."""
    found = batch.new_prompts
    items = "".join(f'<li dir="auto">{escape(one_line(each, 600))}</li>' for each in found[:_PROMPTS])
    more = (
        f'<p class="pplx-m">{count(len(found) - _PROMPTS, "more prompt")}</p>'
        if len(found) > _PROMPTS
        else ""
    )
    return f'<div class="pplx" style="max-width:none"><ol style="margin:8px 0">{items}</ol>{more}</div>'


def _small(inner: str) -> str:
    return (
        f'<div class="pplx" style="max-width:none"><p class="pplx-m" style="margin:4px 0 0">{inner}</p></div>'
    )


def _time(moment: float, *, seconds: bool = True) -> str:
    return time_of_day(datetime.datetime.fromtimestamp(moment).astimezone(), seconds=seconds)
