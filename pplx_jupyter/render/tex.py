r"""What counts as math in an answer, and which TeX is let through to a frontend's typesetter.

Math is ``\( … \)``, ``\[ … \]``, ``$$ … $$``, and ``$ … $`` only where it looks like math:
prices such as "$20 to $30" stay text. TeX is code: commands that reach beyond a formula
(MathJax 3 loads a remote address from ``\unicode``'s font argument) are shown, not typeset.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from markdown.util import AtomicString, code_escape

__all__ = ["BLOCK", "BRACKETS", "DISPLAY", "DOLLARS", "INLINE", "element", "is_safe", "looks_like", "tidy"]

MAX_TEX = 5000

# Inline forms. None of them crosses a placeholder of the Markdown parser (STX).
BRACKETS = r"(?<!\\)\\\[([^\x02]{1,5000}?)(?<!\\)\\\]"
INLINE = r"(?<!\\)\\\(([^\x02]{1,5000}?)(?<!\\)\\\)"
DISPLAY = r"(?<![\\$])\$\$(?!\$)([^$\x02]{1,5000}?)(?<!\\)\$\$(?!\$)"
DOLLARS = (
    r"(?<![\\$\w])\$(?![\s$])"
    r"((?=[^$\n\x02]*[\\^_={])[^$\n\x02]{1,300}?|[A-Za-z]'{0,2})"
    r"(?<![\s\\])\$(?![\w$])"
)

# A line that opens a displayed formula, and what closes it.
BLOCK = {"\\[": "\\]", "$$": "$$"}

_DANGEROUS = re.compile(
    r"\\(?:unicode|href|url|require|class|cssId|style|data|html\w*|includegraphics|bbox|def|gdef|edef|xdef|let"
    r"|newcommand|renewcommand|providecommand|DeclareMathOperator|newenvironment|renewenvironment|toggle|action"
    r"|texttip|mathtip|special|input|include|write|catcode|csname|loop|enclose|mmlToken|tooltip)(?![A-Za-z])",
    re.IGNORECASE,
)
# ^^75 is "u" to TeX: a second spelling of every command.
_SPELLED = re.compile(r"\^\^")
_COMMENT = re.compile(r"(?<!\\)%[^\n]*")
_SPACE = re.compile(r"\s+")


def is_safe(formula: str) -> bool:
    """Tell whether a formula holds only commands that draw."""
    return not (_DANGEROUS.search(formula) or _SPELLED.search(formula))


def looks_like(formula: str) -> bool:
    r"""Tell math from words in escaped brackets: ``\\[sic\\]``, ``\\[1\\]``."""
    return re.search(r"[\\^_={}+<>|/*]", formula) is not None


def tidy(formula: str) -> str:
    """Put a formula on one line: its comments end with their lines, so they go first."""
    return _SPACE.sub(" ", _COMMENT.sub("", formula)).strip()


def element(formula: str, *, display: bool) -> Element:
    """Make the element that holds a formula in TeX's delimiters; code where it is not `is_safe`."""
    formula = tidy(formula)
    safe = is_safe(formula)
    made = Element("span", {"class": "pplx-t"}) if safe else Element("code")
    shown = (f"\\[ {formula} \\]" if display else f"\\({formula}\\)") if safe else formula
    made.text = AtomicString(code_escape(shown))
    return made
