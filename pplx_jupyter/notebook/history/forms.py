"""The ledger's jobs as a table in the three permanent forms."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from pplx_jupyter.notebook.history.lines import LOUD, counted, lines_of, summed, table_html
from pplx_jupyter.notebook.outputs.table import table_forms, text_forms
from pplx_jupyter.render import as_markdown, wrap
from pplx_jupyter.render.clean import text as escape
from pplx_jupyter.render.words import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pplx_jupyter.ledger import Found
    from pplx_jupyter.notebook.history.lines import Line

__all__ = ["jobs_forms", "total_line", "unread_line"]

_HEAD = ("#", "Asked", "State", "Job", "Time", "USD", "Question", "Notebook")
_RIGHT = ("#", "Time", "USD")
_HINT = "One of them: %pplx show ID; also attach, cancel, retry, diff and export"
_NONE = "The ledger has no jobs yet. A cell that begins with %%pplx_research asks the first question."


def jobs_forms(found: Found, *, first: int = 1, filters: str = "", utc: bool = False) -> dict[str, str]:
    """Give the table of jobs that were found, newest first.

    Parameters
    ----------
    first
        The number of the first row.
    filters
        What was looked for, in words; empty where all jobs are shown.
    utc
        Times are the same on every machine.
    """
    unread = unread_line(found) if filters else ""
    if not found.rows:
        return text_forms(
            " ".join(part for part in (f"No job fits: {filters}." if filters else _NONE, unread) if part)
        )
    lines = lines_of(found, first=first, zone=datetime.UTC if utc else None)
    above = total_line(found, first=first, filters=filters)
    if unread:
        above = f"{above} · {unread}"
    return {
        "text/html": wrap(
            f'<p class="pplx-m">{escape(above)}</p>{table_html(lines)}<p class="pplx-m">{escape(_HINT)}</p>'
        ),
        "text/markdown": _markdown(lines, above),
        "text/plain": _plain(lines, above),
    }


def total_line(found: Found, *, first: int = 1, filters: str = "") -> str:
    """Tell how many jobs there are, which of them are shown, and what they cost."""
    shown = len(found.rows)
    which = f"newest {shown:,} shown" if first == 1 else f"{first:,}–{first + shown - 1:,} shown"
    if shown == found.count:
        which = "newest first"
    told = f" with {filters}" if filters else ""
    return f"{counted(found.count)}{told}, {which} · {summed(found)}"


def unread_line(found: Found) -> str:
    """Say how far a search reaches, where it does not reach all jobs yet."""
    if not found.unread:
        return ""
    return (
        f"Words of {count(found.unread, 'older job')} are not read in yet, so that a search misses them;"
        " that goes on in the background, once."
    )


def _markdown(lines: Sequence[Line], above: str) -> str:
    def escaped(text: str) -> str:
        return as_markdown.escape(text)

    sides = ["--:" if name in _RIGHT else ":--" for name in _HEAD]
    rows = [f"{as_markdown.start(escaped(above))}\n", f"| {' | '.join(_HEAD)} |", f"|{'|'.join(sides)}|"]
    for line in lines:
        name = f"**{escaped(line.name)}**: " if line.name else ""
        cells = (str(line.number), line.asked, line.state, line.id, line.took, line.cost)
        question = f"{name}{escaped(line.question)}"
        rows.append("| " + " | ".join([*map(escaped, cells), question, escaped(line.notebook)]) + " |")
    return "\n".join([*rows, f"\n{as_markdown.start(escaped(_HINT))}"])


def _plain(lines: Sequence[Line], above: str) -> str:
    table = []
    for line in lines:
        # Without colours, what needs a look stands out by its letters.
        state = line.state.upper() if line.state in LOUD else line.state
        question = f"{line.name}: {line.question}" if line.name else line.question
        if line.notebook:
            question += f" ({line.notebook})"
        table.append((str(line.number), line.asked, state, line.id, line.took, line.cost, question))
    head = (*_HEAD[:6], "Question (notebook)")
    return table_forms(head, table, right=_RIGHT, above=above, below=_HINT)["text/plain"]
