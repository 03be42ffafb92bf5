"""A small tree of the sanitised HTML, from which all three forms are written."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Node", "parse"]

_VOID = {"br", "hr"}
_BLOCKS = frozenset(["p", "li", "h4", "h5", "h6", "td", "th", "pre", "div", "blockquote"])
_DEEPEST = 60


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
            stack.extend(child for child in reversed(node.children) if isinstance(child, Node))

    def has_class(self, name: str) -> bool:
        """Tell whether it carries a class."""
        return name in self.attrs.get("class", "").split()


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("div")
        self._open = [self.root]
        # Elements nested deeper than we care to follow: their text goes to the deepest one kept.
        self._dropped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len(self._open) >= _DEEPEST and tag not in _VOID:
            self._dropped.append(tag)
            return
        node = Node(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(node)
        if tag not in _VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            self._dropped.pop()
        elif len(self._open) > 1 and self._open[-1].tag == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        children = self._open[-1].children
        if children and isinstance(children[-1], str):
            children[-1] += data
        else:
            children.append(data)


def parse(markup: str) -> Node:
    """Read sanitised HTML into a tree; it must be well formed, as a sanitiser's output is."""
    builder = _Builder()
    builder.feed(markup)
    builder.close()
    return builder.root
