from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from pplx_jupyter.simulator import SHAPES
from pplx_jupyter.simulator.sonar_checks import _SONAR

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def document(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        (shared / "spec/async-chat-completions-post.openapi.yaml").read_text()
    )
    return found


def validator(document: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("shape", ["", *sorted(SHAPES)])
def test_replies_conform(quick: Any, document: dict[str, Any], shape: str) -> None:
    check = validator(document, "AsyncApiChatCompletionsResponse")
    posted = quick.post_sonar(f"A question shape:{shape}", return_images=True).json()
    check.validate(posted)
    done = quick.get_sonar(posted["id"])
    assert done["status"] == "COMPLETED"
    check.validate(done)


def test_other_states_conform(still: Any, document: dict[str, Any]) -> None:
    check = validator(document, "AsyncApiChatCompletionsResponse")
    ids = [still.post_sonar(f"outcome:{word}").json()["id"] for word in ("failed", "incomplete", "stuck")]
    for seconds in (50, 1000):
        still.sim.advance(seconds)
        for run_id in ids:
            check.validate(still.get_sonar(run_id))


def test_a_validation_error_conforms(quick: Any, document: dict[str, Any]) -> None:
    reply = quick.post_sonar("x", n=99, search_mode="deep")
    assert reply.status_code == 422
    validator(document, "HTTPValidationError").validate(reply.json())
    assert len(reply.json()["detail"]) == 2


def test_all_fields_of_the_document_are_known(document: dict[str, Any]) -> None:
    fields = set(document["components"]["schemas"]["ApiChatCompletionsRequest"]["properties"])
    # Checked by code of their own, or of any type.
    assert fields - set(_SONAR) == {"model", "messages", "stop", "_inputs"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"search_mode": "sec", "num_search_results": 5, "safe_search": False, "country": None},
        {"search_mode": "maths"},
        {"max_tokens": 0},
        {"n": 11},
        {"n": 1.5},
        {"num_images": None},
        {"stream_mode": None},
        {"tool_choice": "never"},
        {"latitude": "north"},
        {"search_domain_filter": [1]},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "text"}},
        {"web_search_options": {"search_context_size": "huge"}},
        {"web_search_options": None},
        {"messages": [{"role": "owner", "content": "x"}]},
        {"messages": [{"role": "user"}]},
        {"messages": "x"},
        {"model": None},
    ],
)
def test_the_same_requests_are_valid(quick: Any, document: dict[str, Any], fields: dict[str, Any]) -> None:
    request = {"model": "sonar", "messages": [{"role": "user", "content": "x"}], **fields}
    allowed = validator(document, "AsyncApiChatCompletionsRequest").is_valid({"request": request})
    reply = quick.http.post("/v1/async/sonar", json={"request": request})
    assert reply.status_code == (200 if allowed else 422), reply.text
