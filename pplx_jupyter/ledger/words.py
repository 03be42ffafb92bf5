"""What a search finds: words, whatever their case and accents, by their beginnings.

What is searched is folded into words with single spaces between them, and so is what is searched
for: a search is data, and has no syntax of its own. Scripts that put no spaces between words
(Chinese, Japanese, Thai …) are read letter by letter.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pplx_jupyter.ledger.records import Row

__all__ = ["holds", "match_of", "phrases_of", "text_of", "words_of"]

LONGEST = 1_000_000
"""So many characters of a text are read; no answer comes near."""

_LONGEST_WORD = 100
_MOST_PHRASES = 100
_LONGEST_SEARCH = 2_000
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]{{1,{_LONGEST_WORD}}}")
_ACCENTS = re.compile("[\u0300-\u036f]+")


def words_of(*texts: str) -> str:
    """Give the words of texts, folded, with a space between each two."""
    return " ".join(word for text in texts for word in _WORD.findall(_folded(text[:LONGEST])))


def phrases_of(search: str) -> list[str]:
    """Give what is searched for: each stretch without spaces is a phrase, such as ``e mail`` for ``e-mail``."""
    found = (words_of(part) for part in search[:_LONGEST_SEARCH].split())
    return list(dict.fromkeys(phrase for phrase in found if phrase))[:_MOST_PHRASES]


def holds(words: str, phrases: Iterable[str]) -> bool:
    """Whether words, as `words_of` gives them, hold every phrase; its last word may go on."""
    spaced = f" {words}"
    return all(f" {phrase}" in spaced for phrase in phrases)


def match_of(phrases: Iterable[str]) -> str:
    """Give phrases as FTS5 takes them; there is nothing in them that it could read as more than words."""
    return " AND ".join(f'"{phrase}" *' for phrase in phrases)


def text_of(row: Row, body: str | None) -> str:
    """Give the words of a job: its name, its prompt, and its answer where it has one."""
    from pplx_jupyter.ledger.records import REUSABLE

    prompt = str(row.request.get("prompt") or row.question)
    answer = _answer(row, body) if body and row.state in REUSABLE else ""
    return words_of(row.name, prompt, answer)


def _answer(row: Row, body: str) -> str:
    from pplx_jupyter.reading import read_answer

    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        # An answer that was not understood is shown as it came, and found by what is shown.
        return body
    return read_answer(decoded, row.backend, id=row.remote_id or None).text


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return _ACCENTS.sub("", apart)
