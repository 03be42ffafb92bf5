"""What a receipt says, as words: names, states, times, identity. Nothing here is markup."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pplx_jupyter.render.pieces import Bold, Code, Sentence
from pplx_jupyter.render.words import (
    UNKNOWN_COST,
    age,
    count,
    day_time,
    duration,
    money_of,
    one_line,
)

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer
    from pplx_jupyter.receipt import Earlier, Receipt

__all__ = [
    "State",
    "api",
    "followed",
    "handle",
    "ident",
    "local",
    "model",
    "named",
    "prefix",
    "question",
    "state",
]

_TITLE = 140
_SENTENCE = re.compile(r"(?<=[.?!])\s|(?<=[。？！])|\n\s*\n")
_LEAD = re.compile(r"^[\s#>*_-]+")
_SHORT = 12
_WINDOWS = {"hour": 3_600, "day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400, "year": 366 * 86_400}
"""The windows of `search_recency_filter`, in seconds; the longest that each word can mean."""


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """The first line of an answer: glyph and tone, the word, what follows it, and a second line."""

    glyph: str
    tone: str
    word: str
    rest: str
    colon: bool = False
    second: Sentence = ()


def local(moment: datetime, receipt: Receipt) -> datetime:
    """Give a moment as it is to be shown: in its own offset, and in UTC where it must be the same anywhere."""
    return moment.astimezone(UTC) if receipt.reuse == "lockfile" else moment


def _when(moment: datetime, receipt: Receipt) -> str:
    return day_time(local(moment, receipt)) + (" UTC" if receipt.reuse == "lockfile" else "")


def named(receipt: Receipt) -> str:
    """Name a job in a sentence: ``prices (7f3a9c)``."""
    name, job = one_line(receipt.name, 80), one_line(receipt.job_id, 80)
    return f"{name} ({job})" if name and job else name or job or "The job"


def followed(earlier: Earlier) -> str:
    """Name a question that another one follows: ``prices (7f3a9c): “How have …?”``."""
    name, job = one_line(earlier.name, 80), one_line(earlier.job_id, 80)
    asked = _sentence(earlier.question or earlier.prompt)
    said = f"“{asked}”" if asked else "its question is deleted"
    return f"{name} ({job}): {said}" if name else f"{job}: {said}"


def handle(receipt: Receipt | None) -> str:
    """Give the Python expression for the job: its name, or ``attach("7f3a9c")``; empty without one."""
    if receipt is None:
        return ""
    if receipt.name.isidentifier():
        return receipt.name
    return f'attach("{one_line(receipt.job_id, 80)}")' if receipt.job_id else ""


def prefix(receipt: Receipt | None, answer: Answer) -> str:
    """Give what the ids of an answer begin with: two answers of one notebook must not share one."""
    job = re.sub(r"[^A-Za-z0-9_-]", "", receipt.job_id)[:40] if receipt is not None else ""
    if not job:
        import hashlib

        whole = "\0".join([answer.text, *(source.url for source in answer.sources), answer.thinking])
        job = hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=6).hexdigest()
    return f"pplx-{job}-"


def question(receipt: Receipt | None) -> str:
    """Give the first sentence of the question, at most 140 characters."""
    return _sentence(receipt.question or receipt.prompt) if receipt is not None else ""


def _sentence(text: str) -> str:
    return one_line(_SENTENCE.split(_LEAD.sub("", text), maxsplit=1)[0], _TITLE)


def api(receipt: Receipt) -> str:
    """Give the name of the API: ``sonar API``; empty where it is not known."""
    return f"{one_line(receipt.backend, 40)} API" if receipt.backend else ""


def model(answer: Answer | None, receipt: Receipt) -> str:
    """Give model and effort: ``sonar-deep-research, effort high``."""
    used = one_line((answer.model if answer is not None else "") or receipt.model, 80)
    effort = f"effort {one_line(receipt.effort, 40)}" if receipt.effort else ""
    return ", ".join(filter(None, [used, effort]))


def ident(
    receipt: Receipt, *, request_id: str = "", moment: datetime | None = None, asked: bool = False
) -> str:
    """Give the line that identifies a job: name, id, time, request, API."""
    at = moment or receipt.asked_at
    when = day_time(local(at, receipt), seconds=not asked) if at is not None else ""
    request = one_line(request_id or receipt.request_id, 80)
    return " · ".join(
        filter(
            None,
            [
                one_line(receipt.name, 80),
                one_line(receipt.job_id, 80),
                f"asked {when}" if when and asked else when,
                f"request {request}" if request else "",
                api(receipt),
                "simulated" if receipt.simulated else "",
            ],
        )
    )


def state(answer: Answer, receipt: Receipt | None, *, usual: str = "") -> State:
    """Give the first line of an answer: what it is, what it cost, how old it is."""
    cost = money_of(answer.cost)
    found = count(len(answer.sources), "source") if answer.sources else ""
    simulated = answer.simulated or (receipt is not None and receipt.simulated)
    if receipt is None:
        return State("✓", "ok", "Answer (simulated)" if simulated else "Answer", _dotted(cost, found))
    if receipt.reuse:
        return _reused(answer, receipt, simulated=simulated, usual=usual)
    word = "Finished" if answer.incomplete is None else "Incomplete"
    took = (
        f"{'in' if answer.incomplete is None else 'after'} {duration(receipt.elapsed)}"
        if receipt.elapsed is not None
        else ""
    )
    glyph, tone = ("✓", "ok") if answer.incomplete is None else ("!", "warn")
    if simulated:
        return State(glyph, tone, f"{word} (simulated)", _dotted(took, "0.00 USD, nothing left this machine"))
    moment = receipt.settled_at or receipt.asked_at
    return State(glyph, tone, word, _dotted(took, cost, found, day_time(moment) if moment else ""))


def _reused(answer: Answer, receipt: Receipt, *, simulated: bool, usual: str) -> State:
    frozen = receipt.reuse == "lockfile"
    word = ("From the lockfile" if frozen else "From your ledger") + (" (simulated)" if simulated else "")
    moment = receipt.settled_at or receipt.asked_at
    answered = f"answered {_when(moment, receipt)}" if moment else ""
    if frozen:
        return State("↺", "", word, _dotted(answered, "nothing sent"), colon=True)
    old = age(moment, receipt.now) if moment and receipt.now else ""
    cost = money_of(answer.cost)
    saved = "" if simulated or cost == UNKNOWN_COST else f"saved {cost}"
    rest = _dotted(f"{answered} ({old} this run)" if old else answered, "nothing sent", saved)
    likely = f" (usually {usual})" if usual else ""
    second = (
        *_outlived(moment, receipt),
        "To ask anew, add ",
        Code("--refresh"),
        f" to the first line of the cell{likely}. This answer is kept.",
    )
    return State("↺", "", word, rest, colon=True, second=second)


def _outlived(moment: datetime | None, receipt: Receipt) -> Sentence:
    """Say where an answer is older than the pages that its question asks for."""
    window = _WINDOWS.get(receipt.recency)
    if window is None or moment is None or receipt.now is None:
        return ()
    if (receipt.now - moment).total_seconds() <= window:
        return ()
    asked = f" It asks for pages of the last {receipt.recency}; this answer is of {day_time(moment)}. "
    return (Bold("! Older than the question’s own window."), asked)


def _dotted(*parts: str) -> str:
    return " · ".join(filter(None, parts))
