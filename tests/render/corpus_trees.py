"""Two readings of the same Markdown, ours and markdown-it's, brought to one simple shape."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import html5lib

from pplx_jupyter.render import clean, inline
from pplx_jupyter.render.words import plain

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from markdown_it import MarkdownIt

__all__ = ["ours", "theirs"]

_BLOCKS = frozenset(
    ["p", "li", "ul", "ol", "table", "thead", "tbody", "tr", "th", "td", "pre", "blockquote", "hr", "div"]
    + [f"h{n}" for n in range(1, 7)]
)
_SAME = {"s": "del", "b": "strong", "i": "em"}
Tree = list[object]


@functools.cache
def _markdown_it() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Reference definitions stay text in ours: they would let an answer change where its citations lead.
    return MarkdownIt("gfm-like", {"linkify": False, "html": False}).disable(["linkify", "reference"])


def theirs(text: str) -> Tree:
    return _simple(_markdown_it().render(plain(text)))


def ours(text: str) -> Tree:
    return _simple(clean.sanitise(inline.to_html(plain(text), ())))


def _simple(markup: str) -> Tree:
    return _children(html5lib.parseFragment(markup, namespaceHTMLElements=False))


def _children(element: Element) -> Tree:
    """Give what is in an element: strings, and lists that begin with a tag."""
    found: Tree = []
    _splice(found, element)
    if any(isinstance(one, list) and str(one[0]).partition(" ")[0] in _BLOCKS for one in found):
        found = [one.strip() if isinstance(one, str) else one for one in found]
    elif found:
        # Spaces at the ends of a block, or at the end of a line, say nothing.
        found[0] = found[0].lstrip() if isinstance(found[0], str) else found[0]
        found[-1] = found[-1].rstrip() if isinstance(found[-1], str) else found[-1]
    return [one for one in found if one != ""]


def _text(found: Tree, text: str | None) -> None:
    shown = re.sub(r"\s+", " ", text or "")
    if found and found[-1] == ["br"]:
        shown = shown.lstrip()
    if found and isinstance(found[-1], str):
        found[-1] += shown
    elif shown:
        found.append(shown)


def _splice(found: Tree, element: Element) -> None:
    _text(found, element.text)
    for child in element:
        _add(found, child)
        _text(found, child.tail)


def _add(found: Tree, element: Element) -> None:
    tag, inside = _SAME.get(element.tag, element.tag), "".join(element.itertext())
    href = element.get("href", "")
    if tag == "pre":
        name = next((child.get("class", "") for child in element), "")
        found.append([f"pre {name.removeprefix('language-')}".strip(), inside.rstrip("\n")])
    elif tag == "mark":
        _text(found, f"[{inside}]")
    elif tag == "img":
        found.append([f"a {element.get('src', '')}", f"Image: {element.get('alt', '')}"])
    elif tag == "span" or (tag == "a" and href == inside):
        _splice(found, element)
    elif tag == "tbody" and not len(element):
        return
    elif tag == "a":
        found.append([f"a {href}", *_children(element)])
    elif tag in {"td", "th"}:
        side = element.get("align") or element.get("style", "").removeprefix("text-align:")
        found.append([f"{tag} {side}".strip(), *_children(element)])
    elif tag == "ol" and element.get("start", "1") != "1":
        found.append([f"ol {element.get('start')}", *_children(element)])
    elif (
        tag == "em"
        and [child.tag for child in element] == ["strong"]
        and not (element.text or element[0].tail)
    ):
        # Three stars: which of the two is the outer one is all the same.
        found.append(["strong", ["em", *_children(element[0])]])
    else:
        found.append([tag, *_children(element)])
