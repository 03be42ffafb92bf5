"""An answer as sections of sentences, without markup and without citation markers."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

from pplx_jupyter.diff.words import key
from pplx_jupyter.render.words import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.render.tree import Node

__all__ = ["Section", "Unit", "line_of", "sections_of", "split_sentences"]

_HEADINGS = {"h4": 1, "h5": 2, "h6": 3}
_INSIDE = frozenset(["p", "div", "blockquote", "ul", "ol", "li"])
_BLOCKS = _INSIDE | {"pre", "table", "hr", *_HEADINGS}
_NUMBERED = re.compile(
    r"(?:section |part |chapter )?(?:\d{1,2}(?:\.\d{1,2})*|[ivx]{1,4})[.):]?\s+", re.IGNORECASE
)

# What a marker leaves behind: a space before a full stop.
_GAP = re.compile(r"\s+(?=[.,;:!?)\]](?:\s|$))")
# Looks back, so that a run of a million points is looked at once and not from each of them.
_END = re.compile(r"(?:(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？]+[”’」』）]*)\s*")
_SHORT = re.compile(
    r"(?:\b(?:approx|ca|cf|dr|eq|etc|e\.g|fig|i\.e|inc|jr|mr|mrs|ms|no|nos|pp|prof|sec|sr|st|vol|vs)|(?<![^\s.(])[a-z])\.$",
    re.IGNORECASE,
)
_LONGEST_SHORT = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Unit:
    """What is compared as a whole: a sentence, a row of a table or a line of code; see `pplx_jupyter.diff.Part`."""

    text: str
    form: str
    block: int
    key: str


@dataclasses.dataclass(slots=True)
class Section:
    """A heading, and what stands between it and the next.

    Attributes
    ----------
    path
        The headings it stands under and its own, as they are compared: without numbers before them.
    """

    heading: str
    path: tuple[str, ...]
    units: list[Unit] = dataclasses.field(default_factory=list)


def line_of(node: Node) -> str:
    """Give the text of an element on one line, without markup and markers."""
    return _GAP.sub("", one_line(node.text()))


def sections_of(
    answer: Answer, *, line: Callable[[Node], str] = line_of, shown: bool = False
) -> list[Section]:
    """Read the text of an answer; what stands above the first heading is a section without one.

    Parameters
    ----------
    line
        Gives the text of a paragraph, a cell or a heading before it is split into sentences.
    shown
        Read an answer that is JSON as it is shown, its lists and tables, and not a value a line.
    """
    reader = _Reader(line)
    structured = None if shown else _pretty(answer.text)
    if structured is not None:
        reader.code(structured)
    else:
        from pplx_jupyter.render import body

        parsed = answer.json if shown else None
        known = {source.number for source in answer.sources}
        reader.read(body.read(answer.text, known, parsed).root, "text")
    first, *rest = reader.sections
    return [first, *rest] if first.units or not rest else rest


def split_sentences(text: str) -> Iterator[str]:
    """Split a paragraph; a full stop after an abbreviation or an initial ends no sentence."""
    begin = 0
    for match in _END.finditer(text):
        tail = text[max(begin, match.start() - _LONGEST_SHORT) : match.end()].rstrip()
        if text[match.end() : match.end() + 1].islower() or _SHORT.search(tail):
            continue
        yield text[begin : match.end()].rstrip()
        begin = match.end()
    if text[begin:].strip():
        yield text[begin:].strip()


def _pretty(text: str) -> str | None:
    """Give an answer that is JSON one value a line; None for any other."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return None


class _Reader:
    def __init__(self, line: Callable[[Node], str]) -> None:
        self._line = line
        self.sections = [Section("", ())]
        self._open: list[tuple[int, str]] = []
        self._block = 0

    def read(self, node: Node, form: str) -> None:
        """Read the blocks of an element; the text between them is a paragraph."""
        run: list[Node | str] = []
        for child in node.children:
            if isinstance(child, str) or child.tag not in _BLOCKS:
                run.append(child)
                continue
            self._paragraph(run, form)
            run = []
            if child.tag in _HEADINGS:
                self._heading(_HEADINGS[child.tag], self._line(child))
            elif child.tag == "pre":
                self.code(child.text())
            elif child.tag == "table":
                self._table(child)
            elif child.tag in _INSIDE:
                self.read(child, "item" if child.tag == "li" else form)
        self._paragraph(run, form)

    def code(self, text: str) -> None:
        for line in text.split("\n"):
            self._add([one_line(line)], "code")

    def _heading(self, level: int, text: str) -> None:
        self._open = [*(item for item in self._open if item[0] < level), (level, _bare(text))]
        self.sections.append(Section(text, tuple(name for _, name in self._open)))

    def _paragraph(self, run: list[Node | str], form: str) -> None:
        from pplx_jupyter.render.tree import Node

        if run:
            self._add(split_sentences(self._line(Node("p", {}, run))), form)

    def _table(self, table: Node) -> None:
        from pplx_jupyter.render.tree import Node

        for n, row in enumerate(row for row in table.walk() if row.tag == "tr"):
            cells = [self._line(cell) for cell in row.children if isinstance(cell, Node)]
            self._add([" | ".join(cells)] if any(cells) else [], "row" if n else "head")

    def _add(self, texts: Iterator[str] | list[str], form: str) -> None:
        units = [Unit(text, form, self._block, key(text)) for text in texts if text]
        self._block += 1
        self.sections[-1].units.extend(units)


def _bare(heading: str) -> str:
    text = key(heading).casefold().rstrip(" .:")
    return _NUMBERED.sub("", text, count=1) or text
