"""Reads the texts that hold nothing but words, citations, plain emphasis, code and links.

Nine of ten texts of a report do, and `markdown` takes most of its time to look in each for all that
Markdown has. What is read here reads the same there; whatever else a text holds is left to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from markdown.util import AtomicString, code_escape

from pplx_jupyter.render import citations, tex

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["cite", "read"]

_WORDS = r"[^\[\]*_`<~\\!&\x02\x03]"
_TOKEN = re.compile(
    rf"\*\*(?P<bold>(?!\s){_WORDS}{{1,200}}(?<!\s))\*\*(?!\*)|\*(?P<italic>(?!\s){_WORDS}{{1,200}}(?<!\s))\*(?!\*)"
    r"|`(?P<code>[^`\\\n\x02\x03]{1,200})`(?!`)"
    rf"|\[(?P<label>{_WORDS}{{1,200}})\]\((?P<href>https?://[\w./?=#%+,;@-]{{1,500}})\)"
    rf"|(?P<marker>{citations.MARKER})(?!\()"
)
_QUIET = re.compile(rf"{_WORDS}*")
_FORMULA = re.compile(tex.DOLLARS)


def read(element: Element, known: Collection[int]) -> None:
    """Give an element's text its inline elements, where that is simple; else leave it as it is.

    Parameters
    ----------
    known
        The numbers of the sources.
    """
    text = element.text
    if not text or isinstance(text, AtomicString) or "  \n" in text:
        return
    if "$" in text and ("$$" in text or _FORMULA.search(text)):
        return
    found: list[Element] = []
    words: list[str] = []
    at = 0
    for match in _TOKEN.finditer(text):
        one = _element(match, known)
        words.append(text[at : match.start()])
        if one is None or not _is_quiet(words[-1]):
            return
        found.append(one)
        at = match.end()
    words.append(text[at:])
    if _is_quiet(words[-1]):
        element.text = AtomicString(words[0])
        for n, one in enumerate(found):
            one.tail = AtomicString(words[n + 1])
            element.insert(n, one)


def _is_quiet(words: str) -> bool:
    """Tell whether words hold nothing that Markdown acts on, nor an address."""
    return _QUIET.fullmatch(words) is not None and "://" not in words


def _element(match: re.Match[str], known: Collection[int]) -> Element | None:
    if match["marker"]:
        numbers = citations.numbers(match["marker"], known)
        return cite(numbers, known) if numbers else None
    if match["href"]:
        made = Element("a", {"href": match["href"]})
        made.text = AtomicString(match["label"])
        return made
    made = Element("strong" if match["bold"] else "em" if match["italic"] else "code")
    words = match["bold"] or match["italic"]
    made.text = AtomicString(words or code_escape(match["code"].strip()))
    return None if words and "://" in words else made


def cite(numbers: list[int], known: Collection[int]) -> Element:
    """Make the element of a citation: one for a source that is known, another for one that is not."""
    group = Element("span")
    for number in numbers:
        found = number in known
        one = Element("sup" if found else "mark", {"class": "pplx-c" if found else "pplx-u"})
        one.text = AtomicString(str(number))
        group.append(one)
    return group if len(group) > 1 else one
