"""Formulas of a web page as MathML, which every browser sets by itself: the page runs no script.

Pandoc turns TeX into MathML, where it is installed. What it writes is not taken over as it is: of every
element and attribute that MathML needs we write our own, and where there is another the TeX stays.
"""

from __future__ import annotations

import html
import importlib
import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from pplx_jupyter.export.pandoc import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

__all__ = ["typeset"]

# Every "<" of a text or an attribute is escaped in our HTML: what looks like our element is ours.
_FORMULA = re.compile(r'<(span|div) class="pplx-t">(\\\(|\\\[)([^<]*?)(?:\\\)|\\\])</\1>')
_SECONDS = 5.0
_MOST = 200_000
_XML = "{http://www.w3.org/1998/Math/MathML}"
_API = [1, 23]
"""The version of pandoc's own format that we write."""

_TAGS = (
    "math semantics annotation mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover"
    " mmultiscripts mprescripts mpadded mphantom mstyle mtable mtr mtd menclose"
)
_WORD = re.compile(r"[a-z-]{1,30}|-?[0-9.]{1,8}(?:em|ex|px|pt|%)?|application/x-tex")
_ATTRIBUTES = (
    "display mathvariant stretchy form fence separator accent accentunder linethickness width height depth lspace rspace"
    " voffset displaystyle scriptlevel columnalign rowspacing columnspacing symmetric minsize maxsize largeop movablelimits"
    " notation encoding"
)
_ALIGNED = re.compile(r"text-align: (?:left|right|center)(?:; padding-(?:left|right): 0)?")


def typeset(markup: str) -> str:
    r"""Give our HTML with its ``\(…\)`` and ``\[…\]`` as MathML; as it is where pandoc is missing or gives up."""
    found = list(_FORMULA.finditer(markup))
    if not found or sum(len(each[3]) for each in found) > _MOST:
        return markup
    try:
        made = _converted([(html.unescape(each[3]).strip(), each[2] == "\\[") for each in found])
    except (ImportError, OSError, RuntimeError, ElementTree.ParseError, RecursionError):
        return markup
    parts, at = [], 0
    for each, formula in zip(found, made, strict=True):
        style = ' style="overflow-x:auto"' if each[1] == "div" else ""
        set_ = f'<{each[1]} class="pplx-t"{style}>{formula}</{each[1]}>' if formula else each[0]
        parts += [markup[at : each.start()], set_]
        at = each.end()
    return "".join([*parts, markup[at:]])


def _converted(formulas: Sequence[tuple[str, bool]]) -> list[str]:
    """Give formulas, each with whether it is displayed, as MathML; empty texts for those that stay TeX."""
    blocks = [
        {"t": "Para", "c": [{"t": "Math", "c": [{"t": "DisplayMath" if display else "InlineMath"}, tex]}]}
        for tex, display in formulas
    ]
    document = json.dumps({"pandoc-api-version": _API, "meta": {}, "blocks": blocks})
    pandoc = importlib.import_module("pypandoc")
    written = run(pandoc, document, "-f", "json", "-t", "html", "--mathml", "--wrap=none", seconds=_SECONDS)
    # No document type, and so no entities, can be in it: pandoc writes a fragment.
    paragraphs = list(ElementTree.fromstring(f"<all>{written}</all>"))  # noqa: S314
    if len(paragraphs) != len(formulas):
        raise RuntimeError("pandoc wrote something else")
    return [_formula(paragraph) for paragraph in paragraphs]


def _formula(paragraph: Element) -> str:
    """Give the formula of a paragraph; an empty text where it holds anything else."""
    children = list(paragraph)
    if len(children) != 1 or children[0].tag != f"{_XML}math" or (paragraph.text or "").strip():
        return ""
    return _written(children[0]) or ""


def _written(element: Element) -> str | None:
    tag = str(element.tag).removeprefix(_XML)
    if tag not in _TAGS.split():
        return None
    parts = [html.escape(element.text or "")]
    for child in element:
        inner = _written(child)
        if inner is None:
            return None
        parts += [inner, html.escape(child.tail or "")]
    given = "".join(f' {name}="{value}"' for name, value in element.attrib.items() if _is_known(name, value))
    return f"<{tag}{given}>{''.join(parts)}</{tag}>"


def _is_known(name: str, value: Any) -> bool:
    if name == "style":
        return _ALIGNED.fullmatch(value) is not None
    return name in _ATTRIBUTES.split() and _WORD.fullmatch(value) is not None
