r"""The block structure of an answer: lists, tables, fences, quotes, headings, displayed formulas.

The `markdown` package reads the Markdown of 2004: a list right after a paragraph stays text, nesting
wants four spaces, a fence in a list is lost. Models write GitHub's Markdown. So the blocks are found
here, by CommonMark's rules with some leniency, and `markdown` does what it does well: the text inside.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from markdown.util import AtomicString, code_escape

from pplx_jupyter.render import tex

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["build"]

DEEPEST = 20
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})[ \t]*(.*?)[ \t]*$")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
_QUOTE = re.compile(r" {0,3}> ?(.*)$")
_ITEM = re.compile(r"( *)([-+*•]|(\d{1,9})[.)])(?: +(.*)|$)")
_TASK = re.compile(r"\[([ xX])\] +(?=\S)")
_DELIMITER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_REFERENCE = re.compile(r" {0,3}\\?\[\d{1,3}\\?\][: ]")
# What no block begins with: most lines need no other look.
_WORDS = re.compile(r" {0,3}[^\W\d_][^|]*$")
_INDENT = re.compile(r"[ \t]*")
_TIGHT_HEADING = 120
_FORMULA_LINES = 100


@dataclasses.dataclass(frozen=True, slots=True)
class _Item:
    """The first line of a list item: where its marker stands, and where its content begins."""

    column: int
    content: int
    kind: str
    number: int
    rest: str


def build(text: str, parent: Element, literal: Callable[[str], str]) -> None:
    """Read Markdown into `parent`, as block elements that hold text with inline Markdown.

    Parameters
    ----------
    literal
        Turns text into such that is not looked at for inline Markdown any more.
    """
    _Parser(literal).parse(_untab(text.split("\n")), parent, 0)


def _untab(lines: list[str]) -> list[str]:
    if not any("\t" in line for line in lines):
        return lines
    # Tabs stay in fenced code, where they may mean something.
    fence, done = "", []
    for line in lines:
        mark = _FENCE.match(line.lstrip())
        if fence:
            fence = "" if mark and _closes(mark, fence) else fence
        else:
            fence = mark[1] if mark else ""
            lead = _INDENT.match(line)
            if lead and "\t" in lead[0]:
                line = lead[0].expandtabs(4) + line[lead.end() :]  # noqa: PLW2901
        done.append(line)
    return done


def _closes(mark: re.Match[str], fence: str) -> bool:
    return mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and not mark[2]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _item(line: str) -> _Item | None:
    match = _ITEM.match(line)
    if match is None or _RULE.match(line):
        return None
    column, mark, rest = len(match[1]), match[2], match[4] or ""
    gap = len(line) - column - len(mark) - len(rest)
    if not rest or gap > 4:
        rest, gap = (" " * (gap - 1) + rest if rest else ""), 1
    kind = "ol" + mark[-1] if match[3] else "ul" + mark
    return _Item(column, column + len(mark) + gap, kind, int(match[3] or 0), rest)


def _interrupts(item: _Item) -> bool:
    """Tell whether a list item may begin in the middle of a paragraph: not a year that a line begins with."""
    return bool(item.rest.strip()) and (item.kind[:2] == "ul" or item.number == 1)


def _starts_block(lines: list[str], i: int) -> bool:
    """Tell whether line `i` begins something other than a paragraph, even right after one."""
    line = lines[i]
    if _WORDS.match(line):
        return False
    if _FENCE.match(line) or _HEADING.match(line) or _RULE.match(line) or _QUOTE.match(line):
        return True
    item = _item(line)
    return (item is not None and item.column < 4 and _interrupts(item)) or _is_table(lines, i)


def _is_text(line: str) -> bool:
    """Tell whether a line can be that of a paragraph, to which the next line may belong."""
    line = line.lstrip("> ")
    if _WORDS.match(line):
        return True
    return bool(line.strip()) and not (
        _HEADING.match(line) or _RULE.match(line) or _FENCE.match(line) or line.lstrip().startswith("|")
    )


def _cells(row: str) -> list[str]:
    row = row.strip()
    row = row.removeprefix("|")
    if row.endswith("|") and not row.endswith("\\|"):
        row = row[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)]


def _is_table(lines: list[str], i: int) -> bool:
    if i + 1 >= len(lines) or "|" not in lines[i] or "-" not in lines[i + 1]:
        return False
    if not _DELIMITER.match(lines[i + 1]) or ("|" not in lines[i + 1] and ":" not in lines[i + 1]):
        return False
    return len(_cells(lines[i])) == len(_cells(lines[i + 1]))


def _dedent(line: str, columns: int) -> str:
    return line[min(_indent(line), columns) :]


class _Parser:
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
            if depth >= DEEPEST:
                following = i
            elif paragraph and (level := _underline(line, paragraph)):
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
        if _WORDS.match(line):
            return i
        item = _item(line)
        if item and (item.column < 4 or depth) and (not paragraph or _interrupts(item)):
            return self._close(paragraph, parent, lambda: self._list(lines, i, parent, item, depth))
        if _indent(line) >= 4:
            return i if paragraph else self._indented(lines, i, parent)
        if fence := _FENCE.match(line):
            return self._close(paragraph, parent, lambda: self._fence(lines, i, parent, fence))
        if formula := self._formula(lines, i):
            return self._close(paragraph, parent, lambda: self._display(parent, *formula))
        if heading := _HEADING.match(line):
            return self._close(paragraph, parent, lambda: self._heading(parent, heading, i))
        if _RULE.match(line):
            return self._close(paragraph, parent, lambda: (SubElement(parent, "hr"), i + 1)[1])
        if _QUOTE.match(line):
            return self._close(paragraph, parent, lambda: self._quote(lines, i, parent, depth))
        if _is_table(lines, i):
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
        while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) >= 4):
            end += 1
        while not lines[end - 1].strip():
            end -= 1
        self._code(parent, "\n".join(line[4:] for line in lines[i:end]))
        return end

    def _fence(self, lines: list[str], i: int, parent: Element, fence: re.Match[str]) -> int:
        columns, end = _indent(lines[i]), i + 1
        while end < len(lines):
            mark = _FENCE.match(lines[end])
            if mark and _closes(mark, fence[1]):
                break
            end += 1
        language = re.match(r"[\w+#-]{1,20}", fence[2].lstrip("{. "))
        code = "\n".join(_dedent(line, columns) for line in lines[i + 1 : end])
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
            match = _QUOTE.match(lines[i])
            if match:
                inside.append(match[1])
            elif lines[i].strip() and inside and _is_text(inside[-1]) and not _starts_block(lines, i):
                inside.append(lines[i])
            else:
                break
            i += 1
        self.parse(inside, SubElement(parent, "blockquote"), depth + 1)
        return i

    def _table(self, lines: list[str], i: int, parent: Element) -> int:
        aligns = [_align(cell) for cell in _cells(lines[i + 1])]
        table = SubElement(parent, "table")
        self._row(SubElement(table, "thead"), "th", _cells(lines[i]), aligns)
        body = SubElement(table, "tbody")
        i += 2
        while i < len(lines) and lines[i].strip():
            if not lines[i].lstrip().startswith("|") and _starts_block(lines, i):
                break
            self._row(body, "td", _cells(lines[i]), aligns)
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

    def _list(self, lines: list[str], i: int, parent: Element, first: _Item, depth: int) -> int:
        start = {"start": str(first.number)} if first.number != 1 and first.kind[:2] == "ol" else {}
        found = SubElement(parent, first.kind[:2], start)
        loose = False
        item: _Item | None = first
        while item is not None and item.kind == first.kind:
            inside, following = _gather(lines, i, item)
            task = _TASK.match(inside[0])
            if task:
                inside[0] = ("☐ " if task[1] == " " else "☑ ") + inside[0][task.end() :]
            loose = self.parse(inside, SubElement(found, "li"), depth + 1) or loose
            after_blank = not lines[following - 1].strip()
            i = following
            item = _item(lines[i]) if i < len(lines) else None
            loose = loose or (after_blank and item is not None and item.kind == first.kind)
        if not loose:
            _tighten(found)
        return i


def _underline(line: str, paragraph: list[str]) -> str:
    """Give the heading that a line of ``===`` or ``---`` makes of the paragraph above it, or ``""``."""
    match = _SETEXT.match(line) if line.lstrip()[0] in "=-" else None
    if match is None:
        return ""
    if match[1][0] == "=":
        return "h1"
    # A rule is more likely under a sentence than a heading of several lines.
    return "h2" if len(paragraph) == 1 and len(paragraph[0]) <= _TIGHT_HEADING else ""


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


def _gather(lines: list[str], i: int, item: _Item) -> tuple[list[str], int]:
    """Collect the lines of a list item, without their indent; give the line after them, too."""
    inside, end = [item.rest], i + 1
    if not item.rest and end < len(lines) and not lines[end].strip():
        return inside, end + 1
    opened = _FENCE.match(item.rest)
    fence = opened[1] if opened else ""
    while end < len(lines):
        line = lines[end]
        if fence:
            inside.append(_dedent(line, item.content))
            mark = _FENCE.match(inside[-1].lstrip())
            fence = "" if mark and _closes(mark, fence) else fence
        elif not line.strip():
            inside.append("")
        elif _indent(line) >= item.content:
            inside.append(line[item.content :])
            opened = _FENCE.match(inside[-1])
            fence = opened[1] if opened else ""
        elif _nested(line, item) or (
            _is_text(inside[-1]) and not _starts_block(lines, end) and not _item(line)
        ):
            inside.append(line.lstrip(" "))
        else:
            break
        end += 1
    while len(inside) > 1 and not inside[-1]:
        inside.pop()
    return inside, end


def _nested(line: str, item: _Item) -> bool:
    """Tell whether a line begins a list of the other kind, indented, though by too little for CommonMark."""
    other = _item(line)
    return other is not None and other.kind[:2] != item.kind[:2] and other.column > item.column


def _tighten(found: Element) -> None:
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
