"""From the text of an answer to a safe tree, with what was counted on the way."""

from __future__ import annotations

import collections
import dataclasses
import re
from typing import TYPE_CHECKING

from pplx_jupyter.render import clean
from pplx_jupyter.render.tree import Node, parse
from pplx_jupyter.render.words import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["Body", "read"]

# Beyond this an answer is shown as it came: nobody reads it, and parsing it would hold up the kernel.
_LARGEST = 2_000_000
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_HIGHEST = 4
_DOMAIN = re.compile(r"(?i)\s*(?:https?://)?([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24})(?![\w@])")


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """The text of an answer, read.

    Attributes
    ----------
    root
        A ``div`` that holds the blocks. Citations are ``sup.pplx-c`` with numbers as children.
    cited
        How often each source is cited, by number.
    unresolved
        How often each number without a source is cited.
    words
        How many words the text has.
    sections
        Its ``h4`` elements; each carries its place in `Node.attrs` as ``n``.
    """

    root: Node
    cited: Mapping[int, int]
    unresolved: Mapping[int, int]
    words: int
    sections: Sequence[Node]

    @property
    def markers(self) -> int:
        """How many citation markers there are, with a source or without."""
        return sum(self.cited.values()) + sum(self.unresolved.values())


def read(text: str, known: Collection[int]) -> Body:
    """Read Markdown that came from outside.

    Never raises: what cannot be read is shown as it came, in a ``pre``.

    Parameters
    ----------
    known
        The numbers of the sources.
    """
    text = plain(text)
    try:
        root = _as_it_came(text) if len(text) > _LARGEST else _shape(_parse(text, known))
    except Exception:  # noqa: BLE001 - a parser's bug on hostile text must not cost the answer
        root = _as_it_came(text)
    cited, unresolved = _count(root)
    sections = [node for node in root.walk() if node.tag == "h4"]
    for n, section in enumerate(sections, 1):
        section.attrs["n"] = str(n)
    return Body(root, cited, unresolved, len(root.text().split()), sections)


def _as_it_came(text: str) -> Node:
    return Node("div", {}, [Node("pre", {}, [Node("code", {}, [text])])]) if text.strip() else Node("div")


def _parse(text: str, known: Collection[int]) -> Node:
    from pplx_jupyter.render.inline import to_html

    return parse(clean.sanitise(to_html(text, known)))


def _shape(root: Node) -> Node:
    """Bring the tree into the shape that the three forms are written from."""
    levels = [_HEADINGS.index(node.tag) + 1 for node in root.walk() if node.tag in _HEADINGS]
    shift = _HIGHEST - min(levels, default=_HIGHEST)
    stack = [root]
    while stack:
        node = stack.pop()
        if node.tag in _HEADINGS:
            node.tag = f"h{min(_HEADINGS.index(node.tag) + 1 + shift, 6)}"
        if node.has_class("pplx-c"):
            continue
        node.children = _join_citations(_flatten(node.children))
        if node.tag == "p":
            _display(node)
        elif node.attrs.get("href"):
            _show_host(node)
        stack.extend(child for child in node.children if isinstance(child, Node))
    return root


def _flatten(children: list[Node | str]) -> list[Node | str]:
    """Take away elements that say nothing: bare spans, and links whose address was refused."""
    flat: list[Node | str] = []
    for child in children:
        bare = isinstance(child, Node) and (
            (child.tag == "span" and not child.attrs) or (child.tag == "a" and not child.attrs.get("href"))
        )
        if isinstance(child, Node) and bare:
            flat.extend(_flatten(child.children))
        elif isinstance(child, str) and flat and isinstance(flat[-1], str):
            flat[-1] += child
        else:
            flat.append(child)
    return flat


def _join_citations(children: list[Node | str]) -> list[Node | str]:
    """Let neighbouring citations share one element; only spaces may stand between them."""
    joined: list[Node | str] = []
    for n, child in enumerate(children):
        if isinstance(child, Node) and child.has_class("pplx-c"):
            last = joined[-1] if joined else None
            if isinstance(last, Node) and last.has_class("pplx-c"):
                last.children.extend(child.children)
                continue
        elif isinstance(child, str) and child.isspace() and 0 < n < len(children) - 1:
            before, after = children[n - 1], children[n + 1]
            if all(isinstance(side, Node) and side.has_class("pplx-c") for side in (before, after)):
                continue
        joined.append(child)
    return joined


def _display(paragraph: Node) -> None:
    """Make a paragraph that is one displayed formula a block of its own."""
    inside = [child for child in paragraph.children if not (isinstance(child, str) and child.isspace())]
    if len(inside) == 1 and isinstance(inside[0], Node) and inside[0].has_class("pplx-t"):
        formula = inside[0].text()
        if formula.startswith("\\["):
            paragraph.tag, paragraph.attrs, paragraph.children = "div", {"class": "pplx-t"}, [formula]


def _show_host(link: Node) -> None:
    """Name the real host where the text of a link names another one."""
    said = _DOMAIN.match(link.text())
    host = clean.host(link.attrs["href"])
    if said and said[1].lower().removeprefix("www.") != host.removeprefix("www."):
        link.children.append(f" ({host})")


def _count(root: Node) -> tuple[dict[int, int], dict[int, int]]:
    cited: collections.Counter[int] = collections.Counter()
    unresolved: collections.Counter[int] = collections.Counter()
    for node in root.walk():
        into = cited if node.has_class("pplx-c") else unresolved if node.has_class("pplx-u") else None
        if into is not None:
            into.update(int(child) for child in node.children if isinstance(child, str))
    return dict(cited), dict(unresolved)
