"""The table of jobs as it is searched and clicked.

A click, or a letter typed, only notes what is wanted and returns; the ledger is read, and what a
button does is done, in a turn of its own. Of several searches the last alone is read.
"""

from __future__ import annotations

import contextvars
import time
from html import escape
from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.history.acts import Acts, possible
from pplx_jupyter.notebook.history.controls import ANEW, Controls
from pplx_jupyter.notebook.history.forms import total_line, unread_line
from pplx_jupyter.notebook.history.lines import Line, counted, lines_of, table_html, updated
from pplx_jupyter.notebook.history.typed import filters_in_words
from pplx_jupyter.notebook.outputs.beside import AWAY, LIVE, close_all, pin_all
from pplx_jupyter.notebook.simulated import marked
from pplx_jupyter.notebook.turns import Turns
from pplx_jupyter.notebook.usual import usual_cost
from pplx_jupyter.render import stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplx_jupyter.ledger import Found, Row, Wanted
    from pplx_jupyter.notebook.outputs.display import Pin
    from pplx_jupyter.session import Session

__all__ = ["PAGE", "Browser"]

PAGE = 10
"""Rows of a page."""

_TYPING_SECONDS = 0.15
_LOOK_FIRST = 0.4
"""Seconds that a price must have been shown before a click on it buys."""


class Browser:
    """The live table of one cell.

    Parameters
    ----------
    session
        Whose ledger is shown.
    pin
        The kernel and the cell.
    wanted
        What is looked for first.
    found
        What was found of that.
    on_read
        Called with what is shown whenever it changes.
    """

    def __init__(
        self,
        session: Session,
        pin: Pin,
        wanted: Wanted,
        found: Found,
        *,
        notebooks: Sequence[tuple[str, str]] = (),
        on_read: Callable[[Found, int, str], None],
        variables: dict[str, Any] | None = None,
    ) -> None:
        import ipywidgets as widgets

        self.session = session
        self._used_at = time.monotonic()
        self._on_read = on_read
        self._turns = Turns(session.ledger, self.say)
        self._asked = 0
        self._offset = 0
        self._found = found
        self._chosen = ""
        self._offered = ("", 0.0)
        self._anew_of = ""
        self._started: set[str] = set()
        self._pin = pin
        # What is made in another thread belongs to the cell all the same.
        self._context = contextvars.copy_context()
        self._exporting: Row | None = None
        plain = widgets.Layout(margin="0", overflow="auto", max_width="100%")
        self._html = {name: widgets.HTML(layout=plain) for name in ("total", "table", "page")}
        # It stays when the others are put away.
        self._html["note"] = widgets.HTML(layout=widgets.Layout(margin="0"))
        self.page = widgets.HTMLMath(layout=plain)
        self._detail = widgets.VBox([], layout=widgets.Layout(margin="4px 0 0"))
        self._controls = Controls(
            wanted,
            notebooks,
            on_filter=self._filter,
            on_row=self._choose,
            on_click=self._click,
        )
        self._acts = Acts(session, pin, self, variables)
        self.box = widgets.VBox(
            self._controls.rows(self._html, self._detail),
            layout=widgets.Layout(
                border="1px solid rgba(128,128,128,.4)",
                padding="10px 16px 8px",
                max_width="800px",
                margin="2px 0 6px",
            ),
        )
        self._export = self._controls.export_row()
        for widget in (self.box, self._export, self.page):
            pin_all(widget, pin)
        self._paint(found)
        if found.unread and wanted.search:
            self._turns.read_in(self.refresh)

    @property
    def used_at(self) -> float:
        """When it was last used, on the monotonic clock: now, while it shows a job under way."""
        if self._acts.is_following:
            self._used_at = time.monotonic()
        return self._used_at

    # -- what a person does ----------------------------------------------------------------------

    def _filter(self) -> None:
        self._offset = 0
        self._used_at = time.monotonic()
        self.refresh(after=_TYPING_SECONDS)

    def _choose(self) -> None:
        row = self._row_numbered(self._controls.row.value)
        self._set_chosen(row.id if row is not None else "")
        self.run(self._tell)

    def _set_chosen(self, job_id: str) -> None:
        """Let buttons act on a job; an export line that was opened for another is closed."""
        self._chosen = job_id
        if self._exporting is not None and self._exporting.id != job_id:
            self.show_detail()

    def _click(self, text: str) -> None:
        self._used_at = time.monotonic()
        if text in {"Newer", "Older"}:
            step = PAGE if text == "Older" else -PAGE
            self._offset = max(0, self._offset + step)
            self.refresh()
        elif text == "Look again":
            self._acts.look_elsewhere()
            self.refresh()
        elif text == "Write the file":
            # Not the chosen one: that may be another by now.
            row, name = self._exporting, self._controls.file.value.strip()
            if row is not None:
                self.run(lambda: self._acts.export(row, name))
        else:
            self._act(text)

    def _act(self, text: str) -> None:
        row = self.chosen
        if row is None:
            self.run(self._tell)
        elif text in {"Show", "Watch", "Cancel"}:
            self.run(lambda: self._acts.open(row, cancel=text == "Cancel"))
        elif text == "Compare":
            self.run(lambda: self._acts.compare(row))
        elif text == "Export":
            self._controls.file.value = f"{row.name if row.name.isidentifier() else row.id}.html"
            self.show_detail(self._export)
            self._exporting = row

    def _ask_anew(self, job_id: str) -> None:
        """Buy; `job_id` is the one whose button was clicked, be it before a busy kernel took the click."""
        self._used_at = time.monotonic()
        row, (job, since) = self.chosen, self._offered
        if row is None or not job_id == job == row.id or time.monotonic() - since < _LOOK_FIRST:
            # Its price was not on the button yet when it was aimed at.
            return
        # Taken away before anything is sent: a second click finds nothing.
        self._offered = ("", 0.0)
        self._controls.buttons[ANEW].disabled = True
        self.run(lambda: self._acts.ask_anew(row))

    @property
    def chosen(self) -> Row | None:
        """The row that buttons act on, where it is on the page."""
        return next((row for row in self._found.rows if row.id == self._chosen), None)

    # -- what is read and painted ----------------------------------------------------------------

    def run(self, work: Callable[[], None]) -> None:
        """Do something in a thread of its own, after what was asked for before; from any thread."""
        self._used_at = time.monotonic()
        self._turns.take(work)

    def refresh(self, *, after: float = 0.0, choose: str = "") -> None:
        """Read the page anew; from any thread.

        Parameters
        ----------
        choose
            The job to choose, from the first page.
        """
        self._asked += 1
        if choose:
            self._set_chosen(choose)
            self._offset = 0
        number = self._asked
        self._turns.take(self._read, after=after, when=lambda: number == self._asked)

    def await_end(self, row: Row) -> None:
        """Read the page anew when a job that was started here has ended: it may fit what is looked for only then."""
        if row.is_open:
            self._started.add(row.id)

    def _read(self) -> None:
        number, offset, wanted = self._asked, self._offset, self._controls.wanted
        found = self.session.ledger.found(wanted, limit=PAGE, offset=offset)
        if not found.rows and offset:
            self._offset = 0
            found = self.session.ledger.found(wanted, limit=PAGE)
        if number != self._asked:
            return
        found = marked(self.session.ledger, found)
        self._paint(found)
        self._on_read(found, self._offset + 1, filters_in_words(wanted))
        if found.unread and wanted.search:
            self._turns.read_in(self.refresh)

    def _paint(self, found: Found) -> None:
        self._found = found
        lines = self._paint_rows()
        if not lines:
            self._html["table"].value = _wide(_nothing(filters_in_words(self._controls.wanted)))
        last = self._offset + len(lines)
        page = f"{self._offset + 1:,}–{last:,} of {found.count:,}" if lines else "none"
        self._html["page"].value = _wide(f'<p class="pplx-m" style="margin:0 8px 0 0">{page}</p>')
        buttons = self._controls.buttons
        buttons["Newer"].disabled = self._offset == 0
        buttons["Older"].disabled = last >= found.count
        self._keep_choice(lines)
        self._tell()
        if self._is_moving():
            self._turns.repeat(self._update_rows, self._is_moving)

    def _paint_rows(self) -> list[Line]:
        """Show the rows, and above them what they come to."""
        found, first = self._found, self._offset + 1
        above = total_line(found, first=first) if found.rows else counted(found.count)
        more = unread_line(found) if self._controls.wanted.search else ""
        self._html["total"].value = (
            f'{stylesheet()}<div class="pplx {LIVE}" style="max-width:none">'
            + "".join(f'<p class="pplx-m">{escape(line)}</p>' for line in (above, more) if line)
            + "</div>"
        )
        lines = lines_of(found, first=first)
        if lines:
            self._html["table"].value = _wide(table_html(lines))
        return lines

    def _is_moving(self) -> bool:
        return bool(self._started) or any(row.is_open for row in self._found.rows)

    def _has_ended(self, job_id: str) -> bool:
        row = self.session.ledger.get(job_id)
        return row is None or not row.is_open

    def _update_rows(self) -> None:
        """Let rows under way say how they go on; each stays where it is, until one that was started here has ended."""
        rows = self._found.rows
        ended = {job_id for job_id in self._started if self._has_ended(job_id)}
        if ended:
            self._started -= ended
            self.refresh()
            return
        open_rows = [row for row in rows if row.is_open]
        oldest = min((row.seq for row in open_rows), default=0)
        changed = {row.id: row for row in self.session.ledger.changed(oldest, {row.id for row in open_rows})}
        states = {row.id: row.state for row in rows}
        if not any(states[job_id] != row.state for job_id, row in changed.items()):
            return
        self._found = marked(self.session.ledger, updated(self._found, changed))
        self._paint_rows()
        self._on_read(self._found, self._offset + 1, filters_in_words(self._controls.wanted))
        if self._chosen in changed:
            self._tell()

    def _keep_choice(self, lines: Sequence[Line]) -> None:
        """Let the number follow the job that was chosen; else choose the first."""
        line = next((line for line in lines if line.id == self._chosen), lines[0] if lines else None)
        self._set_chosen(line.id if line else "")
        if line is not None and self._controls.row.value != line.number:
            self._controls.row.value = line.number

    def _row_numbered(self, number: int) -> Row | None:
        at = number - self._offset - 1
        return self._found.rows[at] if 0 <= at < len(self._found.rows) else None

    def _tell(self) -> None:
        """Say what is chosen, and let those buttons be clicked that it has a use for."""
        row = self.chosen
        if row is None:
            first, last = self._offset + 1, self._offset + len(self._found.rows)
            self._set_buttons(frozenset(), "")
            self.say(f"Choose a row from {first:,} to {last:,}." if self._found.rows else "")
            return
        line = Line.of(row, self._controls.row.value)
        can, hint = possible(row)
        self._set_buttons(can, usual_cost(row) or "billed anew")
        called = f"{line.name} · {row.id}" if line.name else row.id
        self.say(f"Row {line.number:,}: {called} · {line.state}. {hint}")

    def _set_buttons(self, can: frozenset[str], cost: str) -> None:
        if ANEW in can and self._anew_of != self._chosen:
            self._anew_of = self._chosen
            made = self._context.copy().run(self._controls.renew_anew, self._chosen, self._ask_anew)
            pin_all(made, self._pin)
        for name, button in self._controls.buttons.items():
            if name in {"Newer", "Older", "Look again"}:
                continue
            button.disabled = name not in can
        anew = self._controls.buttons[ANEW]
        anew.description = f"{ANEW} ({cost})" if ANEW in can else ANEW
        self._offered = (self._chosen, time.monotonic()) if ANEW in can else ("", 0.0)

    def say(self, text: str) -> None:
        """Write the line below the buttons."""
        self._html["note"].value = _wide(f'<p class="pplx-m" style="margin:0">{escape(text)}</p>')

    def show_detail(self, *widgets: Any) -> None:
        """Show what a click has brought, below."""
        self._exporting = None
        self._detail.children = widgets

    def close(self) -> None:
        """Free the widgets."""
        self._turns.closed = True
        self._acts.close()
        self._detail.children = ()
        for widget in (self._export, self.page, self.box):
            close_all(widget)

    def put_away(self) -> None:
        """Leave a line in place of the table."""
        self._turns.closed = True
        self._acts.close()
        self._detail.children = ()
        line = self._html["note"]
        line.value = _wide(f'<p class="pplx-m">{AWAY}</p>')
        gone = [self._export, self.page, *(each for each in self.box.children if each is not line)]
        self.box.children = (line,)
        for widget in gone:
            close_all(widget)


def _wide(html: str) -> str:
    return f'<div class="pplx" style="max-width:none">{html}</div>'


def _nothing(told: str) -> str:
    text = f"No job fits: {told}." if told else "The ledger has no jobs yet."
    return f"<p>{escape(text)}</p>"
