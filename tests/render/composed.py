"""Documents put together at random, as a model might write them: a seed gives one document."""

from __future__ import annotations

import random

__all__ = ["document"]

_WORDS = ["alpha", "beta", "gamma", "delta", "price", "of", "the", "market", "rose"]
_SHAPES = ("{0}", "{0}", "{0}", "**{0}**", "*{0}*", "`{0}`", "[{0}](https://a.example/{0})", "{0}[1]", "**{0}:**", "~~{0}~~",
           "{0}_{0}", "**{0} `x`**", "***{0}***", "_{0}_", "**{0}**{0}")  # fmt: skip


def document(seed: int) -> str:
    """Give a document of one to four blocks, nested up to three deep."""
    chance = random.Random(seed)
    lines: list[str] = []
    for _ in range(chance.randint(1, 4)):
        lines += _block(chance, 0)
        lines += [""] if chance.random() < 0.6 else []
    return "\n".join(lines)


def _line(chance: random.Random) -> str:
    words = (chance.choice(_SHAPES).format(chance.choice(_WORDS)) for _ in range(chance.randint(1, 4)))
    return " ".join(words) + chance.choice([".", ":", "", ""])


def _block(chance: random.Random, depth: int) -> list[str]:
    kinds = ("text", "fence", "table", "heading", "quote", "rule", "ul", "ul", "ol", "ol", "text")
    kind = chance.choice(kinds[:3] if depth > 2 else kinds)
    if kind in {"ul", "ol"}:
        return _items(chance, depth, chance.choice("-*+") if kind == "ul" else chance.choice(".)"))
    if kind == "quote":
        return [f"> {line}" if line else ">" for line in _block(chance, depth + 1)]
    if kind == "fence":
        return [f"```{chance.choice(['', 'python'])}", "x = 1", "", "  - y", "```"]
    if kind == "table":
        rows = [f"| {_line(chance)} | {chance.randint(1, 9)} |" for _ in range(chance.randint(0, 2))]
        return ["", "| a | b |", "|---|--:|", *rows]
    if kind == "heading":
        return [f"{'#' * chance.randint(2, 4)} {_line(chance)}"]
    return ["", "---"] if kind == "rule" else [_line(chance) for _ in range(chance.randint(1, 2))]


def _items(chance: random.Random, depth: int, mark: str) -> list[str]:
    lines: list[str] = []
    for number in range(1, chance.randint(2, 4)):
        lead = f"{number}{mark} " if mark in ".)" else f"{mark} "
        inside = [_line(chance)]
        for _ in range(chance.choice([0, 0, 1, 1, 2])):
            inside += [""] if chance.random() < 0.4 else []
            inside += _block(chance, depth + 1)
        pad = " " * (len(lead) if chance.random() < 0.8 else 4)
        lines += [lead + inside[0], *(pad + line if line else "" for line in inside[1:])]
        lines += [""] if chance.random() < 0.3 else []
    return lines
