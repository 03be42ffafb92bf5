"""A comparison as Markdown: what is gone is struck through, what is new is bold, and a word says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import as_markdown, pieces
from pplx_jupyter.render.words import code_span, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pplx_jupyter.diff import Part, SectionChange
    from pplx_jupyter.render.diffs.passages import Passage
    from pplx_jupyter.render.diffs.telling import Page
    from pplx_jupyter.render.sources import Ref

__all__ = ["write"]

_MARKS = {"gone": "~~", "new": "**"}


def write(page: Page) -> str:
    """Give a comparison as Markdown."""
    asked = f" · {as_markdown.escape(page.asked)}" if page.asked else ""
    parts = [
        f"**{as_markdown.escape(page.said)}**{asked}",
        *(pieces.note_parts(note)["text/markdown"] for note in page.notes),
        as_markdown.start(_changed(page.question)) if page.question else "",
        f"### {as_markdown.heading(as_markdown.escape(page.title))}",
        _table(("", "Earlier", "Later", "Change"), page.overview),
        _sources(page.sources),
        _titled("Sections", _table(("Change", "Section"), page.sections)) if page.sections else "",
        _titled("Numbers", _table(("Earlier", "Later", "Where"), page.numbers)) if page.numbers else "",
        _titled("Text", _text(page.passages)) if page.passages else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _titled(title: str, text: str) -> str:
    return f"#### {title}\n\n{text}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, [":--"] * len(head), *([as_markdown.escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _sources(sources: Sequence[tuple[str, Ref]]) -> str:
    lines = [f"- {kind.capitalize()}: {_source(ref)}" for kind, ref in sources]
    return _titled("Sources", "\n".join(lines)) if lines else ""


def _source(ref: Ref) -> str:
    title = as_markdown.escape(ref.title)
    shown = as_markdown.link(ref.url, title) if ref.url else title
    return f"\\[{ref.number}\\] {shown} – {as_markdown.escape(', '.join(ref.about))}"


def _text(passages: Sequence[Passage]) -> str:
    written = ""
    listed = False
    for passage in passages:
        if passage.kind == "section" and passage.section is not None:
            text = "\n\n".join(filter(None, [_heading(passage.section), _text(passage.inside)]))
        elif passage.kind == "fold":
            text = as_markdown.start(as_markdown.escape(passage.text))
        else:
            text = "\n".join(f"- {_part(part)}" for part in passage.parts)
        between = "\n" if listed and passage.kind == "parts" else "\n\n"
        written += f"{between if written else ''}{text}"
        listed = passage.kind == "parts"
    return written


def _heading(section: SectionChange) -> str:
    before, after = (as_markdown.escape(one_line(title, 300)) for title in (section.before, section.after))
    said = {
        "new": f"New: {after}",
        "gone": f"Gone: {before}",
        "renamed": f"{after} (was: {before})",
    }.get(section.kind, after)
    return f"##### {as_markdown.heading(said)}" if said else ""


def _part(part: Part) -> str:
    if part.kind == "changed":
        return f"Changed: {_changed(part)}"
    text = part.after or part.before
    shown = code_span(text) if part.form == "code" else as_markdown.escape(text)
    if part.kind in _MARKS:
        mark = _MARKS[part.kind]
        return f"{part.kind.capitalize()}: {mark}{shown}{mark}"
    return as_markdown.start(shown)


def _changed(part: Part) -> str:
    written, inner, marked = "", "", False
    for kind, text in part.words:
        core = as_markdown.escape(text.rstrip())
        mark = _MARKS.get(kind, "")
        if (mark and _sticks(written[-1:], core[:1])) or (marked and _sticks(core[:1], inner)):
            written += " "
        written += f"{mark}{core}{mark}{' ' if text[-1:].isspace() else ''}"
        marked, inner = bool(mark) and not text[-1:].isspace(), core[-1:]
    return written.strip()


def _sticks(outside: str, inside: str) -> bool:
    """Tell whether marks between two characters would be read as asterisks and tildes: a letter outside, a sign inside."""
    return outside.isalnum() and not inside.isalnum()
