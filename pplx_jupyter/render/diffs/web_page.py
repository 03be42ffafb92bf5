"""A comparison as HTML: ``ins`` and ``del`` carry it, colours only help."""

from __future__ import annotations

import dataclasses
from itertools import groupby
from typing import TYPE_CHECKING

from pplx_jupyter.render import as_html, clean, pieces
from pplx_jupyter.render.diffs.passages import counted
from pplx_jupyter.render.style import MUTED, SMALL
from pplx_jupyter.render.web_page import fold
from pplx_jupyter.render.words import keep, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pplx_jupyter.diff import Part, SectionChange
    from pplx_jupyter.render.diffs.passages import Passage
    from pplx_jupyter.render.diffs.telling import Page
    from pplx_jupyter.render.sources import Ref

__all__ = ["write"]

_LEFT, _RIGHT = 'style="text-align:left"', 'style="text-align:right"'
_INS = 'style="background-color:rgba(56,142,60,.2)"'
_DEL = 'style="background-color:rgba(211,47,47,.16)"'


def write(page: Page) -> str:
    """Give a comparison as HTML, without our root element."""
    asked = f' <span class="pplx-m">· {clean.text(keep(page.asked))}</span>' if page.asked else ""
    parts = [
        f'<p class="pplx-s" {SMALL}><b>{clean.text(keep(page.said))}</b>{asked}</p>',
        *(pieces.note_parts(note)["text/html"] for note in page.notes),
        f'<p dir="auto">{_part(page.question)}</p>' if page.question else "",
        f'<h3 dir="auto">{clean.text(page.title)}</h3>',
        _overview(page),
        _sources(page.sources),
        _sections(page.sections),
        _numbers(page.numbers),
        f'<h4>Text</h4><div dir="auto">{_text(page.passages)}</div>' if page.passages else "",
    ]
    return "".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Give a table whose cells are HTML already."""
    sides = [_RIGHT if n in right else _LEFT for n in range(len(head))]
    cells = "".join(f'<th scope="col" {side}>{name}</th>' for name, side in zip(head, sides, strict=True))
    lines = "".join(
        "<tr>" + "".join(f"<td {side}>{cell}</td>" for cell, side in zip(row, sides, strict=True)) + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div class="pplx-x" style="overflow-x:auto">{table}</div>'


def _overview(page: Page) -> str:
    # On a narrow page a fourth column would be out of sight: the change is a second line.
    rows = [
        (clean.text(what), _lines(*earlier.split(", ")), _lines(*later.split(", "), change))
        for what, earlier, later, change in page.overview
    ]
    return _table(("", "Earlier", "Later, change"), rows)


def _lines(first: str, *more: str) -> str:
    small = "".join(f"<br><span {MUTED}>{clean.text(keep(line))}</span>" for line in more if line)
    return f"{clean.text(keep(first))}{small}"


def _sources(sources: Sequence[tuple[str, Ref]]) -> str:
    if not sources:
        return ""
    return f"<h4>Sources</h4>{_table(('Change', 'Source'), [(_kind(kind), _source(ref)) for kind, ref in sources])}"


def _kind(kind: str) -> str:
    tag, style = {"new": ("ins", _INS), "gone": ("del", _DEL)}.get(kind, ("", ""))
    return f"<{tag} {style}>{kind}</{tag}>" if tag else kind


def _source(ref: Ref) -> str:
    title = f'<span dir="auto">{clean.text(ref.title)}</span>'
    head = as_html.anchor(ref.url, title) if ref.url else title
    return f"[{ref.number}] {head}<br><span {MUTED}>{clean.text(keep(' · '.join(ref.about)))}</span>"


def _sections(sections: Sequence[tuple[str, str]]) -> str:
    if not sections:
        return ""
    rows = [(_kind(kind), f'<span dir="auto">{clean.text(said)}</span>') for kind, said in sections]
    return f"<h4>Sections</h4>{_table(('Change', 'Section'), rows)}"


def _numbers(numbers: Sequence[tuple[str, str, str]]) -> str:
    if not numbers:
        return ""
    rows = [
        (
            f"<del {_DEL}>{_whole(before)}</del>",
            f"<ins {_INS}>{_whole(after)}</ins>",
            clean.text(sentence),
        )
        for before, after, sentence in numbers
    ]
    return f"<h4>Numbers</h4>{_table(('Earlier', 'Later', 'Where'), rows, right=(0, 1))}"


def _whole(number: str) -> str:
    """Keep a number and its unit on one line."""
    return clean.text(number.replace(" ", "\u00a0"))


def _text(passages: Sequence[Passage]) -> str:
    written: list[str] = []
    for form, group in groupby(passages, _form):
        alike = list(group)
        parts = [part for passage in alike for part in passage.parts]
        if form == "item":
            items = (" ".join(map(_part, passage.parts)) for passage in alike)
            written.append(f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>")
        elif form == "row":
            written.append(_rows(parts))
        elif form == "code":
            written.append(f"<p>{'<br>'.join(map(_part, parts))}</p>")
        elif form == "text":
            written += [f"<p>{' '.join(map(_part, passage.parts))}</p>" for passage in alike]
        else:
            written += map(_passage, alike)
    return "".join(written)


def _form(passage: Passage) -> str:
    form = passage.parts[0].form if passage.parts else ""
    return "row" if form == "head" else form


def _passage(passage: Passage) -> str:
    if passage.section is not None:
        return _section(passage.section, _text(passage.inside))
    return f'<p class="pplx-m" style="font-size:12px;margin:0 0 12px">{clean.text(keep(passage.text))}</p>'


def _rows(parts: Sequence[Part]) -> str:
    """Give rows as a table, each cell compared with its own; as lines where their cells have no common number."""
    rows = [[_part(cell) for cell in _cells(part)] for part in parts]
    if len({len(row) for row in rows}) > 1:
        return f"<p>{'<br>'.join(map(_part, parts))}</p>"
    lines = "".join(f"<tr>{''.join(f'<td {_LEFT}>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="pplx-x" style="overflow-x:auto"><table><tbody>{lines}</tbody></table></div>'


def _cells(part: Part) -> list[Part]:
    before, after = part.before.split(" | "), part.after.split(" | ")
    if part.kind != "changed":
        return [
            dataclasses.replace(part, before="", after=cell) for cell in (after if part.after else before)
        ]
    if len(before) != len(after):
        return [part]
    return [dataclasses.replace(part, before=old, after=new) for old, new in zip(before, after, strict=True)]


def _section(section: SectionChange, inside: str) -> str:
    before, after = (clean.text(one_line(title, 300)) for title in (section.before, section.after))
    if section.kind == "gone":
        said = f"Section gone ({counted(section.parts)})"
        return f"<h5><del {_DEL}>{before}</del></h5>{fold(said, inside) if inside else ''}"
    if section.kind == "new":
        return f"<h5><ins {_INS}>{after}</ins></h5>{inside}"
    if section.kind == "renamed":
        return f"<h5><del {_DEL}>{before}</del> <ins {_INS}>{after}</ins></h5>{inside}"
    return f"<h5>{after}</h5>{inside}" if after else inside


def _part(part: Part) -> str:
    if part.kind != "changed":
        runs = [
            _run({"new": "new", "gone": "gone"}.get(part.kind, "same"), part.after or part.before, part.form)
        ]
    else:
        runs = [_run(kind, text, part.form) for kind, text in part.words]
    said = "".join(runs).strip()
    return f"<code>{said}</code>" if part.form == "code" else said


def _run(kind: str, text: str, form: str) -> str:
    core = text.rstrip()
    shown = clean.code(core) if form == "code" else clean.text(core)
    space = " " if text[-1:].isspace() else ""
    if kind == "gone":
        return f"<del {_DEL}>{shown}</del>{space}"
    return f"<ins {_INS}>{shown}</ins>{space}" if kind == "new" else f"{shown}{space}"
