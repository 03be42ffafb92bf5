"""Formulas of a saved page: set by the browser itself, whatever is in them."""

from __future__ import annotations

import dataclasses
import html
import importlib
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pplx_jupyter.export import formulas
from pplx_jupyter.export.formulas import typeset
from pplx_jupyter.export.web_page import to_html

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer

pytest.importorskip("pypandoc")

MATH = "{http://www.w3.org/1998/Math/MathML}"


def page(answer: Answer, text: str) -> Any:
    return html5lib.parse(to_html(dataclasses.replace(answer, text=text)))


def test_a_page_shows_formulas_not_tex(answer: Answer) -> None:
    found = page(
        answer,
        r"Energy \(E = mc^2\), and" "\n\n" r"$$ \int_0^1 x^2 dx = \frac{1}{3} $$" "\n\nIt costs $9 to $12.",
    )
    math = list(found.iter(f"{MATH}math"))
    assert [each.get("display") for each in math] == ["inline", "block"]
    assert math[1].find(f".//{MATH}mfrac") is not None
    # The TeX is still there to be copied.
    assert [each.text for each in found.iter(f"{MATH}annotation")] == [
        "E = mc^2",
        r"\int_0^1 x^2 dx = \frac{1}{3}",
    ]
    assert r"\(" not in to_html(dataclasses.replace(answer, text=r"Energy \(E = mc^2\)."))


def test_what_is_no_formula_to_it_stays_tex(answer: Answer) -> None:
    found = page(answer, r"One \(\foo{\) and \(x_1\) and \(\mystery{y}\).")
    assert len(list(found.iter(f"{MATH}math"))) == 1
    shown = [
        each.text
        for each in found.iter("{http://www.w3.org/1999/xhtml}span")
        if each.get("class") == "pplx-t"
    ]
    assert [each for each in shown if each] == [r"\(\foo{\)", r"\(\mystery{y}\)"]


def test_without_pandoc_the_tex_stays(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str, *rest: Any) -> Any:
        if name == "pypandoc":
            raise ImportError(name)
        return known(name, *rest)

    known = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", without)
    assert r"\(E = mc^2\)" in to_html(dataclasses.replace(answer, text=r"Energy \(E = mc^2\)."))


def test_a_formula_without_an_end_leaves_tex(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulas, "_SECONDS", 0.5)
    made = to_html(dataclasses.replace(answer, text=r"One \(x_1\) and \(" + r"\not" * 1200 + r"\)."))
    assert r"\(x_1\)" in made


@pytest.mark.parametrize(
    "written",
    [
        "<p><math xmlns='http://www.w3.org/1998/Math/MathML'><annotation-xml encoding='text/html'><mi>x</mi></annotation-xml></math></p>",
        "<p><math xmlns='http://www.w3.org/1998/Math/MathML'><mtext><img xmlns='http://www.w3.org/1999/xhtml'/></mtext></math></p>",
        "<p><math xmlns='http://www.w3.org/1998/Math/MathML'><maction><mi>x</mi></maction></math></p>",
        "<p><script>x</script></p>",
        "<p>text<math xmlns='http://www.w3.org/1998/Math/MathML'><mi>x</mi></math></p>",
        "<p></p>",
        "<p>",
        "",
    ],
)
def test_only_elements_of_mathml_are_taken_over(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulas, "run", lambda *_, **__: written)
    markup = r'<p>a <span class="pplx-t">\(x\)</span></p>'
    assert typeset(markup) == markup


def test_only_attributes_of_mathml_are_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    math = (
        "<math xmlns='http://www.w3.org/1998/Math/MathML' display='inline' href='javascript:x' onclick='x'>"
    )
    inside = "<mtd style='text-align: right; padding-right: 0'><mspace width='1em' style='background:url(x)' id='a'/></mtd>"
    monkeypatch.setattr(formulas, "run", lambda *_, **__: f"<p>{math}{inside}</math></p>")
    assert typeset(r'<span class="pplx-t">\(x\)</span>') == (
        '<span class="pplx-t"><math display="inline"><mtd style="text-align: right; padding-right: 0">'
        '<mspace width="1em"></mspace></mtd></math></span>'
    )


def test_text_in_a_formula_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "&lt;img src=x onerror=y&gt;"
    math = f"<math xmlns='http://www.w3.org/1998/Math/MathML'><mtext>{evil}</mtext>{evil}</math>"
    monkeypatch.setattr(formulas, "run", lambda *_, **__: f"<p>{math}</p>")
    assert f"<mtext>{evil}</mtext>{evil}</math>" in typeset(r'<span class="pplx-t">\(x\)</span>')


def test_a_value_with_more_behind_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    start = "<math xmlns='http://www.w3.org/1998/Math/MathML' encoding='x&quot; onclick=&quot;y'>"
    inside = "<mtd style='text-align: left; background:url(x)'/>"
    monkeypatch.setattr(formulas, "run", lambda *_, **__: f"<p>{start}{inside}</math></p>")
    assert "<math><mtd></mtd></math>" in typeset(r'<span class="pplx-t">\(x\)</span>')


PARTS = [
    "x", "^", "_", "{", "}", "\\frac", "\\text{<b>&}", "\\", "&", "<", ">", '"', "'", "\\begin{matrix}", "\\end{matrix}",
    "\\mathbb{R}", "é", "\\,", "]]>", "--",
]  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=12))
def test_nothing_but_mathml_comes_of_a_formula(parts: list[str]) -> None:
    tex = html.escape(f"x_1 {''.join(parts)}")
    made = typeset(f'<div class="pplx-t">\\[ {tex} \\]</div>')
    for element in html5lib.parseFragment(made).iter():
        name = str(element.tag)
        assert name.startswith(MATH) or name in {"DOCUMENT_FRAGMENT", "{http://www.w3.org/1999/xhtml}div"}
