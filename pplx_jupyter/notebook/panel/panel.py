"""The panel: what a person sees of a job under way, in core ipywidgets.

What changes at its own pace is one HTML widget, since an update replaces its DOM: the line with the
clock, the question with the bar, what is known besides, the note.
Widgets are made on the cell's thread, but for those that few panels need: the steps', and the buttons
that do not stand there from the start. After that the painter alone writes to them.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import threading
from html import escape
from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.outputs.display import make_button, pin_widget
from pplx_jupyter.notebook.panel.looks import shared_looks
from pplx_jupyter.notebook.panel.texts import ASK_AGAIN, CANCEL_YES, Texts

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

        shared = shared_looks()
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
        self._on_click = on_click
        self._offered: list[Any] = []
        self._all: list[Any] = []
        self._buttons: dict[str, Any] = {}
        self._row = widgets.HBox(self._buttons_of(self._shown.buttons), layout=shared.row)
        html = self._html
        self._parts: tuple[Any, ...] = (
            html["head"], html["question"], html["line"], self._row, html["note"],
        )  # fmt: skip
        self.box = widgets.VBox(self._parts, layout=shared.box)
        new: list[Any] = [self.box, self._row, *self._html.values()]
        self._end = self._html["line"]
        if is_page:
            # Nothing else is shown in it: what is live is not cleaned of TeX.
            self._end = widgets.HTMLMath(layout=shared.plain)
            new += [self._end, self._end.style]
        for widget in new:
            pin_widget(widget, pin)
        self._all += new

    @property
    def bundle(self) -> dict[str, Any]:
        """The mime bundle that shows the panel."""
        return _bundle(self.box)

    @property
    def offer_bundle(self) -> dict[str, Any]:
        """The mime bundle that shows the buttons alone, below a note that stays."""
        return _bundle(self._row)

    @property
    def is_closed(self) -> bool:
        """Whether its widgets are closed, as a user's ``Widget.close_all()`` leaves them."""
        return self._row.comm is None

    def paint(
        self,
        row: Row,
        now: float,
        *,
        mode: str = "watching",
        since: float | None = None,
        said: str = "",
        can_confirm: bool = False,
    ) -> None:
        """Show a job under way; what has not changed is not sent again.

        The clock is our own, since the service's dates move from reply to reply.

        Parameters
        ----------
        mode
            ``"watching"``, ``"cancel?"`` (a click asked to cancel) or ``"stopped"`` (nobody watches).
        since
            When it was stopped, in seconds since the epoch.
        said
            Why nothing came of the last click, in one line.
        can_confirm
            Take a click on the button that confirms: it stands where another one stood just before.
        """
        texts = Texts.of(row, now, mode=mode, earlier=self._earlier, why=self._why, since=since, said=said)
        with self._lock:
            self._show(texts)
            sure = self._buttons.get(CANCEL_YES)
            if sure is not None and sure.disabled == can_confirm:
                sure.disabled = not can_confirm

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
            self._row.children = self._buttons_of(texts.buttons)
        self._shown = texts

    def _buttons_of(self, texts: Sequence[str]) -> tuple[Any, ...]:
        """Give the buttons of these acts; each act has its own, made when it is first needed.

        A button never gets another text: a click that is heard late means what was read when it was made.
        """
        for text in texts:
            if text not in self._buttons:
                self._buttons[text] = made = self._context.run(self._make_button, text)
                made.on_click(lambda clicked: self._on_click(clicked.description))
                self._all.append(made)
        return tuple(self._buttons[text] for text in texts)

    def _make_button(self, text: str) -> Any:
        shared = shared_looks()
        return make_button(
            self._pin,
            description=text,
            button_style="primary" if text.startswith(ASK_AGAIN) else "",
            disabled=text == CANCEL_YES,
            layout=shared.button,
            style=shared.button_style,
        )

    def _add_steps(self, texts: Texts) -> None:
        from pplx_jupyter.notebook.panel.steps import Steps

        shared = shared_looks()
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
        """Make a button of its own each time: a click on what was offered before, heard late, must not spend."""
        made = self._make_button(text)
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
    """Give what shows a widget; nothing does where it is closed, and its id is not to be had."""
    if widget.comm is None:
        return {}
    return {
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2,
            "version_minor": 0,
            "model_id": widget.model_id,
        }
    }
