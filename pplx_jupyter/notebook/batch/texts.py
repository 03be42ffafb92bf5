"""What the parts of a batch's panel say, as HTML: pure functions of where its rows stand."""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from html import escape
from typing import TYPE_CHECKING

from pplx_jupyter.batch import words
from pplx_jupyter.batch.forms import rows_html
from pplx_jupyter.batch.standing import NEEDS_YOU, UNDER_WAY
from pplx_jupyter.render import stylesheet
from pplx_jupyter.render.pieces import html
from pplx_jupyter.render.words import count, duration, keep, money_range, one_line, time_of_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.batch.batch import Batch
    from pplx_jupyter.batch.plan import BatchPlan
    from pplx_jupyter.batch.standing import Standing, Tally

__all__ = [
    "ALL",
    "ASK_ALL",
    "ASK_FIRST",
    "CANCEL",
    "CANCEL_NO",
    "CANCEL_YES",
    "HIDE",
    "PAUSE",
    "RESUME",
    "RETRY",
    "SHOW",
    "STOP",
    "WATCH",
    "Choice",
    "ask_buttons",
    "asks_more",
    "buttons",
    "choices",
    "head",
    "note",
    "offers",
    "plan_head",
    "plan_text",
    "prompts",
    "question",
    "retry_text",
    "rows_of",
    "strip",
    "table",
    "told",
]  # fmt: skip

PAUSE, RESUME, STOP, WATCH = "Pause", "Go on", "Stop watching", "Watch again"
RETRY, CANCEL, CANCEL_YES, CANCEL_NO = "Retry failed rows", "Cancel", "Yes, cancel", "Keep them running"
ASK_ALL, ASK_FIRST, SHOW, HIDE = "Ask ", "Ask the first ", "Show the ", "Hide the prompts"

_GLYPHS = 40
_PAGE = 100
"""Rows that a page of the live table holds: an update replaces all of it."""

_TRIED = 3
"""So many rows show whether the prompt is right, before all are bought."""

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
    style = "display:inline-block;width:18px;text-align:center;line-height:20px"
    signs = "".join(
        f'<span title="{escape(title, quote=True)}" class="pplx-g {tone}" style="{style}">{glyph}</span>'
        for glyph, tone, title in _signs(batch, standings)
    )
    amounts = "".join(
        f'<div style="flex:1 1 122px"><span class="pplx-m">{figure.name}</span><br><b class="pplx-w">{escape(keep(figure.amount))}</b>'
        f'<br><span class="pplx-m">{escape(keep(figure.of))}</span></div>'
        for figure in words.figures(tally)
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
    return f'<div class="pplx" style="max-width:none">{rows_html(one_line(label, 40), lines)}</div>'


def buttons(tally: Tally, paused: str, *, mode: str, retry: bool = True) -> tuple[str, ...]:
    """Give the buttons of a batch under way.

    Parameters
    ----------
    retry
        Offer to ask failed rows anew. That button is the last one: as more rows fail it comes, goes and says
        another number, and no other button may move for it.
    """
    still = tally.waiting + tally.under_way
    if mode == "stopped":
        return (WATCH,)
    if mode == "cancel?":
        return (f"{CANCEL_YES} {count(still, 'row')}", CANCEL_NO)
    found = [_resume(tally) if paused else PAUSE] if tally.waiting else []
    found.append(STOP)
    if still:
        found.append(f"{CANCEL} {count(still, 'row')}")
    if retry and retry_text(tally, paused):
        found.append(retry_text(tally, paused))
    return tuple(found)


def retry_text(tally: Tally, paused: str) -> str:
    """Give the button that asks failed rows anew while others are under way; empty where there is none."""
    label, rows = _retry(tally, paused)
    return f"{label} ({rows})" if tally.needs_you and _retried(tally) else ""


def asks_more(text: str, tally: Tally, paused: str) -> bool:
    """Whether asking failed rows anew now would send more of them than stands on its button."""
    read = re.search(r"\d+", text)
    return read is not None and _retry(tally, paused)[1] > int(read[0])


def offers(batch: Batch) -> tuple[str, ...]:
    """Give the buttons below a settled batch: what spends says how much."""
    tally, usual = batch.tally, batch.usual
    found = []
    if _retried(tally):
        known = usual.low is not None
        label, rows = _retry(tally, batch.paused)
        amount = money_range(rows * (usual.low or 0.0), rows * usual.set_aside) if known else "billed anew"
        found.append(f"{label} ({rows}: {amount})")
    if batch.stopped is not None:
        found.append(_resume(tally))
    return tuple(found)


def _retry(tally: Tally, paused: str) -> tuple[str, int]:
    """Give the words of the button that asks anew, and how many rows that sends: where a refusal stopped the rest, all."""
    goes_on = paused not in {"", "user"} and tally.waiting > 0
    return f"{RETRY}{' and go on' if goes_on else ''}", _retried(tally) + (tally.waiting if goes_on else 0)


def _resume(tally: Tally) -> str:
    return f"{RESUME} ({count(tally.waiting, 'row')})"


def _retried(tally: Tally) -> int:
    return sum(tally.words[word] for word in ("failed", "cancelled", "expired", "invalid"))


def note(batch: Batch, tally: Tally, paused: str = "", *, mode: str, said: str = "") -> str:
    """Give the small print: what was told, what the buttons mean, and the line that identifies the batch."""
    how = " without --refresh" if batch.asking.refresh else ""
    stopped = f"Running this cell again{how} also brings the panel back. Nothing is bought twice."
    below = stopped if mode == "stopped" else told(tally, paused, mode=mode)
    parts = [f"<b>{escape(said)}</b>" if said else "", escape(below), escape(words.ident(batch))]
    return _small("<br>".join(each for each in parts if each))


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
        return f"{RESUME}: {_rows(tally.waiting, 'waiting row')} sent in turn, and billed."
    return f"{PAUSE}: no new row is sent; rows under way go on and are billed."


def _cancelling(tally: Tally) -> str:
    """Say what cancelling does to rows that were not sent, and to those that were."""
    dropped = f"{_rows(tally.waiting, 'waiting row')} dropped free of charge" if tally.waiting else ""
    stopped = f"Perplexity is asked to stop {count(tally.under_way, 'row')}" if tally.under_way else ""
    return ", ".join(each for each in (dropped, stopped) if each)


def _rows(number: int, noun: str) -> str:
    return f"{count(number, noun)} {'is' if number == 1 else 'are'}"


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
        f"{above}In a script: <code>research_map(…, yes=True)</code>, or <code>--yes</code>. Nothing has been sent or billed."
        f"<br>{escape(words.ident(batch))}"
    )


def ask_buttons(plan: BatchPlan) -> tuple[str, ...]:
    """Give the buttons of a plan: what spends says how much."""
    found = []
    if plan.refusal is None:
        found.append(f"{ASK_ALL}{count(plan.new, 'question')} ({plan.range or 'cost not known yet'})")
    part = min(_TRIED, plan.fits) if plan.refusal is None else plan.fits
    # Those that wait in a paused batch would all go on with the first: a part is not to be had.
    if 0 < part < plan.new and not plan.paused:
        found.append(f"{ASK_FIRST}{part} only{f' ({plan.range_of(part)})' if plan.range else ''}")
    return (*found, f"{SHOW}{count(plan.new, 'prompt')}")


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


def first_of(text: str) -> int | None:
    """Give how many questions a button of the plan asks; None for all."""
    return int(text.removeprefix(ASK_FIRST).split()[0]) if text.startswith(ASK_FIRST) else None


def _small(inner: str) -> str:
    return (
        f'<div class="pplx" style="max-width:none"><p class="pplx-m" style="margin:4px 0 0">{inner}</p></div>'
    )


def _time(moment: float, *, seconds: bool = True) -> str:
    return time_of_day(datetime.datetime.fromtimestamp(moment).astimezone(), seconds=seconds)
