"""From lines of Markdown to block elements."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from markdown.util import AtomicString, code_escape

from pplx_jupyter.render import tex
from pplx_jupyter.render.blocks.lines import (
    FENCE,
    HEADING,
    QUOTE,
    RULE,
    WORDS,
    Item,
    cells_of,
    closes,
    dedent,
    indent,
    interrupts,
    is_table,
    is_text,
    item_at,
    starts_block,
    underline,
)
from pplx_jupyter.render.blocks.lists import gather, tighten

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Parser"]

_DEEPEST = 20
_TASK = re.compile(r"\[([ xX])\] +(?=\S)")
_REFERENCE = re.compile(r" {0,3}\\?\[\d{1,3}\\?\][: ]")
_FORMULA_LINES = 100


class Parser:
    """Reads lines into elements; lists and quotes read what is inside them in the same way.

    Parameters
    ----------
    literal
        Turns text into such that is not looked at for inline Markdown any more.
    """

    def __init__(self, literal: Callable[[str], str]) -> None:
        self._literal = literal

    def parse(self, lines: list[str], parent: Element, depth: int) -> bool:
        """Read lines into `parent`; tell whether a blank line stands between two of its blocks."""
        paragraph: list[str] = []
        blank = gap = False
        i = 0
        while i < len(lines):
            line = lines[i]
            if not line.strip():
                self._paragraph(paragraph, parent)
                blank, i = True, i + 1
                continue
            gap = gap or (blank and len(parent) > 0)
            blank = False
            if depth >= _DEEPEST:
                following = i
            elif paragraph and (level := underline(line, paragraph)):
                following = self._setext(paragraph, parent, level, i)
            else:
                following = self._block(lines, i, parent, paragraph, depth)
            if following == i:
                paragraph.append(line)
                following += 1
            else:
                # A list takes the blank lines after it, too.
                blank = not lines[min(following, len(lines)) - 1].strip()
            i = following
        self._paragraph(paragraph, parent)
        return gap

    def _block(self, lines: list[str], i: int, parent: Element, paragraph: list[str], depth: int) -> int:
        """Read the block at line `i`, if one begins there; give the line after it, or `i`."""
        line = lines[i]
        if WORDS.match(line):
            return i
        item = item_at(line)
        if item and (item.column < 4 or depth) and (not paragraph or interrupts(item)):
            return self._close(paragraph, parent, lambda: self._list(lines, i, parent, item, depth))
        if indent(line) >= 4:
            return i if paragraph else self._indented(lines, i, parent)
        if fence := FENCE.match(line):
            return self._close(paragraph, parent, lambda: self._fence(lines, i, parent, fence))
        if formula := self._formula(lines, i):
            return self._close(paragraph, parent, lambda: self._display(parent, *formula))
        if heading := HEADING.match(line):
            return self._close(paragraph, parent, lambda: self._heading(parent, heading, i))
        if RULE.match(line):
            return self._close(paragraph, parent, lambda: (SubElement(parent, "hr"), i + 1)[1])
        if QUOTE.match(line):
            return self._close(paragraph, parent, lambda: self._quote(lines, i, parent, depth))
        if is_table(lines, i):
            return self._close(paragraph, parent, lambda: self._table(lines, i, parent))
        return i

    def _close(self, paragraph: list[str], parent: Element, then: Callable[[], int]) -> int:
        self._paragraph(paragraph, parent)
        return then()

    def _paragraph(self, paragraph: list[str], parent: Element) -> None:
        if paragraph:
            SubElement(parent, "p").text = self._literal(_join(paragraph))
            paragraph.clear()

    def _setext(self, paragraph: list[str], parent: Element, level: str, i: int) -> int:
        SubElement(parent, level).text = self._literal(_join(paragraph))
        paragraph.clear()
        return i + 1

    def _heading(self, parent: Element, match: re.Match[str], i: int) -> int:
        SubElement(parent, f"h{len(match[1])}").text = self._literal((match[2] or "").strip())
        return i + 1

    def _code(self, parent: Element, code: str, language: str = "") -> None:
        element = SubElement(
            SubElement(parent, "pre"), "code", {"class": f"language-{language}"} if language else {}
        )
        element.text = AtomicString(code_escape(code))

    def _indented(self, lines: list[str], i: int, parent: Element) -> int:
        end = i
        while end < len(lines) and (not lines[end].strip() or indent(lines[end]) >= 4):
            end += 1
        while not lines[end - 1].strip():
            end -= 1
        self._code(parent, "\n".join(line[4:] for line in lines[i:end]))
        return end

    def _fence(self, lines: list[str], i: int, parent: Element, fence: re.Match[str]) -> int:
        columns, end = indent(lines[i]), i + 1
        while end < len(lines):
            mark = FENCE.match(lines[end])
            if mark and closes(mark, fence[1]):
                break
            end += 1
        language = re.match(r"[\w+#-]{1,20}", fence[2].lstrip("{. "))
        code = "\n".join(dedent(line, columns) for line in lines[i + 1 : end])
        self._code(parent, code, language[0].lower() if language else "")
        return end + 1

    def _formula(self, lines: list[str], i: int) -> tuple[str, int] | None:
        """Find a displayed formula that stands on lines of its own: the formula, the line after it."""
        opening = lines[i].strip()[:2]
        closing = tex.BLOCK.get(opening)
        if closing is None:
            return None
        rest = lines[i].strip()[2:]
        gathered: list[str] = []
        for end in range(i, min(i + _FORMULA_LINES, len(lines))):
            part = rest if end == i else lines[end]
            if end > i and not part.strip():
                return None
            body, found, after = part.partition(closing)
            gathered.append(body)
            if found:
                formula = tex.tidy("\n".join(gathered))
                fits = formula and "$" not in formula and len(formula) <= tex.MAX_TEX
                own = after.strip() in {"", ".", ",", ";"} and tex.looks_like(formula)
                return (formula, end + 1) if fits and own else None
        return None

    def _display(self, parent: Element, formula: str, following: int) -> int:
        SubElement(parent, "p").append(tex.element(formula, display=True))
        return following

    def _quote(self, lines: list[str], i: int, parent: Element, depth: int) -> int:
        inside: list[str] = []
        while i < len(lines):
            match = QUOTE.match(lines[i])
            if match:
                inside.append(match[1])
            elif lines[i].strip() and inside and is_text(inside[-1]) and not starts_block(lines, i):
                inside.append(lines[i])
            else:
                break
            i += 1
        self.parse(inside, SubElement(parent, "blockquote"), depth + 1)
        return i

    def _table(self, lines: list[str], i: int, parent: Element) -> int:
        aligns = [_align(cell) for cell in cells_of(lines[i + 1])]
        table = SubElement(parent, "table")
        self._row(SubElement(table, "thead"), "th", cells_of(lines[i]), aligns)
        body = SubElement(table, "tbody")
        i += 2
        while i < len(lines) and lines[i].strip():
            if not lines[i].lstrip().startswith("|") and starts_block(lines, i):
                break
            self._row(body, "td", cells_of(lines[i]), aligns)
            i += 1
        return i

    def _row(self, parent: Element, tag: str, cells: list[str], aligns: list[str]) -> None:
        if len(cells) > len(aligns):
            # GitHub drops the rest of the row; it was paid for, and is most often a formula with bars.
            cells = [*cells[: len(aligns) - 1], "|".join(cells[len(aligns) - 1 :])]
        row = SubElement(parent, "tr")
        for n, align in enumerate(aligns):
            cell = SubElement(row, tag, {"align": align} if align else {})
            cell.text = self._literal(cells[n]) if n < len(cells) else ""

    def _list(self, lines: list[str], i: int, parent: Element, first: Item, depth: int) -> int:
        start = {"start": str(first.number)} if first.number != 1 and first.kind[:2] == "ol" else {}
        found = SubElement(parent, first.kind[:2], start)
        loose = False
        item: Item | None = first
        while item is not None and item.kind == first.kind:
            inside, following = gather(lines, i, item)
            task = _TASK.match(inside[0])
            if task:
                inside[0] = ("☐ " if task[1] == " " else "☑ ") + inside[0][task.end() :]
            loose = self.parse(inside, SubElement(found, "li"), depth + 1) or loose
            after_blank = not lines[following - 1].strip()
            i = following
            item = item_at(lines[i]) if i < len(lines) else None
            loose = loose or (after_blank and item is not None and item.kind == first.kind)
        if not loose:
            tighten(found)
        return i


def _align(cell: str) -> str:
    left, right = cell.startswith(":"), cell.endswith(":")
    return "center" if left and right else "right" if right else "left" if left else ""


def _join(paragraph: list[str]) -> str:
    """Join the lines of a paragraph; a line ends hard after two spaces, a backslash, or between references."""
    text = ""
    for n, line in enumerate(paragraph):
        last = n + 1 == len(paragraph)
        hard = line.endswith(("  ", "\\")) or (
            _REFERENCE.match(line) and not last and _REFERENCE.match(paragraph[n + 1])
        )
        text += (
            line.strip() if last else line.strip().removesuffix("\\").rstrip() + ("  \n" if hard else "\n")
        )
    return text
