"""The layouts and styles that all panels share: each is a widget, and a message, of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Looks", "shared_looks"]


class Looks(NamedTuple):
    """Layouts and styles of all panels: each is a widget, and a message, of its own."""

    plain: Any
    html: Any
    button: Any
    button_style: Any
    row: Any
    box: Any


_made: list[Looks] = []


def shared_looks() -> Looks:
    """Give the layouts and styles; made anew where a user's ``Widget.close_all()`` has closed them."""
    import ipywidgets as widgets
    from ipywidgets.widgets.widget_string import HTMLStyle

    if not _made or _made[0].plain.comm is None:
        _made[:] = [
            Looks(
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
