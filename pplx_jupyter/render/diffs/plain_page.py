"""A comparison as plain text, 96 columns wide: a sign before each sentence, brackets around words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import as_plain, pieces
from pplx_jupyter.render.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pplx_jupyter.diff import Part, SectionChange
    from pplx_jupyter.render.diffs.passages import Passage
    from pplx_jupyter.render.diffs.telling import Page
    from pplx_jupyter.render.sources import Ref

__all__ = ["write"]

_SIGNS = {"new": "+", "gone": "-", "changed": "~"}
_LEGEND = "+ new, - gone, ~ changed: [-before-] {+after+}"


def write(page: Page) -> str:
    """Give a comparison as plain text."""
    texts = list(_text(page.passages))
    parts = [
        as_plain.wrap(" · ".join(filter(None, [page.said, page.asked]))),
        *(pieces.note_parts(note)["text/plain"] for note in page.notes),
        as_plain.wrap(_words(page.question)) if page.question else "",
        as_plain.underlined(page.title, "="),
        _table(("", "Earlier", "Later", "Change"), page.overview),
        _titled("Sources", [line for item in page.sources for line in _source(*item)]),
        _titled("Sections", [as_plain.wrap(f"{kind}: {said}", rest="  ") for kind, said in page.sections]),
        _titled("Numbers", [_table(("Earlier", "Later", "Where"), page.numbers)] if page.numbers else []),
        _titled("Text", [_LEGEND, "", *texts] if texts else []),
    ]
    return "\n\n".join(part for part in parts if part)


def _titled(title: str, lines: Sequence[str]) -> str:
    return "\n".join([as_plain.underlined(title), *lines]) if lines else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    right = ["right", "right", "left"] if len(head) == 3 else ["left"] * len(head)
    return as_plain.table([head, *rows], right)


def _source(kind: str, ref: Ref) -> list[str]:
    sign = _SIGNS[kind]
    address = [f"      {ref.url}"] if ref.url else []
    return [
        as_plain.wrap(f"{sign} [{ref.number}] {ref.title}", rest="      "),
        as_plain.wrap(f"      {', '.join(ref.about)}", rest="      "),
        *address,
    ]


def _text(passages: Sequence[Passage]) -> Iterator[str]:
    for passage in passages:
        if passage.kind == "section" and passage.section is not None:
            heading = _heading(passage.section)
            yield from [f"\n{heading}"] if heading else []
            yield from _text(passage.inside)
        elif passage.kind == "fold":
            yield as_plain.wrap(f"  {passage.text}", rest="  ")
        else:
            yield from (_part(part) for part in passage.parts)


def _heading(section: SectionChange) -> str:
    before, after = (one_line(title, 300) for title in (section.before, section.after))
    said = {"new": f"+ {after}", "gone": f"- {before}", "renamed": f"[-{before}-] {{+{after}+}}"}
    title = said.get(section.kind, after)
    return as_plain.underlined(title) if title else ""


def _part(part: Part) -> str:
    text = _words(part) if part.kind == "changed" else part.after or part.before
    return as_plain.wrap(f"{_SIGNS.get(part.kind, ' ')} {text}", rest="  ")


def _words(part: Part) -> str:
    written = []
    for kind, text in part.words:
        core, space = text.rstrip(), " " if text[-1:].isspace() else ""
        written.append({"gone": f"[-{core}-]", "new": f"{{+{core}+}}"}.get(kind, core) + space)
    return one_line("".join(written))
