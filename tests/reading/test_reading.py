from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.answer import Image, Search, Source, Usage
from pplx_jupyter.reading import Progress, read_answer, read_cut_id, read_progress, read_status
from pplx_jupyter.request import Request

KEYS = ["id", "status", "response", "choices", "message", "content", "text", "citations", "search_results", "url", "title", "date", "usage", "cost", "total_cost", "input_cost", "output", "results", "contents", "queries", "type", "images", "image_url", "related_questions", "error", "code", "finish_reason", "incomplete_details", "reason", "requests", "metadata", "simulated", "model", "prompt_tokens", "tool_calls_details", "search_web", "invocation"]  # fmt: skip
WORDS = [
    "COMPLETED",
    "message",
    "search_results",
    "fetch_url_results",
    "reasoning",
    "<think>x",
    "https://a.example/",
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(WORDS)
    | st.just("\ud800")
)
bodies = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=40,
)
shaped = st.fixed_dictionaries(
    {},
    optional={
        "status": scalars,
        "choices": st.lists(st.fixed_dictionaries({"message": st.fixed_dictionaries({"content": bodies})})),
        "citations": bodies,
        "search_results": st.lists(st.fixed_dictionaries({"url": scalars, "id": scalars})),
        "output": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(WORDS), "results": bodies, "queries": bodies, "content": bodies}
            )
        ),
        "usage": st.fixed_dictionaries(
            {"cost": bodies, "prompt_tokens": scalars, "completion_tokens": scalars}
        ),
        "model": scalars,
    },
)


def completion(content: Any = "The text.[1]", **rest: Any) -> dict[str, Any]:
    return {
        "id": "c-1",
        "model": "sonar-deep-research",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        ],
    } | rest


def run(*items: Any, **rest: Any) -> dict[str, Any]:
    return {"id": "resp_1", "status": "completed", "model": "openai/gpt-5", "output": list(items)} | rest


def message(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def pages(*ids: Any) -> list[dict[str, Any]]:
    return [{"id": id_, "url": f"https://example.org/{id_}", "title": f"Page {id_}"} for id_ in ids]


def test_the_documented_envelope_is_read_whole() -> None:
    """The shape of the service's reference page, every field filled."""
    page = {
        "title": "Prices",
        "url": "https://a.example/prices",
        "date": "2026-01-02",
        "last_updated": "2026-02-03",
        "snippet": "Up.",
        "source": "web",
    }
    cost = {
        "input_tokens_cost": 0.01,
        "output_tokens_cost": 0.2,
        "total_cost": 0.8216,
        "reasoning_tokens_cost": 0.4296,
        "request_cost": 0,
        "citation_tokens_cost": 0.082,
        "search_queries_cost": 0.1,
    }
    usage = {
        "prompt_tokens": 1,
        "completion_tokens": 2,
        "total_tokens": 3,
        "cost": cost,
        "search_context_size": "low",
        "citation_tokens": 4,
        "num_search_queries": 5,
        "reasoning_tokens": 6,
    }
    body = {
        "id": "async-1",
        "model": "sonar-deep-research",
        "created_at": 1,
        "status": "COMPLETED",
        "started_at": 2,
        "completed_at": 3,
        "response": completion(
            "<think>First.</think>\n\n# Prices\n\nThey rose.[1][2]",
            usage=usage,
            citations=[page["url"]],
            search_results=[page],
            images=[{"image_url": "https://a.example/i.png", "width": 1, "height": 2}],
            related_questions=["Why?"],
        ),
        "failed_at": None,
        "error_message": None,
    }
    answer = read_answer(json.loads(json.dumps(body)), "sonar")
    assert answer.text == "# Prices\n\nThey rose.[1][2]"
    assert answer.thinking == "First."
    assert answer.sources == (
        Source(1, "https://a.example/prices", "Prices", "2026-01-02", "2026-02-03", "Up."),
    )
    assert answer.source(2) is None
    assert answer.usage == Usage(1, 2, 3, 4, 6, 5)
    assert answer.cost.total == 0.8216
    assert list(answer.cost.items) == [name.removesuffix("_cost") for name in cost if name != "total_cost"]
    assert answer.cost.items["reasoning_tokens"] == 0.4296
    assert (answer.images[0].width, answer.related_questions) == (1, ("Why?",))
    status = read_status(body, "sonar")
    assert (status.remote_id, status.state, status.message) == ("async-1", "completed", "")


@given(bodies | shaped, st.sampled_from(["sonar", "agent", "other"]))
def test_no_body_raises(body: Any, backend: str) -> None:
    answer = read_answer(body, backend, Request("Why?"))
    assert answer.raw is body
    status, progress = read_status(body, backend), read_progress(body, backend)
    assert status.state in {"queued", "running", "completed", "incomplete", "failed", "cancelled"}
    assert progress.sources >= 0
    assert answer.cost.total is None or 0 <= answer.cost.total <= 10**6 * max(1, len(answer.cost.items))
    numbers = [source.number for source in answer.sources]
    assert len(numbers) == len(set(numbers))
    assert all(number > 0 for number in numbers)
    for text in (answer.text, answer.thinking, answer.model, status.message, progress.latest):
        text.encode()


@pytest.mark.parametrize(
    ("content", "text", "thinking"),
    [
        ("<think>I weigh.\n</think>\n\nSo it is.", "So it is.", "I weigh."),
        ('\n <think>a</think>{"result": 8}', '{"result": 8}', "a"),
        ("<think></think>So.", "So.", ""),
        ("<think>never closed, So.", "never closed, So.", ""),
        ("So. <think>later</think> it is", "So. <think>later</think> it is", ""),
        ("<think>a</think>b</think>c", "b</think>c", "a"),
        ([{"type": "text", "text": "<think>a</think>One"}, {"type": "text", "text": " two"}], "One two", "a"),
        (["One", {"type": "image_url", "image_url": "x"}], "One", ""),
        (None, "", ""),
        ("one\ud83d\ude00 half \ud83d", "one😀 half \ufffd", ""),
    ],
)
def test_text_and_thinking(content: Any, text: str, thinking: str) -> None:
    answer = read_answer(completion(content), "sonar")
    assert (answer.text, answer.thinking, answer.understood) == (text, thinking, True)


@pytest.mark.parametrize(
    "body", [None, 3, "gone", [], {}, {"status": "COMPLETED", "response": None}, {"choices": "x"}]
)
@pytest.mark.parametrize("backend", ["sonar", "agent"])
def test_what_is_not_understood_is_kept(body: Any, backend: str) -> None:
    answer = read_answer(body, backend)
    assert (answer.understood, answer.text, answer.raw) == (False, "", body)


def test_a_delta_is_read_where_the_message_is_empty() -> None:
    body = {"choices": [{"message": {"content": ""}, "delta": {"content": "So."}}]}
    assert read_answer(body, "sonar").text == "So."


def numbered(body: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(source.number, source.url, source.title) for source in read_answer(body, "sonar").sources]


def test_citations_come_first_and_find_their_titles_by_address() -> None:
    body = completion(
        citations=["https://b.example/x/", "https://a.example", "https://a.example"],
        search_results=[
            {"url": "https://a.example", "title": "A"},
            {"url": "http://www.b.example/x", "title": "B"},
            {"url": "https://c.example", "title": "C"},
        ],
    )
    assert numbered(body) == [
        (1, "https://b.example/x/", "B"),
        (2, "https://a.example", "A"),
        (3, "https://a.example", "A"),
        (4, "https://c.example", "C"),
    ]


def test_more_citations_than_results() -> None:
    body = completion(
        citations=["https://a.example", "https://b.example"],
        search_results=[{"url": "https://b.example", "title": "B"}],
    )
    assert numbered(body) == [(1, "https://a.example", ""), (2, "https://b.example", "B")]


@pytest.mark.parametrize("citations", [None, [], "x"])
def test_results_alone_are_numbered_by_their_place(citations: Any) -> None:
    results = [
        {"url": "https://a.example", "title": "A"},
        {"title": "no address"},
        {"url": "https://a.example"},
    ]
    body = completion(citations=citations, search_results=results)
    assert numbered(body) == [(1, "https://a.example", "A"), (3, "https://a.example", "")]


def test_a_broken_citation_keeps_its_place() -> None:
    results = [{"url": "https://a.example", "title": "A"}]
    assert numbered(
        completion(citations=[None, {"url": "https://b.example", "title": "B"}, 3], search_results=results)
    ) == [
        (1, "https://a.example", "A"),
        (2, "https://b.example", "B"),
    ]


def test_missing_metadata_is_none() -> None:
    body = completion(
        search_results=[{"url": " https://a.example ", "date": None, "snippet": "x\ufffd", "title": None}]
    )
    (source,) = read_answer(body, "sonar").sources
    assert (source.url, source.date, source.last_updated, source.title, source.snippet) == (
        "https://a.example",
        None,
        None,
        "",
        "x\ufffd",
    )


def test_agent_sources_are_numbered_by_their_ids() -> None:
    body = run(
        {"type": "search_results", "queries": ["one"], "results": pages(11, 12)},
        {"type": "search_results", "queries": ["two"], "results": pages(1, "web:2", 11)},
        {"type": "fetch_url_results", "contents": [{"url": "https://example.org/1"}, {"url": "https://new.example", "title": "New"}]},
        message("First.[web:2]"),
        message("Second.[11]"),
    )  # fmt: skip
    answer = read_answer(body, "agent")
    assert [(source.number, source.url) for source in answer.sources] == [
        (11, "https://example.org/11"),
        (12, "https://example.org/12"),
        (1, "https://example.org/1"),
        (2, "https://example.org/web:2"),
        (13, "https://new.example"),
    ]
    assert answer.text == "First.[web:2]\n\nSecond.[11]"


def test_two_pages_of_one_id_are_both_kept() -> None:
    body = run(
        {"type": "search_results", "results": [{"id": 1, "url": "https://a.example"}]},
        {"type": "search_results", "results": [{"id": 1, "url": "https://b.example"}, {"id": True, "url": "https://c.example"}]},
    )  # fmt: skip
    sources = read_answer(body, "agent").sources
    assert [(source.number, source.url[8]) for source in sources] == [(1, "a"), (2, "b"), (3, "c")]


def test_progress_tells_the_steps() -> None:
    body = run(
        {"type": "search_results", "queries": ["one", "two"], "results": pages(1, 2, 3)},
        {"type": "search_results", "results": []},
        {"type": "fetch_url_results", "contents": [{"url": "https://example.org/1"}, {"url": None}]},
        status="in_progress",
        usage=None,
    )
    assert read_progress(body, "agent") == Progress(
        searches=3,
        sources=3,
        latest="Reading: https://example.org/1",
        steps=(
            Search("searched", "one"),
            Search("searched", "two"),
            Search("searched", "", 0),
            Search("read", "https://example.org/1"),
        ),
    )
    assert read_answer(body, "agent").searches == read_progress(body, "agent").steps
    body["output"] = body["output"][:1]
    assert read_progress(body, "agent").latest == "Searching: “two”"
    assert read_progress(completion(), "sonar") == Progress()


def test_images_and_related_questions() -> None:
    image = {
        "image_url": "https://a.example/i.png",
        "origin_url": "https://a.example",
        "title": "I",
        "width": 3,
        "height": -1,
    }
    body = completion(
        images=[image, "https://b.example/j.png", {"title": "none"}], related_questions=["More?", "", 3]
    )
    answer = read_answer(body, "sonar")
    assert answer.images == (
        Image("https://a.example/i.png", "https://a.example", "I", 3, None),
        Image("https://b.example/j.png"),
    )
    assert answer.related_questions == ("More?",)
    found = run({"type": "image_search_results", "results": [image]})
    assert read_answer(found, "agent").images == (answer.images[0],)


def test_agent_reasoning_is_thinking() -> None:
    body = run(
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "I weigh."}]}, message("So.")
    )
    assert (read_answer(body, "agent").thinking, read_answer(body, "agent").text) == ("I weigh.", "So.")


@pytest.mark.parametrize(
    ("body", "backend", "reason", "state"),
    [
        (run(status="incomplete", incomplete_details={"reason": "max_output_tokens"}), "agent", "max_output_tokens", "incomplete"),
        (run(status="incomplete"), "agent", "no reason given", "incomplete"),
        (run(message("So.")), "agent", None, "completed"),
        (completion(), "sonar", None, "completed"),
        (completion(choices=[{"message": {"content": "So"}, "finish_reason": "length"}]), "sonar", "max_tokens", "completed"),
        ({"status": "COMPLETED", "response": {"choices": [{"message": {"content": "So"}, "finish_reason": "length"}]}}, "sonar", "max_tokens", "incomplete"),
    ],
)  # fmt: skip
def test_why_an_answer_ends_early(body: Any, backend: str, reason: str | None, state: str) -> None:
    assert read_answer(body, backend).incomplete == reason
    expected = "incomplete" if reason else state
    assert read_status(body, backend).state == expected


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("CREATED", "queued"),
        ("QUEUED", "queued"),
        ("IN_PROGRESS", "running"),
        ("COMPLETED", "completed"),
        ("FAILED", "failed"),
        ("queued", "queued"),
        ("in_progress", "running"),
        ("requires_action", "failed"),
        ("completed", "completed"),
        ("incomplete", "incomplete"),
        ("failed", "failed"),
        ("cancelled", "cancelled"),
        ("cancelling", "running"),
        ("RUMINATING", "running"),
        (None, "running"),
        (7, "running"),
    ],
)
def test_the_services_words_for_a_state(word: Any, state: str) -> None:
    for backend in ("sonar", "agent"):
        status = read_status({"id": "1", "status": word}, backend)
        assert (status.state, status.remote_id) == (state, "1")
        assert status.remote_status == (word if isinstance(word, str) else "")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"error_message": "Out of pages"}, ("Out of pages", "", "")),
        ({"failed_reason": "Out of pages"}, ("Out of pages", "", "")),
        ({"error": {"message": "No", "code": "rate", "type": "limit"}}, ("No", "rate", "limit")),
        ({"error": {"message": "No", "code": 429, "type": None}}, ("No", "429", "")),
        ({"error": "No"}, ("No", "", "")),
        ({"error": None}, ("", "", "")),
    ],
)
def test_the_services_words_for_a_failure(body: dict[str, Any], told: tuple[str, str, str]) -> None:
    status = read_status({"id": "1", "status": "FAILED"} | body, "sonar")
    assert (status.message, status.code, status.type) == told
    assert status.state == "failed"


@pytest.mark.parametrize("key", ["id", "request_id", "response_id", "job_id"])
def test_the_id_has_several_names(key: str) -> None:
    assert read_status({key: "a", "status": "QUEUED"}, "sonar").remote_id == "a"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"id":"resp_1","status":"que', "resp_1"),
        ('  {"object" : "response", "created": 1.5, "error": null,\n "id": "a\\u0062c", "x', "abc"),
        ('{"id":"resp_1', ""),
        ('{"output":[{"id":"msg_1"}],"id":"resp_1"}', ""),
        ('{"note":"\\"id\\":\\"x\\"", "id":"y"', "y"),
        ('[{"id":"a"}]', ""),
        ("<html>", ""),
        ("", ""),
    ],
)
def test_an_id_is_read_from_the_beginning_of_a_body(text: str, found: str) -> None:
    assert read_cut_id(text) == found


@given(st.text() | st.text(alphabet='{}[]":,\\id\n1'))
def test_no_beginning_raises(text: str) -> None:
    assert isinstance(read_cut_id('{"id":"' + text) + read_cut_id(text), str)


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"requests": rows}])
def test_a_list_is_searched_for_the_id(wrap: Any) -> None:
    rows = [
        {"id": "a", "status": "QUEUED"},
        {"request_id": "b", "status": "COMPLETED", "response": completion("So.")},
        "junk",
    ]
    assert read_status(wrap(rows), "sonar", id="b").state == "completed"
    assert read_answer(wrap(rows), "sonar", id="b").text == "So."
    assert read_status(wrap(rows), "sonar", id="c").remote_status == ""
    assert read_status(wrap(rows), "sonar").remote_status == ""
    assert read_status(wrap(rows[:1]), "sonar").state == "queued"
    assert read_status(wrap(rows[:1]), "sonar", id="z").remote_status == ""
    assert read_status(wrap([{"status": "FAILED"}]), "sonar", id="z").state == "failed"


@pytest.mark.parametrize(
    "mark", [{"simulated": True}, {"metadata": {"simulated": "true"}}, {"metadata": {"simulated": True}}]
)
def test_the_simulators_bodies_are_marked(mark: dict[str, Any]) -> None:
    for body, backend in (
        (completion(**mark), "sonar"),
        ({"status": "COMPLETED", "response": completion(), **mark}, "sonar"),
        ({"status": "COMPLETED", "response": completion(**mark)}, "sonar"),
        (run(message("So."), **mark), "agent"),
    ):
        assert read_answer(body, backend).simulated
        assert read_status(body, backend).simulated
    assert not read_answer(completion(metadata={}, simulated="no"), "sonar").simulated


USAGE = {"prompt_tokens": 1_000_000, "completion_tokens": 100_000, "citation_tokens": 50_000, "reasoning_tokens": 200_000, "num_search_queries": 20}  # fmt: skip
ESTIMATE = 2.0 + 0.8 + 0.1 + 0.6 + 0.1


@pytest.mark.parametrize(
    ("cost", "total", "items", "estimated"),
    [
        ({"total_cost": 0.82, "input_tokens_cost": 0.1, "request_cost": None, "x": 3}, 0.82, {"input_tokens": 0.1}, False),
        ({"total_cost": 0, "output_tokens_cost": 0}, 0.0, {"output_tokens": 0.0}, False),
        ({"total_cost": None, "input_tokens_cost": 0.1, "output_tokens_cost": 0.2}, 0.3, {"input_tokens": 0.1, "output_tokens": 0.2}, True),
        ({"currency": "USD", "total_cost": 0.5}, 0.5, {}, False),
        ({"currency": "EUR", "total_cost": 0.5}, None, {}, False),
        (0.37, 0.37, {}, False),
        (1, 1.0, {}, False),
        (None, ESTIMATE, {}, True),
        ({}, ESTIMATE, {}, True),
        ({"total_cost": float("nan")}, ESTIMATE, {}, True),
        ({"total_cost": float("inf")}, ESTIMATE, {}, True),
        ({"total_cost": -1}, ESTIMATE, {}, True),
        ({"total_cost": True}, ESTIMATE, {}, True),
        ({"total_cost": 10**400}, ESTIMATE, {}, True),
        ({"total_cost": "0.5", "input_tokens_cost": "0.1"}, 0.5, {"input_tokens": 0.1}, False),
        ("0.5", 0.5, {}, False),
        ("nan", ESTIMATE, {}, True),
        ("free", ESTIMATE, {}, True),
        (-3, ESTIMATE, {}, True),
    ],
)  # fmt: skip
def test_cost(cost: Any, total: float | None, items: dict[str, float], estimated: bool) -> None:
    read = read_answer(completion(usage=USAGE | {"cost": cost}), "sonar").cost
    assert read.total == pytest.approx(total)
    assert (read.items, read.estimated) == (items, estimated)


def test_a_cost_is_estimated_for_the_one_known_price_alone() -> None:
    assert read_answer(completion(usage=USAGE, model="sonar-pro"), "sonar").cost.total is None
    assert read_answer(run(usage={"input_tokens": 5, "output_tokens": 5}), "agent").cost.total is None
    body = completion(usage=USAGE, model=None)
    assert read_answer(body, "sonar").cost.total is None
    assert read_answer(body, "sonar", Request("Why?")).cost.total == pytest.approx(ESTIMATE)
    assert read_answer(body, "sonar", Request("Why?", model="sonar")).cost.total is None
    assert read_answer(completion(usage={"prompt_tokens": 5}), "sonar").cost.total is None
    # Reasoning and searches are most of the price.
    short = {name: USAGE[name] for name in ("prompt_tokens", "completion_tokens", "citation_tokens")}
    assert read_answer(completion(usage=short), "sonar").cost.total is None
    assert read_answer(run(status="cancelled", usage=None), "agent", Request("Why?")).cost.total is None


@pytest.mark.parametrize("bad", [None, True, -1, 1.5, float("nan"), float("inf"), 10**400, "12", [3]])
def test_a_count_that_is_no_count_is_none(bad: Any) -> None:
    read = read_answer(completion(usage=dict.fromkeys(USAGE, bad)), "sonar")
    assert read.usage == Usage()
    assert read.cost.total is None


def test_counts_of_both_apis() -> None:
    sonar = read_answer(completion(usage=USAGE | {"total_tokens": 7.0}), "sonar").usage
    assert sonar == Usage(1_000_000, 100_000, 7, 50_000, 200_000, 20)
    agent = read_answer(
        run(
            usage={
                "input_tokens": 5,
                "output_tokens": 6,
                "total_tokens": 11,
                "output_tokens_details": {"reasoning_tokens": 4},
                "tool_calls_details": {"search_web": {"invocation": 3}},
            }
        ),
        "agent",
    ).usage
    assert agent == Usage(5, 6, 11, None, 4, 3)


def test_the_model_is_the_servers_word() -> None:
    assert read_answer({"model": "sonar", "response": completion(model=None)}, "sonar").model == "sonar"
    assert read_answer(run(), "agent", Request("Why?")).model == "openai/gpt-5"
    assert read_answer(run(model=None), "agent", Request("Why?")).model == ""
    assert read_answer({"choices": []}, "sonar", Request("Why?")).model == "sonar-deep-research"


def test_values_stay_as_given_in_raw() -> None:
    body = completion("half \ud83d", strange={"new": [1]})
    before = json.dumps(body)
    assert json.dumps(read_answer(body, "sonar").raw) == before
