"""The widgets of the table of jobs: made once, in the cell's own thread, and pinned to it."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING, Any

from pplx_jupyter.ledger import Wanted
from pplx_jupyter.notebook.history.typed import STATES, filters_in_words
from pplx_jupyter.notebook.outputs.beside import close_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


__all__ = ["ACTS", "ANEW", "Controls"]

ANEW = "Ask anew"
ACTS = ("Show", "Watch", "Cancel", ANEW, "Compare", "Export")
"""What can be done with the chosen row."""

_DAY = 86_400.0
_COSTS: tuple[tuple[str, Any], ...] = (
    ("any cost", ""),
    ("0.10 USD or more", 0.1),
    ("1.00 USD or more", 1.0),
    ("5.00 USD or more", 5.0),
    ("unknown", "unknown"),
)


class Controls:
    """What is typed into and clicked.

    Parameters
    ----------
    wanted
        What is looked for first.
    notebooks
        Names to choose from; the first is this notebook's, where it is known.
    on_filter, on_row
        Called when the filters, or the row, have changed.
    on_click
        Called with a button's first words.
    """

    def __init__(
        self,
        wanted: Wanted,
        notebooks: Sequence[tuple[str, str]],
        *,
        on_filter: Callable[[], None],
        on_row: Callable[[], None],
        on_click: Callable[[str], None],
    ) -> None:
        import ipywidgets as widgets

        self._until = wanted.until
        text = {"description_width": "initial"}
        self.search = widgets.Text(
            value=wanted.search,
            description="Search",
            placeholder="words in prompts and answers",
            style=text,
            layout=_layout(width="330px", max_width="100%"),
        )
        states = [("any", ""), *STATES.items()]
        times = [("any time", ""), ("today", _midnight()), *_since(7), *_since(30), *_since(365)]
        cost = "unknown" if wanted.cost_unknown else wanted.cost_from
        self.state = _dropdown("State", states, wanted.states, "150px", wanted)
        self.notebook = _dropdown(
            "In", [("every notebook", ""), *notebooks], wanted.notebook, "210px", wanted
        )
        self.asked = _dropdown("Asked", times, wanted.since, "170px", Wanted(since=wanted.since))
        self.cost = _dropdown("Cost", _COSTS, cost, "180px", Wanted(cost_from=wanted.cost_from))
        self.row = widgets.IntText(value=1, description="Row", style=text, layout=_layout(width="120px"))
        self.buttons = {name: _button(name, on_click) for name in (*ACTS, "Look again", "Newer", "Older")}
        self._acts = _row([self.row, *(self.buttons[name] for name in ACTS)])
        for box in (self.search, self.state, self.notebook, self.asked, self.cost):
            box.observe(lambda _change: on_filter(), names="value")
        self.row.observe(lambda _change: on_row(), names="value")
        self.file = widgets.Text(
            description="File", style=text, layout=_layout(width="330px", max_width="100%")
        )
        self.write = _button("Write the file", on_click)

    @property
    def wanted(self) -> Wanted:
        """What is looked for now."""
        unknown = self.cost.value == "unknown"
        return Wanted(
            search=self.search.value,
            states=self.state.value or None,
            notebook=self.notebook.value or None,
            since=self.asked.value or None,
            until=self._until,
            cost_from=None if unknown else self.cost.value or None,
            cost_unknown=unknown,
        )

    def rows(self, html: dict[str, Any], detail: Any) -> list[Any]:
        """Give the parts in their order, from the search to what a click shows."""
        button = self.buttons
        return [
            _row([self.search, self.state, self.notebook, self.asked, self.cost, button["Look again"]]),
            html["total"],
            html["table"],
            _row([button["Newer"], html["page"], button["Older"]]),
            self._acts,
            html["note"],
            detail,
        ]

    def export_row(self) -> Any:
        """Give what an export asks for."""
        return _row([self.file, self.write])

    def renew_anew(self, job_id: str, on_anew: Callable[[str], None]) -> Any:
        """Give the button that spends to a job, for good: a click on the one before was meant for another."""
        before, made = self.buttons[ANEW], _button(ANEW, lambda _text: on_anew(job_id))
        self.buttons[ANEW] = made
        self._acts.children = [made if child is before else child for child in self._acts.children]
        close_all(before)
        return made


def _button(text: str, on_click: Callable[[str], None]) -> Any:
    import ipywidgets as widgets

    made = widgets.Button(description=text, layout=_layout(width="auto", margin="0 8px 4px 0"))
    made.on_click(lambda _clicked: on_click(text))
    return made


def _layout(**how: str) -> Any:
    import ipywidgets as widgets

    return widgets.Layout(**{"margin": "0 12px 4px 0", **how})


def _row(children: Sequence[Any]) -> Any:
    import ipywidgets as widgets

    layout = _layout(flex_flow="row wrap", align_items="baseline", margin="0 0 4px")
    return widgets.HBox(children, layout=layout)


def _dropdown(text: str, options: Sequence[tuple[str, Any]], value: Any, width: str, wanted: Wanted) -> Any:
    """Make a choice; a value that was typed and is none of the options becomes one."""
    import ipywidgets as widgets

    # None would be no choice at all.
    value = "" if value is None else value

    shown = [(str(label), each) for label, each in options]
    if value not in [each for _, each in shown]:
        shown.append((filters_in_words(wanted) or str(value), value))
    return widgets.Dropdown(
        options=shown,
        value=value,
        description=text,
        style={"description_width": "initial"},
        layout=_layout(width=width, max_width="100%"),
    )


def _midnight() -> float:
    return datetime.datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def _since(days: int) -> list[tuple[str, float]]:
    return [(f"past {days} days", time.time() - days * _DAY)]
