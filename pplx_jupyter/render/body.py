"""From the text of an answer to a safe tree, with what was counted on the way."""

from __future__ import annotations

import collections
import dataclasses
import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.render import citations, clean
from pplx_jupyter.render.tree import Node, parse
from pplx_jupyter.render.words import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["Body", "read"]

# Beyond this an answer is shown as it came: nobody reads it, and parsing it would hold up the kernel.
_LARGEST = 2_000_000
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_HIGHEST = 4
_TITLE = 60
_REFERENCES = re.compile(
    r"(?i)[\W\d]*(?:references?|sources?(?: cited)?|citations?|bibliography|works cited|quellen|literatur(?:verzeichnis)?"
    r"|références|bibliographie|fuentes|referencias|fonti|riferimenti|fontes|bronnen|источники|参考(?:文献|资料)|來源|来源"
    r"|出典|참고 ?문헌|출처)\W*"
)
_JSON = re.compile(r'\s*(?:\{|\[\s*\{)\s*"')
_DOMAIN = re.compile(r"(?i)\s*(?:https?://)?([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24})(?![\w@])")


@dataclasses.dataclass(frozen=True, slots=True)
class Body:
    """The text of an answer, read.

    Attributes
    ----------
    root
        A ``div`` that holds the blocks. Citations are ``sup.pplx-c`` with numbers as children.
    cited
        How often each source is cited, by number. The entries of a reference list that the model wrote
        itself, and that begin with their number, are no citations.
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


def read(text: str, known: Collection[int], parsed: Any = None) -> Body:
    """Read Markdown that came from outside.

    Never raises: what cannot be read is shown as it came, in a ``pre``.

    Parameters
    ----------
    known
        The numbers of the sources.
    parsed
        What the text holds where it is JSON: a dict or a list, shown in place of the text.
    """
    text = plain(text)
    try:
        root = _as_it_came(text) if len(text) > _LARGEST else _shape(_parse(text, known, parsed))
    except Exception:  # noqa: BLE001 - a parser's bug on hostile text must not cost the answer
        root = _as_it_came(text)
    nodes = list(root.walk())
    cited, unresolved = _count(root, nodes)
    sections = [node for node in nodes if node.tag == "h4"]
    for n, section in enumerate(sections, 1):
        section.attrs["n"] = str(n)
    return Body(root, cited, unresolved, len(root.text().split()), sections)


def _as_it_came(text: str) -> Node:
    return Node("div", {}, [Node("pre", {}, [Node("code", {}, [text])])]) if text.strip() else Node("div")


def _parse(text: str, known: Collection[int], parsed: Any = None) -> Node:
    if parsed and not re.fullmatch(citations.MARKER, text.strip()):
        from pplx_jupyter.render import structured

        return structured.tree(parsed, known)
    if parsed is None and _JSON.match(text):
        # Cut off before its end: read as Markdown it would lose characters, and gain citations.
        return _as_it_came(text)
    from pplx_jupyter.render.inline import to_html

    return parse(clean.sanitise(to_html(text, known)))


def _shape(root: Node) -> Node:
    """Bring the tree into the shape that the three forms are written from."""
    stack, headings = [root], []
    while stack:
        node = stack.pop()
        if node.tag in _HEADINGS:
            headings.append(node)
        if node.has_class("pplx-c"):
            continue
        node.children = _join_citations(_flatten(node.children))
        if node.tag == "p":
            _display(node)
        elif node.attrs.get("href"):
            _show_host(node)
        stack += [child for child in node.children if isinstance(child, Node)]
    shift = _HIGHEST - min((int(node.tag[1]) for node in headings), default=_HIGHEST)
    for node in headings:
        node.tag = f"h{min(int(node.tag[1]) + shift, 6)}"
    return root


def _flatten(children: list[Node | str]) -> list[Node | str]:
    """Take away elements that say nothing: bare spans, and links whose address was refused."""
    flat: list[Node | str] = []
    if len(children) < 2 and not (children and isinstance(children[0], Node)):
        return children
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
    if not any(isinstance(child, Node) and child.tag == "sup" for child in children):
        return children
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


def _count(root: Node, nodes: Iterable[Node]) -> tuple[dict[int, int], dict[int, int]]:
    cited: collections.Counter[int] = collections.Counter()
    unresolved: collections.Counter[int] = collections.Counter()
    entries = _own_entries(root)
    for node in nodes:
        if node.tag not in {"sup", "mark"} or id(node) in entries:
            continue
        into = cited if node.has_class("pplx-c") else unresolved if node.has_class("pplx-u") else None
        if into is not None:
            into.update(int(child) for child in node.children if isinstance(child, str))
    return dict(cited), dict(unresolved)


def _own_entries(root: Node) -> set[int]:
    """Find the numbers that head the entries of the model's own reference list, as `id` of their elements."""
    entries: set[int] = set()
    listing = False
    for block in root.children:
        if not isinstance(block, Node):
            continue
        if block.tag in _HEADINGS or (block.tag == "p" and len(block.text()) < _TITLE):
            titled = _REFERENCES.fullmatch(block.text()) is not None
            listing = titled or (listing and block.tag not in _HEADINGS)
        if listing or block.tag == "p":
            entries.update(id(child) for node in block.walk() for child in _leading(node, listing=listing))
    return entries


def _leading(block: Node, *, listing: bool) -> list[Node]:
    """Give the citations that stand at the beginning of a line with something behind them.

    Outside of a list they count only as ``[1]:``, which is how Markdown defines a reference.
    """
    found: list[Node] = []
    fresh = block.tag in {"p", "li"}
    for n, child in enumerate(block.children):
        if isinstance(child, str):
            fresh = fresh and child.isspace()
            continue
        after = block.children[n + 1] if n + 1 < len(block.children) else ""
        defines = isinstance(after, str) and after.startswith(":")
        if fresh and child.tag in {"sup", "mark"} and (defines or (listing and after)):
            found.append(child)
        fresh = child.tag == "br"
    return found
