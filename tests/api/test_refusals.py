from __future__ import annotations

import email.utils
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.api.refusals import fields_of, kind_of, retry_after, said, type_of
from pplx_jupyter.api.wire import Reply

RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "recorded"
NOW = 1_790_000_000.0


def reply(status: int, body: Any = None, *, text: str | None = None, **headers: str) -> Reply:
    given = json.dumps(body) if text is None else text
    return Reply(status, {k.replace("_", "-"): v for k, v in headers.items()}, given, body, text is None)


def error(kind: str, message: str = "no", code: Any = 400) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, error("invalid_api_key"), "unauthorized"),
        (403, error("chat_completions_not_available"), "retired"),
        (403, error("agent_api_migration_required"), "retired"),
        (403, error("forbidden"), "forbidden"),
        (403, None, "forbidden"),
        (401, error("chat_completions_not_available"), "unauthorized"),
        (400, error("invalid_request"), "invalid"),
        (422, {"detail": []}, "invalid"),
        (404, error("not_found"), "not_found"),
        (409, error("conflict"), "invalid"),
        (413, None, "invalid"),
        (429, error("rate_limit_exceeded"), "rate_limited"),
        (408, None, "server"),
        (425, None, "server"),
        (500, None, "server"),
        (503, error("internal_server_error"), "server"),
        (524, None, "server"),
    ],
)
def test_kinds(status: int, body: Any, kind: str) -> None:
    assert kind_of(reply(status, body)) == kind


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded bodies are not here")
@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("error_403_sonar_retired_async_get_2026-10", "retired", "Sonar is now the Agent API"),
        ("error_401_invalid_api_key", "unauthorized", "Invalid API key provided"),
        ("error_400_too_many_prompt_tokens", "invalid", "The total length"),
        ("error_404_agent_get_not_stored", "not_found", "resource not found"),
    ],
)
def test_recorded_refusals(name: str, kind: str, words: str) -> None:
    body = json.loads((RECORDED / f"{name}.json").read_text())
    found = reply(body["error"]["code"], body)
    assert kind_of(found) == kind
    assert said(found).startswith(words)
    assert type_of(body) == body["error"]["type"]


def test_a_422_names_its_fields() -> None:
    detail = [
        {"loc": ["body", "request", "max_tokens"], "msg": "must be at least 1", "type": "greater_than"},
        {"loc": ["body", "request", "messages", 0, "content"], "msg": "missing", "type": "missing"},
        "odd",
        {"msg": "no place"},
    ]
    found = reply(422, {"detail": detail})
    assert fields_of(found.body) == ["max_tokens", "messages.0.content"]
    assert said(found) == "max_tokens: must be at least 1; messages.0.content: missing; odd; no place"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "plain"}, "plain"),
        ({"message": "m"}, "m"),
        ({"detail": "d"}, "d"),
        ({"error_message": "e"}, "e"),
        ({"failed_reason": "f"}, "f"),
        ({"error": {"message": 5}}, '{"error": {"message": 5}}'),
        ([1, 2], "[1, 2]"),
        ("text", '"text"'),
    ],
)
def test_the_servers_words_wherever_they_stand(body: Any, words: str) -> None:
    assert said(reply(400, body)) == words


def test_a_proxys_page_is_its_title() -> None:
    page = "<html><head><title>524: A timeout\n occurred &amp; more</title></head><body>" + "x" * 9000
    assert said(reply(524, text=page)) == "524: A timeout occurred & more"
    assert said(reply(502, text="<h1>Bad</h1><p>gateway</p>")) == "Bad gateway"
    assert said(reply(502, text="")) == ""


def test_words_are_short_and_without_keys() -> None:
    key = "pplx-" + "a1" * 20
    assert key not in said(reply(401, error("x", f"bad key {key}")))
    assert len(said(reply(400, error("x", "y" * 10_000)))) == 500
    assert key not in type_of(error(key))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "12"}, 12.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after": " 3 "}, 3.0),
        ({"retry_after": "-5"}, 0.0),
        ({"retry_after": email.utils.formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry_after": email.utils.formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"x_ratelimit_reset": str(int(NOW + 9))}, 9.0),
        ({"retry_after": "2", "x_ratelimit_reset": str(int(NOW + 9))}, 2.0),
        ({"retry_after": "soon", "x_ratelimit_reset": str(int(NOW + 9))}, 9.0),
        ({}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "1e400"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "-1000000"}, None),
        ({"retry_after": "99999999"}, None),
        ({"retry_after": "Fri, 31 Dec 9999 23:59:59 GMT"}, None),
        ({"retry_after": "Mon, 01 Jan 0001 00:00:00 -0000"}, None),
        ({"x_ratelimit_reset": "12"}, None),
        ({"x_ratelimit_reset": "nan"}, None),
        ({"x_ratelimit_reset": "1e99"}, None),
    ],
)
def test_when_to_come_again(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(reply(429, None, **headers).headers, NOW) == seconds


@given(st.text(), st.text())
def test_any_header_gives_none_or_a_sane_wait(first: str, second: str) -> None:
    wait = retry_after({"retry-after": first, "x-ratelimit-reset": second}, NOW)
    assert wait is None or (0 <= wait <= 86_400 and math.isfinite(wait))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "message", "type", "detail", "loc", "msg"]) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.integers(300, 599))
def test_no_body_makes_the_reading_fail(body: Any, status: int) -> None:
    found = reply(status, body)
    assert kind_of(found)
    assert len(said(found)) <= 500
    assert isinstance(type_of(body), str)
    assert all(isinstance(name, str) for name in fields_of(body))
