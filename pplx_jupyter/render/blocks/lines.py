"""What a line of Markdown can be: which block it begins, goes on with, or ends."""

from __future__ import annotations

import dataclasses
import re

__all__ = [
    "FENCE",
    "HEADING",
    "QUOTE",
    "RULE",
    "WORDS",
    "Item",
    "cells_of",
    "closes",
    "dedent",
    "indent",
    "interrupts",
    "is_table",
    "is_text",
    "item_at",
    "starts_block",
    "underline",
    "untab",
]

FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})[ \t]*(.*?)[ \t]*$")
HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$")
QUOTE = re.compile(r" {0,3}> ?(.*)$")
_ITEM = re.compile(r"( *)([-+*•]|(\d{1,9})[.)])(?: +(.*)|$)")
_DELIMITER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
# What no block begins with: most lines need no other look.
WORDS = re.compile(r" {0,3}[^\W\d_][^|]*$")
_INDENT = re.compile(r"[ \t]*")
_TIGHT_HEADING = 120


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """The first line of a list item: where its marker stands, and where its content begins."""

    column: int
    content: int
    kind: str
    number: int
    rest: str


def item_at(line: str) -> Item | None:
    """Read a line as the first of a list item; None where it is none."""
    match = _ITEM.match(line)
    if match is None or RULE.match(line):
        return None
    column, mark, rest = len(match[1]), match[2], match[4] or ""
    gap = len(line) - column - len(mark) - len(rest)
    if not rest or gap > 4:
        rest, gap = (" " * (gap - 1) + rest if rest else ""), 1
    kind = "ol" + mark[-1] if match[3] else "ul" + mark
    return Item(column, column + len(mark) + gap, kind, int(match[3] or 0), rest)


def interrupts(item: Item) -> bool:
    """Tell whether a list item may begin in the middle of a paragraph: not a year that a line begins with."""
    return bool(item.rest.strip()) and (item.kind[:2] == "ul" or item.number == 1)


def starts_block(lines: list[str], i: int) -> bool:
    """Tell whether line `i` begins something other than a paragraph, even right after one."""
    line = lines[i]
    if WORDS.match(line):
        return False
    if FENCE.match(line) or HEADING.match(line) or RULE.match(line) or QUOTE.match(line):
        return True
    item = item_at(line)
    return (item is not None and item.column < 4 and interrupts(item)) or is_table(lines, i)


def is_text(line: str) -> bool:
    """Tell whether a line can be that of a paragraph, to which the next line may belong."""
    line = line.lstrip("> ")
    if WORDS.match(line):
        return True
    return bool(line.strip()) and not (
        HEADING.match(line) or RULE.match(line) or FENCE.match(line) or line.lstrip().startswith("|")
    )


def is_table(lines: list[str], i: int) -> bool:
    """Tell whether a table begins at line `i`: a row of names, and the row of dashes under it."""
    if i + 1 >= len(lines) or "|" not in lines[i] or "-" not in lines[i + 1]:
        return False
    if not _DELIMITER.match(lines[i + 1]) or ("|" not in lines[i + 1] and ":" not in lines[i + 1]):
        return False
    return len(cells_of(lines[i])) == len(cells_of(lines[i + 1]))


def cells_of(row: str) -> list[str]:
    """Give the cells of a table's row; a bar behind a backslash is text."""
    row = row.strip().removeprefix("|")
    if row.endswith("|") and not row.endswith("\\|"):
        row = row[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)]


def underline(line: str, paragraph: list[str]) -> str:
    """Give the heading that a line of ``===`` or ``---`` makes of the paragraph above it, or ``""``."""
    match = _SETEXT.match(line) if line.lstrip()[0] in "=-" else None
    if match is None:
        return ""
    if match[1][0] == "=":
        return "h1"
    # A rule is more likely under a sentence than a heading of several lines.
    return "h2" if len(paragraph) == 1 and len(paragraph[0]) <= _TIGHT_HEADING else ""


def indent(line: str) -> int:
    """Count the spaces that a line begins with."""
    return len(line) - len(line.lstrip(" "))


def dedent(line: str, columns: int) -> str:
    """Take so many spaces off the beginning of a line, or as many as there are."""
    return line[min(indent(line), columns) :]


def closes(mark: re.Match[str], fence: str) -> bool:
    """Tell whether a match of `FENCE` ends the code that `fence` began."""
    return mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and not mark[2]


def untab(lines: list[str]) -> list[str]:
    """Write the tabs that lines begin with as spaces."""
    if not any("\t" in line for line in lines):
        return lines
    # Tabs stay in fenced code, where they may mean something.
    fence, done = "", []
    for line in lines:
        mark = FENCE.match(line.lstrip())
        if fence:
            fence = "" if mark and closes(mark, fence) else fence
        else:
            fence = mark[1] if mark else ""
            lead = _INDENT.match(line)
            if lead and "\t" in lead[0]:
                line = lead[0].expandtabs(4) + line[lead.end() :]  # noqa: PLW2901
        done.append(line)
    return done
