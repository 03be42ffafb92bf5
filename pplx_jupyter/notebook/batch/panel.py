"""The panel of a batch: one for all its rows, in core ipywidgets.

What changes at its own pace is one HTML widget. Widgets are made on the cell's thread; after that only
the painter, and a click, write to them, under one lock.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import itertools
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.batch import buttons as words
from pplx_jupyter.notebook.outputs.beside import close_all
from pplx_jupyter.notebook.outputs.display import pin_widget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplx_jupyter.notebook.outputs.display import Pin

__all__ = ["SPENDING", "BatchPanel"]

_DOUBLE_CLICK_SECONDS = 0.6
"""Seconds that a button must have stood where it is, and a price on it, before a click on it counts."""

_ACTS = (
    words.ASK_ALL,
    words.ASK_FIRST,
    words.SHOW,
    words.PAUSE,
    words.RESUME,
    words.RETRY,
    words.STOP,
    words.WATCH,
    words.CANCEL,
    words.CANCEL_YES,
    words.CANCEL_NO,
)
"""What a button does. Each has its own: a click that is heard late still means what stood on it."""

_INSTEAD = {words.HIDE: words.SHOW}
"""An act that changes places with another one on its own button, so that it keeps the focus."""

SPENDING = (words.ASK_ALL, words.ASK_FIRST, words.RETRY, words.RESUME)
"""Acts whose button never has another text: a new number, or a new price, is a new button."""

_PRIMARY = (words.ASK_ALL, words.RETRY)

_PARTS = ("head", "question", "strip", "table", "note", "prompts")


class BatchPanel:
    """The live view of a batch.

    Parameters
    ----------
    pin
        The kernel and cell that the widgets' messages belong to.
    on_click
        Called with a button's text, on whatever thread the click arrives on.
    on_choice
        Called with the label that a person chose in the list of rows.
    """

    def __init__(self, pin: Pin, on_click: Callable[[str], None], on_choice: Callable[[str], None]) -> None:
        import ipywidgets as widgets

        self._lock = threading.RLock()
        self._choosing = False
        plain = widgets.Layout(margin="0")
        scrolls = widgets.Layout(margin="0", max_height="250px", overflow="auto")
        self._html = {
            name: widgets.HTML(layout=scrolls if name in {"table", "prompts"} else plain) for name in _PARTS
        }
        self._pin = pin
        self._on_click = on_click
        # What is made later, on the painter's thread, belongs to the cell all the same.
        self._context = contextvars.copy_context()
        self._looks = widgets.Layout(width="auto", margin="2px 8px 4px 2px"), widgets.ButtonStyle()
        self._buttons = {act: self._make(act) for act in _ACTS}
        self._shown: dict[str, str] = {}
        self._since = dict.fromkeys(_ACTS, 0.0)
        self._is_new = True
        self._holds = False
        self._replaced: list[Any] = []
        self.row = widgets.HBox(
            layout=widgets.Layout(flex_flow="row wrap", align_items="baseline", margin="6px 0 0")
        )
        self._choice = widgets.Dropdown(
            description="Show rows",
            style={"description_width": "initial"},
            layout=widgets.Layout(width="auto", max_width="260px", margin="2px 0"),
        )

        def chosen(change: Mapping[str, Any]) -> None:
            if not self._choosing and change["new"] is not None:
                on_choice(str(change["new"]))

        self._choice.observe(chosen, "value")
        self.box = widgets.VBox(
            layout=widgets.Layout(
                border="1px solid rgba(128,128,128,.4)",
                padding="10px 16px 12px",
                max_width="800px",
                margin="2px 0 6px",
            )
        )
        self._all = [self.box, self.row, self._choice, *self._html.values(), *self._buttons.values()]
        for widget in self._all:
            pin_widget(widget, pin)

    def _make(self, act: str) -> Any:
        import ipywidgets as widgets

        layout, style = self._looks
        made = widgets.Button(layout=layout, style=style)
        # On a narrow page a text takes two lines: what it costs stands at its end.
        made.add_class("pplx-wrap")
        made.on_click(functools.partial(self._clicked, act))
        return made

    def _button_of(self, act: str, text: str) -> Any:
        """Give the button for a text."""
        before = self._buttons[act]
        if act not in SPENDING or before.description in {"", _glued(text)}:
            return before
        made = self._buttons[act] = self._context.run(self._make, act)
        pin_widget(made, self._pin)
        self._all = [made if each is before else each for each in self._all]
        self._replaced.append(before)
        return made

    def _free_replaced(self) -> None:
        """Free the buttons that others took the place of, but the last: a click on that may be on its way."""
        while len(self._replaced) > 1:
            self._replaced.pop(0).close()

    def show_plan(self, parts: Mapping[str, str], buttons: Sequence[str]) -> None:
        """Show a plan: its headline, what it comes to, its buttons and the small print."""
        with self._lock:
            self.write(parts)
            self.set_buttons(buttons, primary=True)
            html = self._html
            self._set(
                self.box,
                "children",
                (html["head"], html["question"], self.row, html["prompts"], html["note"]),
            )

    def show_live(self) -> None:
        """Show the parts of a batch under way, which `paint` fills."""
        with self._lock:
            html = self._html
            parts = (
                html["head"],
                html["question"],
                html["strip"],
                self._choice,
                html["table"],
                self.row,
                html["note"],
            )
            self._set(self.box, "children", parts)

    def paint(self, parts: Mapping[str, str], buttons: Sequence[str]) -> None:
        """Show what is new; what has not changed is not sent again."""
        with self._lock:
            self.write(parts)
            self.set_buttons(buttons)

    def write(self, parts: Mapping[str, str]) -> None:
        """Show what is new in some parts, and leave the buttons alone."""
        with self._lock:
            if self.is_gone:
                return
            for name, value in parts.items():
                self._set(self._html[name], "value", value)

    def set_choices(self, labels: Sequence[str], chosen: str) -> None:
        """Give the list of rows its entries, and choose one."""
        with self._lock:
            is_shown = tuple(self._choice.options) == tuple(labels) and self._choice.value == chosen
            if is_shown or self.is_gone:
                return
            self._choosing = True
            try:
                with self._choice.hold_sync():
                    if tuple(self._choice.options) != tuple(labels):
                        self._choice.options = tuple(labels)
                    self._choice.value = chosen
            finally:
                self._choosing = False

    def set_buttons(self, texts: Sequence[str], *, primary: bool = False) -> None:
        """Show buttons of these texts, in this order.

        Parameters
        ----------
        primary
            The first of them that spends stands out: it says how much.
        """
        with self._lock:
            if self.is_gone:
                return
            shown = {_act_of(text): text for text in texts}
            # Where no button stood before, no click can be meant for one.
            for act in () if self._is_new else _unread(self._shown, shown):
                self._since[act] = time.monotonic()
            self._is_new = self._is_new and not shown
            self._shown = shown
            first = next((act for act, text in shown.items() if text.startswith(_PRIMARY)), "")
            for act, text in shown.items():
                made = self._button_of(act, text)
                self._set(made, "description", _glued(text))
                self._set(made, "button_style", "primary" if primary and act == first else "")
                self._set(made, "disabled", self._holds and act in SPENDING)
            self._set(self.row, "children", tuple(self._buttons[act] for act in shown))
            self._free_replaced()

    def _clicked(self, act: str, made: Any) -> None:
        with self._lock:
            text = self._shown.get(act, "")
            is_gone = not text or made is not self._buttons[act] or made.disabled
            if is_gone or time.monotonic() - self._since[act] < _DOUBLE_CLICK_SECONDS:
                # Meant for the button that stood there before, or for the price.
                return
        self._on_click(text)

    def hold(self) -> None:
        """Take no further click on what spends, until `release`."""
        self._set_holds(True)

    def release(self) -> None:
        """Take clicks on what spends again."""
        self._set_holds(False)

    def _set_holds(self, holds: bool) -> None:
        with self._lock:
            self._holds = holds
            for act in self._shown.keys() & {*SPENDING}:
                self._set(self._buttons[act], "disabled", holds)
                self._since[act] = time.monotonic()

    def finish(self, html: str, buttons: Sequence[str] = ()) -> None:
        """Show the final form in the panel itself, for a page that no longer takes the output's update.

        Parameters
        ----------
        buttons
            What stays below it.
        """
        with self._lock:
            self._set(self._html["head"], "value", html)
            self.set_buttons(buttons, primary=True)
            self._set(self.box, "children", (self._html["head"], self.row))

    def withdraw(self) -> None:
        """Take the buttons away that stay below a final form."""
        with self._lock:
            self.set_buttons(())

    @staticmethod
    def _set(widget: Any, name: str, value: Any) -> None:
        if getattr(widget, name) != value:
            setattr(widget, name, value)

    @property
    def is_gone(self) -> bool:
        """Whether the widgets are closed: by `close`, or all that there are by the user's ``Widget.close_all()``."""
        return self.box.comm is None

    @property
    def bundle(self) -> dict[str, Any]:
        """The mime bundle that shows the panel; an empty one where it is gone."""
        return _bundle(self.box)

    @property
    def row_bundle(self) -> dict[str, Any]:
        """The mime bundle that shows the buttons alone, below the page that stays; an empty one where they are gone."""
        return _bundle(self.row)

    def close(self) -> None:
        """Free the widgets; the output must have been replaced before."""
        with self._lock:
            for widget in [*self._all, *self._replaced]:
                with contextlib.suppress(Exception):
                    # A comm whose frontend is gone may refuse to close; there is nothing left to save.
                    close_all(widget)


def _act_of(text: str) -> str:
    """Give what a button of this text does: the first words of it, without numbers and prices."""
    start = next(each for each in (*_INSTEAD, *sorted(_ACTS, key=len, reverse=True)) if text.startswith(each))
    return _INSTEAD.get(start, start)


def _unread(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Give the acts that nobody can have read yet: from the first on that stands elsewhere, and what spends another sum."""
    pairs = zip(before.values(), now.values(), strict=False)
    same = len(list(itertools.takewhile(lambda pair: _words(pair[0]) == _words(pair[1]), pairs)))
    stays, moves = list(now)[:same], list(now)[same:]
    return [*(act for act in stays if act in SPENDING and before[act] != now[act]), *moves]


def _glued(text: str) -> str:
    """Keep an amount on one line, where the button's text takes two."""
    return re.sub(r"(?<=\d)–(?=\d)", "\u2060–\u2060", text).replace(" USD", "\u00a0USD")


def _words(text: str) -> str:
    """Give what stands on a button without its numbers: how many rows are left changes each second."""
    return re.split(r"\d", text)[0]


def _bundle(widget: Any) -> dict[str, Any]:
    if widget.comm is None:
        return {}
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": view}
