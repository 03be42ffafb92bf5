"""What the parts of a panel say: pure functions of a row, the time and what was clicked."""

from __future__ import annotations

import dataclasses
import datetime
from html import escape
from typing import TYPE_CHECKING, Self

from pplx_jupyter.ledger.times import elapsed
from pplx_jupyter.notebook.panel.progress import Progress, id_line, is_unsent, progress_of, waits_for_its_turn
from pplx_jupyter.render import stylesheet
from pplx_jupyter.render.words import clock, duration, one_line, time_of_day

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Row

__all__ = [
    "ASK_AGAIN",
    "CANCEL",
    "CANCEL_EARLIER",
    "CANCEL_NO",
    "CANCEL_YES",
    "CLOSE",
    "HURRY",
    "STOP",
    "WATCH",
    "Texts",
]

_STOP_NOTE = "Stop watching: the job goes on, is billed, and its answer is still collected."
_CANCEL_NOTE = "Cancel: Perplexity is asked to stop; what is done so far may be billed."
_STOP_UNSENT_NOTE = (
    "Stop watching: it is sent when it is its turn, is billed then, and its answer is still collected."
)
_CANCEL_UNSENT_NOTE = "Cancel: it is dropped free of charge, unless it has been sent by then."
_STOPPED = "Running this cell again also brings the panel back. Nothing is bought twice."

_SENT = "What is done so far may be billed, and no partial answer comes back."
_UNSENT = "It has not been sent: dropped before it is, it costs nothing."

WATCH, STOP, CANCEL, CANCEL_YES, CANCEL_NO, HURRY, CANCEL_EARLIER, ASK_AGAIN, CLOSE = (
    "Watch again",
    "Stop watching",
    "Cancel",
    "Yes, cancel the job",
    "Keep it running",
    "Ask now",
    "Cancel the earlier job",
    "Ask again",
    "Close it",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Texts:
    """What the panel's parts say at one moment, as HTML; the buttons as plain texts.

    `counts`, `latest` and `steps` are empty where no steps are told, or something else is said in their place.
    """

    head: str
    question: str
    line: str
    note: str
    buttons: tuple[str, ...]
    counts: str = ""
    latest: str = ""
    steps: str = ""

    @classmethod
    def of(
        cls,
        row: Row,
        now: float,
        *,
        mode: str,
        earlier: Row | None,
        why: str = "",
        since: float | None = None,
        said: str = "",
    ) -> Self:
        """Give what a panel says; the parameters are those of `pplx_jupyter.notebook.panel.panel.Panel.paint`."""
        told = _stopped_state(row) if mode == "stopped" else progress_of(row, now)
        line = told.line
        if mode == "cancel?":
            line = f"<b>Cancel this job?</b> {_UNSENT if is_unsent(row) else _SENT}"
        elif mode == "watching" and earlier is not None:
            asked = escape(earlier.label)
            other = f"<b>This cell asked another question before</b>, {asked}, which is still under way and is billed."
            line = f"{line}<br>{other}" if line else other
        shown = _elapsed(row, now) if since is None else f"since {_time(since)}"
        steps = told.counts and mode == "watching"
        buttons = _buttons(told, mode, earlier=earlier is not None)
        return cls(
            head=_head(told, shown),
            question=_question(row, why, bar=mode != "stopped"),
            line=f'<div class="pplx"><p style="margin:0 0 8px">{line}</p></div>' if line else "",
            note=_told(said) + _note(_below(row, mode, buttons), row),
            buttons=buttons,
            counts=_said(told.counts) if steps else "",
            latest=_said(told.latest) if steps else "",
            steps=_table(told) if steps else "",
        )


def _stopped_state(row: Row) -> Progress:
    goes_on = (
        "the job is sent when it is its turn, and billed then; its answer is"
        if waits_for_its_turn(row)
        else "the job goes on, is billed, and its answer is"
    )
    return Progress("◌", "", "Not watching", f"{goes_on} collected into your ledger", "")


def _buttons(told: Progress, mode: str, *, earlier: bool) -> tuple[str, ...]:
    if mode == "stopped":
        return (WATCH,)
    if mode == "cancel?":
        return (CANCEL_YES, CANCEL_NO)
    if told.can_hurry:
        return (HURRY, STOP)
    buttons = (STOP, CANCEL) if told.can_cancel else (STOP,)
    return (*buttons, CANCEL_EARLIER) if earlier and len(buttons) == 2 else buttons


def _below(row: Row, mode: str, buttons: tuple[str, ...]) -> str:
    """Say what the buttons mean for the job and the money."""
    if mode == "stopped":
        return _STOPPED
    if STOP not in buttons:
        return ""
    if waits_for_its_turn(row):
        return f"{_STOP_UNSENT_NOTE} {_CANCEL_UNSENT_NOTE}" if CANCEL in buttons else _STOP_UNSENT_NOTE
    return f"{_STOP_NOTE} {_CANCEL_NOTE}" if CANCEL in buttons else _STOP_NOTE


def _told(said: str) -> str:
    """Say why nothing came of a click."""
    return (
        f'<div class="pplx" style="max-width:none"><p role="status" style="margin:4px 0 0">{escape(said)}</p></div>'
        if said
        else ""
    )


def _said(html: str) -> str:
    return (
        f'<div class="pplx" style="max-width:none"><p style="margin:0 0 6px">{html}</p></div>' if html else ""
    )


def _table(told: Progress) -> str:
    """Give all steps as a table that scrolls in itself, newest first."""
    cell = '<td style="text-align:left;vertical-align:baseline{}">{}</td>'
    rows = "".join(
        "<tr>"
        + cell.format(";white-space:nowrap", "" if step.seconds is None else clock(step.seconds))
        + cell.format("", escape(step.did))
        + cell.format(";overflow-wrap:anywhere", f'<span dir="auto">{escape(step.what)}</span>')
        + "</tr>"
        for step in told.steps
    )
    gone = told.total - len(told.steps)
    rest = f'<p class="pplx-m" style="margin:4px 0 0">and {gone:,} earlier</p>' if gone > 0 else ""
    box = 'style="max-height:186px;overflow:auto;margin:0 0 6px" tabindex="0" role="region"'
    return (
        f'<div class="pplx" style="max-width:none"><div {box} aria-label="{told.total:,} steps so far, newest first">'
        f"<table><tbody>{rows}</tbody></table>{rest}</div></div>"
    )


def _elapsed(row: Row, now: float) -> str:
    seconds = elapsed(row, now)
    return "" if seconds is None else duration(seconds)


def _head(told: Progress, shown: str) -> str:
    beside = f' <span class="pplx-m">&ensp;{escape(told.beside)}</span>' if told.beside else ""
    return (
        f'<div class="pplx {told.tone}" style="max-width:none"><span class="pplx-g">{told.glyph}</span> '
        f'<b>{escape(told.word)}</b> <span class="pplx-w">{shown}</span>{beside}</div>'
    )


def _question(row: Row, why: str, *, bar: bool) -> str:
    """Give what does not change while the job runs: an update would start the bar's animation anew."""
    question = escape(one_line(row.question, 140))
    below = (
        '<div class="pplx-bar" style="margin:5px 0 7px"><i></i></div>'
        if bar
        else '<div style="height:8px"></div>'
    )
    reason = f'<p class="pplx-m" dir="auto">{escape(why)}</p>' if why else ""
    return f'{stylesheet()}<div class="pplx" style="max-width:none"><div dir="auto">{question}</div>{reason}{below}</div>'


def _note(text: str, row: Row) -> str:
    above = f"{escape(text)}<br>" if text else ""
    return f'<div class="pplx" style="max-width:none"><p class="pplx-m" style="margin:4px 0 0">{above}{escape(id_line(row))}</p></div>'


def _time(seconds: float) -> str:
    return time_of_day(datetime.datetime.fromtimestamp(seconds).astimezone(), seconds=False)
