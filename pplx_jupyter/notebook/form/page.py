"""What a form looks like: its fields in their groups, the money above its button, and the cell that it is."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pplx_jupyter.notebook.form.controls import Control, labelled
from pplx_jupyter.notebook.form.fields import Group, controls_of
from pplx_jupyter.notebook.form.kit import WIDE_LABEL
from pplx_jupyter.notebook.form.static import cell_html, hiding_style
from pplx_jupyter.notebook.form.words import label_of_field
from pplx_jupyter.notebook.outputs.display import gone_line
from pplx_jupyter.render import stylesheet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplx_jupyter.notebook.form.kit import Kit

__all__ = ["Page", "Text"]

_LINES = 3
_WHOLE = "calc(100% - 4px)"
_GONE = ".pplx-form .jupyter-widgets-disconnected"
_STYLE = (
    "<style>.pplx-form .widget-radio-box{flex-wrap:wrap}"
    ".pplx-form .jupyter-widget-tagsinput{flex-wrap:wrap;row-gap:2px}"
    ".pplx-form .jupyter-widget-tagsinput>.widget-text{display:inline-block!important;"
    "flex:1 1 120px;max-width:min(196px,100%)}"
    ".pplx-form .jupyter-widget-taginput{width:100%;margin:1px 0;box-sizing:border-box}"
    f"{_GONE}::before{{content:none}}{_GONE}.jupyter-button{{opacity:.5;pointer-events:none}}</style>"
)
"""Choices go on below where the page is narrow; the next chip has its place in sight; of a kernel that has ended one line speaks, not every widget."""


class Text(Control):
    """A text of the form's own: the prompt, or the name of the variable."""

    def __init__(self, kit: Kit, name: str, widget: Any) -> None:
        super().__init__(kit, (name,), widget, widget, wide=True)
        self._name = name
        self._widget = widget

    def get(self) -> dict[str, Any]:
        """Give the text."""
        return {self._name: self._widget.value}

    def set(self, values: Mapping[str, Any]) -> None:
        """Show the text."""
        self._widget.value = values.get(self._name) or ""


class Page:
    """The widgets of a form.

    Parameters
    ----------
    bound
        Widgets of the user's, by the name in the template that each stands for.
    compact
        Show only these, and the button.
    token
        Names the form's outputs.
    how
        How to get the cell in place; empty in an app, which has no cells.
    on_change
        Called when a person has changed something.
    on_ask, on_clear
        Called when a button is clicked, on whatever thread the click arrives on.
    """

    def __init__(
        self,
        kit: Kit,
        bound: Mapping[str, Any],
        *,
        compact: bool,
        token: str,
        how: str,
        on_change: Callable[[Any], None],
        on_ask: Callable[[Any], None],
        on_clear: Callable[[Any], None],
    ) -> None:
        import ipywidgets as widgets

        self._kit = kit
        self._style = stylesheet() + hiding_style(token) + _STYLE
        self._how = how
        self.controls: list[Control] = []
        shown = [_bound(kit, name, widget) for name, widget in bound.items()]
        rows = [kit.row(*shown, layout="bound")] if shown else []
        self._money = kit.html()
        self._ask = kit.make(widgets.Button, "button", description="Ask", button_style="primary")
        self._clear = kit.make(widgets.Button, "button", description="Clear")
        self._cell = kit.html()
        self._ask.on_click(on_ask)
        self._clear.on_click(on_clear)
        gone = kit.html(gone_line("form", in_app=not how))
        if compact:
            parts = [kit.html(self._style), *rows, self._money, kit.row(self._ask, gone)]
        else:
            parts = [*self._fields(rows), self._money, kit.row(self._ask, self._clear, gone), self._cell]
        self.box = kit.column(*parts, layout="box")
        self.box.add_class("pplx-form")
        for widget in [each for control in self.controls for each in control.watched] + list(bound.values()):
            widget.observe(on_change, "value")
        self._watching = [(widget, on_change) for widget in bound.values()]

    def _fields(self, bound: list[Any]) -> list[Any]:
        import ipywidgets as widgets

        kit = self._kit
        takes = "{{ name }} takes a variable of the notebook"
        area = kit.make(
            widgets.Textarea,
            "area",
            rows=_LINES,
            placeholder="What do you want to know?",
            tooltip="The question",
        )
        self.prompt = Text(kit, "prompt", area)
        groups, folded = controls_of(kit)
        kit.label_width = WIDE_LABEL
        name = kit.make(
            widgets.Text,
            "text",
            description="Name",
            placeholder="of a variable that gets the job",
            labelled=True,
        )
        folded.controls.insert(0, Text(kit, "name", name))
        self.controls = [
            self.prompt,
            *(each for group in groups for each in group.controls),
            *folded.controls,
        ]
        parts = [kit.html(self._style + _heading("Question", takes, top=0)), self.prompt.box, *bound]
        for group in groups:
            parts += [kit.html(_heading(group.title)), *self._lines(group)]
        return [*parts, *self._fold(folded), kit.html(_RULE)]

    def _lines(self, group: Group) -> list[Any]:
        """Give the rows of a group: what is wide alone, the rest side by side."""
        lines: list[Any] = []
        beside: list[Any] = []
        for control in [*group.controls, None]:
            if control is not None and not control.wide:
                beside.append(control.box)
                continue
            if beside:
                lines.append(self._kit.row(*beside))
                beside = []
            if control is not None:
                lines.append(control.box)
        return lines

    def _fold(self, folded: Group) -> list[Any]:
        import ipywidgets as widgets

        kit = self._kit
        number = len({name for control in folded.controls for name in control.names})
        self._more_words = f"{folded.title} ({number})"
        self._more = button = kit.make(widgets.Button, "button", description=self._more_words)
        self._folded, self._folded_lines = folded.controls, self._lines(folded)
        first = [label_of_field(name) for control in folded.controls[1:5] for name in control.names[:1]]
        self._first_folded = ", ".join(label[:1].lower() + label[1:] for label in first)
        self._hint = kit.html()
        self._inside = inside = kit.column()
        button.on_click(lambda _button: self._unfold(wanted=not self._inside.children))
        return [kit.html('<div style="height:10px"></div>'), kit.row(button, self._hint), inside]

    def _unfold(self, *, wanted: bool) -> None:
        self._inside.children = self._folded_lines if wanted else ()
        self._more.description = "Fewer options" if wanted else self._more_words

    def tell(self, sentences: Mapping[Control, str], values: Mapping[str, Any]) -> None:
        """Say below each control what is to be mended there, and which of the folded ones are set."""
        for control in self.controls:
            control.say(sentences.get(control, ""))
        if self.controls:
            if any(sentences.get(control) for control in self._folded):
                self._unfold(wanted=True)
            names = ", ".join(label for control in self._folded for label in control.set_labels(values))
            text = f"set: {names}" if names else f"{self._first_folded} … at the service’s defaults"
            self._put(self._hint, f'<p class="pplx-m" style="margin:2px 0 4px">{escape(text)}</p>')

    def show_money(self, html: str, button: str, *, enabled: bool) -> None:
        """Show what a click would do and cost."""
        self._put(self._money, html)
        if self._ask.description != button:
            self._ask.description = button
        if self._ask.disabled == enabled:
            self._ask.disabled = not enabled

    @property
    def button(self) -> str:
        """What stands on the button that asks."""
        return str(self._ask.description)

    def show_cell(self, cell: str, beside: str) -> None:
        """Show the cell that the form is; an empty text takes it away."""
        head = f"click it to select it all{self._how}{beside}"
        self._put(
            self._cell, f"{_heading('The same as a cell', head, code=True)}{cell_html(cell)}" if cell else ""
        )

    def close(self) -> None:
        """Listen to the user's widgets no more."""
        for widget, observer in self._watching:
            widget.unobserve(observer, "value")

    def _put(self, widget: Any, html: str) -> None:
        value = f'<div class="pplx" style="max-width:none">{html}</div>' if html else ""
        if widget.value != value:
            widget.value = value


_RULE = '<div class="pplx" style="max-width:none"><hr style="border:0;border-top:1px solid var(--pl);margin:14px 0 10px"></div>'


def _heading(text: str, beside: str = "", *, top: int = 14, code: bool = False) -> str:
    said = beside if code else escape(beside)
    small = f' <span class="pplx-m">{said}</span>' if beside else ""
    line = f'<p style="margin:{top}px 0 2px"><b>{escape(text)}</b>{small}</p>'
    return line if code else f'<div class="pplx" style="max-width:none">{line}</div>'


def _bound(kit: Kit, name: str, widget: Any) -> Any:
    """Show a user's widget: with its name in front where it says nothing of itself."""
    if widget.layout.max_width is None:
        # What is cut off on a narrow page cannot be clicked.
        widget.layout.max_width = _WHOLE
    if getattr(widget, "description", ""):
        return kit.column(widget)
    if widget.layout.width is None and widget.layout.flex is None:
        # Beside its name as long as both fit.
        widget.layout.flex, widget.layout.min_width = "1 1 160px", "120px"
        if widget.layout.max_width == _WHOLE:
            widget.layout.max_width = "min(300px, 100%)"
    return labelled(kit, name, widget, layout="beside")
