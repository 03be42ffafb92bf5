"""The panel of a batch: one for all its rows, in core ipywidgets.

What changes at its own pace is one HTML widget. Widgets are made on the cell's thread; after that only
the painter, and a click, write to them, under one lock.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.batch.texts import RETRY
from pplx_jupyter.notebook.display import pin_widget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplx_jupyter.notebook.display import Pin

__all__ = ["BatchPanel"]

_MOST_BUTTONS = 4
_LOOK_FIRST = 0.4
"""Seconds that a button which spends must have stood before a click on it counts."""

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
        layout = widgets.Layout(width="auto", margin="2px 8px 4px 2px")
        self._buttons = [widgets.Button(layout=layout) for _ in range(_MOST_BUTTONS)]
        self._since = [0.0] * _MOST_BUTTONS

        def clicked(made: Any) -> None:
            # A click that was meant for the button before, or the second of two, must not buy.
            late = time.monotonic() - self._since[self._buttons.index(made)] >= _LOOK_FIRST
            if late or not made.description.startswith(RETRY):
                on_click(made.description)

        for made in self._buttons:
            made.on_click(clicked)
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
        self._all = [self.box, self.row, self._choice, *self._html.values(), *self._buttons]
        for widget in self._all:
            pin_widget(widget, pin)

    def show_plan(self, parts: Mapping[str, str], buttons: Sequence[str]) -> None:
        """Show a plan: its headline, what it comes to, its buttons and the small print."""
        with self._lock:
            self._write(parts)
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
            self._write(parts)
            self.set_buttons(buttons)

    def _write(self, parts: Mapping[str, str]) -> None:
        for name, value in parts.items():
            self._set(self._html[name], "value", value)

    def set_choices(self, labels: Sequence[str], chosen: str) -> None:
        """Give the list of rows its entries, and choose one."""
        with self._lock:
            if tuple(self._choice.options) == tuple(labels) and self._choice.value == chosen:
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
        """Give the buttons their texts; the first is the one that spends where it is `primary`."""
        with self._lock:
            for n, (made, text) in enumerate(zip(self._buttons, texts, strict=False)):
                if text.split("(")[0] != made.description.split("(")[0]:
                    self._since[n] = time.monotonic()
                self._set(made, "description", text)
                self._set(made, "button_style", "primary" if primary and not n else "")
                self._set(made, "disabled", False)
            self._set(self.row, "children", tuple(self._buttons[: len(texts)]))

    def disable(self) -> None:
        """Take no further click on what is there."""
        with self._lock:
            for made in self._buttons:
                self._set(made, "disabled", True)

    def finish(self, html: str) -> None:
        """Show the final form in the panel itself, for a page that no longer takes the output's update."""
        with self._lock:
            self._set(self._html["head"], "value", html)
            self._set(self.box, "children", (self._html["head"],))

    @staticmethod
    def _set(widget: Any, name: str, value: Any) -> None:
        if getattr(widget, name) != value:
            setattr(widget, name, value)

    @property
    def bundle(self) -> dict[str, Any]:
        """The mime bundle that shows the panel."""
        return _bundle(self.box)

    @property
    def row_bundle(self) -> dict[str, Any]:
        """The mime bundle that shows the buttons alone, below the page that stays."""
        return _bundle(self.row)

    def close(self) -> None:
        """Free the widgets; the output must have been replaced before."""
        for widget in self._all:
            if widget.comm is not None:
                with contextlib.suppress(Exception):
                    # A comm whose frontend is gone may refuse to close; there is nothing left to save.
                    widget.close()


def _bundle(widget: Any) -> dict[str, Any]:
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"application/vnd.jupyter.widget-view+json": view}
