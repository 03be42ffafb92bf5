"""A form in the permanent forms: the cell that it is the same as, for a file that no kernel stands behind."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING

from pplx_jupyter.notebook.outputs.display import Slot
from pplx_jupyter.notebook.outputs.final import NOTHING
from pplx_jupyter.render import as_markdown, wrap
from pplx_jupyter.render.clean import code
from pplx_jupyter.render.clean import text as escape
from pplx_jupyter.render.style import SMALL
from pplx_jupyter.render.words import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["KeptSlot", "cell_html", "hiding_style", "static_forms"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_NEEDS = "A form to ask a question (it needs a running notebook: run this cell)."


def static_forms(cell: str, told: str = "", values: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Give a form as its cell, in the three forms.

    Parameters
    ----------
    cell
        The cell's text; empty where the form holds no question yet.
    told
        What is known of its cost and of the budget, for the plain form.
    values
        What the names of its template stand for, where they are bound to widgets.
    """
    lines = cell.rstrip("\n")
    held = _values(values or {})
    same = f"The same as a cell{held}:" if lines else "It holds no question yet."
    above = f"{_NEEDS} {same}"
    indented = textwrap.indent(plain(lines), "  ", lambda _: True)
    told = f"ResearchForm: {told}. " if told else "ResearchForm. "
    return {
        "text/html": wrap(
            f'<p class="pplx-m" {SMALL}>{escape(above)}</p>{cell_html(lines) if lines else ""}'
        ),
        "text/markdown": "\n\n".join(
            [as_markdown.start(as_markdown.escape(above)), *([as_markdown.fence(lines)] if lines else [])]
        ),
        "text/plain": f"{told}{plain(same)}" + (f"\n{indented}" if lines else ""),
    }


def cell_html(cell: str) -> str:
    """Give a cell's text as HTML that one click selects."""
    text = code(cell)
    return f'<pre style="user-select:all;white-space:pre-wrap;margin:4px 0 0">{text}</pre>'


def hiding_style(token: str) -> str:
    """Give the style by which a live form hides its own static outputs: what it shows itself, and newer.

    It is a part of the live form: where no kernel stands behind the page, the static outputs show.
    """
    kept = f".pplx-kept-{token}"
    return f"<style>{kept},.jp-OutputArea-child:has({kept}){{display:none}}</style>"


@dataclasses.dataclass(frozen=True, slots=True)
class KeptSlot(Slot):
    """An output that is for the file: a live form hides it, and it never holds a widget.

    Attributes
    ----------
    token
        The form's, see `hiding_style`.
    """

    token: str = ""

    def show(self, shell: Any, forms: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Replace the output: it stands below the form already, whichever cell runs now."""
        self.update(forms, metadata)

    def place(self, shell: Any, forms: Mapping[str, Any]) -> None:
        """Put the output below the running cell, from the cell's own thread."""
        Slot.show(self, shell, self.kept(forms), {})

    def update(self, forms: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Replace the output, from any thread."""
        Slot.update(self, self.kept(forms), metadata)

    def kept(self, forms: Mapping[str, Any]) -> dict[str, Any]:
        """Give what the file keeps of an output."""
        if _WIDGET in forms:
            return dict(NOTHING)
        html = forms.get("text/html") or ""
        return {**forms, "text/html": f'<div class="pplx-kept-{self.token}">{html}</div>'}


def _values(values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    return ", with " + ", ".join(f"{name} = {value!r}" for name, value in values.items())
