"""Writes a tree as HTML: only elements and attributes named here, every text escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.render.sources import Ref
    from pplx_jupyter.render.tree import Node

__all__ = ["anchor", "write"]

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
        "pre",
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
_LINK = 'target="_blank" rel="noopener noreferrer nofollow"'


def anchor(url: str, inner: str, title: str = "") -> str:
    """Give a link as HTML: `url` must have passed `clean.safe_url`, `inner` is HTML already."""
    shown = f' title="{clean.attribute(title)}"' if title else ""
    return f'<a href="{clean.attribute(url)}" {_LINK}{shown}>{inner}</a>'


def write(node: Node, refs: Mapping[int, Ref], prefix: str) -> str:
    """Give a tree as HTML.

    Parameters
    ----------
    refs
        The sources by number, for citations.
    prefix
        What every id begins with, such as ``pplx-7f3a9c-``.
    """
    return _Writer(refs, prefix).children(node)


class _Writer:
    def __init__(self, refs: Mapping[int, Ref], prefix: str) -> None:
        self._refs = refs
        self._prefix = prefix

    def children(self, node: Node) -> str:
        return "".join(clean.text(c) if isinstance(c, str) else self.element(c) for c in node.children)

    def element(self, node: Node) -> str:
        tag = node.tag
        if node.has_class("pplx-c"):
            return self._citation(node)
        if node.has_class("pplx-u"):
            number = (
                clean.text(node.children[0]) if node.children and isinstance(node.children[0], str) else ""
            )
            return f'<mark class="pplx-u" title="The service sent no source {number}">[{number}]</mark>'
        if node.has_class("pplx-t"):
            return f'<{tag} class="pplx-t">{clean.code(node.text())}</{tag}>'
        if tag == "code":
            return f"<code{self._language(node)}>{clean.code(node.text())}</code>"
        if tag == "a":
            url = clean.safe_url(node.attrs.get("href", ""))
            return anchor(url, self.children(node)) if url else self.children(node)
        if tag == "table":
            return f'<div class="pplx-x" style="overflow-x:auto"><table>{self.children(node)}</table></div>'
        if tag in {"td", "th"}:
            return self._cell(node)
        if tag in {"br", "hr"}:
            return f"<{tag}>"
        if tag not in _PLAIN:
            return self.children(node)
        return f"<{tag}{self._attributes(node)}>{self.children(node)}</{tag}>"

    def _citation(self, node: Node) -> str:
        chips = []
        for child in node.children:
            ref = self._refs.get(int(child)) if isinstance(child, str) else None
            if ref is None or ref.url is None:
                chips.append(f"[{clean.text(str(child))}]")
            else:
                chips.append(anchor(ref.url, f"<span>[</span>{ref.number}<span>]</span>", ref.label))
        return f'<sup class="pplx-c">{"".join(chips)}</sup>'

    def _cell(self, node: Node) -> str:
        # Frontends right-align the cells of HTML outputs: each cell says where its text stands.
        align = node.attrs.get("align", "left")
        style = f'style="text-align:{align if align in _ALIGN else "left"}"'
        scope = 'scope="col" ' if node.tag == "th" else ""
        return f"<{node.tag} {scope}{style}>{self.children(node)}</{node.tag}>"

    def _language(self, node: Node) -> str:
        name = node.attrs.get("class", "").removeprefix("language-")
        return f' class="language-{name}"' if name and clean.LANGUAGE.fullmatch(name) else ""

    def _attributes(self, node: Node) -> str:
        if node.tag == "h4" and node.attrs.get("n", "").isdigit():
            return f' id="{self._prefix}s{node.attrs["n"]}"'
        if node.tag == "ol" and node.attrs.get("start", "").isdigit():
            return f' start="{int(node.attrs["start"])}"'
        return ""
