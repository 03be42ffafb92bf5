"""Sentences of our own, with code and bold in them, and notes made of such sentences, in three forms.

A sentence is a sequence of pieces. Values from outside go in as pieces as well, never into markup.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from pplx_jupyter.render import as_markdown, as_plain, clean
from pplx_jupyter.render.style import NOTE, SMALL, wrap
from pplx_jupyter.render.words import code_span, keep, one_line

__all__ = [
    "Bold",
    "Code",
    "Note",
    "Sentence",
    "forms",
    "html",
    "markdown",
    "note_forms",
    "note_parts",
    "plain_text",
]

_RANGE = re.compile(r"\d[\d.,]*–\d[\d.,]*\u00a0\w+")
_SHORT_CODE = 20
_COLOURS = {"bad": "#d32f2f", "warn": "#d9730d", "info": "#1976d2", "off": "#888888"}


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """Words to be typed: a command, a name."""

    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Bold:
    """Words that carry the sentence."""

    text: str


Piece = str | Code | Bold
Sentence = Sequence[Piece]


def html(sentence: Sentence) -> str:
    """Give a sentence as HTML; numbers stay with their units, ranges on one line."""
    parts = []
    for piece in sentence:
        if isinstance(piece, Code):
            # A flag is short, and breaks at its hyphens where it may.
            whole = ' style="white-space:nowrap"' if len(piece.text) <= _SHORT_CODE else ""
            parts.append(f"<code{whole}>{clean.code(piece.text)}</code>")
            continue
        shown = clean.text(keep(piece if isinstance(piece, str) else piece.text))
        shown = _RANGE.sub(lambda m: f'<span class="pplx-w" style="white-space:nowrap">{m[0]}</span>', shown)
        parts.append(shown if isinstance(piece, str) else f"<b>{shown}</b>")
    return "".join(parts)


def markdown(sentence: Sentence) -> str:
    """Give a sentence as Markdown."""
    parts = []
    for piece in sentence:
        if isinstance(piece, Code):
            parts.append(code_span(piece.text))
        else:
            shown = as_markdown.escape(piece if isinstance(piece, str) else piece.text)
            parts.append(shown if isinstance(piece, str) else f"**{shown.strip()}**")
    return as_markdown.start("".join(parts))


def plain_text(sentence: Sentence) -> str:
    """Give a sentence as plain text, on one line."""
    return one_line("".join(piece if isinstance(piece, str) else piece.text for piece in sentence))


def forms(html_form: str, markdown_form: str, plain_form: str) -> dict[str, str]:
    """Give a bundle of the three forms by MIME type."""
    return {"text/html": html_form, "text/markdown": markdown_form, "text/plain": plain_form}


@dataclasses.dataclass(frozen=True, slots=True)
class Note:
    """Something that the user should know or do.

    Attributes
    ----------
    glyph
        One of the glyphs of the states, such as ``✕``.
    tone
        ``bad``, ``warn``, ``info`` or ``off``.
    what, money
        The headline: what happened, and what it means for the money.
    said
        The server's own words: hostile text.
    bullets
        At most four sentences, each an act with its command where there is one.
    ident
        The line that identifies the job.
    """

    glyph: str
    tone: str
    what: str
    money: Sentence = ()
    said: str = ""
    bullets: Sequence[Sentence] = ()
    ident: str = ""


def note_parts(note: Note) -> dict[str, str]:
    """Give a note in its three forms, the HTML without our root element."""
    return forms(_note_html(note), _note_markdown(note), _note_plain(note))


def note_forms(note: Note) -> dict[str, str]:
    """Give a note in its three forms, each complete in itself."""
    return {**note_parts(note), "text/html": wrap(_note_html(note))}


def _said(note: Note) -> str:
    return f"Perplexity said: “{one_line(note.said, 1000)}”" if note.said.strip() else ""


def _note_html(note: Note) -> str:
    tone = note.tone if note.tone in _COLOURS else "off"
    money = f" {html(note.money)}" if note.money else ""
    parts = [
        f'<p><span class="pplx-g {tone}">{clean.text(note.glyph)}</span> <b>{html([note.what])}</b>{money}</p>',
        f"<p>{clean.text(_said(note))}</p>" if _said(note) else "",
        f"<ul>{''.join(f'<li>{html(bullet)}</li>' for bullet in note.bullets)}</ul>" if note.bullets else "",
        f'<p class="pplx-m" {SMALL}>{html([note.ident])}</p>' if note.ident else "",
    ]
    style = f"border-left:4px solid {_COLOURS[tone]};{NOTE}"
    return f'<div class="pplx-n pplx-{tone}" dir="ltr" style="{style}">{"".join(parts)}</div>'


def _note_markdown(note: Note) -> str:
    money = f" {markdown(note.money)}" if note.money else ""
    parts = [
        f"**{as_markdown.escape(note.what)}**{money}",
        as_markdown.escape(_said(note)),
        "\n".join(f"- {markdown(bullet)}" for bullet in note.bullets),
        as_markdown.start(as_markdown.escape(note.ident)),
    ]
    return "\n\n".join(part for part in parts if part)


def _note_plain(note: Note) -> str:
    columns = as_plain.COLUMNS
    parts = [
        as_plain.wrap(f"{note.glyph} {one_line(note.what)}", columns, "  "),
        *(
            as_plain.wrap(f"  {text}", columns, "  ")
            for text in (plain_text(note.money), _said(note))
            if text
        ),
        *(as_plain.wrap(f"  * {plain_text(bullet)}", columns, "    ") for bullet in note.bullets),
        as_plain.wrap(f"  {one_line(note.ident)}", columns, "  ") if note.ident else "",
    ]
    return "\n".join(part for part in parts if part)
