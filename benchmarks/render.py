"""What it costs to render an answer: 100 KB with 100 sources and 900 markers, complete to three forms.

    python benchmarks/render.py

The peer reads the same text in the same run: `markdown.markdown` with tables and fenced code, to HTML
alone, without citations, without sanitising. Three times its time is allowed. From 10 KB to 1 MB the time
may grow as the size does: the exponent is that of the line through the logarithms. CPU time, best of
several rounds in turn, so that whatever else the machine does counts for neither.
"""

from __future__ import annotations

import functools
import math
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import markdown
from verdict import verdict

from pplx_jupyter.answer import Answer, Cost, Source, Usage
from pplx_jupyter.receipt import Receipt
from pplx_jupyter.render import answer_forms, body

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.render.test_size import SOURCES as HOSTILE_SOURCES
from tests.render.test_size import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
ROUNDS = {10_000: 30, 30_000: 15, 100_000: 10, 300_000: 5, 1_000_000: 3}
SOURCES = 100
MARKERS_PER_BYTE = 900 / 100_000
TIMES_ALLOWED = 3.0
EXPONENT_ALLOWED = 1.1
HOSTILE_SECONDS = 2.0
_SENTENCES = (
    "Wholesale prices have fallen by about two thirds since their peak, yet the distance between markets grew{0}.",
    "In *most* of the hours it is **gas** that sets the price, and `demand` hardly matters{0}.",
    "Costs of $9 to $12 per unit are common: the plants need about 75 EUR/MWh to run at all{0}.",
    "The [authority](https://authority.example/report) expects the same for the years to come, and so do we.",
)
_TABLE = "Annual mean, EUR/MWh.\n| Market | 2021 | 2025 | Source |\n|:--|--:|--:|---|\n"
_CODE = (
    '```python\ndaily = prices[{0}].resample("D").mean()  # per market\ncv = daily.std() / daily.mean()\n```'
)


def report(size: int) -> str:
    """Write a report of exactly `size` characters, as models write them."""
    chance = random.Random(size)
    cited = 0
    parts: list[str] = []
    length = 0

    def mark() -> str:
        nonlocal cited
        # Never ahead of the markers that a text of this length should have.
        many = min(3, max(0, round(length * MARKERS_PER_BYTE) + 3 - cited))
        cited += many
        return "".join(f"[{chance.randint(1, SOURCES)}]" for _ in range(many))

    def add(part: str) -> None:
        nonlocal length
        parts.append(part)
        length += len(part) + 2

    while length < size:
        add(f"## Part {len(parts)}")
        for _ in range(3):
            add(" ".join(sentence.format(mark()) for sentence in _SENTENCES * 2))
        add(
            "**Key points:**\n"
            + "\n".join(f"- **Point {n}**: prices fell{mark()}\n  - but not in one market" for n in range(4))
        )
        add(_TABLE + "\n".join(f"| Market {n} | {n * 17} | {n * 9} | {mark()} |" for n in range(1, 6)))
        add(f"1) The price of an hour is \\(p_t\\){mark()}\n2) $$p_t = \\max_i f_i$$")
        if chance.random() < 0.5:
            add(_CODE.format(length))
    return "\n\n".join(parts)[:size]


def answer_of(text: str) -> Answer:
    """Give an answer of this text with a hundred sources, thinking and figures."""
    sources = [
        Source(
            n,
            f"https://site{n % 40}.example/page/{n}",
            f"Title of page {n}",
            "2026-02-12",
            None,
            "A snippet. " * 20,
        )
        for n in range(1, SOURCES + 1)
    ]
    return Answer(
        text=text,
        thinking="A thought. " * 500,
        sources=sources,
        related_questions=["And then?"] * 5,
        usage=Usage(58, 11_395, 63_653, 52_200, 143_204, 38),
        cost=Cost(0.8153, {"reasoning_tokens": 0.6252, "search_queries": 0.19, "input_tokens": 0.0001}),
    )


def seconds(work: Callable[[], object]) -> float:
    """Give the CPU seconds of one run."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(size: int) -> tuple[float, float, int]:
    """Give the best seconds of rendering and of the peer, and the markers of the text."""
    text = report(size)
    answer, receipt = answer_of(text), Receipt("7f3a9c", "prices", "How have prices developed?")
    found = body.read(text, range(1, SOURCES + 1))
    if not found.sections or found.unresolved:
        raise SystemExit(f"{size:,}: not rendered, but shown as it came")
    ours, peer = [], []
    for _ in range(ROUNDS[size]):
        ours.append(seconds(lambda: answer_forms(answer, receipt)))
        peer.append(seconds(lambda: markdown.markdown(text, extensions=["tables", "fenced_code"])))
    return min(ours), min(peer), found.markers


def hostile() -> tuple[str, float]:
    """Give the text of hostile size that takes longest, and its CPU seconds."""
    times = {}
    for name, text in TEXTS.items():
        answer = Answer(text=text, sources=HOSTILE_SOURCES)
        times[name] = min(seconds(functools.partial(answer_forms, answer)) for _ in range(2))
    worst = max(times, key=times.__getitem__)
    return worst, times[worst]


def exponent(times: dict[int, float]) -> float:
    """Give the slope of the line through the logarithms: 1 is linear."""
    xs, ys = [math.log(size) for size in times], [math.log(spent) for spent in times.values()]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum(
        (x - mean_x) ** 2 for x in xs
    )


def main() -> None:
    found = {size: measure(size) for size in SIZES}
    print(f"{'size':>10}{'markers':>10}{'three forms':>14}{'markdown':>12}{'times':>8}")
    for size, (ours, peer, markers) in found.items():
        print(f"{size:>10,}{markers:>10,}{ours * 1000:>11.1f} ms{peer * 1000:>9.1f} ms{ours / peer:>8.2f}")
    ours, peer, _ = found[100_000]
    slope = exponent({size: times[0] for size, times in found.items()})
    theirs = exponent({size: times[1] for size, times in found.items()})
    print(
        f"at 100,000: {ours / peer:.2f} times the peer, allowed {TIMES_ALLOWED:g}: {verdict(ours / peer, TIMES_ALLOWED)}"
    )
    name, worst = hostile()
    print(
        f"of hostile size, the longest ({name}): {worst:.2f} s, allowed {HOSTILE_SECONDS:g}: {verdict(worst, HOSTILE_SECONDS)}"
    )
    print(
        f"growth: exponent {slope:.2f} (the peer {theirs:.2f}), allowed {EXPONENT_ALLOWED:g}: {verdict(slope, EXPONENT_ALLOWED)}"
    )


if __name__ == "__main__":
    main()
