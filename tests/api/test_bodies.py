from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pplx_jupyter.api.bodies import agent_body, agent_gaps, agent_only, first_choice, sonar_body
from pplx_jupyter.errors import RequestError
from pplx_jupyter.fields.openapi_fields import EXTRA_FIELDS
from pplx_jupyter.request import Request

FULL: dict[str, Any] = {
    "prompt": " Why?\r\nHow?\n",
    "system_prompt": "Be brief.",
    "model": "sonar-deep-research",
    "reasoning_effort": "high",
    "max_tokens": 1000,
    "search_mode": "academic",
    "search_domain_filter": ["b.com", "a.com"],
    "search_after_date_filter": "1/2/2026",
    "search_before_date_filter": "2/3/2026",
    "last_updated_after_filter": "3/4/2025",
    "last_updated_before_filter": "4/5/2026",
    "search_language_filter": ["en"],
    "image_domain_filter": ["-c.com"],
    "image_format_filter": ["png"],
    "num_search_results": 7,
    "web_search_options": {
        "search_context_size": "high",
        "search_type": "pro",
        "image_results_enhanced_relevance": True,
        "user_location": {"country": "DE", "city": "Berlin", "latitude": 52.5, "longitude": 13},
    },
    "disable_search": False,
    "enable_search_classifier": True,
    "language_preference": "en",
    "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
    "return_images": True,
    "return_related_questions": True,
    "extra": {"country": "DE", "stop": ["END"], "_inputs": [1]},
    "webhook_url": "https://example.org/done",
    "webhook_secret": "hush-12345",
    "backend": "sonar",
    "take": 2,
}


def schema() -> dict[str, Any]:
    path = Path(__file__).parents[3] / "shared" / "spec" / "async-chat-completions-post.openapi.yaml"
    if not path.exists():
        pytest.skip(f"the service's OpenAPI document is not at {path}")
    document: dict[str, Any] = pytest.importorskip("yaml").safe_load(path.read_text(encoding="utf-8"))
    return document | {"$ref": "#/components/schemas/AsyncApiChatCompletionsRequest"}


def test_a_plain_question_sends_nothing_else() -> None:
    assert sonar_body(Request("Why?")) == {
        "request": {"model": "sonar-deep-research", "messages": [{"role": "user", "content": "Why?"}]}
    }
    assert agent_body(Request("Why?")) == {
        "input": "Why?",
        "background": True,
        "store": True,
        "effort": "high",
    }


def test_all_that_is_set_is_sent_to_sonar() -> None:
    body = sonar_body(Request(**FULL))
    inner = body["request"]
    assert inner["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?\nHow?"},
    ]
    assert inner["search_domain_filter"] == ["b.com", "a.com"]
    assert inner["search_after_date_filter"] == "01/02/2026"
    assert inner["disable_search"] is False
    assert inner["country"] == "DE"
    left_out = {"prompt", "system_prompt", "extra", "webhook_url", "webhook_secret", "backend", "take"}
    assert set(inner) == set(FULL) - left_out | {"messages"} | set(FULL["extra"])
    assert body["webhook"] == {"url": "https://example.org/done"}


def test_the_webhooks_secret_is_passed_separately() -> None:
    asked = Request("Why?", webhook_url="https://example.org/done", webhook_secret="hush-12345")
    assert "hush-12345" not in json.dumps(sonar_body(asked))
    assert sonar_body(asked, "other")["webhook"] == {"url": "https://example.org/done", "secret": "other"}


def test_sonar_bodies_are_what_the_openapi_takes() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    document = schema()
    extras = {
        name: {
            "boolean": True,
            "integer": 3,
            "number": 1.5,
            "string": "x",
            "object": {},
            "array of integer": [1],
        }.get(shape.kinds[0])
        for name, shape in EXTRA_FIELDS.items()
        if not shape.choices and name != "stream"
    }
    conversation: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "file_url", "file_url": {"url": "https://example.org/a.pdf"}}]},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Why?"},
    ]
    for asked in (
        Request("Why?"),
        Request(**FULL),
        Request(messages=conversation, response_format={"type": "regex", "regex": {"regex": "a+"}}),
        Request("Why?", extra={**extras, "tool_choice": "none", "stream_mode": "concise"}),
        Request("Why?", response_format={"type": "text"}, search_recency_filter="week"),
    ):
        body = json.loads(json.dumps(sonar_body(asked)))
        jsonschema.validate(body, document)
        known = document["components"]["schemas"]["ApiChatCompletionsRequest"]["properties"]
        assert set(body["request"]) <= set(known)


def test_options_find_their_place_in_the_agents_body() -> None:
    asked = Request(
        "Why?",
        instructions="Be brief.",
        reasoning_effort="low",
        effort="xhigh",
        max_steps=5,
        max_tokens=1000,
        search_domain_filter=["a.com"],
        search_recency_filter="month",
        num_search_results=7,
        web_search_options={"search_context_size": "high", "user_location": {"country": "DE"}},
        language_preference="en",
        response_format={"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
    )
    assert agent_body(asked) == {
        "input": "Why?",
        "background": True,
        "store": True,
        "instructions": "Be brief.",
        "reasoning": {"effort": "low"},
        "effort": "xhigh",
        "max_steps": 5,
        "max_output_tokens": 1000,
        "language_preference": "en",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "schema", "schema": {"type": "object"}},
        },
        "tools": [
            {
                "type": "web_search",
                "filters": {"search_domain_filter": ["a.com"], "search_recency_filter": "month"},
                "max_results": 7,
                "search_context_size": "high",
                "user_location": {"country": "DE"},
            }
        ],
    }
    assert agent_gaps(asked) == ()


def test_all_dates_are_filters_of_the_agents_search() -> None:
    names = [name for name in FULL if name.endswith("_date_filter") or name.startswith("last_updated")]
    asked = Request("Why?", **{name: FULL[name] for name in names})
    assert agent_body(asked)["tools"] == [
        {"type": "web_search", "filters": {name: asked.to_json()[name] for name in names}}
    ]
    assert len(names) == 4


def test_an_agents_model_takes_the_place_of_the_effort_and_searches() -> None:
    body = agent_body(Request("Why?", model="openai/gpt-5"))
    assert (body["model"], body.get("effort")) == ("openai/gpt-5", None)
    assert body["tools"] == [{"type": "web_search"}]
    both = agent_body(Request("Why?", model="openai/gpt-5", effort="low"))
    assert (both["model"], both["effort"], both.get("tools")) == ("openai/gpt-5", "low", None)
    assert agent_body(Request("Why?", model="sonar-deep-research")) == agent_body(Request("Why?"))


def test_a_conversation_becomes_the_agents_input() -> None:
    asked = Request(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One?"},
            {"role": "assistant", "content": "One."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Two?"},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                    {"type": "image_url", "image_url": "https://example.org/b.png"},
                ],
            },
        ]
    )
    body = agent_body(asked)
    assert body["instructions"] == "Be brief."
    assert body["input"] == [
        {"type": "message", "role": "user", "content": "One?"},
        {"type": "message", "role": "assistant", "content": "One."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Two?"},
                {"type": "input_image", "image_url": "https://example.org/a.png"},
                {"type": "input_image", "image_url": "https://example.org/b.png"},
            ],
        },
    ]
    assert agent_gaps(asked) == ()
    assert agent_body(Request("Why?", system_prompt="Be brief."))["instructions"] == "Be brief."


def test_what_the_agent_lacks_is_named() -> None:
    assert agent_gaps(Request(**FULL)) == (
        "search_mode",
        "search_language_filter",
        "image_domain_filter",
        "image_format_filter",
        "web_search_options.search_type",
        "web_search_options.image_results_enhanced_relevance",
        "enable_search_classifier",
        "return_images",
        "return_related_questions",
        "webhook_url",
        "extra.country",
        "extra.stop",
        "extra._inputs",
    )


@pytest.mark.parametrize(
    ("fields", "gaps"),
    [
        ({"model": "sonar-pro"}, ("model",)),
        ({"model": "some-gateway-model"}, ("model",)),
        ({"model": "sonar-deep-research"}, ()),
        ({"model": "openai/gpt-5"}, ()),
        ({"search_mode": "web"}, ()),
        ({"search_mode": "sec"}, ("search_mode",)),
        ({"response_format": {"type": "regex", "regex": {"regex": "a"}}}, ("response_format",)),
        ({"response_format": {"type": "text"}}, ()),
        ({"return_images": False, "disable_search": False, "extra": {"stream": False}}, ()),
        ({"disable_search": True}, ("disable_search",)),
        ({"take": 2, "backend": "auto"}, ()),
        ({"web_search_options": {"image_results_enhanced_relevance": False}}, ()),
    ],
)
def test_gaps(fields: dict[str, Any], gaps: tuple[str, ...]) -> None:
    assert agent_gaps(Request("Why?", **fields)) == gaps


@pytest.mark.parametrize("kind", ["file_url", "pdf_url", "video_url"])
def test_attachments_are_a_gap(kind: str) -> None:
    parts = [{"type": "text", "text": "Why?"}, {"type": kind, kind: {"url": "https://example.org/a"}}]
    assert agent_gaps(Request(messages=[{"role": "user", "content": parts}])) == ("messages",)


def test_tool_messages_are_a_gap() -> None:
    talk: list[dict[str, Any]] = [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function"}]},
        {"role": "tool", "content": "42", "tool_call_id": "1"},
        {"role": "user", "content": "And?"},
    ]
    assert agent_gaps(Request(messages=talk)) == ("messages",)


def test_the_agent_never_gets_a_field_it_does_not_know() -> None:
    """The names are those of the service's own Python package."""
    known = {
        "input", "background", "store", "instructions", "language_preference", "max_output_tokens", "max_steps",
        "model", "reasoning", "response_format", "tools", "effort",
    }  # fmt: skip
    full = FULL | {"backend": "auto", "max_steps": 3, "effort": "low"}
    assert set(agent_body(Request(**full))) <= known
    assert "text" not in json.dumps(agent_body(Request("Why?", response_format={"type": "text"})))


def test_which_fields_are_the_agents_own() -> None:
    assert agent_only(Request("Why?")) == ()
    asked = Request("Why?", model="openai/gpt-5", effort="low", max_steps=3, instructions="Be brief.")
    assert agent_only(asked) == ("model", "effort", "instructions", "max_steps")


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({}, "sonar"),
        ({"search_mode": "academic"}, "sonar"),
        ({"reasoning_effort": "high"}, "sonar"),
        ({"effort": "high"}, "agent"),
        ({"model": "openai/gpt-5"}, "agent"),
        ({"backend": "agent"}, "agent"),
        ({"backend": "agent", "effort": "low"}, "agent"),
        ({"backend": "sonar", "search_mode": "academic"}, "sonar"),
    ],
)
def test_which_api_is_asked_first(fields: dict[str, Any], choice: str) -> None:
    assert first_choice(Request("Why?", **fields)) == choice


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (
            {"effort": "high", "search_mode": "academic", "return_images": True},
            "effort is for the agent API alone, search_mode and return_images for the sonar API alone; remove one side. Nothing was sent.",
        ),
        (
            {"backend": "agent", "search_mode": "academic", "return_images": True},
            "search_mode and return_images are not in the agent API; remove them or set backend to auto or sonar. Nothing was sent.",
        ),
        (
            {"backend": "sonar", "max_steps": 3},
            "max_steps is not in the sonar API; remove it or set backend to auto or agent. Nothing was sent.",
        ),
        ({"backend": "sonar", "model": "openai/gpt-5"}, "model is not in the sonar API"),
        ({"backend": "agent", "model": "sonar-pro"}, "model is not in the agent API"),
    ],
)
def test_what_no_api_can_do_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestError) as caught:
        first_choice(Request("Why?", **fields))
    assert str(caught.value).startswith(says)
    assert caught.value.field == says.split(maxsplit=1)[0]
