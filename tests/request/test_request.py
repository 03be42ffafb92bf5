from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import pickle
import time
import typing
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.errors import RequestError
from pplx_jupyter.fields.options import GROUPS
from pplx_jupyter.request import Request

words = st.text(st.characters(codec="utf-8", exclude_characters="<>"), min_size=1).filter(str.strip)
sites = st.lists(st.from_regex(r"\A[a-z]{1,8}\.(com|org)\Z"), min_size=1, max_size=20, unique=True)
dates = st.dates(date(2000, 1, 1), date(2015, 1, 1))
optional: dict[str, st.SearchStrategy[Any]] = {
    "system_prompt": words,
    "model": st.sampled_from(["sonar", "sonar-deep-research", "openai/gpt-5"]),
    "reasoning_effort": st.sampled_from(["minimal", "low", "medium", "high"]),
    "effort": st.sampled_from(["fast", "xhigh"]),
    "max_steps": st.integers(1, 100),
    "max_tokens": st.integers(1, 128_000),
    "search_mode": st.sampled_from(["web", "academic", "sec"]),
    "search_domain_filter": sites,
    "search_after_date_filter": dates,
    "last_updated_after_filter": dates,
    "search_language_filter": st.lists(st.sampled_from(["en", "de", "fr"]), min_size=1, unique=True),
    "web_search_options": st.fixed_dictionaries(
        {
            "search_context_size": st.sampled_from(["low", "high"]),
            "user_location": st.fixed_dictionaries({"latitude": st.floats(-90, 90), "longitude": st.just(7)}),
        }
    ),
    "disable_search": st.booleans(),
    "language_preference": words,
    "response_format": st.just({"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}),
    "extra": st.fixed_dictionaries({"n": st.integers(1, 10), "stop": st.lists(words)}),
    "webhook_url": st.just("https://example.org/done"),
    "backend": st.sampled_from(["auto", "sonar", "agent"]),
    "take": st.integers(1, 9),
}
requests = st.builds(
    Request,
    words,
    **{name: st.one_of(st.none(), values) for name, values in optional.items()},
)


@given(requests)
def test_a_request_survives_its_json(asked: Request) -> None:
    plain = json.loads(json.dumps(asked.to_json()))
    again = Request.from_json(plain)
    assert again == asked
    assert again.fingerprint == asked.fingerprint
    assert hash(again) == hash(asked)
    assert pickle.loads(pickle.dumps(asked)) == asked  # noqa: S301 - our own bytes


@given(requests, st.randoms())
def test_the_fingerprint_does_not_know_order_line_ends_or_backend(asked: Request, random: Any) -> None:
    shuffled = list(asked.search_domain_filter or ()) or None
    if shuffled:
        random.shuffle(shuffled)
    other = asked.replace(
        prompt="\r\n " + asked.prompt.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n") + "\r",
        search_domain_filter=shuffled,
        backend="sonar",
        webhook_url="https://example.org/elsewhere",
        model=asked.resolved_model,
    )
    assert other.fingerprint == asked.fingerprint


def test_the_fingerprint_is_what_it_always_was() -> None:
    def of(canonical: str) -> str:
        return "v1:" + hashlib.sha256(canonical.encode()).hexdigest()

    assert Request("Why?").fingerprint == of('{"model":"sonar-deep-research","prompt":"Why?"}')
    asked = Request(
        "Größe?\r\nWeite?\n",
        search_domain_filter=["b.com", "a.com"],
        search_after_date_filter="1/2/2026",
        take=2,
        return_images=True,
    )
    assert asked.fingerprint == of(
        '{"model":"sonar-deep-research","prompt":"Gr\\u00f6\\u00dfe?\\nWeite?","return_images":true,'
        '"search_after_date_filter":"2026-01-02","search_domain_filter":["a.com","b.com"],"take":2}'
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "Why not?"},
        {"model": "sonar"},
        {"reasoning_effort": "high"},
        {"effort": "high"},
        {"search_domain_filter": ["a.com"]},
        {"search_recency_filter": "week"},
        {"extra": {"country": "DE"}},
        {"take": 2},
        {"system_prompt": "Be brief."},
        {"return_images": True},
    ],
)
def test_another_question_has_another_fingerprint(changes: dict[str, Any]) -> None:
    asked = Request("Why?")
    assert asked.replace(**changes).fingerprint != asked.fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"backend": "agent"},
        {"webhook_url": "https://example.org", "webhook_secret": "hush"},
        {"model": "sonar-deep-research"},
        {"take": 1},
        {"prompt": "\tWhy?\r\n"},
    ],
)
def test_the_same_question_has_the_same_fingerprint(changes: dict[str, Any]) -> None:
    asked = Request("Why?")
    assert asked.replace(**changes).fingerprint == asked.fingerprint


def test_a_follow_up_depends_on_its_parent() -> None:
    asked = Request("And then?")
    follow_ups = [
        asked.following(job, parent) for job, parent in (("a", "v1:aa"), ("b", "v1:aa"), ("a", "v1:bb"))
    ]
    assert len({each.fingerprint for each in (asked, *follow_ups)}) == 4, (
        "the question before it, and which answer to that"
    )
    assert all(Request.from_json(each.to_json()).fingerprint == each.fingerprint for each in follow_ups)


def test_whole_numbers_are_the_same_in_either_form() -> None:
    place = {"latitude": 52, "longitude": 13}
    same = {"latitude": 52.0, "longitude": 13.0}
    first = Request("Why?", web_search_options={"user_location": place})
    assert first.fingerprint == Request("Why?", web_search_options={"user_location": same}).fingerprint


def test_a_secret_stays_out_of_everything() -> None:
    asked = Request("Why?", webhook_url="https://example.org", webhook_secret="hush-12345")
    kept = [repr(asked), json.dumps(asked.to_json()), str(pickle.dumps(asked))]
    assert not any("hush-12345" in text for text in kept)
    assert asked.replace(take=2).webhook_secret == "hush-12345"
    assert copy.deepcopy(asked) is asked
    assert copy.copy(asked) is asked


def test_to_json_has_only_what_is_set() -> None:
    assert Request("Why?").to_json() == {"prompt": "Why?"}
    asked = Request("Why?", search_domain_filter=["a.com"], disable_search=False, take=2)
    assert asked.to_json() == {
        "prompt": "Why?",
        "search_domain_filter": ["a.com"],
        "disable_search": False,
        "take": 2,
    }


def test_from_json_ignores_what_a_newer_version_wrote() -> None:
    assert Request.from_json({"prompt": "Why?", "search_planet_filter": ["mars"]}) == Request("Why?")


def test_from_json_checks_what_it_reads() -> None:
    with pytest.raises(RequestError):
        Request.from_json({"prompt": "Why?", "take": 0})


def test_what_a_caller_changes_later_does_not_change_the_request() -> None:
    talk = [{"role": "user", "content": "Why?"}]
    options: dict[str, Any] = {"user_location": {"country": "DE"}}
    asked = Request(messages=talk, web_search_options=options)
    before = asked.fingerprint
    talk[0]["content"] = "How?"
    options["user_location"]["country"] = "FR"
    asked.to_json()["web_search_options"]["user_location"]["country"] = "ES"
    assert asked.fingerprint == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        asked.prompt = "How?"  # type: ignore[misc]


def test_the_effort_and_the_model_for_display() -> None:
    assert Request("Why?").resolved_model == "sonar-deep-research"
    assert Request("Why?", model="openai/gpt-5").resolved_model == "openai/gpt-5"
    assert Request("Why?").effort_label == ""
    assert Request("Why?", effort="xhigh").effort_label == "xhigh"
    assert Request("Why?", reasoning_effort="low", effort="xhigh").effort_label == "low"


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        ("Why is it so? I ask because.", "Why is it so?"),
        ("Prices rose\nby 2.5 percent.  And now?", "Prices rose by 2.5 percent."),
        ("What does Dr. Smith, e.g. in 2024, say? Tell me.", "What does Dr. Smith, e.g. in 2024, say?"),
        ("Compare U.S. Treasury yields. Then stop.", "Compare U.S. Treasury yields."),
        ("# Title\n\nThe body. More.", "Title"),
        ("为什么？因为。", "为什么？"),
        ("no end", "no end"),
        ("x" * 200, "x" * 139 + "…"),
    ],
)
def test_the_question_is_the_first_sentence(prompt: str, question: str) -> None:
    assert Request(prompt).question == question


@given(words)
def test_the_question_is_short_and_on_one_line(prompt: str) -> None:
    question = Request(prompt).question
    assert len(question) <= 140
    assert question == " ".join(question.split())


def test_the_question_of_a_book_is_found_at_once() -> None:
    started = time.perf_counter()
    assert len(Request("A. B. " * 50_000).question) <= 140
    assert time.perf_counter() - started < 1


def test_a_long_question_is_cut_between_words() -> None:
    question = Request("word " * 60).question
    assert question.endswith("word…")
    assert len(question) <= 140


def test_the_question_of_a_conversation_is_the_last_one() -> None:
    asked = Request(
        messages=[
            {"role": "user", "content": "First?"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                    {"type": "text", "text": "What is this? Say it."},
                ],
            },
        ]
    )
    assert asked.question == "What is this?"


def test_every_field_is_described() -> None:
    options = Request.options()
    assert [option.name for option in options] == [
        field.name for field in dataclasses.fields(Request) if field.name != "follows"
    ]
    flags = [option.flag for option in options if option.flag]
    flags += [sub.flag for option in options for sub in option.sub_options]
    assert len(flags) == len(set(flags))
    assert {option.name for option in options if not option.flag} == {"prompt", "messages"}
    for option in options:
        assert option.help.endswith("."), option.name
        assert option.group in GROUPS
        assert option.kind in {"text", "choice", "integer", "switch", "list", "date", "json", "secret"}
        assert (option.kind == "choice") == bool(option.choices)
    assert options[0].name == "prompt"
    assert set(typing.get_type_hints(Request)) > {option.name for option in options}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("search_domain_filter", "a.com, -b.org,", ("a.com", "-b.org")),
        ("max_tokens", "300", 300),
        ("return_images", "", True),
        ("extra", '{"n": 2}', {"n": 2}),
        ("search_recency_filter", "week", "week"),
        ("search_after_date_filter", "1/2/2026", "1/2/2026"),
    ],
)
def test_a_flags_text_is_read(name: str, text: str, value: Any) -> None:
    option = next(option for option in Request.options() if option.name == name)
    assert option.parse(text) == value
    assert option.parse(option.unparse(value)) == value


def test_a_flags_broken_text_is_refused() -> None:
    options = {option.name: option for option in Request.options()}
    with pytest.raises(RequestError, match=r"--max-tokens many: write a whole number\. Nothing was sent\."):
        options["max_tokens"].parse("many")
    with pytest.raises(RequestError, match=r"--extra: this is not JSON.* Nothing was sent\."):
        options["extra"].parse("{")
    size, place = options["web_search_options"].sub_options
    assert size.parse(" high ") == "high"
    assert place.parse("DE") == {"country": "DE"}
    assert place.parse("Berlin, DE") == {"city": "Berlin", "country": "DE"}
    assert place.parse("Cologne,NRW,DE") == {"city": "Cologne", "region": "NRW", "country": "DE"}
    assert place.parse('{"latitude": 1, "longitude": 2}') == {"latitude": 1, "longitude": 2}
    with pytest.raises(RequestError, match="--location"):
        place.parse("a,b,c,d")
