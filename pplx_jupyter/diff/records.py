"""What a comparison of two answers consists of: plain frozen records, and what can be counted in them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from pplx_jupyter.diff.words import Word, word_diff

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pplx_jupyter.answer import Answer, Source

__all__ = ["Diff", "Kept", "NumberChange", "Part", "SectionChange"]


class Kept(NamedTuple):
    """A source of both answers, as each of them sent it."""

    before: Source
    after: Source


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A sentence, a row of a table or a line of code, without citation markers.

    Attributes
    ----------
    kind
        ``same``, ``moved`` (the same words in another section), ``changed``, ``new`` or ``gone``.
    before, after
        Its text in each answer; empty where it is new, or gone.
    form
        ``text``, ``item`` (of a list), ``head`` or ``row`` (of a table, its cells joined by ``|``) or ``code``.
    blocks
        Which paragraph it stands in, in each answer, counted from 0; -1 where it stands in none, or in another section.
    """

    kind: str
    before: str
    after: str
    form: str = "text"
    blocks: tuple[int, int] = (-1, -1)

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of both, in the order to read them, each run ``same``, ``gone`` or ``new``."""
        return word_diff(self.before, self.after)


@dataclasses.dataclass(frozen=True, slots=True)
class SectionChange:
    """What stands below one heading.

    Attributes
    ----------
    kind
        ``same``, ``changed`` (its sentences), ``renamed`` (they may have changed, too), ``new`` or ``gone``.
    before, after
        Its heading in each answer; empty for what stands above the first one.
    parts
        Its sentences, in the newer answer's order, those gone where they stood.
    left
        How many of its sentences stand in another section now: they are parts of that.
    """

    kind: str
    before: str
    after: str
    parts: Sequence[Part] = ()
    left: int = 0

    @property
    def title(self) -> str:
        """Its heading now, or the one it had."""
        return self.before if self.kind == "gone" else self.after

    def count(self, kind: str) -> int:
        """Count its parts of one kind."""
        return sum(part.kind == kind for part in self.parts)


@dataclasses.dataclass(frozen=True, slots=True)
class NumberChange:
    """A number that differs in a sentence both answers have.

    Attributes
    ----------
    before, after
        As written: ``41.2``, ``1,200``.
    unit
        The sign or word it goes with, such as ``%``, ``$`` or ``EUR``; empty where there is none.
    section
        The heading above it, in the newer answer.
    was, now
        The whole sentences.
    """

    before: str
    after: str
    unit: str
    section: str
    was: str
    now: str


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Diff:
    """What changed from one answer to another; a notebook shows it as tables and as a text diff.

    Attributes
    ----------
    old, new
        The two answers; their receipts tell when they were asked, `Answer.cost` what each cost.
    sources_gone, sources_new, sources_kept
        Matched by their addresses, see `pplx_jupyter.diff.address`.
    sections
        Every section of both, in the newer answer's order, those gone where they stood.
    numbers
        Numbers that differ in sentences both answers have.
    reordered
        Whether the sections that both have stand in another order.
    question
        What differs between the questions, in a few words each, where whoever compares knows it.
    """

    old: Answer
    new: Answer
    sources_gone: Sequence[Source] = ()
    sources_new: Sequence[Source] = ()
    sources_kept: Sequence[Kept] = ()
    sections: Sequence[SectionChange] = ()
    numbers: Sequence[NumberChange] = ()
    reordered: bool = False
    question: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        """Whether sources, sections or sentences differ; cost and date alone are no change."""
        return bool(
            self.sources_gone
            or self.sources_new
            or self.reordered
            or any(section.kind != "same" for section in self.sections)
        )

    @property
    def same_question(self) -> bool:
        """Whether both answer the same question; also where nothing is known of one of them."""
        first, second = self.old.receipt, self.new.receipt
        if first is None or second is None:
            return True
        return first.fingerprint == second.fingerprint

    @property
    def parts(self) -> Iterator[Part]:
        """Every sentence of both answers, section by section."""
        return (part for section in self.sections for part in section.parts)

    def count(self, kind: str) -> int:
        """Count the sentences that are ``same``, ``moved``, ``changed``, ``new`` or ``gone``."""
        return sum(section.count(kind) for section in self.sections)

    def count_sections(self, kind: str) -> int:
        """Count the sections that are ``same``, ``changed``, ``renamed``, ``new`` or ``gone``."""
        return sum(section.kind == kind for section in self.sections)

    def __repr__(self) -> str:
        from pplx_jupyter.render.diffs import headline

        return f"<Diff {headline(self)}>"

    def __str__(self) -> str:
        from pplx_jupyter.render import diff_forms

        return diff_forms(self)["text/plain"]

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        from pplx_jupyter.render import diff_forms

        return diff_forms(self)
