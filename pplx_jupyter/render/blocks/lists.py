"""The items of a list: which lines are inside one, and whether they stand close together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render.blocks.lines import (
    FENCE,
    Item,
    closes,
    dedent,
    indent,
    is_text,
    item_at,
    starts_block,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["gather", "tighten"]


def gather(lines: list[str], i: int, item: Item) -> tuple[list[str], int]:
    """Collect the lines of a list item, without their indent; give the line after them, too."""
    inside, end = [item.rest], i + 1
    if not item.rest and end < len(lines) and not lines[end].strip():
        return inside, end + 1
    opened = FENCE.match(item.rest)
    fence = opened[1] if opened else ""
    while end < len(lines):
        line = lines[end]
        if fence:
            inside.append(dedent(line, item.content))
            mark = FENCE.match(inside[-1].lstrip())
            fence = "" if mark and closes(mark, fence) else fence
        elif not line.strip():
            inside.append("")
        elif indent(line) >= item.content:
            inside.append(line[item.content :])
            opened = FENCE.match(inside[-1])
            fence = opened[1] if opened else ""
        elif _nested(line, item) or (
            is_text(inside[-1]) and not starts_block(lines, end) and not item_at(line)
        ):
            inside.append(line.lstrip(" "))
        else:
            break
        end += 1
    while len(inside) > 1 and not inside[-1]:
        inside.pop()
    return inside, end


def _nested(line: str, item: Item) -> bool:
    """Tell whether a line begins a list of the other kind, indented, though by too little for CommonMark."""
    other = item_at(line)
    return other is not None and other.kind[:2] != item.kind[:2] and other.column > item.column


def tighten(found: Element) -> None:
    """Take the paragraphs out of the items of a list without blank lines."""
    for item in found:
        before: Element | None = None
        for child in list(item):
            if child.tag != "p" or len(child):
                before = child
                continue
            if before is None:
                item.text = child.text
            else:
                before.tail = child.text
            item.remove(child)
