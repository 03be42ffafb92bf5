"""Which sentence of one answer is which of the other.

Sections are matched by their headings, then sentences in them: equal ones first, then similar ones
between those, in order.
"""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING

from pplx_jupyter.diff.common import STRETCH, Pairs, best_row, pair_equal
from pplx_jupyter.diff.words import split_words

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from pplx_jupyter.diff.sentences import Section, Unit

__all__ = ["match_sections", "pair_equal_units", "pair_units"]

ALIKE = 0.5
"""How much of the words of two sentences must be the same for one to be the other, changed."""

_MOST_SECTIONS = 150
_DIGITS = re.compile(r"(?<![^\W\d_])\d+(?:[.,]\d+)*")


def bag(text: str) -> frozenset[str]:
    """Give the words of a text, all numbers being alike: a sentence with new figures is still that sentence."""
    words = (word.strip() for word in split_words(text))
    return frozenset(_DIGITS.sub("0", word).casefold() for word in words if word[0].isalnum())


def likeness(first: frozenset[str], second: frozenset[str]) -> float:
    """Give how alike two bags of words are, up to 1; 0 for what is less than `ALIKE`."""
    total = len(first) + len(second)
    found = 2 * len(first & second) / total if total else 0.0
    return found if found >= ALIKE else 0.0


def pair_units(old: Sequence[Unit], new: Sequence[Unit]) -> Pairs:
    """Pair sentences in order: equal ones, and between those the ones that are alike."""
    pairs: Pairs = []
    i = k = 0
    for a, b in [*pair_equal_units(old, new), (len(old), len(new))]:
        pairs += _alike(old, new, range(i, a), range(k, b))
        pairs.append((a, b))
        i, k = a + 1, b + 1
    return pairs[:-1]


def pair_equal_units(old: Sequence[Unit], new: Sequence[Unit]) -> Pairs:
    """Pair equal sentences in order."""
    return pair_equal([unit.key for unit in old], [unit.key for unit in new])


def _alike(old: Sequence[Unit], new: Sequence[Unit], olds: range, news: range) -> Iterator[tuple[int, int]]:
    """Pair the sentences of a stretch that are alike; one too long is cut into as many pieces on both sides."""
    if not olds or not news:
        return
    pieces = -(-max(len(olds), len(news)) // STRETCH)
    for n in range(pieces):
        first, second = _piece(olds, n, pieces), _piece(news, n, pieces)
        left, right = [bag(old[a].key) for a in first], [bag(new[b].key) for b in second]
        like = [[likeness(one, other) for other in right] for one in left]
        for a, b in best_row(like):
            yield first[a], second[b]


def _piece(whole: range, n: int, pieces: int) -> range:
    return whole[n * len(whole) // pieces : (n + 1) * len(whole) // pieces]


def match_sections(old: Sequence[Section], new: Sequence[Section]) -> Pairs:
    """Pair sections: by the headings they stand under, by their own, then by what they say."""
    pairs: Pairs = []
    left, right = list(range(len(old))), list(range(len(new)))
    for name in (_path, _own, None):
        found = _by_name(old, new, (left, right), name) if name else _by_words(old, new, (left, right))
        pairs += found
        taken = {a for a, _ in found}, {b for _, b in found}
        left = [a for a in left if a not in taken[0]]
        right = [b for b in right if b not in taken[1]]
    return sorted(pairs)


def _path(section: Section) -> Hashable:
    return section.path


def _own(section: Section) -> Hashable:
    return section.path[-1:]


def _by_name(
    old: Sequence[Section],
    new: Sequence[Section],
    left: tuple[list[int], list[int]],
    name: Callable[[Section], Hashable],
) -> Pairs:
    waiting: dict[Hashable, collections.deque[int]] = collections.defaultdict(collections.deque)
    for b in left[1]:
        waiting[name(new[b])].append(b)
    return [(a, waiting[name(old[a])].popleft()) for a in left[0] if waiting[name(old[a])]]


def _by_words(old: Sequence[Section], new: Sequence[Section], left: tuple[list[int], list[int]]) -> Pairs:
    if max(map(len, left)) > _MOST_SECTIONS:
        return []
    heads = [[bag(all_[n].heading) for n in some] for all_, some in zip((old, new), left, strict=True)]
    bodies = [[_body(all_[n]) for n in some] for all_, some in zip((old, new), left, strict=True)]
    scored = []
    for a in range(len(left[0])):
        for b in range(len(left[1])):
            head, said = likeness(heads[0][a], heads[1][b]), likeness(bodies[0][a], bodies[1][b])
            named = bool(old[left[0][a]].heading and new[left[1][b]].heading)
            if named and (head or said):
                scored.append((-(said + head / 2), left[0][a], left[1][b]))
    pairs: Pairs = []
    taken: tuple[set[int], set[int]] = (set(), set())
    for _, a, b in sorted(scored):
        if a not in taken[0] and b not in taken[1]:
            pairs.append((a, b))
            taken[0].add(a)
            taken[1].add(b)
    return pairs


def _body(section: Section) -> frozenset[str]:
    return frozenset().union(*(bag(unit.key) for unit in section.units))
