"""Texts of the user: one form for each, and the sentence that stands for the whole."""

from __future__ import annotations

import re

__all__ = ["first_sentence", "tidy"]

_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:\w|[A-Z]\.\w|dr|mr|mrs|ms|prof|st|vs|etc|cf|ca|approx|no|fig|e\.g|i\.e)\.$", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"[.!?…]+[\"”’»)\]]*(?=\s+[^\sa-z])|[。！？]")
_QUESTION_LENGTH = 140
# Far more than is kept: a prompt can be a book.
_LOOK_AT = 2000


def tidy(text: str) -> str:
    """Strip a text and give it LF line ends: as it is sent, and as it is fingerprinted."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def first_sentence(text: str) -> str:
    """Give the first sentence on one line, at most 140 characters with ``…`` where it was cut."""
    paragraph = re.split(r"\n\s*\n", tidy(text), maxsplit=1)[0]
    line = " ".join(paragraph[:_LOOK_AT].split()).lstrip("# ")
    for end in _SENTENCE_END.finditer(line):
        sentence = line[: end.end()]
        if not _ABBREVIATION.search(sentence):
            line = sentence
            break
    if len(line) <= _QUESTION_LENGTH:
        return line
    cut = line[: _QUESTION_LENGTH - 1]
    whole_words = cut.rpartition(" ")[0]
    return (whole_words if len(whole_words) > _QUESTION_LENGTH // 2 else cut).rstrip(" ,;:") + "…"
