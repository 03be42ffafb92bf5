"""The help of a research cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.fields.options import GROUPS
from pplx_jupyter.notebook.flags.table import CELL_FLAGS
from pplx_jupyter.request import Request

if TYPE_CHECKING:
    from pplx_jupyter.fields.options import Option, SubOption

__all__ = ["example", "explain"]

_PLACES = {
    "frame": " NAME",
    "count": " N",
    "shape": " FIELDS",
    "job": " NAME",
    "seconds": " SECONDS",
    "age": " AGE",
    "names": " NAME,NAME",
    "json": " JSON",
}
_COLUMN, _WHOLE = 34, 92
_EXAMPLE = """Example, in a cell of its own:

    %%pplx_research prices --effort high --recency year
    How have EU wholesale electricity prices developed since 2021,
    and why do they still differ between countries?"""


def example() -> str:
    """Give a research cell as one writes it."""
    return _EXAMPLE


def explain() -> str:
    """Give the help of a research cell: an example, then every flag in its group."""
    lines = [
        "%%pplx_research [NAME] [flags]",
        "The prompt stands in the cell's body; NAME gets the Job.",
        "",
        example(),
        "",
        "{{ name }} in the body is filled from the notebook's variables.",
        "Running the cell again costs nothing.",
    ]
    for group in GROUPS:
        rows = [o for o in Request.options() if o.group == group and o.flag]
        if rows:
            lines += ["", group]
        for option in rows:
            lines += _explained(option)
    lines += ["", "This cell"]
    for flag, (kind, text) in CELL_FLAGS.items():
        lines.append(_aligned(f"  {flag}{_PLACES.get(kind, '')}", text))
    return "\n".join(lines)


def _explained(option: Option) -> list[str]:
    def row(found: Option | SubOption) -> str:
        takes = (
            "|".join(found.choices) or found.metavar or ("" if found.kind == "switch" else found.kind.upper())
        )
        return _aligned(f"  {found.flag} {takes}".rstrip(), found.help)

    return [row(option), *(row(sub) for sub in option.sub_options)]


def _aligned(head: str, text: str) -> str:
    """Give two columns, the second wrapped; below the first where that is long."""
    import textwrap

    indent = " " * _COLUMN
    below = textwrap.fill(text, _WHOLE, initial_indent=indent, subsequent_indent=indent)
    return f"{head:<{_COLUMN}}{below.lstrip()}" if len(head) < _COLUMN else f"{head}\n{below}"
