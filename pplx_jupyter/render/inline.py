"""The `markdown` package, set up for hostile text: our blocks, no raw HTML, no references, no images.

What `markdown` is left with is what stands inside a block: emphasis, code, links, line ends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ElementTree

from markdown import Markdown
from markdown.blockparser import BlockParser
from markdown.extensions import Extension
from markdown.inlinepatterns import (
    IMAGE_LINK_RE,
    ImageInlineProcessor,
    InlineProcessor,
    SimpleTagInlineProcessor,
)
from markdown.util import AtomicString, code_escape

from pplx_jupyter.render import blocks, citations, quick, tex
from pplx_jupyter.render.emphasis import Emphasis

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["to_html"]

# The parser's time grows with the square of the unmatched brackets, stars and ticks of a block.
# Up to 60 of them are free; of the rest this many squared are looked at in one answer.
_FREE = 60
_BUDGET = 1_500_000
_MOST_TEXTS = 16_000
_MOST_LINES = 50_000
_QUIET = re.compile(r"[^\[\]*_`<~$\\!&:\n]*")
_SPECIAL = re.compile(r"[\[\]*_`<~$\\!]")

_UNUSED = ("reference", "image_reference", "short_reference", "short_image_ref", "html", "entity", "automail")
_ADDRESS = r"(?<![\w/])https?://[^\s<>\x02\x03\"`|]{2,2000}"
_Match = tuple[Element | str | None, int | None, int | None]


# A pattern that an answer has no use for is not looked for in each of its thousands of texts.
_NEEDS = {
    "backtick": "`",
    "escape": "\\",
    "link": "](",
    "image_link": "![",
    "autolink": "<",
    "pplx_display": "$$",
    "pplx_brackets": "\\[",
    "pplx_formula": "\\(",
    "pplx_dollars": "$",
    "pplx_address": "://",
    "pplx_del": "~~",
}


def to_html(text: str, known: Collection[int]) -> str:
    """Turn Markdown into HTML that still has to be sanitised.

    Parameters
    ----------
    known
        The numbers of the sources; a citation of another number is marked as unresolved.

    Raises
    ------
    ValueError
        It has more parts than anybody reads, and to take them apart would hold up the kernel.
    """
    if text.count("\n") > _MOST_LINES:
        raise ValueError("more lines than a report has")
    reader = Markdown(extensions=[_Answer(known, text)])
    try:
        return reader.convert(text)
    finally:
        # Its parts refer to one another, and would keep the tree until the garbage collector comes.
        reader.treeprocessors.deregister("inline")
        reader.parser.root = Element("div")


class _Answer(Extension):
    def __init__(self, known: Collection[int], text: str) -> None:
        super().__init__()
        self._known = known
        self._text = text

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        for name in ("normalize_whitespace", "html_block"):
            md.preprocessors.deregister(name)
        for name in _UNUSED:
            md.inlinePatterns.deregister(name)
        # The second of them went with markdown 3.11.
        for name in ("not_strong", "em_strong", "em_strong2"):
            md.inlinePatterns.deregister(name, strict=False)
        md.treeprocessors.register(Emphasis(md), "pplx_emphasis", 5)
        md.treeprocessors.deregister("prettify")
        md.parser = _Blocks(md, self._known)
        add = md.inlinePatterns.register
        add(_Formula(tex.DISPLAY, display=True), "pplx_display", 189.9)
        add(_Formula(tex.BRACKETS, display=True), "pplx_brackets", 189.8)
        add(_Formula(tex.INLINE), "pplx_formula", 189.7)
        add(_Formula(tex.DOLLARS), "pplx_dollars", 189.6)
        md.inlinePatterns.deregister("image_link")
        add(_ImageLink(IMAGE_LINK_RE, md), "image_link", 150)
        add(_Address(_ADDRESS, md), "pplx_address", 117)
        add(_Citations(self._known), "pplx_citations", 115)
        add(SimpleTagInlineProcessor(r"(~~)(?=\S)([^~]{1,500})(?<=\S)~~", "del"), "pplx_del", 58)
        for name, mark in _NEEDS.items():
            if mark not in self._text:
                md.inlinePatterns.deregister(name)
        if "\\" not in self._text:
            md.treeprocessors.deregister("unescape")


class _Blocks(BlockParser):
    def __init__(self, md: Markdown, known: Collection[int]) -> None:
        super().__init__(md)
        self._known = known

    def parseDocument(self, lines: Iterable[str]) -> ElementTree[Any]:  # noqa: N802
        self.root = Element(self.md.doc_tag)
        blocks.build("\n".join(lines), self.root, _Guard().text)
        for element in list(self.root.iter()):
            quick.read(element, self._known)
        return ElementTree(self.root)


class _Guard:
    """Keeps text out of the inline parser: text without markup, and all once there is more than honest answers have."""

    def __init__(self) -> None:
        self._left = _BUDGET
        self._texts = 0

    def text(self, text: str) -> str:
        self._texts += 1
        if self._texts > _MOST_TEXTS:
            raise ValueError("more paragraphs and cells than a report has")
        if _QUIET.fullmatch(text):
            return AtomicString(text)
        marks = len(_SPECIAL.findall(text)) + text.count("://")
        self._left -= max(marks - _FREE, 0) ** 2
        return text if self._left >= 0 else AtomicString(code_escape(text))


class _Formula(InlineProcessor):
    def __init__(self, pattern: str, *, display: bool = False) -> None:
        super().__init__(pattern)
        self._display = display

    def handleMatch(self, m: re.Match[str], data: str) -> _Match:  # type: ignore[override]  # noqa: ARG002, N802
        formula = m[1].strip()
        if not formula or (self._display and not tex.looks_like(formula)):
            return None, None, None
        return tex.element(formula, display=self._display), m.start(), m.end()


class _ImageLink(ImageInlineProcessor):
    """An image loads from wherever a text says, and tells that it was read; a link does not."""

    def handleMatch(self, m: re.Match[str], data: str) -> _Match:  # type: ignore[override]  # noqa: N802
        image, start, end = super().handleMatch(m, data)
        if not isinstance(image, Element):
            return image, start, end
        inside_link = "a" in getattr(self.md.treeprocessors["inline"], "ancestors", ())
        link = Element("span") if inside_link else Element("a", {"href": image.get("src", "")})
        alt = (image.get("alt") or "").strip()
        link.text = AtomicString(code_escape(f"Image: {alt}" if alt else "Image"))
        return link, start, end


class _Address(InlineProcessor):
    """An address that stands in the text becomes a link."""

    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, m: re.Match[str], data: str) -> _Match:  # type: ignore[override]  # noqa: ARG002, N802
        address = m[0].rstrip(".,;:!?'*_~])}")
        for opening, closing in ("()", "[]"):
            rest = m[0][len(address) :]
            if rest.startswith(closing) and address.count(opening) > address.count(closing):
                address += closing
        link = Element("a", {"href": address})
        link.text = AtomicString(code_escape(address))
        return link, m.start(), m.start() + len(address)


class _Citations(InlineProcessor):
    ANCESTOR_EXCLUDES = ("a",)

    def __init__(self, known: Collection[int]) -> None:
        super().__init__(citations.MARKER)
        self._known = known

    def handleMatch(self, m: re.Match[str], data: str) -> _Match:  # type: ignore[override]  # noqa: ARG002, N802
        numbers = citations.numbers(m[1], self._known)
        if not numbers:
            return None, None, None
        return quick.cite(numbers, self._known), m.start(), m.end()
