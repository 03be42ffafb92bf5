r"""The block structure of an answer: lists, tables, fences, quotes, headings, displayed formulas.

The `markdown` package reads the Markdown of 2004: a list right after a paragraph stays text, nesting
wants four spaces, a fence in a list is lost. Models write GitHub's Markdown. So the blocks are found
here, by CommonMark's rules with some leniency, and `markdown` does what it does well: the text inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.render.blocks.lines import untab
from pplx_jupyter.render.blocks.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element

__all__ = ["build"]


def build(text: str, parent: Element, literal: Callable[[str], str]) -> None:
    """Read Markdown into `parent`, as block elements that hold text with inline Markdown.

    Parameters
    ----------
    literal
        Turns text into such that is not looked at for inline Markdown any more.
    """
    Parser(literal).parse(untab(text.split("\n")), parent, 0)
