"""Usage and cost of simulated runs, by the prices published in 2026."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

__all__ = ["EFFORTS", "SONAR_MODELS", "Work", "agent_usage", "sonar_usage", "tokens"]

_MILLION = 1_000_000
# US dollars a million tokens (input, output), and a request (sonar models but deep research).
SONAR_MODELS: dict[str, tuple[float, float, float]] = {
    "sonar": (1.0, 1.0, 0.005),
    "sonar-pro": (3.0, 15.0, 0.006),
    "sonar-reasoning-pro": (2.0, 8.0, 0.006),
    "sonar-deep-research": (2.0, 8.0, 0.0),
}
_CITATION, _REASONING, _SEARCH = 2.0 / _MILLION, 3.0 / _MILLION, 5.0 / 1000
_REASONING_SHARE = {"minimal": 0.4, "low": 0.6, "medium": 1.0, "high": 1.4}
_AGENT_SEARCH, _AGENT_FETCH = 0.0025, 0.0005


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """What an effort of the agent API amounts to.

    The tokens' prices (US dollars a million) are made up: they depend on the model there, and a
    simulated answer has none.
    """

    searches: int
    fetches: int
    input_tokens: int
    reasoning_tokens: int
    input_price: float
    output_price: float


EFFORTS: dict[str, Work] = {
    "fast": Work(1, 0, 3_500, 0, 0.10, 0.50),
    "low": Work(3, 2, 12_000, 900, 0.25, 2.00),
    "medium": Work(8, 4, 60_000, 5_000, 0.60, 4.00),
    "high": Work(24, 10, 190_000, 16_000, 1.00, 8.00),
    "xhigh": Work(48, 20, 420_000, 40_000, 1.25, 10.00),
}


def tokens(text: str) -> int:
    """Count tokens roughly: four characters each."""
    return max(1, -(-len(text) // 4)) if text else 0


def sonar_usage(
    rng: random.Random, *, model: str, effort: str, prompt: str, text: str, context_size: str
) -> dict[str, Any]:
    """Give ``usage`` with ``cost`` as the sonar API sends it."""
    input_price, output_price, request = SONAR_MODELS[model]
    prompt_tokens, completion_tokens = tokens(prompt), tokens(text)
    usage: dict[str, Any] = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "search_context_size": context_size,
    }
    cost = {
        "input_tokens_cost": round(prompt_tokens * input_price / _MILLION, 5),
        "output_tokens_cost": round(completion_tokens * output_price / _MILLION, 5),
    }
    if model == "sonar-deep-research":
        usage["citation_tokens"] = rng.randrange(20_000, 55_000)
        usage["num_search_queries"] = rng.randrange(15, 45)
        usage["reasoning_tokens"] = int(rng.randrange(85_000, 150_000) * _REASONING_SHARE[effort])
        cost["reasoning_tokens_cost"] = round(usage["reasoning_tokens"] * _REASONING, 5)
        cost["citation_tokens_cost"] = round(usage["citation_tokens"] * _CITATION, 5)
        cost["search_queries_cost"] = round(usage["num_search_queries"] * _SEARCH, 5)
    else:
        cost["request_cost"] = request
    cost["total_cost"] = round(sum(cost.values()), 5)
    return {**usage, "cost": cost}


def agent_usage(rng: random.Random, *, effort: str, prompt: str, text: str) -> dict[str, Any]:
    """Give ``usage`` with ``cost`` as the agent API sends it."""
    work = EFFORTS[effort]
    input_tokens = tokens(prompt) + int(work.input_tokens * rng.uniform(0.8, 1.2))
    reasoning = int(work.reasoning_tokens * rng.uniform(0.8, 1.2))
    output_tokens = tokens(text) + reasoning
    cached = input_tokens // 3
    calls = {"search_web": (work.searches, _AGENT_SEARCH), "fetch_url": (work.fetches, _AGENT_FETCH)}
    details = {name: round(count * price, 5) for name, (count, price) in calls.items() if count}
    cost: dict[str, Any] = {
        "cache_read_cost": round(cached * work.input_price / 10 / _MILLION, 5),
        "currency": "USD",
        "input_cost": round((input_tokens - cached) * work.input_price / _MILLION, 5),
        "output_cost": round(output_tokens * work.output_price / _MILLION, 5),
        "tool_calls_cost": round(sum(details.values()), 5),
        "tool_calls_cost_details": details,
    }
    parts = ("cache_read_cost", "input_cost", "output_cost", "tool_calls_cost")
    cost["total_cost"] = round(sum(cost[name] for name in parts), 5)
    return {
        "cost": cost,
        "input_tokens": input_tokens,
        "input_tokens_details": {
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "cached_tokens": cached,
        },
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "tool_calls_details": {
            name: {"cost_usd": details[name], "invocation": calls[name][0]} for name in details
        },
        "total_tokens": input_tokens + output_tokens,
    }
