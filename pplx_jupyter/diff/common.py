"""What two sequences have in common, in order.

What occurs once in both is an anchor; between anchors the same is done again, and a stretch without
any is compared item by item. Such stretches are of a bounded size, so that the time grows with the
length and not with its square, whatever the sequences hold.
"""

from __future__ import annotations

import bisect
import collections
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["STRETCH", "Pairs", "best_row", "pair_equal"]

Pairs = list[tuple[int, int]]
"""Places in the one sequence and in the other."""

STRETCH = 100
"""Items of a stretch without anchors that are each compared with each."""


def pair_equal(old: Sequence[Hashable], new: Sequence[Hashable]) -> Pairs:
    """Pair equal items, rising in both; not always as many as there could be."""
    pairs: Pairs = []
    todo = [(0, len(old), 0, len(new))]
    while todo:
        i, j, k, m = todo.pop()
        while i < j and k < m and old[i] == new[k]:
            pairs.append((i, k))
            i, k = i + 1, k + 1
        while i < j and k < m and old[j - 1] == new[m - 1]:
            j, m = j - 1, m - 1
            pairs.append((j, m))
        if i == j or k == m:
            continue
        anchors = _anchors(old, new, (i, j, k, m))
        if anchors:
            pairs += anchors
            for a, b in [*anchors, (j, m)]:
                todo.append((i, a, k, b))
                i, k = a + 1, b + 1
        elif j - i <= STRETCH and m - k <= STRETCH:
            same = [[float(old[a] == new[b]) for b in range(k, m)] for a in range(i, j)]
            pairs += [(i + a, k + b) for a, b in best_row(same)]
    return sorted(pairs)


def _anchors(old: Sequence[Hashable], new: Sequence[Hashable], where: tuple[int, int, int, int]) -> Pairs:
    """Give the longest row of items that occur once in each stretch, rising in both."""
    i, j, k, m = where
    olds, news = collections.Counter(old[i:j]), collections.Counter(new[k:m])
    places = {new[b]: b for b in range(k, m) if news[new[b]] == 1}
    common = [(a, places[old[a]]) for a in range(i, j) if olds[old[a]] == 1 and old[a] in places]
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for n, (_, b) in enumerate(common):
        at = bisect.bisect_left(ends, b)
        before.append(last[at - 1] if at else -1)
        ends[at : at + 1], last[at : at + 1] = [b], [n]
    row: Pairs = []
    n = last[-1] if last else -1
    while n >= 0:
        row.append(common[n])
        n = before[n]
    return row[::-1]


def best_row(like: Sequence[Sequence[float]]) -> Pairs:
    """Give the pairs, rising in both, whose likenesses have the greatest sum; what has none is never paired."""
    rows, columns = len(like), len(like[0]) if like else 0
    score = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for a in range(rows - 1, -1, -1):
        here, below, likes = score[a], score[a + 1], like[a]
        for b in range(columns - 1, -1, -1):
            best = max(here[b + 1], below[b])
            pair = likes[b] + below[b + 1] if likes[b] else 0.0
            here[b] = max(best, pair)
    pairs: Pairs = []
    a = b = 0
    while a < rows and b < columns:
        if score[a][b] == score[a + 1][b]:
            a += 1
        elif score[a][b] == score[a][b + 1]:
            b += 1
        else:
            pairs.append((a, b))
            a, b = a + 1, b + 1
    return pairs
