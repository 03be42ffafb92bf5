"""Which parts of a code block are keywords, comments, strings and numbers, by Pygments.

Only for languages that the sanitiser lets through by name, and only for blocks of a size that a
person reads: a lexer is a pile of patterns, what it reads is hostile, and many take the square of its
length for it. At these sizes the worst that we found takes 0.09 s.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pygments.lexer import Lexer

__all__ = ["LARGEST", "parts"]

LARGEST = 3_000
"""Blocks of more characters stay plain."""
_LINES, _LINE = 100, 200
"""So do blocks of more lines, or of longer ones."""

# Nothing to tell apart in some; java and sas are the slowest on hostile text.
_QUIET = frozenset(["console", "csv", "java", "markdown", "mathematica", "md", "plaintext", "sas", "text"])


def parts(code: str, language: str) -> list[tuple[str, str]]:
    """Cut code into parts, which together are the code.

    Returns
    -------
    list of tuple
        What each part is (``keyword``, ``comment``, ``string``, ``number``, or ``""``), and its text.
        One part, where the block is better left plain.
    """
    whole = [("", code)]
    lines = code[: LARGEST + 1].split("\n")
    if len(code) > LARGEST or len(lines) > _LINES or any(len(line) > _LINE for line in lines):
        return whole
    if language in _QUIET:
        return whole
    lexer = _lexer(language)
    if lexer is None:
        return whole
    try:
        found = _merged((_kind(token), text) for token, text in lexer.get_tokens(code))
    except Exception:  # noqa: BLE001 - a lexer's bug on hostile text must not cost the answer
        return whole
    return found if "".join(text for _, text in found) == code else whole


def _merged(tokens: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for kind, text in tokens:
        if found and (found[-1][0] == kind or text.isspace()):
            found[-1] = (found[-1][0], found[-1][1] + text)
        else:
            found.append((kind, text))
    return found


@functools.lru_cache(maxsize=32)
def _lexer(language: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@functools.lru_cache(maxsize=256)
def _kind(token: tuple[str, ...]) -> str:
    name = str(token)
    if name.startswith("Token.Keyword") or name == "Token.Operator.Word":
        return "keyword"
    if name.startswith("Token.Comment"):
        return "comment"
    if name.startswith("Token.Literal.String"):
        return "string"
    return "number" if name.startswith("Token.Literal.Number") else ""
