"""One job as a line of the table, in words and as HTML."""

from __future__ import annotations

import dataclasses
import datetime
import time
from typing import TYPE_CHECKING, Self

from pplx_jupyter.ledger.times import elapsed
from pplx_jupyter.ledger.wanted import may_cost
from pplx_jupyter.notebook.panel.progress import waits_for_its_turn
from pplx_jupyter.notebook.usual import usual_cost
from pplx_jupyter.render.clean import text as escape
from pplx_jupyter.render.words import clock, count, day_time, keep, money, one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.ledger import Found, Row

__all__ = ["LOUD", "Line", "counted", "lines_of", "summed", "table_html", "updated"]

LOUD = {"failed", "unconfirmed", "expired"}
"""States that need a look."""

_LONGEST = 70
# Where there is little room, the question gives way: what a job costs is never out of sight.
_GAP = "padding-right:min(14px,1.5vw)"
_NUMBER = f'style="text-align:right;white-space:nowrap;{_GAP}"'
# A date, and a range, of one line where there is room; of a narrow page less than they need at least.
_STATE = f'style="text-align:left;width:min(10em,18vw);{_GAP}"'
_QUESTION = f'style="text-align:left;min-width:5.2em;overflow-wrap:anywhere;{_GAP}"'
_USD = 'style="text-align:right;width:min(6em,12vw);padding-right:0"'
_STATES = {
    "submitting": ("○", "", "sending"),
    "queued": ("○", "", "waiting"),
    "running": ("●", "run", "running"),
    "completed": ("✓", "ok", "finished"),
    "incomplete": ("!", "warn", "incomplete"),
    "failed": ("✕", "bad", "failed"),
    "expired": ("✕", "bad", "expired"),
    "cancelled": ("■", "", "cancelled"),
    "unconfirmed": ("?", "warn", "unconfirmed"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """What the table says of one job, as plain texts."""

    number: int
    id: str
    glyph: str
    tone: str
    state: str
    asked: str
    name: str
    question: str
    notebook: str
    took: str
    cost: str

    @classmethod
    def of(
        cls, row: Row, number: int, zone: datetime.tzinfo | None = None, *, simulated: bool = False
    ) -> Self:
        """Read a row; times are local, or in `zone`."""
        glyph, tone, state = _STATES.get(row.state, ("●", "", row.state))
        if waits_for_its_turn(row):
            state = "not sent"
        asked = day_time(datetime.datetime.fromtimestamp(row.created_at).astimezone(zone))
        seconds = elapsed(row, time.time())
        gone = row.forgotten_at is not None
        return cls(
            number=number,
            id=row.id,
            glyph=glyph,
            tone=tone,
            state=state,
            asked=asked if zone is None else f"{asked} UTC",
            name="" if gone else one_line(row.name, 40),
            question="(forgotten)" if gone else shorten(one_line(row.question), _LONGEST),
            notebook=one_line(row.notebook, 60),
            took="" if seconds is None else clock(seconds),
            cost=f"{_cost(row)}, simulated" if simulated else _cost(row),
        )


def lines_of(found: Found, *, first: int = 1, zone: datetime.tzinfo | None = None) -> list[Line]:
    """Read the rows that were found, numbered from `first`."""
    return [
        Line.of(row, number, zone, simulated=row.base_url in found.simulated)
        for number, row in enumerate(found.rows, start=first)
    ]


def summed(found: Found) -> str:
    """Tell what the jobs cost that were found."""
    parts = [f"{money(found.reported)} reported"]
    if found.estimated:
        parts.append(f"{money(found.estimated)} estimated")
    if found.unknown:
        parts.append(f"{found.unknown} of unknown cost")
    told = " · amounts marked simulated were not billed" if found.simulated else ""
    return " + ".join(parts) + told


def updated(found: Found, changed: Mapping[str, Row]) -> Found:
    """Let rows take the place of what they were when they were found, and the sums go with them."""
    reported, estimated, unknown = found.reported, found.estimated, found.unknown
    rows = [changed.get(row.id, row) for row in found.rows]
    for before, after in zip(found.rows, rows, strict=True):
        for row, sign in ((before, -1), (after, 1)):
            if row.cost_estimated:
                estimated += sign * (row.cost or 0.0)
            else:
                reported += sign * (row.cost or 0.0)
            unknown += sign * may_cost(row)
    # What is taken away must leave nothing, not the last bits of a sum.
    reported, estimated = round(reported, 9), round(estimated, 9)
    return dataclasses.replace(found, rows=rows, reported=reported, estimated=estimated, unknown=unknown)


def _cost(row: Row) -> str:
    if row.cost is not None:
        amount = money(row.cost).removesuffix(" USD")
        return f"≈ {amount}" if row.cost_estimated else amount
    usual = usual_cost(row).removesuffix(" USD")
    if row.is_open:
        return usual or "not known yet"
    if row.state == "unconfirmed" and usual:
        return f"0.00–{usual.rpartition('–')[2]}"
    return "unknown" if may_cost(row) else "0.00"


def table_html(lines: Sequence[Line]) -> str:
    """Give the table: four columns of two lines, so that it is read on a telephone, too."""
    head = (
        f'<tr><th scope="col" {_NUMBER}>#</th><th scope="col" {_STATE}>State, asked</th>'
        f'<th scope="col" {_QUESTION}>Question, notebook, time, job</th><th scope="col" {_USD}>USD</th></tr>'
    )
    body = "".join(map(_line_html, lines))
    return f'<div class="pplx-x"><table style="width:100%"><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _line_html(line: Line) -> str:
    name = f"<b>{escape(line.name)}</b> · " if line.name else ""
    below = ["/<wbr>".join(map(escape, part.split("/"))) for part in (line.notebook, line.took) if part]
    amount, _, told = line.cost.partition(", ")
    below += [f"<code>{escape(line.id)}</code>", *([escape(told)] if told else [])]
    state = f'<span class="pplx-g {line.tone}">{line.glyph}</span> {line.state}'
    muted = '<span class="pplx-m" style="font-size:12px">'
    # A range breaks behind its dash before it pushes itself out of sight.
    usd = keep(escape(amount)).replace("–", "–<wbr>").replace("≈ ", "≈\u00a0")
    return (
        f"<tr><td {_NUMBER}>{line.number:,}</td>"
        f"<td {_STATE}>{state}<br>{muted}{escape(keep(line.asked))}</span></td>"
        f'<td {_QUESTION}><span dir="auto">{name}{escape(line.question)}</span><br>{muted}{" · ".join(below)}</span></td>'
        f"<td {_USD}>{usd}</td></tr>"
    )


def counted(number: int) -> str:
    """Give how many jobs."""
    return count(number, "job")
