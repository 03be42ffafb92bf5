"""A small tree of the sanitised HTML, from which all three forms are written."""

from __future__ import annotations

import dataclasses
import re
from html import unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Node", "parse"]

_VOID = {"br", "hr"}
_BLOCKS = frozenset(["p", "li", "h4", "h5", "h6", "td", "th", "pre", "div", "blockquote"])
_DEEPEST = 60
_TOKEN = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [^\s=">]+="[^"]*")*)>|([^<]+)')
_ATTRIBUTE = re.compile(r' ([^\s=">]+)="([^"]*)"')


@dataclasses.dataclass(slots=True)
class Node:
    """An element: its tag, its attributes, and what is in it (text as str)."""

    tag: str
    attrs: dict[str, str] = dataclasses.field(default_factory=dict)
    children: list[Node | str] = dataclasses.field(default_factory=list)

    def text(self) -> str:
        """Give all text in it, without citation markers; a space ends each block."""
        parts: list[str] = []
        stack: list[Node | str] = [self]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                parts.append(item)
            elif item.tag == "br":
                parts.append("\n")
            elif item.tag not in {"sup", "mark"} or "class" not in item.attrs:
                stack.extend([" "] if item.tag in _BLOCKS and item is not self else [])
                stack.extend(reversed(item.children))
        return "".join(parts)

    def walk(self) -> Iterator[Node]:
        """Give it and every element in it, in document order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            if node.children:
                stack += [child for child in node.children[::-1] if isinstance(child, Node)]

    def has_class(self, name: str) -> bool:
        """Tell whether it carries a class."""
        return bool(self.attrs) and name in self.attrs.get("class", "").split()


def parse(markup: str) -> Node:
    """Read sanitised HTML into a tree.

    It must be as the sanitiser writes it: every element closed, every attribute in double quotes,
    every ``<`` of a text escaped. For that a pattern does; `html.parser` reads what browsers forgive, and takes its time.
    """
    root = Node("div")
    opened = [root]
    # Elements nested deeper than we care to follow: their text goes to the deepest one kept.
    dropped = 0
    for closing, tag, attributes, text in _TOKEN.findall(markup):
        children = opened[-1].children
        if text:
            data = unescape(text) if "&" in text else text
            if children and isinstance(children[-1], str):
                children[-1] += data
            else:
                children.append(data)
        elif tag in _VOID:
            children.append(Node(tag))
        elif closing:
            if dropped:
                dropped -= 1
            elif len(opened) > 1 and opened[-1].tag == tag:
                opened.pop()
        elif len(opened) >= _DEEPEST:
            dropped += 1
        else:
            node = Node(tag, _attributes(attributes))
            children.append(node)
            opened.append(node)
    return root


def _attributes(markup: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(markup)} if markup else {}
