from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pplx_jupyter.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


class Caller:
    """Speaks to a simulator as one account."""

    def __init__(self, sim: Simulator, http: httpx.Client) -> None:
        self.sim = sim
        self.http = http

    def post_sonar(self, prompt: str, *, key: str | None = None, **fields: Any) -> httpx.Response:
        messages = [{"role": "user", "content": prompt}]
        body: dict[str, Any] = {"request": {"model": "sonar-deep-research", "messages": messages, **fields}}
        if key is not None:
            body["idempotency_key"] = key
        return self.http.post("/async/chat/completions", json=body)

    def post_agent(self, prompt: str, **fields: Any) -> httpx.Response:
        body = {"input": prompt, "background": True, "store": True, "effort": "high", **fields}
        return self.http.post("/v1/responses", json=body)

    def sonar(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """Submit, and give the body of the next GET."""
        posted = self.post_sonar(prompt, **fields)
        assert posted.status_code == 200, posted.text
        return self.get_sonar(posted.json()["id"])

    def agent(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """Submit, and give the body of the next GET."""
        posted = self.post_agent(prompt, **fields)
        assert posted.status_code == 200, posted.text
        return self.get_agent(posted.json()["id"])

    def get_sonar(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/async/chat/completions/{run_id}").json()
        return found

    def get_agent(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/v1/responses/{run_id}").json()
        return found


@pytest.fixture
def make() -> Iterator[Callable[..., Caller]]:
    """Start a simulator with the settings given; the clock stands nearly still by default."""
    with ExitStack() as stack:

        def start(key: str = "key-1", **settings: Any) -> Caller:
            settings.setdefault("speed", 0.001)
            sim = stack.enter_context(Simulator(**settings))
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            http = stack.enter_context(httpx.Client(base_url=sim.url, headers=headers, timeout=10))
            return Caller(sim, http)

        yield start


@pytest.fixture
def still(make: Callable[..., Caller]) -> Caller:
    """A simulator whose work only goes on when its clock is advanced."""
    return make()


@pytest.fixture
def quick(make: Callable[..., Caller]) -> Caller:
    """A simulator whose jobs have ended at the first look."""
    return make(speed=math.inf)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"no recordings and no OpenAPI document at {SHARED}")
    return SHARED
