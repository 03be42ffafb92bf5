"""Clock, order, run and state: the records of the simulated service."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from typing import TYPE_CHECKING, Any, Literal

from pplx_jupyter.simulator import answers
from pplx_jupyter.simulator.prices import EFFORTS, agent_usage, sonar_usage, tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pplx_jupyter.simulator.answers import Draft

__all__ = ["Backend", "Bill", "Clock", "Order", "Run", "State"]

Backend = Literal["sonar", "agent"]


class Clock:
    """Wall time that can be moved forward; work is done `speed` times faster than it passes."""

    def __init__(self, speed: float = 60.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed {speed}: give a number above 0, or inf for runs that end at once")
        self.speed = speed
        self._ahead = 0.0

    def now(self) -> float:
        """Give the time in seconds since 1970."""
        return time.time() + self._ahead

    def mark(self) -> tuple[float, float]:
        """Remember this moment, for `since`."""
        return time.monotonic(), self._ahead

    def since(self, mark: tuple[float, float]) -> float:
        """Give the simulated seconds of work done since a mark."""
        if math.isinf(self.speed):
            return math.inf
        then, ahead = mark
        return (time.monotonic() - then) * self.speed + (self._ahead - ahead)

    def advance(self, seconds: float) -> None:
        """Move the clock, and all work, forward by simulated seconds."""
        self._ahead += seconds


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """A submission that was found valid."""

    backend: Backend
    prompt: str
    model: str
    effort: str
    body: Mapping[str, Any]
    idempotency_key: str | None = None
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None
    context_size: str = "low"
    stored: bool = True
    webhook: Mapping[str, str] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """Where a run stands: `word` in our own terms, `share` of the work done, times in seconds since 1970."""

    word: Literal[
        "queued",
        "running",
        "completed",
        "failed",
        "incomplete",
        "cancelled",
        "requires_action",
        "unknown_status",
    ]
    share: float
    now: float
    ended_at: float | None = None


@dataclasses.dataclass(eq=False)
class Run:
    """One accepted submission. `duration` is in simulated seconds."""

    id: str
    account: str
    order: Order
    outcome: str
    duration: float
    seed: int
    created_at: float
    mark: tuple[float, float]
    costless: bool = False
    cancel_at: float | None = None
    cancelled_at: float | None = None
    ended_at: float | None = None

    @functools.cached_property
    def draft(self) -> Draft:
        """What it will answer."""
        order = self.order
        if order.backend == "sonar":
            return answers.write(order.prompt, seed=self.seed, schema=order.schema)
        return answers.write(
            order.prompt,
            seed=self.seed,
            pages=10 if order.effort == "fast" else 30,
            queries=EFFORTS[order.effort].searches,
            web_markers=True,
            schema=order.schema,
        )

    @functools.cached_property
    def text(self) -> str:
        """The answer's text, cut where it is longer than allowed."""
        text, limit = self.draft.text, self.order.max_tokens
        if self.outcome == "incomplete" and (limit is None or tokens(text) <= limit):
            limit = tokens(text) // 3
        return text if limit is None else text[: limit * 4]

    @property
    def cut(self) -> bool:
        """Whether the text ends early."""
        return len(self.text) < len(self.draft.text)

    @functools.cached_property
    def usage(self) -> dict[str, Any]:
        """Tokens and cost of the whole run, as its API sends them."""
        order, rng = self.order, answers.dice(self.order.prompt, self.seed, "usage")
        if order.backend == "agent":
            return agent_usage(rng, effort=order.effort, prompt=order.prompt, text=self.text)
        return sonar_usage(
            rng,
            model=order.model,
            effort=order.effort,
            prompt=order.prompt,
            text=self.text,
            context_size=order.context_size,
        )

    @property
    def cost(self) -> float:
        """The whole run's cost in US dollars."""
        return float(self.usage["cost"]["total_cost"])


@dataclasses.dataclass(frozen=True, slots=True)
class Bill:
    """What was bought: `total` in simulated US dollars, and one dict a job.

    A job's keys: id, backend, prompt, idempotency_key, cost (so far), status.
    """

    total: float
    jobs: list[dict[str, Any]]
