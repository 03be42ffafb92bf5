"""An answer that is JSON, as `response_format` asks for, brought into the tree of an answer in Markdown.

Records of one shape become a table, everything else a list of lists. The whole is shown: there is
nothing in the JSON that is not in the tree.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.render import citations, clean
from pplx_jupyter.render.tree import Node
from pplx_jupyter.render.words import one_line, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["tree"]

_COLUMNS = 12
_DEEPEST = 12
_MOST = 20_000
_MARKER = re.compile(citations.MARKER)


def tree(value: Mapping[str, Any] | Sequence[Any], known: Collection[int]) -> Node:
    """Give a JSON object or array as blocks.

    Parameters
    ----------
    known
        The numbers of the sources, for the citations in its strings.

    Raises
    ------
    ValueError
        It is nested deeper, or larger, than anybody would read.
    """
    return Node("div", {}, [_Builder(known).block(value, 0)])


class _Builder:
    def __init__(self, known: Collection[int]) -> None:
        self._known = known
        self._left = _MOST

    def block(self, value: Any, depth: int) -> Node:
        """Give what is inside an object or an array as one block."""
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            raise ValueError("deeper or larger than anybody reads")
        if isinstance(value, dict):
            return Node("ul", {}, [self._item(one, depth, name) for name, one in value.items()])
        columns = _columns(value)
        if columns:
            return self._table(value, columns)
        return Node("ul", {}, [self._item(one, depth) for one in value])

    def _item(self, value: Any, depth: int, name: str | None = None) -> Node:
        item = Node("li")
        if name is not None:
            item.children += [Node("strong", {}, [one_line(name, 200) or "(no name)"]), ": "]
        if _is_nested(value):
            item.children.append(self.block(value, depth + 1))
        else:
            item.children += self._value(value)
        return item

    def _table(self, records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Node:
        aligns: dict[str, dict[str, str]] = {
            name: {"align": "right"} if all(_is_number(r.get(name, 0)) for r in records) else {}
            for name in columns
        }
        head = [Node("th", {**aligns[name]}, [one_line(name, 200) or "(no name)"]) for name in columns]
        rows: list[Node | str] = [
            Node("tr", {}, [Node("td", {**aligns[name]}, self._value(r.get(name, ""))) for name in columns])
            for r in records
        ]
        return Node("table", {}, [Node("thead", {}, [Node("tr", {}, [*head])]), Node("tbody", {}, rows)])

    def _value(self, value: Any) -> list[Node | str]:
        """Give a value that holds no others; citations in a string lead to their sources."""
        self._left -= 1
        if self._left < 0:
            raise ValueError("larger than anybody reads")
        if not isinstance(value, str):
            return [json.dumps(value, ensure_ascii=False)]
        text = plain(value)
        if clean.safe_url(text) and " " not in text.strip():
            return [Node("a", {"href": text.strip()}, [text.strip()])]
        found: list[Node | str] = []
        for n, line in enumerate(text.strip().split("\n")):
            found += [Node("br"), *self._cited(line)] if n else self._cited(line)
        return found

    def _cited(self, text: str) -> list[Node | str]:
        found: list[Node | str] = []
        at = 0
        for match in _MARKER.finditer(text):
            numbers = citations.numbers(match[1], self._known)
            if not numbers:
                continue
            found.append(text[at : match.start()])
            for number in numbers:
                known = number in self._known
                found.append(
                    Node(
                        "sup" if known else "mark", {"class": "pplx-c" if known else "pplx-u"}, [str(number)]
                    )
                )
            at = match.end()
        return [*found, text[at:]]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_nested(value: Any) -> bool:
    """Tell whether a value holds others; an empty object or array is shown in a line."""
    return isinstance(value, (dict, list)) and bool(value)


def _columns(value: Sequence[Any]) -> list[str]:
    """Give the columns of a table, where an array holds records without anything nested; else none."""
    names: dict[str, None] = {}
    for record in value:
        if not isinstance(record, dict) or not record:
            return []
        if any(_is_nested(one) for one in record.values()):
            return []
        names.update(dict.fromkeys(record))
        if len(names) > _COLUMNS:
            return []
    return list(names)
