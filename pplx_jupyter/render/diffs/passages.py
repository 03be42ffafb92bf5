"""The text with its changes as passages to be shown: paragraphs, headings, and folds of what is unchanged."""

from __future__ import annotations

import dataclasses
from itertools import groupby
from typing import TYPE_CHECKING

from pplx_jupyter.render.words import count, one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pplx_jupyter.diff import Part, SectionChange

__all__ = ["Passage", "counted", "passages"]

_AROUND = 1
"""Unchanged sentences that are shown beside a change."""

_MOST = 2_000
_MOST_CHARACTERS = 400_000
"""Beyond either, sentences are counted and not shown: nobody reads them, and a notebook has to carry them."""

_LONGEST = 20_000
_QUIET = ("same", "moved")
_LINES = ("head", "row")


@dataclasses.dataclass(frozen=True, slots=True)
class Passage:
    """Something that stands in a paragraph of its own.

    Attributes
    ----------
    kind
        ``section`` (its passages are `inside`), ``parts`` (sentences of one paragraph) or ``fold``
        (`text` says what is left out).
    """

    kind: str
    text: str = ""
    section: SectionChange | None = None
    inside: Sequence[Passage] = ()
    parts: Sequence[Part] = ()


class _Room:
    """How much may still be shown."""

    def __init__(self) -> None:
        self._parts, self._characters = _MOST, _MOST_CHARACTERS
        self.left_out = 0

    def take(self, part: Part) -> list[Part]:
        """Give the part, cut where no sentence is that long; nothing where there is no room for it."""
        part = dataclasses.replace(
            part, before=shorten(part.before, _LONGEST), after=shorten(part.after, _LONGEST)
        )
        self._parts -= 1
        self._characters -= len(part.before) + len(part.after)
        fits = self._parts >= 0 and self._characters >= 0
        self.left_out += not fits
        return [part] if fits else []


def counted(parts: Sequence[Part]) -> str:
    """Give ``3 sentences and 4 rows``; a table's head is counted where it has no rows."""
    rows = sum(part.form == "row" for part in parts)
    heads = sum(part.form == "head" for part in parts)
    sentences = len(parts) - rows - heads
    said = [count(sentences, "sentence")] if sentences else []
    if rows or heads:
        said.append(count(rows or heads, "row"))
    return " and ".join(said) or count(0, "sentence")


def passages(sections: Sequence[SectionChange]) -> Iterator[Passage]:
    """Give what is to be shown of all sections, those unchanged in a line."""
    room = _Room()
    unchanged: list[SectionChange] = []
    for section in sections:
        if section.kind == "same":
            unchanged.append(section)
            continue
        yield from _unchanged(unchanged)
        unchanged = []
        yield Passage("section", section=section, inside=tuple(_inside(section, room)))
    yield from _unchanged(unchanged)
    if room.left_out:
        more = count(room.left_out, "more sentence")
        yield Passage("fold", f"… {more} left out here; the parts of the Diff hold them all")


def _unchanged(sections: list[SectionChange]) -> Iterator[Passage]:
    if not any(section.title or section.parts for section in sections):
        return
    names = [f"“{one_line(section.title, 80)}”" for section in sections if section.title]
    sentences = counted([part for section in sections for part in section.parts])
    if not names:
        yield Passage("fold", f"… {sentences} unchanged")
        return
    listed = shorten(", ".join(names), 300)
    yield Passage("fold", f"… {count(len(names), 'section')} unchanged ({sentences}): {listed}")


def _inside(section: SectionChange, room: _Room) -> Iterator[Passage]:
    parts = section.parts
    near = _near(parts) if section.kind != "new" else [True] * len(parts)
    for shown, group in groupby(zip(parts, near, strict=True), lambda each: each[1]):
        run = [part for part, _ in group]
        if shown:
            yield from _paragraphs(run, room)
        else:
            moved = sum(part.kind == "moved" for part in run)
            here = f", {moved:,} of them moved here" if moved else ""
            yield Passage("fold", f"… {counted(run)} unchanged{here}")


def _paragraphs(run: Sequence[Part], room: _Room) -> Iterator[Passage]:
    paragraph: list[Part] = []
    for part in run:
        if paragraph and not _joins(paragraph, part):
            yield Passage("parts", parts=tuple(paragraph))
            paragraph = []
        paragraph += room.take(part)
    if paragraph:
        yield Passage("parts", parts=tuple(paragraph))


def _near(parts: Sequence[Part]) -> list[bool]:
    """Tell which parts are shown: changes, what stands beside them, the head of their table, and no gap of one."""
    changed = [part.kind not in _QUIET for part in parts]
    near = [
        any(
            changed[m] and (m == n or _beside(parts, n, m))
            for m in range(max(n - _AROUND, 0), min(n + _AROUND + 1, len(parts)))
        )
        for n in range(len(parts))
    ]
    head = None
    for n, part in enumerate(parts):
        head = n if part.form == "head" else head if part.form == "row" else None
        if head is not None and changed[n]:
            near[head] = True
    lonely = [not here and all(near[max(n - 1, 0) : n] + near[n + 1 : n + 2]) for n, here in enumerate(near)]
    return [here or alone for here, alone in zip(near, lonely, strict=True)]


def _beside(parts: Sequence[Part], here: int, change: int) -> bool:
    """Tell whether what stands next to a change is read with it: a line of a table only with its own table's."""
    return parts[here].form not in _LINES or (
        parts[max(here, change)].form == "row" and parts[min(here, change)].form in _LINES
    )


def _joins(paragraph: Sequence[Part], part: Part) -> bool:
    """Tell whether a part stands in the same paragraph, in either answer, as those before it."""
    if not paragraph or paragraph[-1].form != part.form:
        return False
    return any(
        block >= 0 and block == next((p.blocks[side] for p in reversed(paragraph) if p.blocks[side] >= 0), -1)
        for side, block in enumerate(part.blocks)
    )
