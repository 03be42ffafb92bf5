"""The line of a research cell is read from Request's own fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.flags.help import explain
from pplx_jupyter.notebook.flags.line import parse_line
from pplx_jupyter.notebook.flags.table import CELL_FLAGS, all_flags, choices_of
from pplx_jupyter.request import Request


def test_every_field_with_a_flag_can_be_given_and_gives_a_valid_request() -> None:
    line = parse_line(
        "prices --model sonar-deep-research --effort high --domains a.com,b.org --recency=year --max-tokens 100 --mode academic "
        '--system "Be brief." --related --images --location Berlin,DE --context-size high --take 2 --extra \'{"n": 1}\' '
        "--language en --num-results 5 --wait --timeout 60 --refresh"
    )
    assert line.name == "prices"
    request = Request.build(prompt="x", **line.fields)
    assert request.search_domain_filter == ("a.com", "b.org")
    assert request.web_search_options == {
        "user_location": {"city": "Berlin", "country": "DE"},
        "search_context_size": "high",
    }
    assert (request.take, request.return_images, request.system_prompt) == (2, True, "Be brief.")
    assert line.cell == {"wait": True, "timeout": 60.0, "refresh": True}


def test_the_help_names_every_flag_and_its_choices() -> None:
    text = explain()
    for flag in all_flags():
        assert flag in text
    assert "minimal|low|medium|high" in text


def test_no_flag_is_taken_twice() -> None:
    flags = [option.flag for option in Request.options() if option.flag]
    flags += [sub.flag for option in Request.options() for sub in option.sub_options]
    assert len(flags) == len(set(flags))
    assert not set(flags) & set(CELL_FLAGS)


def test_choices_are_the_fields_own() -> None:
    assert choices_of("--recency") == ("hour", "day", "week", "month", "year")
    assert choices_of("--context-size") == ("low", "medium", "high")
    assert choices_of("--domains") == ()


@given(st.text(max_size=60))
def test_any_line_parses_or_is_refused_in_one_line(text: str) -> None:
    try:
        parse_line(text)
    except RequestError as error:
        assert "Nothing was sent." in str(error)  # noqa: PT017 - either way is right


@pytest.mark.parametrize(
    "line",
    [
        "--context-size high --web-search-options [1]",
        "--web-search-options [1] --context-size high",
        "--options '{\"web_search_options\": [1]}' --context-size high",
    ],
)
def test_a_part_of_an_option_beside_a_whole_that_is_no_object_is_refused_in_one_line(line: str) -> None:
    with pytest.raises(RequestError, match="web_search_options"):
        Request.build(prompt="x", **parse_line(line).fields)


@pytest.mark.parametrize("name", ["class", "1a", "a-b", "a.b"])
def test_a_name_that_python_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="cannot be a variable's name"):
        parse_line(name)
