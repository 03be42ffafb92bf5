"""The widgets of one form: made with shared layouts and styles, pinned to its cell, freed together.

Each layout and each style is a widget, and a message, of its own: sharing them halves what a form sends.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.outputs.display import pin_widget

if TYPE_CHECKING:
    from pplx_jupyter.notebook.outputs.display import Pin

__all__ = ["LABEL_WIDTH", "WIDE_LABEL", "Kit"]

LABEL_WIDTH, WIDE_LABEL = "76px", "112px"

_ROW = {"flex_flow": "row wrap", "align_items": "baseline", "margin": "0"}
_LAYOUTS: dict[str, dict[str, str]] = {
    "plain": {"margin": "0"},
    "whole": {"margin": "0 0 2px", "width": "auto"},
    "text": {"margin": "0 12px 4px 0", "width": "280px", "max_width": "100%"},
    "area": {"margin": "0 0 4px", "width": "100%"},
    "radio": {"margin": "0 12px 0 0", "width": "auto", "height": "auto", "flex": "0 1 auto"},
    "tags": {"margin": "0 0 2px", "min_width": "120px", "flex": "1 1 120px"},
    "check": {"margin": "0 16px 0 0", "width": "auto"},
    "button": {"margin": "2px 8px 4px 2px", "width": "auto"},
    "row": _ROW,
    "bound": {**_ROW, "margin": "0 0 8px"},
    "labelled": {**_ROW, "align_items": "flex-start", "margin": "0 0 2px"},
    "beside": {**_ROW, "margin": "0 0 2px"},
    "chips": {**_ROW, "margin": "0 12px 2px 0", "width": "280px", "max_width": "100%"},
    "column": {"margin": "0"},
    "wide": {"margin": "0", "width": "100%"},
    "hidden": {"display": "none"},
    "box": {
        "border": "1px solid rgba(128,128,128,.4)",
        "padding": "10px 16px 12px",
        "max_width": "800px",
        "margin": "2px 0 6px",
    },
}
"""The layouts that widgets share, by name."""


class Kit:
    """Makes the widgets of one form.

    Attributes
    ----------
    label_width
        Of the column of labels that what is made next stands in.
    """

    def __init__(self) -> None:
        self.label_width = LABEL_WIDTH
        self._pin: Pin | None = None
        self._made: list[Any] = []
        self._layouts: dict[str, Any] = {}
        self._styles: dict[Any, Any] = {}
        # A callback may run on another thread than the cell that makes the form.
        self._lock = threading.RLock()

    def make(self, kind: Any, layout: str, /, *, labelled: bool = False, **traits: Any) -> Any:
        """Make a widget of this class, with one of the shared layouts.

        Parameters
        ----------
        labelled
            Its description stands in the column of labels.
        """
        with self._lock:
            if kind.class_traits().get("style") is not None:
                traits["style"] = self._style(kind, labelled=labelled)
            widget = kind(layout=self.layout(layout), **traits)
            self._keep(widget)
            return widget

    def layout(self, name: str) -> Any:
        """Give one of the shared layouts."""
        import ipywidgets as widgets

        with self._lock:
            if name not in self._layouts:
                self._layouts[name] = self._keep(widgets.Layout(**_LAYOUTS[name]))
            return self._layouts[name]

    def html(self, text: str = "") -> Any:
        """Make an HTML widget; the text is markup of our own."""
        import ipywidgets as widgets

        return self.make(widgets.HTML, "plain", value=text)

    def row(self, *children: Any, layout: str = "row") -> Any:
        """Make a box whose children stand side by side, and wrap."""
        import ipywidgets as widgets

        return self.make(widgets.HBox, layout, children=children)

    def column(self, *children: Any, layout: str = "column") -> Any:
        """Make a box whose children stand one below the other."""
        import ipywidgets as widgets

        return self.make(widgets.VBox, layout, children=children)

    def pin(self, pin: Pin) -> None:
        """Make all messages those of a cell, also of widgets that are made later."""
        with self._lock:
            self._pin = pin
            for widget in self._made:
                pin_widget(widget, pin)

    def close(self) -> None:
        """Free all widgets."""
        with self._lock:
            for widget in self._made:
                if widget.comm is not None:
                    with contextlib.suppress(Exception):
                        # A comm whose frontend is gone may refuse to close; there is nothing left to save.
                        widget.close()
            self._made.clear()

    def _style(self, kind: Any, *, labelled: bool) -> Any:
        made_of = kind.class_traits()["style"].klass
        width = self.label_width if labelled and "description_width" in made_of.class_trait_names() else ""
        if (made_of, width) not in self._styles:
            style = made_of(description_width=width) if width else made_of()
            self._styles[made_of, width] = self._keep(style)
        return self._styles[made_of, width]

    def _keep(self, widget: Any) -> Any:
        self._made.append(widget)
        if self._pin is not None:
            pin_widget(widget, self._pin)
        return widget
