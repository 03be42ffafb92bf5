"""A table of ours in the three permanent forms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplx_jupyter.render import as_markdown, wrap
from pplx_jupyter.render.clean import text as escape
from pplx_jupyter.render.words import keep

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["table_forms", "table_html", "text_forms"]

_RIGHT = "text-align:right"
_LEFT = "text-align:left;overflow-wrap:anywhere;min-width:6em"
"""A name as long as a path is broken rather than push the amounts out of sight."""

_AMOUNTS = re.compile(r"[\d.,]+–[\d.,]+")
_WHOLE = r'<span style="white-space:nowrap">\g<0></span>'
_SMALL = 'class="pplx-m" style="font-size:12px;font-weight:400"'


def text_forms(text: str) -> dict[str, str]:
    """Give one sentence in the three forms."""
    return {
        "text/plain": text,
        "text/markdown": as_markdown.start(as_markdown.escape(text)),
        "text/html": wrap(f"<p>{escape(text)}</p>"),
    }


def table_forms(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
    above: str = "",
    below: str = "",
    foot: Sequence[str] = (),
) -> dict[str, str]:
    """Give a table in the three forms: cells are plain texts, from whomever.

    Parameters
    ----------
    right
        Names of the columns that are flush right.
    above, below
        A line above, and one below the table.
    foot
        A last row that is set apart: the total of those above.
    """
    plain_rows = [*rows, foot] if foot else rows
    return {
        "text/html": table_html(head, rows, right=right, above=above, below=below, foot=foot),
        "text/markdown": _markdown(head, rows, right=right, above=above, below=below, foot=foot),
        "text/plain": _plain(head, plain_rows, right=right, above=above, below=below),
    }


def table_html(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
    above: str = "",
    below: str = "",
    foot: Sequence[str] = (),
) -> str:
    """Give the HTML of a table, as in `table_forms`; lines of a cell after its first are in small print."""

    def cell(tag: str, text: str, column: str) -> str:
        # JupyterLab flushes every cell right, unless the cell itself says otherwise.
        side = _RIGHT if column in right else _LEFT
        first, *rest = (escape(line) for line in text.split("\n"))
        shown = f'<span style="white-space:nowrap">{first}</span>' if column in right else first
        small = "".join(f"<br><span {_SMALL}>{_AMOUNTS.sub(_WHOLE, line)}</span>" for line in rest)
        return f'<{tag} style="{side}">{shown}{small}</{tag}>'

    def line_of(row: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(cell(tag, text, name) for text, name in zip(row, head, strict=True))}</tr>"

    top = "".join(cell("th", name, name) for name in head)
    body = "".join(line_of(row, "td") for row in rows)
    last = f"<tfoot>{line_of(foot, 'th')}</tfoot>" if foot else ""
    lines = [f'<p class="pplx-m">{escape(keep(line))}</p>' if line else "" for line in (above, below)]
    return wrap(
        f'{lines[0]}<div class="pplx-x"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody>{last}</table></div>{lines[1]}'
    )


def _markdown(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str],
    above: str,
    below: str,
    foot: Sequence[str],
) -> str:
    sides = ["--:" if name in right else ":--" for name in head]
    lines = [f"{as_markdown.start(as_markdown.escape(above))}\n"] if above else []
    lines += [f"| {' | '.join(head)} |", f"|{'|'.join(sides)}|"]
    lines += ["| " + " | ".join(as_markdown.escape(text) for text in row) + " |" for row in rows]
    if foot:
        bold = (f"**{as_markdown.escape(text)}**" if text else "" for text in foot)
        lines.append("| " + " | ".join(bold) + " |")
    return "\n".join([*lines, *([f"\n{as_markdown.start(as_markdown.escape(below))}"] if below else [])])


def _plain(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str], above: str, below: str
) -> str:
    table = [tuple(name.lower() for name in head), *(tuple(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    lines = [
        "  "
        + "  ".join(
            text.rjust(widths[i]) if head[i] in right else text.ljust(widths[i]) for i, text in enumerate(row)
        ).rstrip()
        for row in table
    ]
    return "\n".join([*([above] if above else []), *lines, *([below] if below else [])])
