"""The texts of a batch's buttons: what spends says how many rows it sends, and what they usually cost.

A click means what stood on the button. Pure functions of where the rows stand; the words that a text begins with
tell what the button does.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from pplx_jupyter.batch.standing import ASKED_ANEW, OPEN
from pplx_jupyter.batch.words import many
from pplx_jupyter.render.words import count, money_range

if TYPE_CHECKING:
    from pplx_jupyter.batch import Batch
    from pplx_jupyter.batch.plan import BatchPlan
    from pplx_jupyter.batch.standing import Tally
    from pplx_jupyter.ledger.expected import Expected

__all__ = [
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
    "ask_buttons",
    "asks_more",
    "first_of",
    "live_buttons",
    "offers",
    "resume_text",
    "retry_text",
    "steady",
]

PAUSE, RESUME, STOP, WATCH = "Pause", "Go on", "Stop watching", "Watch again"
RETRY, CANCEL, CANCEL_YES, CANCEL_NO = "Retry ", "Cancel", "Yes, cancel", "Keep them running"
ASK_ALL, ASK_FIRST, SHOW, HIDE = "Ask ", "Ask the first ", "Show the ", "Hide the prompts"

_TRIED = 3
"""So many rows show whether the prompt is right, before all are bought."""

_SENDS = re.compile(r"\(([\d,]+)(?:[^:]*: (?:([\d,.]+)–)?([\d,.]+) USD)?")
"""How many rows, and for how much: ``(14: 5.60–18.20 USD)``, ``(9 rows: cost not known yet)``."""

_TENTH = 1.1
"""By so much more a click may come to than stood on its button: what is usual shifts by cents as jobs end."""


def ask_buttons(plan: BatchPlan) -> tuple[str, ...]:
    """Give the buttons of a plan: what spends says how much; none where nothing is left to ask."""
    found: list[str] = []
    if not plan.new:
        return ()
    if plan.refusal is None:
        found.append(f"{ASK_ALL}{count(plan.new, 'question')} ({plan.range or 'cost not known yet'})")
    part = min(_TRIED, plan.fits) if plan.refusal is None else plan.fits
    # Those that wait in a paused batch would all go on with the first: a part is not to be had.
    if 0 < part < plan.new and not plan.paused:
        found.append(f"{ASK_FIRST}{part} only{f' ({plan.range_of(part)})' if plan.range else ''}")
    return (*found, f"{SHOW}{count(plan.new, 'prompt')}")


def first_of(text: str) -> int | None:
    """Give how many questions a button of the plan asks; None for all."""
    return int(text.removeprefix(ASK_FIRST).split()[0]) if text.startswith(ASK_FIRST) else None


def live_buttons(tally: Tally, paused: str, *, mode: str, retry: str = "") -> tuple[str, ...]:
    """Give the buttons of a batch under way.

    Parameters
    ----------
    retry
        The button that asks failed rows anew, where it is offered: see `retry_text`. It is the last one: as more
        rows fail it comes, goes and says another number, and no other button may move for it.
    """
    still = many(tally, *OPEN)
    if mode == "stopped":
        return (WATCH,)
    if mode == "cancel?":
        return (f"{CANCEL_YES} {still}", CANCEL_NO)
    found = [resume_text(tally) if paused else PAUSE] if tally.waiting else []
    found.append(STOP)
    if tally.waiting or tally.under_way:
        found.append(f"{CANCEL} {still}")
    return (*found, retry) if retry else tuple(found)


def retry_text(tally: Tally, usual: Expected, paused: str) -> str:
    """Give the button that asks failed rows anew; empty where there is none.

    Where a refusal stopped the rest, that goes on, too, and counts.

    Parameters
    ----------
    usual
        What one of the questions usually costs now.
    """
    if not tally.failed:
        return ""
    # Who cancelled rows did not see them fail.
    what = "rows without an answer" if tally.words["cancelled"] else "failed rows"
    low = None if usual.low is None else tally.anew * usual.low
    sent: tuple[str, ...] = ASKED_ANEW
    high, more = tally.anew * usual.set_aside, ""
    if paused not in {"", "user"} and tally.waiting:
        low = None if low is None or tally.waiting_low is None else low + tally.waiting_low
        high, sent, more = high + tally.waiting_high, (*ASKED_ANEW, "waiting"), " and go on"
    return f"{RETRY}{what}{more} ({many(tally, *sent, noun='')}: {_price(low, high)})"


def resume_text(tally: Tally) -> str:
    """Give the button that lets the rows go on that wait."""
    price = _price(tally.waiting_low, tally.waiting_high)
    return f"{RESUME} ({many(tally, 'waiting')}: {price})"


def _price(low: float | None, high: float) -> str:
    return "cost not known yet" if low is None else money_range(low, high)


def steady(before: str, now: str) -> str:
    """Give the button as it stands while what it would send now comes to about the same: nobody can aim at cents."""
    return before if before and not _is_other(before, now) and not _is_other(now, before) else now


def _is_other(before: str, now: str) -> bool:
    is_dearer = _read(now)[1] > _read(before)[1] * _TENTH
    return before.partition("(")[0] != now.partition("(")[0] or is_dearer or asks_more(before, now) != ""


def asks_more(said: str, now: str) -> str:
    """Say why a click does not count: now it would send more, or for more money, than stood on its button.

    Parameters
    ----------
    said, now
        The button's text as it was clicked, and as it would be now.
    """
    rows, _, high = _read(said)
    rows_now, _, high_now = _read(now)
    if rows_now > rows:
        return "There are more such rows by now: nothing was sent. The button says how many they are."
    if high_now > high * _TENTH:
        return "They usually cost more by now: nothing was sent. The button says how much."
    return ""


def _read(text: str) -> tuple[int, float, float]:
    """Read how many rows a button sends, and from what to what they usually cost; without end where it does not say."""
    found = _SENDS.search(text)
    if found is None:
        return 0, 0.0, 0.0
    rows, low, high = (float(each.replace(",", "")) if each else math.inf for each in found.groups())
    return int(rows), min(low, high), high


def offers(batch: Batch) -> tuple[str, ...]:
    """Give the buttons below a settled batch: what spends says how much."""
    tally = batch.tally
    retry = retry_text(tally, batch.usual, batch.paused)
    go_on = resume_text(tally) if batch.stopped is not None else ""
    return tuple(each for each in (retry, go_on) if each)
