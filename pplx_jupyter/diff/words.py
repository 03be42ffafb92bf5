"""The words of two sentences side by side."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from pplx_jupyter.diff.common import pair_equal

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Word", "key", "split_words", "word_diff"]

# A word keeps its inner points, commas, hyphens and apostrophes; scripts without spaces go by characters.
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:[.,:'’/\-][^\W{_CJK}]+)*|[^\w\s]")
_ISLAND = 2
"""Words in common that are not worth their own place between two longer changes."""

_SAME_SIGNS = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "‐": "-", "‑": "-", "–": "-", "−": "-", "\u00ad": None}
)


class Word(NamedTuple):
    """A run of words: ``same``, ``gone`` or ``new``, and its text with the space behind it."""

    kind: str
    text: str


def key(text: str) -> str:
    """Give what a text is compared by: kinds of quotes, dashes and spaces make no difference."""
    return " ".join(text.translate(_SAME_SIGNS).split())


def split_words(text: str) -> list[str]:
    """Give the words of a text, each with the space behind it; joined they are the text from its first word on."""
    starts = [match.start() for match in _WORD.finditer(text)]
    return [text[a:b] for a, b in itertools.pairwise([*starts, len(text)])]


def word_diff(before: str, after: str) -> tuple[Word, ...]:
    """Compare two sentences word by word.

    The runs that are ``same`` or ``new``, joined, are `after`; those ``same`` or ``gone`` are `before`;
    but for spaces and kinds of quotes.
    """
    old, new = split_words(before), split_words(after)
    runs: list[Word] = []
    i = k = 0
    for a, b, size in _common(old, new):
        gone, fresh, same = "".join(old[i:a]), "".join(new[k:b]), "".join(new[b : b + size])
        if gone:
            # Read aloud, or copied, 78.5 and 79.6 must not become one number.
            runs.append(Word("gone", f"{gone} " if fresh and gone[-1].isalnum() else gone))
        if fresh:
            runs.append(Word("new", fresh))
        i, k = a + size, b + size
        if same:
            # The last word of one sentence has no space behind it where the other goes on.
            ends = same[-1].isspace() or not old[i - 1][-1].isspace()
            runs.append(Word("same", same if ends else f"{same} "))
    return tuple(runs)


def _common(old: list[str], new: list[str]) -> Iterator[tuple[int, int, int]]:
    """Give the runs that both have: where in each, and how many words; last an empty one at their ends."""
    runs: list[list[int]] = []
    for a, b in pair_equal([key(word) for word in old], [key(word) for word in new]):
        if runs and (a, b) == (runs[-1][0] + runs[-1][2], runs[-1][1] + runs[-1][2]):
            runs[-1][2] += 1
        else:
            runs.append([a, b, 1])
    ends = [0, 0]
    for n, (a, b, size) in enumerate(runs):
        following = runs[n + 1] if n + 1 < len(runs) else [len(old), len(new)]
        gaps = [a - ends[0], b - ends[1], following[0] - a - size, following[1] - b - size]
        if size > _ISLAND or min(gaps) <= size:
            yield a, b, size
            ends = [a + size, b + size]
    yield len(old), len(new), 0
