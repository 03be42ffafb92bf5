"""Bodies recorded from the service are read right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.reading import read_answer, read_progress, read_status

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer

Recorded = Callable[[str], Any]
FOLDER = Path(__file__).parents[3] / "shared" / "recorded"


@pytest.fixture
def recorded() -> Recorded:
    """Give a function that reads one of the bodies recorded from the service."""
    if not FOLDER.is_dir():
        pytest.skip(f"the recorded bodies are not at {FOLDER}")

    def read(name: str) -> Any:
        return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))

    return read


def markers(answer: Answer) -> set[int]:
    return {int(number) for number in re.findall(r"\[(?:web:)?(\d+)\]", answer.text)}


@pytest.mark.parametrize(
    "case",
    [
        ("sonar_2026-06_short_nonseq_citation", "**2 + 2 = 4**.[3]", 4, {3}, 0.00502),
        ("sonar_2026-06_markdown_list", "**Ruby** is a", 6, {1, 2, 3, 4}, 0.00519),
        ("sonar-reasoning-pro_2026-06_no_think_tag", "You ask the mirror", 5, set(), 0.00995),
        ("sonar_2026-08_json_schema_20results_place_metadata", '{"result":8}', 20, set(), None),
        (
            "vercel_sonar_2026_citations_no_search_results_no_cost",
            "The most recent",
            7,
            {1, 2, 3, 5, 6, 7},
            None,
        ),
    ],
)
@pytest.mark.parametrize("enveloped", [False, True])
def test_sonar(
    recorded: Recorded, enveloped: bool, case: tuple[str, str, int, set[int], float | None]
) -> None:
    name, starts, sources, named, total = case
    body = completion = recorded(name)
    if enveloped:
        body = {
            "id": "async-1",
            "model": "sonar",
            "created_at": 1,
            "status": "COMPLETED",
            "response": completion,
        }
    answer = read_answer(body, "sonar")
    assert answer.understood
    assert answer.text.startswith(starts)
    assert answer.thinking == ""
    assert [source.number for source in answer.sources] == list(range(1, sources + 1))
    assert [source.url for source in answer.sources] == completion["citations"]
    assert markers(answer) == named
    assert all(answer.source(number) for number in named)
    assert answer.usage.input_tokens == completion["usage"]["prompt_tokens"]
    assert answer.usage.output_tokens == completion["usage"]["completion_tokens"]
    expected = total if total is not None else completion["usage"].get("cost", {}).get("total_cost")
    assert answer.cost.total == expected
    assert not answer.cost.estimated
    assert answer.model == completion["model"]
    assert answer.incomplete is None
    assert answer.raw is body
    assert read_status(body, "sonar").state == "completed"
    titles = [result["title"] for result in completion.get("search_results", [])]
    assert not titles or [source.title for source in answer.sources] == titles


def test_agent_completed(recorded: Recorded) -> None:
    body = recorded("agent_background_completed_fast")
    answer = read_answer(body, "agent")
    assert answer.text.startswith("Python 3.14.8, released")
    assert markers(answer) == {1, 3}
    found = answer.source(3)
    assert found is not None
    assert found.url == "https://www.python.org/downloads/"
    assert found.date == "2026-06-10"
    assert answer.usage.input_tokens == 3426
    assert answer.usage.reasoning_tokens == 0
    assert answer.usage.search_queries == 1
    assert answer.cost.total == 0.00105
    assert answer.cost.items == {"cache_read": 3e-05, "input": 0.0, "output": 2e-05, "tool_calls": 0.001}
    assert answer.searches[0].text == "What is the current stable version of Python? One sentence."
    assert answer.searches[0].results == len(answer.sources)
    progress = read_progress(body, "agent")
    assert (progress.searches, progress.sources) == (1, len(answer.sources))
    assert read_status(body, "agent").state == "completed"


def test_agent_queued(recorded: Recorded) -> None:
    body = recorded("agent_background_queued_medium")
    status = read_status(body, "agent")
    assert (status.remote_status, status.state) == ("queued", "queued")
    assert status.remote_id == "resp_d60f3e03-57e0-4048-994f-69b29a6d2ce7"
    assert read_answer(body, "agent").cost.total is None
    assert read_progress(body, "agent").latest == ""


def test_agent_without_sources(recorded: Recorded) -> None:
    answer = read_answer(recorded("agent_completed_no_tools_no_sources"), "agent")
    assert answer.text.startswith("I can’t reliably")
    assert answer.sources == ()
    assert answer.usage.reasoning_tokens == 394
    assert answer.cost.total == 0.00021


def test_agent_incomplete(recorded: Recorded) -> None:
    body = recorded("agent_incomplete_max_output_tokens")
    answer = read_answer(body, "agent")
    assert (answer.text, answer.incomplete, answer.understood) == ("", "max_output_tokens", True)
    assert answer.cost.total == 1e-05
    assert read_status(body, "agent").state == "incomplete"


def test_agent_cancelling(recorded: Recorded) -> None:
    status = read_status(recorded("agent_cancel_accepted"), "agent")
    assert (status.remote_status, status.state) == ("cancelling", "running")
    assert status.remote_id == "resp_5e673b76-3ae9-4a96-abd8-46a85b8108df"


@pytest.mark.parametrize(
    ("name", "code", "type_"),
    [
        ("error_403_sonar_retired_async_get_2026-10", "403", "chat_completions_not_available"),
        ("error_404_agent_get_not_stored", "404", "not_found"),
        ("error_401_invalid_api_key", "401", "invalid_api_key"),
        ("error_400_agent_bad_recency", "400", "invalid_request"),
    ],
)
def test_errors(recorded: Recorded, name: str, code: str, type_: str) -> None:
    body = recorded(name)
    for backend in ("sonar", "agent"):
        status = read_status(body, backend)
        assert (status.message, status.code, status.type) == (body["error"]["message"], code, type_)
        assert not read_answer(body, backend).understood


def test_every_recorded_body_is_read(recorded: Recorded) -> None:
    names = sorted(FOLDER.glob("*.json"))
    assert names
    for path in names:
        body = recorded(path.stem)
        for backend in ("sonar", "agent"):
            read_status(body, backend)
            read_progress(body, backend)
            assert read_answer(body, backend).raw is body
