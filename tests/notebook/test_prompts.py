"""Prompt templates: only ``{{ name }}`` is special."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.answer import Answer
from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.notebook.cell.prompts import MAX_COLUMNS, MAX_ROWS, fill


@given(st.text().filter(lambda text: "{{" not in text))
def test_a_text_without_double_braces_stays_as_it_is(text: str) -> None:
    assert fill(text, {"x": 1}) == (text, {})


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="{}\r"), max_size=20))
def test_a_value_is_never_expanded_twice(value: str, around: str) -> None:
    prompt, filled = fill(f"{around}{{{{ x }}}}{around}", {"x": value})
    assert prompt == f"{around}{value}{around}"
    assert filled == {"x": value}


@pytest.mark.parametrize(
    "text",
    [
        '{"json": {"a": 1}}',
        r"\frac{a}{b}",
        "$5 and $HOME",
        "{% if x %}",
        "{# note #}",
        "{x}",
        "}} alone",
        "100 %}",
    ],
)
def test_other_braces_stay_untouched_beside_a_filled_name(text: str) -> None:
    assert fill(text + " {{ x }}", {"x": "y"})[0] == text + " y"


def test_line_ends_and_spaces_stay() -> None:
    assert fill("\n a {{ x }} \n\n", {"x": 1})[0] == "\n a 1 \n\n"


def test_expressions_are_evaluated_once() -> None:
    calls: list[int] = []

    def double(number: int) -> int:
        calls.append(number)
        return number * 2

    prompt, filled = fill("{{ f(2) }} {{ rows|length }}", {"f": double, "rows": [1, 2, 3]})
    assert prompt == "4 3"
    assert filled == {"f(2)": "4", "rows|length": "3"}
    assert calls == [2]


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(PplxError) as caught:
        fill("{{ regoin }}", {"region": "EU"})
    assert str(caught.value) == "{{ regoin }} is not defined; did you mean {{ region }}? Nothing was sent."


def test_an_unknown_attribute_says_so() -> None:
    with pytest.raises(PplxError, match="Nothing was sent"):
        fill("{{ x.nothere }}", {"x": 1})


@pytest.mark.parametrize(
    "template", ["{{ 1 + }}", "{{ open", "{{ x | nofilter }}", "{{ f() }}", "{{ x.__class__.__mro__ }}"]
)
def test_a_broken_template_is_one_line(template: str) -> None:
    def fails() -> None:
        raise ZeroDivisionError("no")

    with pytest.raises(RequestError) as caught:
        fill(template, {"x": 1, "f": fails})
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("Nothing was sent.")


def test_what_ipython_keeps_is_no_variable_of_the_prompt() -> None:
    with pytest.raises(PplxError):
        fill("{{ In }}", {"In": ["secret"], "_i": "x"})


def test_a_data_frame_becomes_a_table_of_limited_size() -> None:
    small, _ = fill("{{ df }}", {"df": pd.DataFrame({"a|b": [1, 2], "c": ["x\ny", "z"]})})
    assert small == "| a\\|b | c |\n|---|---|\n| 1 | x y |\n| 2 | z |"
    large = pd.DataFrame([[0] * 40] * 200, columns=[f"c{i}" for i in range(40)])
    lines = fill("{{ df }}", {"df": large})[0].splitlines()
    assert len(lines) == MAX_ROWS + 3
    assert lines[0].count("|") == MAX_COLUMNS + 1
    assert lines[-1] == "(the first 50 of 200 rows and 20 of 40 columns)"


def test_a_text_that_speaks_of_addresses_is_a_text() -> None:
    text = "TypeError: <Thing object at 0x7f6d52387920> is not iterable"
    assert fill("Explain {{ x }}", {"x": text})[0] == f"Explain {text}"
    assert fill("Go on from {{ x }}", {"x": Answer(text=text)})[0] == f"Go on from {text}"
    with pytest.raises(RequestError, match="another text in each kernel"):
        fill("Explain {{ x }}", {"x": [object()]})
