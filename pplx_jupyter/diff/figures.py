"""Numbers in two versions of a sentence, each with the sign or word it goes with."""

from __future__ import annotations

import re
from typing import NamedTuple

from pplx_jupyter.diff.common import pair_equal
from pplx_jupyter.diff.words import key, split_words

__all__ = ["changed_numbers"]

_NUMBER = re.compile(
    r"(?<![\w.,])(?<![^\W\d_]-)(?P<sign>(?:US|CA|A)?[$€£¥₹]\s?|(?:USD|EUR|GBP|CHF|JPY)\s)?"
    r"(?P<value>(?:(?<![\w-])[-−+])?(?:\d{1,3}(?: \d{3})+(?![\d ]*\d)|\d+(?:[.,']\d+)*))"
    r"(?P<unit>\s?(?:%|‰|°[CF]?|[$€£¥₹])|\s(?:per ?cent)\b)?",
    re.IGNORECASE,
)
_SCALE = re.compile(r"\s(thousand|million|billion|trillion|m|bn|k|USD|EUR|GBP|CHF|JPY)\b")
_WORD = re.compile(r"\s([^\W\d_][^\W_]{0,24})(?=[\s,.;:!?)]|$)")
# Words that follow a number without being what it counts.
_JOINING_WORDS = (
    "a above according after against among an and are as at before below between but by during each every followed for"
    " from had has have if in into is it its more less of on or over per since so than that the their then these this"
    " those through to under until up versus via was were when where which while who will with within would"
)
_JOINING = frozenset(_JOINING_WORDS.split())
_LONGEST = 20_000
"""Characters of a sentence beyond which its numbers are not told apart."""


class _Figure(NamedTuple):
    shown: str
    value: str
    unit: str


def changed_numbers(before: str, after: str) -> list[tuple[str, str, str]]:
    """Give the numbers that differ between two versions of a sentence: before, after, unit.

    A number is the same where it stands between the same words. One that came, or went, with words of its own is
    no changed number; nor is ``1,200`` for ``1200``.
    """
    if max(len(before), len(after)) > _LONGEST:
        return []
    old, new = _read(before), _read(after)
    pairs = pair_equal(old.words, new.words) if old.figures and new.figures else []
    places = set(pairs)
    found = []
    for i, k in pairs:
        first, second = old.figures.get(i), new.figures.get(k)
        if first is None or second is None or first.value == second.value:
            continue
        beside = {(i - 1, k - 1), (i + 1, k + 1)} & places
        if beside or first.unit == second.unit != "":
            found.append((first.shown, second.shown, second.unit or first.unit))
    return found


class _Read(NamedTuple):
    """The words of a sentence, each number a ``#``; and the numbers by their places."""

    words: list[str]
    figures: dict[int, _Figure]


def _read(sentence: str) -> _Read:
    words: list[str] = []
    figures: dict[int, _Figure] = {}
    at = 0
    for match in _NUMBER.finditer(sentence):
        words += [key(word) for word in split_words(sentence[at : match.start()])]
        figures[len(words)] = _Figure(match["value"], _value(match["value"]), _unit(match, sentence))
        words.append("#")
        at = match.end("value")
    words += [key(word) for word in split_words(sentence[at:])]
    return _Read(words, figures)


def _unit(match: re.Match[str], sentence: str) -> str:
    """Give ``%``, ``$ million``, ``million EUR`` or ``tonnes``: the sign, the scale, else the word that follows."""
    sign = (match["sign"] or match["unit"] or "").strip()
    scale = _SCALE.match(sentence, match.end())
    if scale and sign:
        return f"{scale[1]} {sign}" if sign.isalpha() else f"{sign} {scale[1]}"
    if sign:
        return sign
    word = _WORD.match(sentence, scale.end() if scale else match.end())
    following = word[1] if word and word[1].lower() not in _JOINING else ""
    return f"{scale[1] if scale else ''} {following}".strip()


def _value(shown: str) -> str:
    """Give what a number is worth, however its thousands are set off; a lone comma before three digits sets them off."""
    bare = re.sub(r"[ ']", "", shown.replace("−", "-").lstrip("+"))
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", bare):
        bare = bare.replace(",", "")
    elif re.fullmatch(r"-?\d+,\d+", bare):
        bare = bare.replace(",", ".")
    whole, point, rest = bare.partition(".")
    rest = rest.rstrip("0") if rest.isdigit() else rest
    return f"{whole}{point if rest else ''}{rest}"
