"""The panel: what a person sees of a job under way, in core ipywidgets.

What changes at its own pace is one HTML widget, since an update replaces its DOM: the line with the
clock, the question with the bar, what is known besides, the note.
Widgets are made on the cell's thread; after that the painter alone writes to them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pplx_jupyter.notebook.display import pin_widget
from pplx_jupyter.notebook.progress import Progress, id_line, progress_of
from pplx_jupyter.render import stylesheet
from pplx_jupyter.render.words import duration, one_line, time_of_day

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.display import Pin

__all__ = ["Panel"]

_WATCHED = (
    "Stop watching: the job goes on, is billed, and its answer is still collected. "
    "Cancel: Perplexity is asked to stop; what is done so far may be billed."
)
_STOPPED = "Running this cell again also brings the panel back. Nothing is bought twice."

WATCH, STOP, CANCEL, CANCEL_YES, CANCEL_NO, HURRY, CANCEL_EARLIER = (
    "Watch again",
    "Stop watching",
    "Cancel",
    "Yes, cancel the job",
    "Keep it running",
    "Ask now",
    "Cancel the earlier job",
)


class Panel:
    """The live view of one job.

    Parameters
    ----------
    row
        The job as it is now.
    pin
        The kernel and cell that the widgets' messages belong to.
    on_click
        Called with a button's text, on whatever thread the click arrives on.
    earlier
        A job under way that this cell asked before with another question.
    now
        Seconds since the epoch.
    """

    def __init__(
        self, row: Row, pin: Pin, on_click: Callable[[str], None], *, now: float, earlier: Row | None = None
    ) -> None:
        import ipywidgets as widgets

        shared = _shared()
        self._lock = threading.Lock()
        self._earlier = earlier
        self._shown = _Texts.of(row, now, mode="watching", earlier=earlier)
        self._html = {
            name: widgets.HTML(getattr(self._shown, name), layout=shared.plain, style=shared.html)
            for name in ("head", "question", "line", "note")
        }
        texts = self._shown.buttons + ("",) * ((3 if earlier else 2) - len(self._shown.buttons))
        self._buttons = [
            widgets.Button(description=text, layout=shared.button, style=shared.button_style)
            for text in texts
        ]
        for made in self._buttons:
            made.on_click(lambda clicked: on_click(clicked.description))
        self._row = widgets.HBox(self._buttons[: len(self._shown.buttons)], layout=shared.row)
        parts = [*(self._html[name] for name in ("head", "question", "line")), self._row, self._html["note"]]
        self.box = widgets.VBox(parts, layout=shared.box)
        self._all = [self.box, self._row, *self._html.values(), *self._buttons]
        for widget in self._all:
            pin_widget(widget, pin)

    @property
    def bundle(self) -> dict[str, Any]:
        """The mime bundle that shows the panel."""
        return {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.box.model_id,
            }
        }

    def paint(self, row: Row, now: float, *, mode: str = "watching", since: float | None = None) -> None:
        """Show a job under way; what has not changed is not sent again.

        The clock is our own, since the service's dates move from reply to reply.

        Parameters
        ----------
        mode
            ``"watching"``, ``"cancel?"`` (a click asked to cancel) or ``"stopped"`` (nobody watches).
        since
            When it was stopped, in seconds since the epoch.
        """
        texts = _Texts.of(row, now, mode=mode, earlier=self._earlier, since=since)
        with self._lock:
            for name, widget in self._html.items():
                if getattr(texts, name) != getattr(self._shown, name):
                    widget.value = getattr(texts, name)
            if texts.buttons != self._shown.buttons:
                for made, text in zip(self._buttons, texts.buttons, strict=False):
                    made.description = text
                self._row.children = tuple(self._buttons[: len(texts.buttons)])
            self._shown = texts

    def forget_earlier(self) -> None:
        """Say no more about the cell's earlier job: it was asked to stop."""
        with self._lock:
            self._earlier = None

    def finish(self, html: str, *, has_file: bool = True) -> None:
        """Show the final form in the panel itself, for a page that no longer takes the output's update.

        Parameters
        ----------
        has_file
            The page is a notebook's: it was reloaded, and running the cell again keeps the answer in the file.
        """
        note = (
            "This page was reloaded meanwhile. Run the cell again to keep the answer in the file; it is free."
        )
        below = f'<div class="pplx"><p class="pplx-m">{note}</p></div>' if has_file else ""
        with self._lock:
            self._html["line"].value = html + below
            self.box.children = (self._html["line"],)

    def close(self) -> None:
        """Free the widgets; the output must have been replaced before."""
        for widget in self._all:
            if widget.comm is not None:
                with contextlib.suppress(Exception):
                    # A comm whose frontend is gone may refuse to close; there is nothing left to save.
                    widget.close()


class _Shared(NamedTuple):
    """Layouts and styles of all panels: each is a widget, and a message, of its own."""

    plain: Any
    html: Any
    button: Any
    button_style: Any
    row: Any
    box: Any


_made: list[_Shared] = []


def _shared() -> _Shared:
    """Give the layouts and styles; made anew where a user's ``Widget.close_all()`` has closed them."""
    import ipywidgets as widgets
    from ipywidgets.widgets.widget_string import HTMLStyle

    if not _made or _made[0].plain.comm is None:
        _made[:] = [
            _Shared(
                plain=widgets.Layout(margin="0"),
                html=HTMLStyle(),
                button=widgets.Layout(width="auto", margin="2px 8px 4px 2px"),
                button_style=widgets.ButtonStyle(),
                row=widgets.Layout(flex_flow="row wrap", align_items="baseline", margin="0"),
                box=widgets.Layout(
                    border="1px solid rgba(128,128,128,.4)",
                    padding="10px 16px 8px",
                    max_width="800px",
                    margin="2px 0 6px",
                ),
            )
        ]
    return _made[0]


@dataclasses.dataclass(frozen=True, slots=True)
class _Texts:
    """What the panel's parts say at one moment, as HTML; the buttons as plain texts."""

    head: str
    question: str
    line: str
    note: str
    buttons: tuple[str, ...]

    @classmethod
    def of(cls, row: Row, now: float, *, mode: str, earlier: Row | None, since: float | None = None) -> Self:
        told = _STOPPED_STATE if mode == "stopped" else progress_of(row, now)
        line = told.line
        if mode == "cancel?":
            line = (
                "<b>Cancel this job?</b> What is done so far may be billed, and no partial answer comes back."
            )
        elif mode == "watching" and earlier is not None:
            asked = escape(earlier.label)
            line += f"<br><b>This cell asked another question before</b>, {asked}, which is still under way and is billed."
        clock = duration(now - row.created_at) if since is None else f"since {_time(since)}"
        return cls(
            head=_head(told, clock),
            question=_question(row, bar=mode != "stopped"),
            line=f'<div class="pplx"><p style="margin:0 0 8px">{line}</p></div>' if line else "",
            note=_note({"stopped": _STOPPED, "cancel?": ""}.get(mode, _WATCHED), row),
            buttons=_buttons(told, mode, earlier=earlier is not None),
        )


_STOPPED_STATE = Progress(
    "◌", "", "Not watching", "the job goes on, is billed, and its answer is collected into your ledger", ""
)


def _buttons(told: Progress, mode: str, *, earlier: bool) -> tuple[str, ...]:
    if mode == "stopped":
        return (WATCH,)
    if mode == "cancel?":
        return (CANCEL_YES, CANCEL_NO)
    if told.can_hurry:
        return (HURRY, STOP)
    buttons = (STOP, CANCEL) if told.can_cancel else (STOP,)
    return (*buttons, CANCEL_EARLIER) if earlier and len(buttons) == 2 else buttons


def _head(told: Progress, clock: str) -> str:
    beside = f' <span class="pplx-m">&ensp;{escape(told.beside)}</span>' if told.beside else ""
    return (
        f'<div class="pplx {told.tone}" style="max-width:none"><span class="pplx-g">{told.glyph}</span> '
        f'<b>{escape(told.word)}</b> <span class="pplx-w">{clock}</span>{beside}</div>'
    )


def _question(row: Row, *, bar: bool) -> str:
    """Give what does not change while the job runs: an update would start the bar's animation anew."""
    question = escape(one_line(row.question, 140))
    below = (
        '<div class="pplx-bar" style="margin:5px 0 7px"><i></i></div>'
        if bar
        else '<div style="height:8px"></div>'
    )
    return f'{stylesheet()}<div class="pplx" style="max-width:none"><div dir="auto">{question}</div>{below}</div>'


def _note(text: str, row: Row) -> str:
    above = f"{escape(text)}<br>" if text else ""
    return f'<div class="pplx" style="max-width:none"><p class="pplx-m" style="margin:4px 0 0">{above}{escape(id_line(row))}</p></div>'


def _time(seconds: float) -> str:
    import datetime

    return time_of_day(datetime.datetime.fromtimestamp(seconds).astimezone(), seconds=False)
