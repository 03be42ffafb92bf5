"""The panel: what a person sees of a job under way, in core ipywidgets.

What changes at its own pace is one HTML widget, since an update replaces its DOM: the line with the
clock, the question with the bar, what is known besides, the note.
Widgets are made on the cell's thread, but for the steps', which few panels need; after that the
painter alone writes to them.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import threading
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from pplx_jupyter.notebook.outputs.display import pin_widget
from pplx_jupyter.notebook.panel.texts import ASK_AGAIN, Texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pplx_jupyter.ledger import Row
    from pplx_jupyter.notebook.outputs.display import Pin
    from pplx_jupyter.notebook.panel.steps import Steps

__all__ = ["Panel"]


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
    now
        Seconds since the epoch.
    earlier
        A job under way that this cell asked before with another question.
    why
        What makes the question a new one, where the cell has an answer to another.
    is_page
        The answer stays in the panel, which is a part of a form or an app: its formulas are typeset there, too.
    """

    def __init__(
        self,
        row: Row,
        pin: Pin,
        on_click: Callable[[str], None],
        *,
        now: float,
        earlier: Row | None = None,
        why: str = "",
        is_page: bool = False,
    ) -> None:
        import ipywidgets as widgets

        shared = _shared()
        self._lock = threading.Lock()
        self._pin = pin
        # What is made later, on the painter's thread, belongs to the cell all the same.
        self._context = contextvars.copy_context()
        self._steps: Steps | None = None
        self._earlier = earlier
        self._why = why
        self._shown = Texts.of(row, now, mode="watching", earlier=earlier, why=why)
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
        self._on_click = on_click
        self._offered: list[Any] = []
        self._row = widgets.HBox(self._buttons[: len(self._shown.buttons)], layout=shared.row)
        html = self._html
        self._parts: tuple[Any, ...] = (
            html["head"], html["question"], html["line"], self._row, html["note"],
        )  # fmt: skip
        self.box = widgets.VBox(self._parts, layout=shared.box)
        self._all: list[Any] = [self.box, self._row, *self._html.values(), *self._buttons]
        self._end = self._html["line"]
        if is_page:
            # Nothing else is shown in it: what is live is not cleaned of TeX.
            self._end = widgets.HTMLMath(layout=shared.plain)
            self._all += [self._end, self._end.style]
        for widget in self._all:
            pin_widget(widget, pin)

    @property
    def bundle(self) -> dict[str, Any]:
        """The mime bundle that shows the panel."""
        return _bundle(self.box)

    @property
    def offer_bundle(self) -> dict[str, Any]:
        """The mime bundle that shows the buttons alone, below a note that stays."""
        return _bundle(self._row)

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
        texts = Texts.of(row, now, mode=mode, earlier=self._earlier, why=self._why, since=since)
        with self._lock:
            self._show(texts)

    def _show(self, texts: Texts) -> None:
        # What a question hides goes before it is asked, and its buttons come after it.
        if self._steps is not None:
            self._steps.show(texts)
        elif texts.counts:
            self._add_steps(texts)
        for name, widget in self._html.items():
            if getattr(texts, name) != getattr(self._shown, name):
                widget.value = getattr(texts, name)
        if texts.buttons != self._shown.buttons:
            for made, text in zip(self._buttons, texts.buttons, strict=False):
                made.description = text
            self._row.children = tuple(self._buttons[: len(texts.buttons)])
        self._shown = texts

    def _add_steps(self, texts: Texts) -> None:
        from pplx_jupyter.notebook.panel.steps import Steps

        shared = _shared()
        self._steps = self._context.run(Steps, texts, self._pin, plain=shared.plain, html=shared.html)
        at = self._parts.index(self._html["line"])
        self._parts = (*self._parts[:at], self._steps.box, *self._parts[at:])
        self.box.children = self._parts
        self._all += self._steps.widgets

    def offer(self, *texts: str) -> None:
        """Give the buttons these texts, and what they spend its sign: a job that ended can be asked again."""
        with self._lock:
            self._show(dataclasses.replace(self._shown, note=""))
            if [made.description for made in self._offered if not made.disabled] != list(texts):
                self._offered = [self._context.run(self._make_offer, text) for text in texts]
                self._all += self._offered
            self._row.children = tuple(self._offered)

    def _make_offer(self, text: str) -> Any:
        """Make a button that never has another text: a click on what stood there before, heard late, must not spend."""
        import ipywidgets as widgets

        shared = _shared()
        style = "primary" if text.startswith(ASK_AGAIN) else ""
        made = widgets.Button(
            description=text, button_style=style, layout=shared.button, style=shared.button_style
        )
        pin_widget(made, self._pin)
        made.on_click(self._clicked_offer)
        return made

    def _clicked_offer(self, made: Any) -> None:
        if made in self._offered and not made.disabled:
            self._on_click(made.description)

    def taken(self, said: str = "") -> None:
        """Take no further click on what was offered; or say why nothing came of it, and take the next.

        Parameters
        ----------
        said
            An error, in one line.
        """
        with self._lock:
            for made in self._offered:
                made.disabled = not said
            if said:
                note = f'<div class="pplx"><p class="pplx-m" style="margin:4px 0 0">{escape(said)}</p></div>'
                self._html["note"].value = note
                self._shown = dataclasses.replace(self._shown, note=note)
                self._row.children = (*self._offered, self._html["note"])

    def resume(self, row: Row, now: float) -> None:
        """Be the panel of a job under way again."""
        with self._lock:
            # Written anew, whatever was shown last: the panel's parts have had other uses since.
            self._shown = dataclasses.replace(self._shown, line="-", note="-", buttons=())
            self.box.children = self._parts
        self.paint(row, now)

    def forget_earlier(self) -> None:
        """Say no more about the cell's earlier job: it was asked to stop."""
        with self._lock:
            self._earlier = None

    def finish(self, html: str, *, has_file: bool = True, offers: Sequence[str] = ()) -> None:
        """Show the final form in the panel itself, for a page that no longer takes the output's update.

        Parameters
        ----------
        has_file
            The page is a notebook's: it was reloaded, and running the cell again keeps the answer in the file.
        offers
            Buttons that stay below it.
        """
        note = (
            "This page was reloaded meanwhile. Run the cell again to keep the answer in the file; it is free."
        )
        below = f'<div class="pplx"><p class="pplx-m">{note}</p></div>' if has_file else ""
        with self._lock:
            end = self._end
            end.value = html + below
            self.box.children = (end, self._row) if offers else (end,)
            if not offers:
                # Where the buttons stood alone, in a page that was reloaded, the end shows there.
                self._row.children = (end,)
        if offers:
            self.offer(*offers)

    def close(self) -> None:
        """Free the widgets; the output must have been replaced before."""
        for widget in self._all:
            if widget.comm is not None:
                with contextlib.suppress(Exception):
                    # A comm whose frontend is gone may refuse to close; there is nothing left to save.
                    widget.close()


def _bundle(widget: Any) -> dict[str, Any]:
    return {
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2,
            "version_minor": 0,
            "model_id": widget.model_id,
        }
    }


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
