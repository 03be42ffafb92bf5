"""The steps of a job in its panel: what it has found so far, and its latest step or all of them, by choice.

The choice and what it shows are linked in the page itself, so that it works while the kernel computes.
The widgets are made when the first step is there: most jobs tell none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.outputs.display import pin_widget

if TYPE_CHECKING:
    from pplx_jupyter.notebook.outputs.display import Pin
    from pplx_jupyter.notebook.panel.texts import Texts

__all__ = ["Steps"]


class Steps:
    """The widgets that show steps; made once for a panel, from any thread, in the context of its cell.

    Parameters
    ----------
    texts
        What the panel says now.
    pin
        The kernel and cell that the widgets' messages belong to.
    plain, html
        The layout and style that all HTML of panels shares.
    """

    def __init__(self, texts: Texts, pin: Pin, *, plain: Any, html: Any) -> None:
        import ipywidgets as widgets

        self._html = {name: widgets.HTML(layout=plain, style=html) for name in ("counts", "latest", "steps")}
        self._choice = widgets.RadioButtons(
            # Their number stands elsewhere: a label that changes takes the focus from whoever is about to choose.
            options=["latest step", "all steps"],
            orientation="horizontal",
            layout=widgets.Layout(width="auto", margin="0 8px 0 0"),
        )
        above = widgets.HBox(
            [self._html["counts"], self._choice],
            layout=widgets.Layout(
                flex_flow="row wrap", align_items="baseline", justify_content="space-between"
            ),
        )
        stack = widgets.Stack([self._html["latest"], self._html["steps"]], selected_index=0, layout=plain)
        link = widgets.jslink((self._choice, "index"), (stack, "selected_index"))
        self.box = widgets.VBox([above, stack], layout=widgets.Layout(margin="0"))
        self.widgets = [
            *(self.box, self.box.layout, above, above.layout, stack, link, self._choice),
            *(self._choice.layout, self._choice.style, *self._html.values()),
        ]
        for widget in self.widgets:
            pin_widget(widget, pin)
        self.show(texts)

    def show(self, texts: Texts) -> None:
        """Show the steps as they are now, or nothing where none are told; what has not changed is not sent again."""
        display = None if texts.counts else "none"
        if self.box.layout.display != display:
            self.box.layout.display = display
        if not texts.counts:
            return
        for name, widget in self._html.items():
            if widget.value != getattr(texts, name):
                widget.value = getattr(texts, name)
