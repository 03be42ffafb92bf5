"""What a batch says of itself: headlines, sums and rows in words, the same in every form."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING

from pplx_jupyter.batch.plan import minutes_of
from pplx_jupyter.batch.standing import NEEDS_YOU, OPEN, UNDER_WAY, first_rows
from pplx_jupyter.render.words import clock, count, day, day_time, duration, money, money_range, time_of_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.batch.batch import Batch
    from pplx_jupyter.batch.standing import Standing, Tally

__all__ = [
    "GLYPHS",
    "Figure",
    "Line",
    "figures",
    "ident",
    "lines_of",
    "many",
    "moment",
    "more_time",
    "settled_words",
    "state_words",
    "sums",
    "usd",
    "when_over",
]

GLYPHS = {
    "not asked": ("○", ""),
    "waiting": ("○", ""),
    "sending": ("○", ""),
    "running": ("●", "run"),
    "done": ("✓", "ok"),
    "ledger": ("↺", ""),
    "failed": ("✕", "bad"),
    "invalid": ("!", "warn"),
    "stuck": ("!", "warn"),
    "expired": ("✕", "bad"),
    "cancelled": ("■", ""),
    "unconfirmed": ("?", "warn"),
}
"""Each word's sign and tone."""

_SIMULATED = ", simulated"
"""What stands behind an amount that nobody was billed."""

_STOPPED = {
    "unauthorized": "Perplexity refused the key",
    "forbidden": "Perplexity does not let this key ask this",
    "unsupported": "the agent API lacks an option of these questions",
    "invalid": "Perplexity does not take these questions",
    "no_connection": "no connection",
    "budget": "the next row could pass the budget",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One row of the table, in words."""

    number: int
    label: str
    word: str
    time: str
    usd: str
    told: str


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """One of the four sums: its name, its amount, and what it is of."""

    name: str
    amount: str
    of: str


def state_words(batch: Batch, tally: Tally, paused: str) -> tuple[str, str, str]:
    """Give the glyph, the tone and the headline of a batch under way."""
    settled = f"{tally.over} of {count(tally.rows, 'row')} settled"
    if batch.is_sending and not tally.over and not tally.under_way:
        return "○", "", f"Writing {count(tally.rows, 'row')} to your ledger"
    if paused == "user" and tally.waiting:
        return "◌", "", f"Paused: {settled}"
    if paused and tally.waiting:
        return "!", "warn", f"Paused: {_STOPPED.get(paused, paused)}"
    return "●", "run", f"Running: {settled}"


def more_time(batch: Batch, tally: Tally, at_once: int) -> str:
    """Give how many are under way at a time, and how long the rest usually takes."""
    left = minutes_of(batch.usual, tally.to_come, at_once)
    return f"{at_once} at a time{f'; usually {left} more' if left else ''}"


def settled_words(
    tally: Tally, took: float, *, frozen: bool = False, simulated: bool = False
) -> tuple[str, str]:
    """Give the headline of a batch that is over, and the rest of its line; `simulated` amounts say so."""
    answered = tally.words["done"]
    parts = [
        f"in {duration(took)}" if took >= 1 and answered else "",
        f"{_amount(tally, simulated=simulated)} for {count(tally.bought, 'answer')}"
        if tally.bought
        else "0.00 USD, nothing was sent"
        if not tally.unknown
        else "",
        _reused(tally, frozen=frozen, simulated=simulated),
        *(f"{tally.words[word]} {_plainly(word)}" for word in NEEDS_YOU if tally.words[word]),
        f"{tally.waiting + tally.words['not asked']} not sent"
        if tally.waiting or tally.words["not asked"]
        else "",
        _unknown(tally),
    ]
    return f"Settled: {tally.over} of {count(tally.rows, 'row')}", " · ".join(each for each in parts if each)


def many(tally: Tally, *names: str, noun: str = "row") -> str:
    """Give how many rows stand at these words; where some ask the same, which is billed once, how many questions that are.

    Parameters
    ----------
    noun
        What the rows are called; nothing where the number says enough.
    """
    questions, rows = (sum(each[name] for name in names) for each in (tally.questions, tally.words))
    if questions != rows:
        return f"{count(questions, 'question')} for {count(rows, noun or 'row')}"
    return count(rows, noun) if noun else f"{rows:,}"


def _reused(tally: Tally, *, frozen: bool, simulated: bool) -> str:
    if not tally.words["ledger"]:
        return ""
    reused = many(tally, "ledger", noun="")
    if frozen:
        return f"{reused} from the lockfile"
    return f"{reused} from the ledger (saved {money(tally.saved)}{_SIMULATED if simulated else ''})"


def _unknown(tally: Tally) -> str:
    return f"{count(tally.unknown, 'job')} of unknown cost{_replaced(tally)}" if tally.unknown else ""


def _replaced(tally: Tally) -> str:
    """Say how many of the jobs of unknown cost no row shows any more: others were asked in their place."""
    if not tally.replaced:
        return ""
    return f" ({'' if tally.replaced == tally.unknown else f'{tally.replaced} of them '}retried)"


def _plainly(word: str) -> str:
    return {"invalid": "did not fit the schema", "stuck": "cannot be asked about"}.get(word, word)


def figures(tally: Tally, *, simulated: bool = False) -> list[Figure]:
    """Give the four sums; of `simulated` answers they say so."""
    spent = _SIMULATED if simulated and tally.bought else ""
    saved = _SIMULATED if simulated and tally.words["ledger"] else ""
    if not tally.to_come:
        to_come, of = money(0.0), "nothing"
    elif tally.low is None:
        to_come, of = "not known", many(tally, *OPEN)
    else:
        to_come, of = money_range(tally.low, tally.high), f"{many(tally, *OPEN)}, usual range"
    return [
        Figure("Spent", _amount(tally), f"{count(tally.bought, 'answer')}{spent}"),
        Figure("To come", to_come, of),
        Figure("Saved", money(tally.saved), f"{many(tally, 'ledger')} from the ledger{saved}"),
        Figure(
            "Unknown",
            count(tally.unknown, "job"),
            f"ended without a cost{_replaced(tally)}" if tally.unknown else "all costs are known",
        ),
    ]


def sums(tally: Tally, *, simulated: bool = False) -> str:
    """Give the sums in one line; of `simulated` answers they say so."""
    spent, to_come, saved, _ = figures(tally, simulated=simulated)
    reused = saved.of.removeprefix(many(tally, "ledger"))
    parts = [
        f"spent {spent.amount} ({spent.of})",
        f"to come {to_come.amount}" if tally.to_come else "",
        f"saved {saved.amount} ({many(tally, 'ledger', noun='')}{reused})" if tally.words["ledger"] else "",
        _unknown(tally),
    ]
    return " · ".join(each for each in parts if each)


def _amount(tally: Tally, *, simulated: bool = False) -> str:
    said = [word for word, holds in (("estimated", tally.estimated), ("simulated", simulated)) if holds]
    marks = f" ({', '.join(said)})" if said else ""
    return f"{'≈ ' if tally.estimated else ''}{money(tally.spent)}{marks}"


def usd(batch: Batch) -> str:
    """Give the head of the column of amounts."""
    return f"USD{_SIMULATED if batch.is_simulated else ''}"


def lines_of(batch: Batch, standings: Sequence[Standing], wanted: Sequence[int], now: float) -> list[Line]:
    """Give the rows of the numbers (from 0) in words; what asks the same as a row above has its cost there."""
    firsts = first_rows(standings)
    lines = []
    for number in wanted:
        standing, first = standings[number], firsts[number]
        told = _told(batch, number, standing)
        lines.append(
            Line(
                number=number + 1,
                label=batch.questions[number].label,
                word=standing.word,
                time=_time(standing, now),
                usd=_usd(standing) if first == number else "",
                told=told if first == number else f"asks the same as row {first + 1} · {told}",
            )
        )
    return lines


def _time(standing: Standing, now: float) -> str:
    # What never left, or came back refused, took no time of the service's.
    if standing.word in {"ledger", "waiting", "not asked"} or not standing.can_hold_cost:
        return ""
    end = standing.ended if standing.is_over else now
    return "" if end is None else clock(max(0.0, end - standing.started))


def _usd(standing: Standing) -> str:
    if standing.word == "not asked":
        return ""
    if not standing.is_over:
        return "" if standing.low is None else money_range(standing.low, standing.high).removesuffix(" USD")
    if standing.cost is None:
        return "unknown" if standing.can_hold_cost else "0.00"
    amount = money(standing.cost).removesuffix(" USD")
    return f"≈ {amount}" if standing.estimated else amount


def _told(batch: Batch, number: int, standing: Standing) -> str:
    if standing.reason:
        return standing.reason
    if standing.word == "ledger":
        if batch.session.frozen:
            # A frozen run says the same whenever and wherever it runs.
            return f"answered {day(moment(standing.ended, datetime.UTC))} UTC, from the lockfile"
        when = f"answered {day(moment(standing.ended))}" if standing.ended else "answered before"
        return f"{when}, saved {money(standing.saved)}{_SIMULATED if batch.is_simulated else ''}"
    if standing.word == "done":
        sources = count(standing.sources, "source") if standing.sources else "no sources"
        return f"{sources} · {batch.handle}.answer[{number}]"
    if standing.word in UNDER_WAY:
        return f"{count(standing.searches, 'search')} so far" if standing.searches else ""
    return "not sent yet"


def ident(batch: Batch) -> str:
    """Give the line that identifies a batch: what it is over, how and where it asks, when it was asked."""
    request = batch.questions[0].request
    different = len(dict.fromkeys(each.request.prompt for each in batch.questions))
    apis = sorted({each.backend for each in batch.standings if each.backend})
    parts = [
        batch.name,
        f"batch {batch.id}",
        f"{count(len(batch), 'row')}, {count(different, 'different question')}",
        f"effort {request.effort_label}" if request.effort_label else "",
        f"{' and '.join(apis)} API" if apis else "",
        f"asked {day_time(moment(batch.started))}" if batch.started else "",
    ]
    return " · ".join(each for each in parts if each)


def when_over(standings: Sequence[Standing]) -> str:
    """Give from when until when a batch's own rows were asked; empty where none was."""
    mine = [each for each in standings if each.ended and each.saved is None]
    if not mine:
        return ""
    first, last = (
        moment(min(each.started for each in mine)),
        moment(max(each.ended or 0.0 for each in mine)),
    )
    until = time_of_day(last, seconds=False) if first.date() == last.date() else day_time(last)
    return f"{day_time(first)} to {until}"


def moment(seconds: float | None, zone: datetime.tzinfo | None = None) -> datetime.datetime:
    """Give a time of the ledger as a date: local, or in a zone."""
    return datetime.datetime.fromtimestamp(seconds or 0.0).astimezone(zone)
