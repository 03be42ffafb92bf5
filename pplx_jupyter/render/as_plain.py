"""Writes a tree as plain text in lines of 96 columns."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from pplx_jupyter.render import clean
from pplx_jupyter.render.tree import Node
from pplx_jupyter.render.words import one_line, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.render.sources import Ref

__all__ = ["COLUMNS", "underlined", "wrap", "write"]

COLUMNS = 96
_NARROWEST = 6
_BLOCKS = frozenset(["p", "div", "pre", "blockquote", "ul", "ol", "table", "h4", "h5", "h6", "hr"])
_ENDS = _BLOCKS | {"end"}


def width(text: str) -> int:
    """Give how many columns a terminal needs for `text`."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def wrap(text: str, columns: int = COLUMNS, rest: str = "") -> str:
    """Wrap a paragraph at spaces; words are never broken. `rest` stands before every line but the first."""
    if len(text) <= columns and text.isascii() and text.isprintable() and "  " not in text:
        return text.rstrip(" ") or text
    lines: list[str] = []
    first = text[: len(text) - len(text.lstrip(" "))]
    for part in text.split("\n"):
        # An indent alone is not yet a line: its first word always fits.
        words, wide = [rest if lines else first], 0
        for word in part.split():
            size = width(word)
            if wide and wide + 1 + size > columns:
                lines.append(_spelled(words))
                words, wide = [rest], 0
            wide = wide + 1 + size if wide else width(words[0]) + size
            words.append(word)
        lines.append(_spelled(words) if wide else words[0] if not lines else "")
    return "\n".join(lines)


def _spelled(words: Sequence[str]) -> str:
    """Put an indent and words together."""
    return words[0] + " ".join(words[1:])


def underlined(title: str, mark: str = "-") -> str:
    """Give a heading: ``=`` underlines the whole width, other marks the text."""
    text = wrap(title)
    longest = max(width(line) for line in text.split("\n"))
    return f"{text}\n{mark * (COLUMNS if mark == '=' else longest)}"


def write(node: Node, refs: Mapping[int, Ref]) -> str:
    """Give a tree as plain text, without a newline at its end."""
    return _Writer(refs).blocks(node, COLUMNS)


class _Writer:
    def __init__(self, refs: Mapping[int, Ref]) -> None:
        self._refs = refs

    def blocks(self, node: Node, columns: int) -> str:
        """Write the blocks of an element; text between them becomes a paragraph."""
        written = ""
        run: list[Node | str] = []
        before = ""
        for child in [*node.children, Node("end")]:
            if isinstance(child, str) or child.tag not in _ENDS:
                run.append(child)
                continue
            text = wrap(self.line(run), columns).strip("\n")
            if text.strip():
                written, before = written + ("\n\n" if written else "") + text, "p"
            run = []
            block = self.block(child, columns)
            if block:
                close = before in {"h4", "h5", "h6"} or (node.tag == "li" and child.tag in {"ul", "ol"})
                written += ("\n" if close else "\n\n" if written else "") + block
                before = child.tag
        return written

    def block(self, node: Node, columns: int) -> str:
        tag = node.tag
        if node.has_class("pplx-t"):
            return f"    {one_line(node.text()[2:-2])}"
        if tag == "h4":
            return underlined(self.line(node.children))
        if tag == "pre":
            return "\n".join(f"    {line}".rstrip() for line in plain(node.text()).rstrip("\n").split("\n"))
        if tag == "hr":
            return "-" * min(columns, 24)
        if tag == "blockquote":
            return _prefixed(self.blocks(node, columns - 2), "> ", "> ")
        if tag in {"ul", "ol"}:
            return self._list(node, columns)
        if tag == "table":
            return self._table(node, columns)
        if tag == "end":
            return ""
        return self.blocks(node, columns) if tag == "div" else wrap(self.line(node.children), columns)

    def line(self, children: Sequence[Node | str]) -> str:
        """Write what stands inside a block; the only newlines are those of ``br``."""
        return "".join(_spaced(c) if isinstance(c, str) else self._inline(c) for c in children)

    def _inline(self, node: Node) -> str:
        if node.has_class("pplx-c"):
            return "".join(f"[{child}]" for child in node.children if isinstance(child, str))
        if node.has_class("pplx-u"):
            return f"[{node.children[0]}: no source]" if isinstance(node.children[0], str) else ""
        if node.has_class("pplx-t"):
            return one_line(node.text()[2:-2])
        if node.tag == "br":
            return "\n"
        inner = self.line(node.children)
        if node.tag == "a":
            url = clean.safe_url(node.attrs.get("href", "")) or ""
            return inner if not url or inner.strip() == url else f"{inner} ({url})"
        return inner

    def _list(self, node: Node, columns: int) -> str:
        first = int(node.attrs["start"]) if node.attrs.get("start", "").isdigit() else 1
        items = [child for child in node.children if isinstance(child, Node) and child.tag == "li"]
        written = []
        for n, item in enumerate(items, first):
            mark = f"{n}. " if node.tag == "ol" else "* "
            written.append(_prefixed(self.blocks(item, max(columns - len(mark), 20)), mark, " " * len(mark)))
        return "\n".join(written)

    def _table(self, node: Node, columns: int) -> str:
        rows = [[c for c in row.children if isinstance(c, Node)] for row in node.walk() if row.tag == "tr"]
        aligns = [cell.attrs.get("align", "left") for cell in rows[0]] if rows else []
        texts = [[one_line(self.line(cell.children)) for cell in row] for row in rows]
        return table(texts, aligns, columns)


def table(rows: Sequence[Sequence[str]], aligns: Sequence[str], columns: int = COLUMNS) -> str:
    """Give rows, the first of which is the header, as aligned columns; long cells take several lines."""
    if not rows or not rows[0]:
        return ""
    widths = [max(width(row[n]) for row in rows) for n in range(len(rows[0]))]
    spare = columns - 2 * (len(widths) - 1)
    while sum(widths) > spare and max(widths) > _NARROWEST:
        widest = max(range(len(widths)), key=widths.__getitem__)
        others = [w for n, w in enumerate(widths) if n != widest]
        widths[widest] = max(_NARROWEST, spare - sum(others), max(others, default=0) - 1)
    lines = [line for row in rows for line in _row(row, widths, aligns)]
    head = len(_row(rows[0], widths, aligns))
    return "\n".join([*lines[:head], "-" * (sum(widths) + 2 * (len(widths) - 1)), *lines[head:]])


def _row(row: Sequence[str], widths: Sequence[int], aligns: Sequence[str]) -> list[str]:
    cells = [wrap(text, size).split("\n") for text, size in zip(row, widths, strict=True)]
    lines = []
    for n in range(max(len(cell) for cell in cells)):
        parts = [
            _aligned(cell[n] if n < len(cell) else "", size, align)
            for cell, size, align in zip(cells, widths, aligns, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return lines


def _aligned(text: str, size: int, align: str) -> str:
    space = max(size - width(text), 0)
    if align == "right":
        return " " * space + text
    left = space // 2 if align == "center" else 0
    return " " * left + text + " " * (space - left)


def _spaced(text: str) -> str:
    if text.isprintable() and "  " not in text:
        return text
    cleaned = plain(text)
    lead = " " if cleaned[:1].isspace() else ""
    trail = " " if cleaned[-1:].isspace() and cleaned.strip() else ""
    return f"{lead}{one_line(cleaned)}{trail}"


def _prefixed(text: str, first: str, rest: str) -> str:
    return "\n".join(((first if n == 0 else rest) + line).rstrip() for n, line in enumerate(text.split("\n")))
