"""The ledger's jobs as a table, in the three permanent forms."""

from __future__ import annotations

import datetime
import time
from html import escape
from typing import TYPE_CHECKING

from pplx_jupyter.render import wrap
from pplx_jupyter.render.words import clock, day_time, money, one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.ledger import Row

__all__ = ["jobs_forms"]

_HEAD = ("Asked", "State", "Question", "Notebook", "Time", "USD", "Job")
_WORDS = {"submitting": "sending", "queued": "waiting", "completed": "finished"}


def jobs_forms(rows: Sequence[Row]) -> dict[str, str]:
    """Give a table of jobs, newest first."""
    if not rows:
        text = "The ledger has no jobs yet. A cell that begins with %%pplx_research asks the first question."
        return {"text/plain": text, "text/markdown": text, "text/html": wrap(f"<p>{escape(text)}</p>")}
    total = _total(rows)
    table = [_cells(row) for row in rows]
    return {
        "text/html": _html(table, total),
        "text/markdown": _markdown(table, total),
        "text/plain": _plain(table, total),
    }


def _total(rows: Sequence[Row]) -> str:
    reported = sum(row.cost for row in rows if row.cost is not None and not row.cost_estimated)
    estimated = sum(row.cost for row in rows if row.cost is not None and row.cost_estimated)
    unknown = sum(
        row.cost is None and row.state in {"failed", "cancelled", "expired", "unconfirmed"} and _billable(row)
        for row in rows
    )
    parts = [f"{money(reported)} reported"]
    if estimated:
        parts.append(f"{money(estimated)} estimated")
    if unknown:
        parts.append(f"{unknown} of unknown cost")
    noun = "job" if len(rows) == 1 else "jobs"
    return f"{len(rows)} {noun}, newest first · {' + '.join(parts)}"


def _billable(row: Row) -> bool:
    return row.accepted_at is not None or row.sending_at is not None


def _cells(row: Row) -> tuple[str, ...]:
    asked = day_time(datetime.datetime.fromtimestamp(row.created_at).astimezone())
    question = shorten(one_line(row.question), 70)
    if row.name:
        question = f"{row.name}: {question}"
    end = row.settled_at or (time.time() if row.is_open else None)
    took = clock(end - row.created_at) if end is not None else ""
    return asked, _WORDS.get(row.state, row.state), question, one_line(row.notebook), took, _cost(row), row.id


def _cost(row: Row) -> str:
    if row.cost is not None:
        amount = money(row.cost).removesuffix(" USD")
        return f"≈ {amount}" if row.cost_estimated else amount
    if row.is_open:
        return ""
    return "unknown" if _billable(row) else "0.00"


def _html(table: Sequence[tuple[str, ...]], total: str) -> str:
    def cell(tag: str, text: str, column: str) -> str:
        side = "right" if column in {"Time", "USD"} else "left"
        inner = f"<code>{escape(text)}</code>" if column == "Job" and tag == "td" else escape(text)
        return f'<{tag} style="text-align:{side}">{inner}</{tag}>'

    head = "".join(cell("th", name, name) for name in _HEAD)
    body = "".join(
        "<tr>" + "".join(cell("td", text, name) for text, name in zip(row, _HEAD, strict=True)) + "</tr>"
        for row in table
    )
    hint = "Show, watch or cancel one: <code>%pplx show ID</code>"
    return wrap(
        f'<p class="pplx-m">{escape(total)}</p><div class="pplx-x"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<p class="pplx-m">{hint}</p>'
    )


def _markdown(table: Sequence[tuple[str, ...]], total: str) -> str:
    def cell(text: str) -> str:
        for sign in "\\`*_{}[]<>|$":
            text = text.replace(sign, "&#" + str(ord(sign)) + ";")
        return text

    lines = [total, "", "| " + " | ".join(_HEAD) + " |", "|:--|:--|:--|:--|--:|--:|:--|"]
    lines += ["| " + " | ".join(cell(text) for text in row) + " |" for row in table]
    return "\n".join(lines)


def _plain(table: Sequence[tuple[str, ...]], total: str) -> str:
    loud = [
        tuple(
            t.upper() if t in {"failed", "unconfirmed", "expired"} and i == 1 else t
            for i, t in enumerate(row)
        )
        for row in table
    ]
    rows = [tuple(name.lower() for name in _HEAD), *loud]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    right = {4, 5}
    lines = [
        "  ".join(
            t.rjust(widths[i]) if i in right else t.ljust(widths[i]) for i, t in enumerate(row)
        ).rstrip()
        for row in rows
    ]
    return "\n".join([total, *("  " + line for line in lines), "show, watch or cancel one: %pplx show ID"])
