from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pplx_jupyter.render import tex

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a \\(x^2\\) b", '<p>a <span class="pplx-t">\\(x^2\\)</span> b</p>'),
        ("$$x_1$$", '<div class="pplx-t">\\[ x_1 \\]</div>'),
        ("is\n\\[\n- a % why\n+ b\n\\]\nso", '<p>is</p><div class="pplx-t">\\[ - a + b \\]</div><p>so</p>'),
        ("a $x$ and $a_i = 1$", '<p>a <span class="pplx-t">\\(x\\)</span> and <span class="pplx-t">\\(a_i = 1\\)</span></p>'),
        ("\\(a < b & c\\)", '<p><span class="pplx-t">\\(a &lt; b &amp; c\\)</span></p>'),
        ("`$x$`", "<p><code>$x$</code></p>"),
        # A command that reaches beyond a formula is shown.
        ("\\(\\unicode[x;background:url(//e)]{65}\\)", "<p><code>\\unicode[x;background:url(//e)]{65}</code></p>"),
        ("$$\\href{javascript:x}{y}$$", "<p><code>\\href{javascript:x}{y}</code></p>"),
    ],
)  # fmt: skip
def test_math(text: str, html: str, html_of: Callable[..., str]) -> None:
    assert html_of(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "$20 to $30",
        "costs $5, not $6",
        "$5–$10",
        "US$5_000 and US$6",
        "a $ b $ c",
        "$HOME and $PATH",
        "5$ or 6$.",
    ],
)
def test_prices_stay_text(text: str, html_of: Callable[..., str]) -> None:
    html = html_of(text)
    assert "pplx-t" not in html
    assert html.count("<span>&#36;</span>") == text.count("$")


def test_tex_outside_delimiters_cannot_be_typeset(html_of: Callable[..., str]) -> None:
    html = html_of("\\begin{align}\\unicode[x]{65}\\end{align} \\ref{a}")
    assert "\\" not in html
    assert "<span>&#92;</span>begin{align}" in html


@pytest.mark.parametrize("formula", ["\\frac12", "\\left( x \\right)", "\\text{html}", "\\classical"])
def test_harmless_commands(formula: str) -> None:
    assert tex.is_safe(formula)


REACH_OUT = (
    "unicode href HREF url require class cssId style data html htmlData includegraphics bbox def gdef edef xdef let"
    " newcommand renewcommand providecommand DeclareMathOperator newenvironment renewenvironment toggle action"
    " texttip mathtip special input include write catcode csname loop enclose mmlToken tooltip"
)


@pytest.mark.parametrize("formula", ["^^5cunicode", *(f"x\\{name}{{y}}" for name in REACH_OUT.split())])
def test_commands_that_reach_out(formula: str) -> None:
    assert not tex.is_safe(formula)
