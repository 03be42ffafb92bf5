"""Writes a tree as HTML: only elements and attributes named here, every text escaped."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from pplx_jupyter.render import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.render.sources import Ref
    from pplx_jupyter.render.tree import Node

__all__ = ["BACK_LINKS", "anchor", "mention", "write"]

BACK_LINKS = 20
"""How many mentions of a source can be gone back to: each needs an id."""


_PLAIN = frozenset(
    [
        "blockquote",
        "br",
        "del",
        "em",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "b",
        "li",
        "p",
        "strong",
        "sub",
        "sup",
        "tbody",
        "thead",
        "tr",
        "ul",
        "ol",
        "code",
        "div",
        "span",
    ]
)
_ALIGN = {"left", "right", "center"}
# Elements, so that code is told apart without a stylesheet, too.
_CODE = {
    "keyword": ("<b>", "</b>"),
    "comment": ("<i>", "</i>"),
    "string": ('<span class="pplx-q">', "</span>"),
    "number": ('<span class="pplx-d">', "</span>"),
}
_WIDE, _MANY = 40, 5
"""How many characters on a line of code, or columns of a table, may be wider than a narrow page."""
_COLOURED = 24_000
"""How many characters of code are highlighted in one answer."""
_LINK = 'target="_blank" rel="noopener noreferrer nofollow"'


def anchor(url: str, inner: str, title: str = "", ident: str = "") -> str:
    """Give a link as HTML: `url` must have passed `clean.safe_url`, `inner` is HTML already."""
    shown = f' title="{clean.attribute(title)}"' if title else ""
    named = f' id="{ident}"' if ident else ""
    return f'<a href="{clean.attribute(url)}" {_LINK}{shown}{named}>{inner}</a>'


def mention(prefix: str, number: int, n: int) -> str:
    """Give the id of the n-th mention of a source, such as ``pplx-7f3a9c-c5-1``."""
    return f"{prefix}c{number}-{n}"


def write(
    node: Node, refs: Mapping[int, Ref], prefix: str, seen: collections.Counter[int] | None = None
) -> str:
    """Give a tree as HTML.

    Parameters
    ----------
    refs
        The sources by number, for citations.
    prefix
        What every id begins with, such as ``pplx-7f3a9c-``.
    seen
        How often each source was mentioned before; counted on.
    """
    return _Writer(refs, prefix, collections.Counter() if seen is None else seen).children(node)


class _Writer:
    def __init__(self, refs: Mapping[int, Ref], prefix: str, seen: collections.Counter[int]) -> None:
        self._refs = refs
        self._prefix = prefix
        self._seen = seen
        self._coloured = 0

    def children(self, node: Node) -> str:
        return "".join(clean.text(c) if isinstance(c, str) else self.element(c) for c in node.children)

    def element(self, node: Node) -> str:
        tag = node.tag
        if node.attrs.get("class", "").startswith("pplx-"):
            return self._ours(node)
        if tag == "code":
            return self._code(node)
        if tag == "a":
            url = clean.safe_url(node.attrs.get("href", ""))
            return anchor(url, self.children(node)) if url else self.children(node)
        if tag == "table":
            inner = self.children(node)
            # What scrolls is scrolled by keys where something in it, or it itself, can be gone to.
            fixed = "<a " in inner or inner.partition("</tr>")[0].count("</th>") < _MANY
            reach = "" if fixed else ' tabindex="0" role="region" aria-label="Table"'
            return f'<div class="pplx-x" style="overflow-x:auto"{reach}><table>{inner}</table></div>'
        if tag == "pre":
            reach = ' tabindex="0"' if any(len(line) > _WIDE for line in node.text().split("\n")) else ""
            return f"<pre{reach}>{self.children(node)}</pre>"
        if tag in {"td", "th"}:
            return self._cell(node)
        if tag in {"br", "hr"}:
            return f"<{tag}>"
        if tag not in _PLAIN:
            return self.children(node)
        return f"<{tag}{self._attributes(node)}>{self.children(node)}</{tag}>"

    def _ours(self, node: Node) -> str:
        """Write what carries a class of ours: a citation, a marker without source, a formula."""
        if node.has_class("pplx-c"):
            return self._citation(node)
        if node.has_class("pplx-u"):
            number = clean.text(str(node.children[0])) if node.children else ""
            return f'<mark class="pplx-u" title="The service sent no source {number}">[{number}]</mark>'
        return f'<{node.tag} class="pplx-t">{clean.code(node.text())}</{node.tag}>'

    def _citation(self, node: Node) -> str:
        chips = []
        for child in node.children:
            ref = self._refs.get(int(child)) if isinstance(child, str) else None
            if ref is None:
                chips.append(f"[{clean.text(str(child))}]")
                continue
            self._seen[ref.number] += 1
            n = self._seen[ref.number]
            ident = mention(self._prefix, ref.number, n) if n <= BACK_LINKS else ""
            if ref.url is None:
                chips.append(f'<span id="{ident}">[{ref.number}]</span>' if ident else f"[{ref.number}]")
            else:
                chips.append(anchor(ref.url, f"<span>[</span>{ref.number}<span>]</span>", ref.label, ident))
        return f'<sup class="pplx-c">{"".join(chips)}</sup>'

    def _cell(self, node: Node) -> str:
        # Frontends right-align the cells of HTML outputs: each cell says where its text stands.
        align = node.attrs.get("align", "left")
        style = f'style="text-align:{align if align in _ALIGN else "left"}"'
        scope = 'scope="col" ' if node.tag == "th" else ""
        return f"<{node.tag} {scope}{style}>{self.children(node)}</{node.tag}>"

    def _code(self, node: Node) -> str:
        code, name = node.text(), node.attrs.get("class", "").removeprefix("language-")
        if not name or not clean.LANGUAGE.fullmatch(name):
            return f"<code>{clean.code(code)}</code>"
        from pplx_jupyter.render.highlight import LARGEST, parts

        self._coloured += min(len(code), LARGEST)
        if self._coloured > _COLOURED:
            return f'<code class="language-{name}">{clean.code(code)}</code>'
        marked = (
            clean.code(text).join(_CODE[kind]) if kind else clean.code(text)
            for kind, text in parts(code, name)
        )
        return f'<code class="language-{name}">{"".join(marked)}</code>'

    def _attributes(self, node: Node) -> str:
        if node.tag == "h4" and node.attrs.get("n", "").isdigit():
            return f' id="{self._prefix}s{node.attrs["n"]}"'
        if node.tag == "ol" and node.attrs.get("start", "").isdigit():
            return f' start="{int(node.attrs["start"])}"'
        return ""
