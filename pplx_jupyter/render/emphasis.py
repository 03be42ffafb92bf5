"""Emphasis, by CommonMark's rules but for one: what opens and what closes it.

CommonMark asks that no letter follows ``**`` behind a sign of punctuation, so that ``**重点。**后`` stays
stars; models write this all the time. Here a run of marks may open emphasis where no space follows,
and may close it where no space stands before. The package `markdown` reads it so, too, but since 3.11
loses text where runs of unlike length meet.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Emphasis"]

# Four stars are two bold texts that touch.
_RUN = re.compile(r"(?<!\*)\*\*(?=\*\*(?!\*))|\*+|_+")
_OTHERS = frozenset(["code", "pre", "sup", "mark", "span"])
_DEEPEST = 10
_ALNUM = re.compile(r"\w")


@dataclasses.dataclass(slots=True)
class _Marks:
    """A run of marks: how many are left, how many there were, and what they may do."""

    char: str
    left: int
    length: int
    opens: bool
    closes: bool
    both: bool

    def fits(self, closer: _Marks) -> bool:
        """Tell whether this run may open what `closer` closes."""
        if self.char != closer.char or not (self.opens and self.left):
            return False
        if not (self.both or closer.both) or (self.length % 3 == 0 and closer.length % 3 == 0):
            return True
        return (self.length + closer.length) % 3 != 0


_Piece = str | Element | _Marks


class Emphasis(Treeprocessor):
    """Puts ``em`` and ``strong`` around what stands between marks, links and code included."""

    def run(self, root: Element) -> None:
        """Read the text of every element in which emphasis may stand."""
        for element in list(root.iter()):
            if element.tag not in _OTHERS:
                _read(element)


def _read(element: Element) -> None:
    texts = [element.text, *(child.tail for child in element)]
    if not any(text and not isinstance(text, AtomicString) and _RUN.search(text) for text in texts):
        return
    pieces = list(_pieces(element))
    _pair(pieces)
    for child in list(element):
        element.remove(child)
    _fill(element, pieces)


def _pieces(element: Element) -> Iterator[_Piece]:
    """Cut what is in an element into texts, runs of marks, and elements without their tails."""
    children = list(element)
    tails = [element.text or "", *(child.tail or "" for child in children)]
    for n, text in enumerate(tails):
        if n:
            children[n - 1].tail = None
            yield children[n - 1]
        if isinstance(text, AtomicString):
            yield text
            continue
        at = 0
        for match in _RUN.finditer(text):
            # At its ends an element or nothing stands beside a text: the first is no space.
            before = text[match.start() - 1] if match.start() else "." if n else " "
            after = text[match.end()] if match.end() < len(text) else "." if n < len(children) else " "
            yield text[at : match.start()]
            yield _marks(match[0], before, after)
            at = match.end()
        yield text[at:]


def _marks(run: str, before: str, after: str) -> _Marks:
    opens, closes = not after.isspace(), not before.isspace()
    if run[0] == "_":
        # In a word, it is a part of the word.
        opens, closes = opens and not _ALNUM.match(before), closes and not _ALNUM.match(after)
    return _Marks(run[0], len(run), len(run), opens, closes, opens and closes)


def _pair(pieces: list[_Piece]) -> None:
    """Replace what stands between an opening and a closing run by an element, innermost first."""
    depths: dict[int, int] = {}
    i = 0
    while i < len(pieces):
        closer = pieces[i]
        if not isinstance(closer, _Marks) or not (closer.closes and closer.left):
            i += 1
            continue
        found = _opener(pieces, i, closer)
        if found is None:
            closer.closes = False
            i += 1
            continue
        j, opener = found
        inside = pieces[j + 1 : i]
        depth = 1 + max((depths.get(id(piece), 0) for piece in inside), default=0)
        if depth > _DEEPEST:
            return
        used = 2 if min(opener.left, closer.left) > 1 else 1
        opener.left -= used
        closer.left -= used
        made = Element("strong" if used == 2 else "em")
        depths[id(made)] = depth
        _fill(made, inside)
        pieces[j + 1 : i] = [made]
        i = j + 2


def _opener(pieces: list[_Piece], i: int, closer: _Marks) -> tuple[int, _Marks] | None:
    for j in range(i - 1, -1, -1):
        piece = pieces[j]
        if isinstance(piece, _Marks) and piece.fits(closer):
            # Marks with nothing between them are marks.
            return (j, piece) if any(_is_something(inside) for inside in pieces[j + 1 : i]) else None
    return None


def _is_something(piece: _Piece) -> bool:
    return not isinstance(piece, _Marks) and (isinstance(piece, Element) or bool(piece))


def _fill(element: Element, pieces: list[_Piece]) -> None:
    """Put pieces into an element; marks that were not used are text."""
    element.text = None
    last: Element | None = None
    for piece in pieces:
        if isinstance(piece, Element):
            element.append(piece)
            last = piece
            continue
        text = piece if isinstance(piece, str) else piece.char * piece.left
        if last is None:
            element.text = (element.text or "") + text
        else:
            last.tail = (last.tail or "") + text
