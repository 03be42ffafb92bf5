"""An answer as data: its sections, and its sentences with the sources that they cite."""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import TYPE_CHECKING

from pplx_jupyter.diff.sentences import line_of, sections_of
from pplx_jupyter.render.tree import Node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplx_jupyter.answer import Answer
    from pplx_jupyter.diff.sentences import Unit

__all__ = ["Claim", "Section", "claims", "marked_line", "sections", "take_marks"]

# A citation on its way through the splitter: a character for each number, between two others. They are
# of Unicode's private area, where no text has a meaning; those that an answer holds are dropped.
_TAG = "pplx-mark"
_OPEN, _CLOSE, _FIRST, _LAST = "\ue000", "\ue001", 0xE100, 0xF8FF
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_MARK = re.compile(rf"\s*{_OPEN}([^{_CLOSE}]*){_CLOSE}")
# A marker behind the full stop belongs to the sentence before it.
_BEHIND = re.compile(rf"([.!?…。！？]+[\"'”’)\]」』）]*)((?:\s*{_OPEN}[^{_CLOSE}]*{_CLOSE})+)")


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands between it and the next.

    Attributes
    ----------
    level
        How deep it stands, from 1; 0 for what stands above the first heading.
    text
        Its text without markup and markers, a block a line.
    """

    level: int
    title: str
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """A sentence, an item or a row of a table, and what it cites.

    Attributes
    ----------
    sources
        The numbers of the sources, in the order cited; see `pplx_jupyter.answer.Answer.source`.
    unresolved
        Cited numbers that no source has.
    section
        The heading that it stands under; empty above the first.
    """

    text: str
    sources: tuple[int, ...] = ()
    unresolved: tuple[int, ...] = ()
    section: str = ""


def sections(answer: Answer) -> list[Section]:
    """Give the sections of an answer; see `pplx_jupyter.answer.Answer.sections`."""
    return [
        Section(len(section.path), section.heading, "\n".join(_blocks(section.units)))
        for section in sections_of(answer, shown=True)
    ]


def _blocks(units: Iterable[Unit]) -> list[str]:
    grouped = itertools.groupby(units, key=lambda unit: unit.block)
    return [" ".join(unit.text for unit in block) for _, block in grouped]


def claims(answer: Answer) -> list[Claim]:
    """Give the sentences of an answer; see `pplx_jupyter.answer.Answer.claims`."""
    known = {source.number for source in answer.sources}
    found: list[Claim] = []
    for section in sections_of(answer, line=marked_line, shown=True):
        title, _ = take_marks(section.heading)
        block = -1
        for unit in section.units:
            text, numbers = take_marks(unit.text)
            if unit.form in {"head", "code"} or not (text or numbers):
                continue
            if not text and block == unit.block:
                # A marker on its own goes with what it follows.
                last = found.pop()
                text, numbers = last.text, [*last.sources, *last.unresolved, *numbers]
            if text:
                found.append(_claim(text, numbers, known, title))
                block = unit.block
    return found


def _claim(text: str, numbers: Iterable[int], known: set[int], section: str) -> Claim:
    cited = list(dict.fromkeys(numbers))
    return Claim(
        text, tuple(n for n in cited if n in known), tuple(n for n in cited if n not in known), section
    )


def marked_line(node: Node) -> str:
    """Give the text of an element on one line, its citations in it as marks that `take_marks` takes out."""
    for each in node.walk():
        if each.tag != _TAG:
            each.children = [_shown(child) for child in each.children]
    return _BEHIND.sub(r"\2\1", line_of(node))


def _shown(child: Node | str) -> Node | str:
    if isinstance(child, str):
        return _PRIVATE.sub("", child)
    if not (child.has_class("pplx-c") or child.has_class("pplx-u")):
        return child
    numbers = [int(number) for number in child.children if isinstance(number, str) and number.isdecimal()]
    return Node(_TAG, {}, [_OPEN, "".join(chr(min(_FIRST + n, _LAST)) for n in numbers), _CLOSE])


def take_marks(text: str) -> tuple[str, list[int]]:
    """Give a text without its marks, and the numbers that they held."""
    numbers = [ord(each) - _FIRST for marks in _MARK.findall(text) for each in marks]
    return _MARK.sub("", text).strip(), numbers
