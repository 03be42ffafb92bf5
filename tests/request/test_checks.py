"""Every wrong value is refused before anything is sent, in one line that says what is allowed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, cast

import pytest

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.flags.wording import with_flags
from pplx_jupyter.request import Request

WEEKDAY = "search_recency_filter"
AFTER, BEFORE = "search_after_date_filter", "search_before_date_filter"
SITES = "search_domain_filter"


def refusal(**fields: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        Request.build(**{"prompt": "Why?"} | fields)
    message = str(caught.value)
    assert message.endswith(" Nothing was sent.")
    assert "\n" not in message
    assert message.startswith(str(caught.value.field))
    return caught.value


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"search_recency_filter": "fortnight"}, "fortnight: choose hour, day, week, month or year."),
        ({"search_recency_filter": "mounth"}, "did you mean month?"),
        ({"search_recency_filter": 7}, "“7”: choose hour"),
        ({"reasoning_effort": "hgih"}, "choose minimal, low, medium or high; did you mean high?"),
        ({"reasoning_effort": "xhigh"}, "choose minimal, low, medium or high"),
        ({"effort": "minimal"}, "choose fast, low, medium, high or xhigh"),
        ({"effort": "quick@2026-10-16.0"}, "quick: choose fast"),
        ({"effort": "@2026-10-16.0"}, "“@2026-10-16.0”: choose fast"),
        ({"search_mode": "Academic"}, "did you mean academic?"),
        ({"backend": "responses"}, "choose auto, sonar or agent"),
        ({"search_domain_filter": ["https://nature.com/x"]}, "“https://nature.com/x” is an address, not a site; write nature.com."),
        ({"search_domain_filter": ["-http://user:pw@Nature.com:80/x?y"]}, "write -nature.com."),
        ({"search_domain_filter": ["nature.com/articles"]}, "write nature.com."),
        ({"search_domain_filter": ["https://["]}, "is an address, not a site; write the site alone"),
        ({"search_domain_filter": ["nature com"]}, "is not one site"),
        ({"search_domain_filter": "nature.com,arxiv.org"}, "write each site as an entry of its own"),
        ({"search_domain_filter": ["nature"]}, "such as nature.com"),
        ({"search_domain_filter": ["*.gov"]}, "write .gov."),
        ({"search_domain_filter": ["*.nature.com"]}, "write nature.com."),
        ({"search_domain_filter": ["-.-"]}, "is not a site"),
        ({"search_domain_filter": ["a.com", "not a site", "http://x"]}, "“not a site” and “http://x” are not sites;"),
        ({"image_domain_filter": list("abcdefg")}, "“e” and 2 more are not sites; write each as nature.com."),
        ({"search_domain_filter": ["nature.com", "-arxiv.org"]}, "“nature.com” allows and “-arxiv.org” denies"),
        ({"search_domain_filter": ["nature.com", "Nature.COM"]}, "“nature.com” is there twice"),
        ({"search_domain_filter": [f"a{n}.com" for n in range(21)]}, "21 entries; at most 20 are taken"),
        ({"image_domain_filter": [f"a{n}.com" for n in range(11)]}, "11 entries; at most 10"),
        ({"search_domain_filter": ["nature.com", 3]}, "“3” is not an entry"),
        ({"search_domain_filter": [""]}, "is not an entry"),
        ({"search_domain_filter": {"a.com": 1}}, "is not a list"),
        ({"search_domain_filter": 5}, "is not a list"),
        ({"search_language_filter": ["english"]}, "two-letter codes"),
        ({"search_language_filter": ["en-US"]}, "did you mean en?"),
        ({"search_language_filter": ["en", "EN"]}, "is there twice"),
        ({"image_format_filter": [".jpg"]}, "did you mean jpg?"),
        ({"image_format_filter": ["image/png"]}, "did you mean png?"),
        ({AFTER: "2026-11-22"}, "write the date as MM/DD/YYYY, 11/22/2026."),
        ({AFTER: "22/11/2026"}, "the month comes first, write 11/22/2026."),
        ({AFTER: "02/30/2026"}, "there is no such day"),
        ({AFTER: "02/29/2025"}, "there is no such day"),
        ({AFTER: "13/32/2026"}, "there is no month 13"),
        ({AFTER: "2026-13-01"}, "write the date as MM/DD/YYYY."),
        ({BEFORE: "yesterday"}, "“yesterday”: write the date as MM/DD/YYYY."),
        ({BEFORE: 20260101}, "is not text"),
        ({"search_recency_filter": "week", AFTER: "01/01/2026"}, "search_recency_filter and search_after_date_filter exclude each other; remove one."),
        ({"search_recency_filter": "week", "last_updated_before_filter": "01/01/2026"}, "and last_updated_before_filter exclude"),
        ({AFTER: "02/01/2026", BEFORE: "01/01/2026"}, "is later than search_before_date_filter 01/01/2026"),
        ({"last_updated_after_filter": "01/01/2026", "last_updated_before_filter": "12/31/2025"}, "is later than"),
        ({"max_tokens": 0}, "max_tokens 0: write a whole number from 1 to 128000."),
        ({"max_tokens": 128_001}, "from 1 to 128000"),
        ({"max_tokens": True}, "max_tokens True:"),
        ({"max_tokens": 1.5}, "max_tokens 1.5:"),
        ({"max_tokens": "100"}, "“100”: write a whole number"),
        ({"max_tokens": 10**5000}, "max_tokens an integer of thousands of digits:"),
        ({"search_mode": 10**5000}, "choose web, academic or sec"),
        ({"extra": {"n": 10**5000}}, "bits is too long"),
        ({"max_steps": 101}, "from 1 to 100"),
        ({"num_search_results": 0}, "1 or more"),
        ({"take": 0}, "take 0: write a whole number, 1 or more."),
        ({"return_images": "yes"}, "choose True or False"),
        ({"return_images": 1}, "choose True or False"),
        ({"model": "sonar deep"}, "write one word"),
        ({"prompt": ""}, "prompt is empty; write a question."),
        ({"prompt": " \n"}, "prompt is empty"),
        ({"prompt": None}, "is not text"),
        ({"prompt": "half \ud83d here"}, "character 6 is half of a pair"),
        ({"prompt": "<string>"}, "is a placeholder"),
        ({"model": "<STRING>"}, "is a placeholder"),
        ({"language_preference": "<token>"}, "is a placeholder"),
        ({"search_domain_filter": ["<string>"]}, "is a placeholder"),
        ({"extra": {"country": "<string>"}}, "is a placeholder"),
        ({"web_search_options": {"user_location": {"city": "<string>"}}}, "is a placeholder"),
        ({"response_format": {"type": "regex", "regex": {"regex": "<your regex>"}}}, "is a placeholder"),
        ({"webhook_url": "example.org/hook"}, "starts with https://"),
        ({"webhook_url": "ftp://example.org"}, "starts with https://"),
        ({"webhook_url": "https://"}, "starts with https://"),
        ({"webhook_url": "https://[::1"}, "starts with https://"),
        ({"webhook_secret": "hush"}, "webhook_secret needs webhook_url"),
        ({"instructions": "a", "system_prompt": "b"}, "instructions and system_prompt exclude each other"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(fields: dict[str, Any], says: str) -> None:
    assert says in str(refusal(**fields))


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ("Why?", "is not a list"),
        ({"role": "user", "content": "Why?"}, "is not a list"),
        (["Why?"], "message 1 is “Why?”"),
        ([{"role": "usr", "content": "Why?"}], "did you mean user?"),
        ([{"role": "user"}], "write text or a list of parts"),
        ([{"role": "user", "content": 3}], "write text or a list of parts"),
        ([{"role": "user", "content": "Why?", "nmae": "x"}], "has the key “nmae”"),
        ([{"role": "user", "content": [{"type": "txt", "text": "Why?"}]}], "its type is one of text"),
        ([{"role": "user", "content": [{"type": "text"}]}], "without its text"),
        (
            [{"role": "user", "content": [{"type": "file_url", "file_url": {"uri": "x"}}]}],
            "without its file_url",
        ),
        ([{"role": "user", "content": " "}], "the last one is empty"),
        (
            [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}],
            "it must be the user's",
        ),
        ([{"role": "user", "content": "<string>"}], "is a placeholder"),
        ([{"role": "user", "content": {1: 2}}], "the key “1” is not text"),
        ([{"role": "user", "content": float("nan")}], "nan is not a number"),
        ([{"role": "user", "content": b"Why?"}], "which JSON cannot hold"),
    ],
)
def test_a_wrong_conversation_is_refused(messages: Any, says: str) -> None:
    assert says in str(refusal(prompt="", messages=messages))


def test_a_prompt_and_a_conversation_exclude_each_other() -> None:
    error = refusal(messages=[{"role": "user", "content": "Why?"}])
    assert "prompt and messages exclude each other" in str(error)


@pytest.mark.parametrize("name", ["system_prompt", "instructions"])
def test_two_system_messages_exclude_each_other(name: str) -> None:
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    error = refusal(prompt="", messages=talk, **{name: "Be long."})
    assert "a system message in messages" in str(error)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"type": "json"}, "did you mean json_schema?"),
        ({"json_schema": {}}, "choose text, json_schema or regex"),
        ({"type": ""}, "give its type"),
        ({"type": "json_schema"}, "write it as"),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, "write it as"),
        (
            {"type": "json_schema", "json_schema": {"schema": {"type": "object"}, "strct": True}},
            "did you mean strict?",
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": {"type": "object"}, "strict": "yes"}},
            "True or False",
        ),
        ({"type": "json_schema", "json_schema": {"schema": {"type": "object"}, "name": 3}}, "write text"),
        ({"type": "regex", "regex": "a+"}, "write it as"),
        ({"type": "text", "regex": {}}, "“regex” is not known"),
        ("json", "is not a mapping"),
    ],
)
def test_a_wrong_form_of_answer_is_refused(form: Any, says: str) -> None:
    assert says in str(refusal(response_format=form))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"search_context_size": "hihg"}, "did you mean high?"),
        ({"search_type": "slow"}, "choose fast, pro or auto"),
        ({"context_size": "low"}, "did you mean search_context_size?"),
        ({"image_results_enhanced_relevance": 1}, "choose True or False"),
        ({"user_location": "DE"}, "write it as"),
        ({"user_location": {"country": "Germany"}}, "write the two letters"),
        ({"user_location": {"contry": "DE"}}, "did you mean country?"),
        ({"user_location": {"latitude": 91, "longitude": 0}}, "from -90 to 90"),
        ({"user_location": {"latitude": True, "longitude": 0}}, "from -90 to 90"),
        ({"user_location": {"latitude": 1}}, "latitude and longitude together"),
        ({"user_location": {"city": 3}}, "write text"),
    ],
)
def test_wrong_search_options_are_refused(options: Any, says: str) -> None:
    assert says in str(refusal(web_search_options=options))


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"strem_mode": "full"}, "did you mean stream_mode?"),
        ({"zzzz": 2, "temprature": 1}, "“zzzz” is not a field of the service; the service’s"),
        ({"search_mode": "web"}, "“search_mode” is an option of its own; write search_mode=…"),
        ({"prompt": "x"}, "is an option of its own"),
        ({"stream": True}, "stream cannot be true"),
        ({"n": 0}, "from 1 to 10"),
        ({"n": True}, "is not an integer"),
        ({"stream_mode": "concize"}, "did you mean concise?"),
        ({"stop": [1]}, "is not a string or an array of string"),
        ({"tools": [{"type": "function"}]}, "each of the tools is"),
        ({"tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}]}, "each"),
        ([("n", 1)], "is not a mapping"),
    ],
)  # fmt: skip
def test_wrong_extra_fields_are_refused(extra: Any, says: str) -> None:
    assert says in str(refusal(extra=extra))


def test_a_secret_is_never_shown() -> None:
    for fields in (
        {"webhook_secret": 12345},
        {"webhook_secret": "<hush-12345>"},
        {"webhook_secret": "12345"},
    ):
        assert "12345" not in str(refusal(**fields))


def test_a_misspelt_option_is_told_the_right_one() -> None:
    assert str(refusal(recensy="week")) == (
        "recensy is not an option; did you mean search_recency_filter? Nothing was sent."
    )
    assert "did you mean search_domain_filter?" in str(refusal(domains=["a.com"]))
    assert "did you mean max_tokens?" in str(refusal(max_token=3))
    assert str(refusal(zzz=1)) == "zzz is not an option. Nothing was sent."
    with pytest.raises(RequestError, match="did you mean reasoning_effort"):
        Request("Why?").replace(reasoning_efort="low")
    with pytest.raises(TypeError):
        Request("Why?", recensy="week")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"search_recency_filter": "fortnight"}, "--recency fortnight: choose hour, day, week, month or year. Nothing was sent."),
        ({"search_recency_filter": "week", AFTER: "1/1/2026"}, "--recency and --after-date exclude each other; remove one. Nothing was sent."),
        ({"search_domain_filter": ["https://nature.com/x"]}, "--domains: “https://nature.com/x” is an address, not a site; write nature.com. Nothing was sent."),
        ({AFTER: "2/1/2026", BEFORE: "1/1/2026"}, "--after-date 02/01/2026 is later than --before-date 01/01/2026; no page lies between. Nothing was sent."),
        ({"prompt": ""}, "prompt is empty; write a question. Nothing was sent."),
    ],
)  # fmt: skip
def test_the_magic_shows_flags_for_names(fields: dict[str, Any], line: str) -> None:
    assert with_flags(refusal(**fields)) == line


def test_right_values_are_stored_in_one_form() -> None:
    asked = Request(
        "Why?",
        search_domain_filter=["Nature.com", " arxiv.org "],
        image_domain_filter="-Example.org",
        search_language_filter=cast("Any", {"EN", "de"}),
        image_format_filter=["JPG"],
        search_after_date_filter=date(2026, 1, 2),
        search_before_date_filter=datetime(2026, 3, 4, 23, 59, tzinfo=UTC),
        last_updated_after_filter="1/2/2026",
        web_search_options={"user_location": {"country": "de", "city": None}, "search_type": None},
        effort="fast@2026-10-16.0",
    )
    assert asked.search_domain_filter == ("nature.com", "arxiv.org")
    assert asked.image_domain_filter == ("-example.org",)
    assert asked.search_language_filter == ("en", "de")
    assert asked.image_format_filter == ("jpg",)
    assert asked.search_after_date_filter == "01/02/2026"
    assert asked.search_before_date_filter == "03/04/2026"
    assert asked.last_updated_after_filter == "01/02/2026"
    assert asked.web_search_options == {"user_location": {"country": "DE"}}
    assert asked.effort == "fast@2026-10-16.0"


@pytest.mark.parametrize(
    "site", ["nature.com", "-nature.com", ".gov", "münchen.de", "a-b.co.uk", "x_y.example"]
)
def test_sites_are_taken(site: str) -> None:
    assert Request("Why?", search_domain_filter=[site]).search_domain_filter == (site,)


@pytest.mark.parametrize(
    "fields",
    [
        {"search_domain_filter": []},
        {"search_recency_filter": ""},
        {"language_preference": " "},
        {"search_after_date_filter": ""},
        {"extra": {}},
        {"extra": {"country": None}},
        {"web_search_options": {"user_location": {}}},
        {"messages": []},
        {"webhook_url": ""},
        {"take": None},
        {"backend": None},
    ],
)
def test_an_empty_value_is_not_set(fields: dict[str, Any]) -> None:
    assert Request("Why?", **fields) == Request("Why?")


def test_a_missing_date_of_pandas_is_refused() -> None:
    pandas = pytest.importorskip("pandas")
    assert Request(
        "Why?", search_after_date_filter=pandas.Timestamp("2026-01-02")
    ).search_after_date_filter == ("01/02/2026")
    assert "is not a date" in str(refusal(search_after_date_filter=pandas.NaT))
