"""What a job under way says: one model for the panel, the terminal and the log of a headless run.

Pure functions of a row and the time. Texts of the service's are escaped here.
"""

from __future__ import annotations

import dataclasses
import datetime
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from pplx_jupyter.ledger.expected import expected_of
from pplx_jupyter.ledger.gate import is_parked
from pplx_jupyter.ledger.times import elapsed, took
from pplx_jupyter.notebook.usual import cost_range, long_after, origin, usual, within
from pplx_jupyter.render.words import count, duration, one_line, shorten, time_of_day
from pplx_jupyter.watch.pace import LONG_SECONDS

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Row

__all__ = [
    "Progress",
    "Step",
    "clock_step",
    "id_line",
    "is_unsent",
    "progress_of",
    "status_text",
    "waits_for_its_turn",
]

_SITES = 2
"""Sites that one step names; of more the number is told."""

_KNOWN = {"", "CREATED", "QUEUED", "IN_PROGRESS", "queued", "in_progress", "COMPLETED", "completed"}


class Step(NamedTuple):
    """One step of a job: seconds since the service took it, where known; what was done; and with what."""

    seconds: float | None
    did: str
    what: str


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """One moment of a job under way.

    Attributes
    ----------
    glyph, tone, word
        The state in a sign, a colour's name and a word.
    beside
        What stands beside the clock: what is usual, or that the job is not affected.
    line
        What is known besides, as HTML.
    counts, latest
        What was searched and found so far, and the latest step, as HTML; empty where the API tells neither.
    steps
        The steps so far, newest first: seconds since it began, what was done, and with what; plain texts.
    total
        How many steps there are; more than `steps` holds, where the oldest were not kept.
    can_cancel
        Whether Cancel makes sense now.
    can_hurry
        Whether "Ask now" makes sense: the next try is a while off.
    """

    glyph: str
    tone: str
    word: str
    beside: str
    line: str
    can_cancel: bool = True
    can_hurry: bool = False
    counts: str = ""
    latest: str = ""
    steps: tuple[Step, ...] = ()
    total: int = 0


def progress_of(row: Row, now: float) -> Progress:
    """Give what a job under way says at `now` (seconds since the epoch)."""
    if row.cancel == "asked" and is_unsent(row):
        line = "It has not been sent: it is dropped, and nothing is billed."
        return Progress("●", "run", "Cancelling", "", line, can_cancel=False)
    if row.cancel == "asked" or (row.cancel == "sent" and row.is_open):
        at = row.progress.get("cancel", {}).get("at")
        sent = f"Perplexity was asked{f' at {_clock(at)}' if at else ''}; waiting for its word."
        line = sent if row.cancel == "sent" else "Asking Perplexity to stop."
        return Progress("●", "run", "Cancelling", _usual(row), line, can_cancel=False)
    if row.trouble:
        return _troubled(row, row.trouble, now)
    if waits_for_its_turn(row):
        line = "A row of a batch: it is sent when it is its turn. Nothing has been sent or billed."
        return Progress("○", "", "Not sent yet", _usual(row), line)
    if row.state == "submitting":
        line = "Written to your ledger first, so nothing is lost if the kernel stops now."
        return Progress("○", "", "Sending", _usual(row), _moved(row) or line)
    if row.state == "queued":
        return Progress(
            "○",
            "",
            "Waiting at Perplexity",
            _usual(row),
            _moved(row) or _refused_cancel(row),
            row.cancel != "refused",
        )
    if (took(row, now) or 0.0) > long_after(row, LONG_SECONDS):
        line = "Nothing is wrong yet. Watching goes on. Perplexity keeps the answer for 7 days, your ledger for good."
        return Progress(
            "!",
            "warn",
            "Running, longer than usual",
            within(row),
            line,
            row.cancel != "refused",
        )
    return _running(row)


def _usual(row: Row) -> str:
    return usual(row) or "what such a job costs is not known yet"


def is_unsent(row: Row) -> bool:
    """Whether a job has not left this machine: to drop it costs nothing."""
    return row.state == "submitting" and row.sending_at is None


def waits_for_its_turn(row: Row) -> bool:
    """Whether a job is a batch's row that is held back until others have ended."""
    return is_unsent(row) and is_parked(row.due_at)


def _running(row: Row) -> Progress:
    if row.remote_status not in _KNOWN:
        said = escape(one_line(row.remote_status, 60))
        line = f"The service says “{said}”, which this version does not know. Watching goes on."
        return Progress(
            "●", "run", "Running", _usual(row), _refused_cancel(row) or line, row.cancel != "refused"
        )
    told = row.progress
    line = "<br>".join(filter(None, [_refused_cancel(row), _moved(row)]))
    plain = Progress("●", "run", "Running", _usual(row), line, row.cancel != "refused")
    if told.get("searches") or told.get("sources"):
        found = f"{count(told['searches'], 'search')}, {count(told['sources'], 'source')}"
        steps = steps_of(row)
        total = len(steps) + max(0, int(told.get("total") or 0) - len(told.get("steps") or ()))
        return dataclasses.replace(
            plain,
            counts=f"<b>{found}</b> so far" + (f", in {count(total, 'step')}" if total else ""),
            latest=escape(one_line(str(told.get("latest") or ""), 120)),
            steps=steps,
            total=total,
        )
    if line:
        return plain
    if row.backend == "agent":
        return dataclasses.replace(plain, line="No search yet.")
    asked = f" Last asked at {_clock(told['asked'])}." if told.get("asked") else ""
    return dataclasses.replace(plain, line=f"This API sends no steps while it works.{asked}")


def steps_of(row: Row) -> tuple[Step, ...]:
    """Give the steps of a job that its row keeps, newest first; pages that were read one after the other are one step."""
    found: list[Step] = []
    pages: list[str] = []
    for kind, text, *more in row.progress.get("steps") or ():
        seconds = more[1] if len(more) > 1 else None
        if kind != "read":
            pages = []
            found.append(Step(seconds, one_line(str(kind), 20), one_line(str(text), 200) or "(no words)"))
            continue
        if pages:
            seconds = found.pop().seconds
        pages.append(_site(str(text)))
        rest = f", {len(pages) - _SITES} more" if len(pages) > _SITES else ""
        found.append(Step(seconds, "read", ", ".join(pages[:_SITES]) + rest))
    return tuple(reversed(found))


def _site(url: str) -> str:
    from pplx_jupyter.render.clean import host

    return one_line(host(url), 60) or "a page"


def _moved(row: Row) -> str:
    if not row.moved:
        return ""
    expected = expected_of(row.expected, row.backend, row.asked_model)
    costs, effort = cost_range(expected), f"effort {escape(row.effort)}" if row.effort else "such a question"
    there = f" There, {effort} usually costs {costs} ({origin(expected)})." if costs else ""
    return (
        "<b>Moved to the agent API.</b> The sonar API is retired for this key (403); that try created nothing"
        f" and billed nothing.{there}"
    )


def _refused_cancel(row: Row) -> str:
    if row.cancel != "refused":
        return ""
    status = row.progress.get("cancel", {}).get("status")
    return (
        f"<b>This API offers no cancel</b>{f' ({status})' if status else ''}. The job goes on and is billed."
    )


def _troubled(row: Row, trouble: Any, now: float) -> Progress:
    kind, again = trouble["kind"], _again(trouble, now)
    said = escape(one_line(str(trouble.get("said") or ""), 200))
    since = _clock(trouble["since"])
    sending = row.state == "submitting"
    word = "Sending" if sending else "Running"
    safe = "it cannot be bought twice" if sending else "the job is not affected"
    hurry = trouble["next"] - now > 5
    if kind == "rate_limited":
        if sending and row.sending_at is None:
            line = f"Perplexity’s limit of questions a minute is reached. It is sent by itself at {_clock(trouble['next'])}. Nothing was billed."
            return Progress("!", "warn", "Not sent yet", "", line)
        line = f"Perplexity allows the next question at {_clock(trouble['next'])}."
        return Progress("!", "warn", f"{word}, asked to slow down", safe, line, can_hurry=False)
    if kind == "ledger":
        line = f"The ledger cannot be written ({said}). It is sent as soon as that is possible. Nothing was billed."
        return Progress("!", "warn", "Not sent yet", "", line)
    if kind == "no_connection":
        line = f"No reply since {since} ({said}). Asking again {again}."
        return Progress("!", "warn", f"{word}, no connection", safe, line, can_hurry=hurry)
    if kind == "not_found":
        line = f"Perplexity does not know this job with this key (404: “{said}”). Asking again {again}."
        return Progress("!", "warn", "Not found with this key", "", line, can_hurry=hurry)
    if kind in {"unauthorized", "forbidden", "retired"}:
        line = f"Perplexity refuses to be asked ({trouble.get('status')}): “{said}”. Asking again {again}; <code>%pplx key</code> sets another key."
        return Progress("!", "warn", f"{word}, refused", safe, line, can_hurry=hurry)
    if kind == "no_answer":
        line = (
            f"Perplexity says that it has finished, and sends no answer since {since}. Asking again {again}."
        )
        return Progress("!", "warn", "Finished, no answer yet", safe, line, can_hurry=hurry)
    line = f"Perplexity, or a proxy on the way, answers with an error since {since} (“{said}”). Asking again {again}."
    return Progress("!", "warn", f"{word}, no proper reply", safe, line, can_hurry=hurry)


def _again(trouble: Any, now: float) -> str:
    left = float(trouble["next"]) - now
    return f"at {_clock(trouble['next'])}" if left > 90 else f"in {duration(max(1, left))}"


def _clock(seconds: float) -> str:
    return time_of_day(datetime.datetime.fromtimestamp(float(seconds)).astimezone())


def clock_step(age: float) -> float:
    """Give how often a panel's clock moves, in seconds: each for two minutes, then every five."""
    return 1.0 if age < 120 else 5.0


def id_line(row: Row) -> str:
    """Give the muted last line: name, id, model, effort, API, when it was asked."""
    effort = f"effort {row.effort}" if row.effort else ""
    model = one_line(row.model, 80) if row.backend == "sonar" else ""
    asked = ", ".join(part for part in (model, effort) if part)
    parts = [row.name, row.id, asked, f"{row.backend} API", f"asked {_clock(row.created_at)}"]
    return " · ".join(part for part in parts if part)


def status_text(row: Row, now: float) -> str:
    """Give the state in one line of plain text, for terminals and logs."""
    told = progress_of(row, now)
    seconds = elapsed(row, now)
    clock = "" if seconds is None else f", {duration(seconds)}"
    parts = [f"{row.label}: {told.word.lower()}{clock}"]
    if row.progress.get("searches"):
        parts.append(
            f"{count(row.progress['searches'], 'search')}, {count(row.progress.get('sources', 0), 'source')}"
        )
    if usual(row):
        parts.append(usual(row))
    parts += [f"{row.backend} API", f"asked {_clock(row.created_at)}", shorten(one_line(row.question), 60)]
    return "; ".join(parts)
