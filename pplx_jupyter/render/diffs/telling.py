"""What there is to say of a comparison, before it is written in any form."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplx_jupyter.answer import Answer
from pplx_jupyter.diff import Part
from pplx_jupyter.render import notes, receipts
from pplx_jupyter.render.diffs.passages import Passage, counted, passages
from pplx_jupyter.render.pieces import Note
from pplx_jupyter.render.sources import Ref, references
from pplx_jupyter.render.words import count, day, day_time, money_of, one_line, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pplx_jupyter.answer import Source
    from pplx_jupyter.diff import Diff, SectionChange

__all__ = ["Page", "headline", "tell"]

_SENTENCE, _PROMPT, _TITLE, _BULLETS = 180, 2000, 200, 4
_SAME = "the same"
_ROWS = 500
"""Rows of a table of sections or numbers; the rest are counted."""

_BEFORE = ("$", "€", "£", "¥", "₹")
_KINDS = ("changed", "renamed", "new", "gone", "moved")


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """All that the three forms of a comparison are written from. Texts are of one line, not yet escaped.

    Attributes
    ----------
    said, asked
        The headline: what changed, and when both were asked.
    question
        The prompts side by side, where they differ.
    overview
        Rows of: what, in the earlier answer, in the later, the change.
    sources
        ``new`` or ``gone``, and the source.
    sections
        What happened to a section, and which.
    numbers
        Earlier, later, and the sentence now.
    """

    said: str
    asked: str
    notes: Sequence[Note]
    question: Part | None
    title: str
    overview: Sequence[tuple[str, str, str, str]]
    sources: Sequence[tuple[str, Ref]]
    sections: Sequence[tuple[str, str]]
    numbers: Sequence[tuple[str, str, str]]
    passages: Sequence[Passage]


def tell(diff: Diff) -> Page:
    """Find the words for a comparison."""
    question = receipts.question(diff.new.receipt)
    return Page(
        said=_said(diff),
        asked=_asked(diff),
        notes=_notes(diff),
        question=_question(diff),
        title=f"What changed: {question}" if question else "What changed",
        overview=list(_overview(diff)),
        sources=[("new", _ref(s)) for s in diff.sources_new] + [("gone", _ref(s)) for s in diff.sources_gone],
        sections=_sections(diff),
        numbers=_numbers(diff),
        passages=list(passages(diff.sections)) if diff.changed else [],
    )


def headline(diff: Diff) -> str:
    """Give a comparison in one line: ``3 sources new, 1 gone · 5 sentences changed · asked … and …``."""
    return " · ".join(filter(None, [_said(diff), _asked(diff)]))


def _said(diff: Diff) -> str:
    sections = [(kind, diff.count_sections(kind)) for kind in ("renamed", "new", "gone")]
    said = [
        _counted("source", [("new", len(diff.sources_new)), ("gone", len(diff.sources_gone))]),
        _counted("section", sections),
        "sections in another order" if diff.reordered else "",
        _counted("sentence", [(kind, diff.count(kind)) for kind in _KINDS]),
        _counted("number", [("changed", len(diff.numbers))]),
    ]
    return " · ".join(filter(None, said)) or "Nothing changed"


def _counted(noun: str, kinds: Iterable[tuple[str, int]]) -> str:
    """Give ``3 sources new, 1 gone``; empty where there are none."""
    found = [(kind, number) for kind, number in kinds if number]
    return ", ".join(
        f"{f'{number:,}' if n else count(number, noun)} {kind}" for n, (kind, number) in enumerate(found)
    )


def _asked(diff: Diff) -> str:
    first, second = _moments(diff, days=True)
    if first and second and first == second:
        first, second = _moments(diff, days=False)
    return f"asked {first} and {second}" if first and second else ""


def _moments(diff: Diff, *, days: bool) -> tuple[str, str]:
    shown = []
    for answer in (diff.old, diff.new):
        receipt = answer.receipt
        at = receipts.local(receipt.asked_at, receipt) if receipt is not None and receipt.asked_at else None
        shown.append("" if at is None else day(at) if days else day_time(at))
    return shown[0], shown[1]


def _simulated(answer: Answer) -> bool:
    return answer.simulated or (answer.receipt is not None and answer.receipt.simulated)


def _notes(diff: Diff) -> list[Note]:
    found = [notes.simulated()] if _simulated(diff.old) or _simulated(diff.new) else []
    if not diff.same_question:
        what = (
            "The question itself differs."
            if _question(diff)
            else "The prompt is the same, but the question's options differ."
        )
        found.append(
            Note(
                "!", "info", what, bullets=[(one_line(words, _TITLE),) for words in diff.question[:_BULLETS]]
            )
        )
    return found


def _question(diff: Diff) -> Part | None:
    first, second = diff.old.receipt, diff.new.receipt
    if first is None or second is None:
        return None
    before, after = (one_line(receipt.prompt or receipt.question, _PROMPT) for receipt in (first, second))
    return Part("changed", before, after) if before != after else None


def _overview(diff: Diff) -> Iterator[tuple[str, str, str, str]]:
    both = (diff.old, diff.new)
    jobs = [receipts.named(answer.receipt) if answer.receipt else "" for answer in both]
    models = [receipts.model(answer, answer.receipt) if answer.receipt else answer.model for answer in both]
    costs = ["0.00 USD, simulated" if _simulated(answer) else money_of(answer.cost) for answer in both]
    yield _row("Asked", _moments(diff, days=False), "")
    yield _row("Job", jobs, "")
    if models[0] != models[1]:
        yield _row("Model", models, "another")
    sources = [("new", len(diff.sources_new)), ("gone", len(diff.sources_gone))]
    yield _row("Sources", [len(answer.sources) for answer in both], _listed(sources) or _SAME)
    headed = [section for section in diff.sections if section.title]
    heads = [sum(bool(section.before) for section in headed), sum(bool(section.after) for section in headed)]
    kinds = _listed((kind, sum(section.kind == kind for section in headed)) for kind in _KINDS)
    order = "another order" if diff.reordered else ""
    yield _row("Sections", heads, ", ".join(filter(None, [kinds, order])) or _SAME)
    sentences = [sum(bool(part.before) for part in diff.parts), sum(bool(part.after) for part in diff.parts)]
    yield _row("Sentences", sentences, _listed((kind, diff.count(kind)) for kind in _KINDS) or _SAME)
    yield _row("Cost", costs, "")


def _row(what: str, both: Sequence[str | int], change: str) -> tuple[str, str, str, str]:
    earlier, later = (f"{value:,}" if isinstance(value, int) else value for value in both)
    return what, earlier, later, change


def _listed(kinds: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds if number)


def _ref(source: Source) -> Ref:
    return references(Answer(sources=[source]), {})[source.number]


def _sections(diff: Diff) -> list[tuple[str, str]]:
    rows = [row for section in diff.sections for row in _section(section)]
    more = [("…", f"{len(rows) - _ROWS:,} more")] if len(rows) > _ROWS else []
    return rows[:_ROWS] + more


def _section(section: SectionChange) -> Iterator[tuple[str, str]]:
    before, after = one_line(section.before, _TITLE), one_line(section.after, _TITLE)
    if section.kind == "renamed":
        yield "renamed", f"“{before}” is now “{after}”"
    elif section.kind in {"new", "gone"}:
        yield section.kind, f"{after or before} ({counted(section.parts)})"
    kinds = _listed([*((kind, section.count(kind)) for kind in _KINDS), ("moved away", section.left)])
    if section.kind in {"changed", "renamed"} and kinds:
        yield "changed", f"{after or 'Above the first heading'}: {kinds}"


def _numbers(diff: Diff) -> list[tuple[str, str, str]]:
    rows = [
        (
            _with_unit(number.before, number.unit),
            _with_unit(number.after, number.unit),
            _around(number.now, number.after),
        )
        for number in diff.numbers[:_ROWS]
    ]
    more = len(diff.numbers) - len(rows)
    return [*rows, *([("…", "…", f"{more:,} more")] if more else [])]


def _with_unit(value: str, unit: str) -> str:
    sign, _, scale = unit.partition(" ")
    if sign[-1:] in _BEFORE:
        return f"{sign}{value} {scale}".strip()
    return f"{value} {unit}".strip()


def _around(sentence: str, value: str) -> str:
    """Cut a long sentence to the words around a number."""
    line = one_line(sentence)
    if len(line) <= _SENTENCE:
        return line
    begin = max(line.find(value) - _SENTENCE // 2, 0)
    begin = line.find(" ", begin) + 1 if begin else 0
    return f"{'… ' if begin else ''}{shorten(line[begin:], _SENTENCE)}"
