r"""Markdown whose citations are ``[@key]``: what Quarto, pandoc and MyST turn into a bibliography.

These tools do more with Markdown than GitHub does: ``{…}`` gives attributes and runs code, ``{{< … >}}``
reads files even inside of code, ``@name`` cites, and a formula reaches TeX. An answer must not be able
to do any of that, so every character that one of them acts on is escaped.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.export.documents import WRITTEN_BY, kept_receipt, read, title_of
from pplx_jupyter.export.entries import answered_on, entries
from pplx_jupyter.export.references import csl_items
from pplx_jupyter.render import as_markdown
from pplx_jupyter.render.tree import Node
from pplx_jupyter.render.words import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.answer import Answer

__all__ = ["escape", "to_cited_markdown", "to_qmd"]

_ACTIVE = re.compile(
    r"[\\`*{}\[\]<>$^~|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|@(?=\w)|-(?=-)|(?<=-)-|!(?=$|\[)|&(?=#|[A-Za-z])"
)
_IN_ADDRESS = re.compile(r"[*_$^~@&'\[\]]|-(?=-)|(?<=-)-|\.(?=\.)|(?<=\.)\.")
_SPACES = re.compile(r"\s+")
_START = re.compile(r"[#+:=%(-]|(?:\d{1,9}|[A-Za-z]|[ivxlcdmIVXLCDM]+)[.)](?=\s|$)")
_CALLS = re.compile(r"\{(?=\{|[%<])|(?<=`)(?:\{|r(?=[ #]))")
_JOINER = "\u2060"
# Beyond what `render.tex` refuses: TeX that reads or runs something, where a document is set by TeX itself.
_TEX_ONLY = re.compile(
    r"\\(?:\w*(?:input|include|open|read|write|lua|file|shell|verb|listing)\w*|pdf\w+|usepackage|documentclass|begin\s*\{(?!(?:\w*matrix"
    r"|cases|aligned|alignedat|array|gathered|split|equation|align|gather)\*?\}))",
    re.IGNORECASE,
)


def escape(text: str) -> str:
    """Escape text for the inside of a line."""
    return _ACTIVE.sub(lambda m: "\\" + m[0], _SPACES.sub(" ", plain(text)))


def to_cited_markdown(answer: Answer) -> str:
    """Give the text of an answer with ``[@key]`` for its citations; see `pplx_jupyter.answer.Answer.to_markdown`."""
    root = read(answer).root if answer.understood else _as_code(answer)
    keys = {entry.number: entry.key for entry in entries(answer)}
    _part(root)
    parts = [*_notes(answer), *_Writer(keys).blocks(root)]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_qmd(answer: Answer) -> str:
    """Give a whole document for Quarto, its bibliography in its head; see `pplx_jupyter.answer.Answer.save`."""
    title = escape(title_of(answer))
    day = answered_on(answer.receipt)
    references = [_as_yaml(item) for item in csl_items(answer)]
    head = [
        "---",
        f"# {WRITTEN_BY}",
        f"title: {_json(_started(title))}",
        f"date: {day.isoformat()}" if day else "",
        "engine: markdown",
        "link-citations: true",
        "references:" if references else "",
        *(f"  - {item}" for item in references),
        "---",
    ]
    sources = "## Sources {.unnumbered}\n\n::: {#refs}\n:::\n" if references else ""
    parts = ["\n".join(filter(None, head)) + "\n", to_cited_markdown(answer), sources, _footer(answer)]
    return "\n".join(filter(None, parts))


def _as_yaml(item: dict[str, Any]) -> str:
    """Give an item on one line: JSON is YAML, and every text in the head of a document is read as Markdown."""
    shown = {"title": _started(escape(item["title"]))}
    if "URL" in item:
        shown["URL"] = _IN_ADDRESS.sub(lambda m: "\\" + m[0], item["URL"])
    return _json({**item, **shown})


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _as_code(answer: Answer) -> Node:
    text = json.dumps(answer.raw, ensure_ascii=False, indent=2, default=str)
    return Node("div", {}, [Node("pre", {}, [Node("code", {}, [text])])])


def _notes(answer: Answer) -> list[str]:
    """Give the notes above an answer as paragraphs: simulated, incomplete."""
    from pplx_jupyter.render import notes, pieces

    found = notes.above(answer, kept_receipt(answer))
    return [f"**{escape(note.what)}** {escape(pieces.plain_text(note.money))}".strip() for note in found]


def _footer(answer: Answer) -> str:
    """Say how the citations fare, and where the answer comes from."""
    from pplx_jupyter.render import footer, pieces
    from pplx_jupyter.render.sources import references

    body, receipt = read(answer), kept_receipt(answer)
    _, sentence = footer.integrity(body, references(answer, body.cited), marked=True)
    said = [pieces.plain_text(sentence)]
    if receipt is not None:
        facts = [f"{name}: {value}" for name, value in footer.provenance(answer, receipt)]
        said.append("; ".join([*facts, f"Cost: {footer.cost_summary(answer, receipt)}"]) + ".")
    return "\n\n".join(["* * *", *(_started(escape(each)) for each in said)]) + "\n"


def _part(root: Node) -> None:
    """Part a citation from a bracket right behind it, which would make a link or a style of both."""
    for node in root.walk():
        for n, child in enumerate(node.children[1:], 1):
            before = node.children[n - 1]
            cites = isinstance(before, Node) and before.has_class("pplx-c")
            if cites and isinstance(child, str) and child[:1] in {"(", ":"}:
                node.children[n] = _JOINER + child


class _Writer(as_markdown.Writer):
    """Our Markdown in pandoc's dialect."""

    def __init__(self, keys: Mapping[int, str]) -> None:
        super().__init__({})
        self._keys = keys

    def block(self, node: Node) -> str:
        """Write a block; headings begin at the second level, below the document's title."""
        if node.has_class("pplx-t") and _TEX_ONLY.search(node.text()):
            return self.fence(node.text(), "")
        written = super().block(node)
        if node.tag in {"h4", "h5", "h6"}:
            return written[2:]
        # "---" could begin a head of the document.
        return "* * *" if node.tag == "hr" else written

    def inline(self, node: Node) -> str:
        """Write an element inside a line; a formula that TeX alone would act on is code."""
        if node.has_class("pplx-t") and _TEX_ONLY.search(node.text()):
            return self.code(node.text())
        if node.has_class("pplx-u"):
            return f"**{self.text(f'[{node.children[0]}]')}**"
        return super().inline(node)

    def text(self, text: str) -> str:
        """Escape text."""
        return escape(text)

    def start(self, line: str) -> str:
        """Escape the beginnings of lines, pandoc's many kinds of list among them."""
        return "\n".join(_started(part.lstrip(" ")) for part in line.split("\n"))

    def fence(self, code: str, language: str) -> str:
        """Write a block of code, in which nothing is called."""
        return super().fence(_CALLS.sub(lambda m: m[0] + _JOINER, code), language)

    def code(self, code: str) -> str:
        """Write code inside a line, which no engine runs."""
        begins = re.sub(r"^(\s*(?:\{|r(?=[ #])))", rf"\1{_JOINER}", code)
        return super().code(_CALLS.sub(lambda m: m[0] + _JOINER, begins))

    def citations(self, numbers: list[str]) -> str:
        """Write citations as keys, those side by side as one."""
        return f"[{'; '.join(f'@{self._keys[int(number)]}' for number in numbers)}]"


def _started(line: str) -> str:
    match = _START.match(line)
    if match is None:
        return line
    head = match[0]
    return f"\\{line}" if len(head) == 1 else f"{head[:-1]}\\{line[len(head) - 1 :]}"
