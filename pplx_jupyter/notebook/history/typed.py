"""The filters of ``%pplx jobs`` and ``pplx-jupyter jobs`` as they are typed, and in words."""

from __future__ import annotations

import datetime
import time

from pplx_jupyter.errors import RequestError
from pplx_jupyter.ledger import OPEN, Wanted
from pplx_jupyter.ledger.records import SETTLED
from pplx_jupyter.render.words import day_time, money, one_line
from pplx_jupyter.settings import seconds_of

__all__ = ["FILTERS", "STATES", "filters_in_words", "wanted_of"]

FILTERS = ("--search", "--state", "--notebook", "--since", "--until", "--cost")
"""The filters, each with its value behind it."""

STATES: dict[str, tuple[str, ...]] = {
    "running": OPEN,
    "finished": ("completed", "incomplete"),
    "failed": ("failed", "expired"),
    "unconfirmed": ("unconfirmed",),
    "cancelled": ("cancelled",),
}
"""What a person calls states, and the ledger's words for them."""

_ALL = (*OPEN, *SETTLED, "unconfirmed")


def wanted_of(
    *,
    search: str = "",
    state: str = "",
    notebook: str = "",
    since: str = "",
    until: str = "",
    cost: str = "",
    here: str = "",
) -> Wanted:
    """Read filters.

    Parameters
    ----------
    state
        Such as ``failed``, or several with commas between them.
    notebook
        Its name, or ``this``.
    since, until
        An age such as ``7d``, or a date such as ``2026-11-22``; `until` leaves that day out.
    cost
        US dollars that a job cost at least, or ``unknown``.
    here
        The name of this notebook, where it is known.

    Raises
    ------
    RequestError
        A value is wrong; the message says what to write.
    """
    if notebook == "this" and not here:
        raise RequestError("--notebook this: which notebook this is, is not known here; write its name.")
    unknown = cost == "unknown"
    return Wanted(
        search=search,
        states=_states(state) if state else None,
        notebook=(here if notebook == "this" else notebook) or None,
        since=_moment(since, "--since") if since else None,
        until=_moment(until, "--until") if until else None,
        cost_from=_amount(cost) if cost and not unknown else None,
        cost_unknown=unknown,
    )


def filters_in_words(wanted: Wanted) -> str:
    """Tell the filters as a person would; empty where there are none."""
    parts = []
    if wanted.search.strip():
        parts.append(f"“{one_line(wanted.search, 60)}”")
    if wanted.states is not None:
        known = next((word for word, states in STATES.items() if states == wanted.states), "")
        parts.append(f"state {known or ', '.join(wanted.states)}")
    if wanted.notebook is not None:
        parts.append(f"notebook {one_line(wanted.notebook, 60)}")
    for word, moment in (("since", wanted.since), ("until", wanted.until)):
        if moment is not None:
            parts.append(f"{word} {day_time(datetime.datetime.fromtimestamp(moment).astimezone())}")
    if wanted.cost_from is not None:
        parts.append(f"at least {money(wanted.cost_from)}")
    if wanted.cost_unknown:
        parts.append("unknown cost")
    return ", ".join(parts)


def _states(text: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for word in text.lower().split(","):
        if word.strip() not in {*STATES, *_ALL}:
            raise RequestError(
                f"--state {text}: choose {', '.join(STATES)} or the ledger's own words ({', '.join(_ALL)})."
            )
        found.update(dict.fromkeys(STATES.get(word.strip(), (word.strip(),))))
    return tuple(found)


def _moment(text: str, flag: str) -> float:
    try:
        return datetime.datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        pass
    except (OverflowError, OSError):
        raise RequestError(f"{flag} {text}: no clock knows that day.") from None
    try:
        seconds = seconds_of(text, flag)
    except RequestError:
        raise RequestError(f"{flag} {text}: write an age such as 7d, or a date such as 2026-11-22.") from None
    return time.time() - (seconds or 0.0)


def _amount(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise RequestError(
            f"--cost {text}: write US dollars such as 0.50, which finds what cost at least so much, or unknown."
        )
    return amount
