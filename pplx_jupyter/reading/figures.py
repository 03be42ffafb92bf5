"""Token counts and money from a body of the service, whatever shape they come in.

Money is the server's: its ``total_cost`` as sent. It is computed only where that is
absent, and is then marked as estimated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pplx_jupyter.answer import Cost, Usage

__all__ = ["read_cost", "read_count", "read_usage"]

# More than any job can use or cost: such a number is a fault, not a figure.
_MAX_COUNT = 10**12
_MAX_USD = 10**6
_LONGEST_NUMBER = 30

# sonar-deep-research, US dollars for a million tokens, and for a search.
_PRICES = {
    "input_tokens": 2.0 / 1_000_000,
    "output_tokens": 8.0 / 1_000_000,
    "citation_tokens": 2.0 / 1_000_000,
    "reasoning_tokens": 3.0 / 1_000_000,
    "search_queries": 5.0 / 1_000,
}
_PRICED_MODEL = "sonar-deep-research"


def read_count(value: Any) -> int | None:
    """Read a count that is not negative; anything else is None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # Comparing first also drops NaN, infinity and integers too long for a float.
    if not 0 <= value <= _MAX_COUNT or int(value) != value:
        return None
    return int(value)


def read_usage(usage: Any) -> Usage:
    """Read the counts of either API; what is missing or no number stays None."""
    if not isinstance(usage, Mapping):
        return Usage()
    return Usage(
        input_tokens=_first_count(usage, "input_tokens", "prompt_tokens"),
        output_tokens=_first_count(usage, "output_tokens", "completion_tokens"),
        total_tokens=_first_count(usage, "total_tokens"),
        citation_tokens=_first_count(usage, "citation_tokens"),
        reasoning_tokens=_reasoning_tokens(usage),
        search_queries=_search_queries(usage),
    )


def read_cost(usage: Any, counts: Usage, model: str, backend: str) -> Cost:
    """Read what the answer cost, in US dollars.

    Parameters
    ----------
    usage
        The body's ``usage``.
    counts
        What `read_usage` made of it.
    model
        The model that answered; a price is known for sonar-deep-research alone.
    """
    cost = usage.get("cost") if isinstance(usage, Mapping) else None
    if not isinstance(cost, Mapping):
        total = _usd(cost)
        return Cost(total=total) if total is not None else _estimate(counts, model, backend)
    currency = cost.get("currency")
    if isinstance(currency, str) and currency.upper() not in ("USD", ""):
        return Cost()
    items = {
        name.removesuffix("_cost"): amount
        for name, value in cost.items()
        if isinstance(name, str) and name.endswith("_cost") and name != "total_cost"
        if (amount := _usd(value)) is not None
    }
    total = _usd(cost.get("total_cost"))
    if total is not None:
        return Cost(total=total, items=items)
    if items:
        return Cost(total=math.fsum(items.values()), items=items, estimated=True)
    return _estimate(counts, model, backend)


def _usd(value: Any) -> float | None:
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= _MAX_USD else None


def _estimate(counts: Usage, model: str, backend: str) -> Cost:
    known = backend == "sonar" and model.rpartition("/")[2] == _PRICED_MODEL
    if not known or counts.input_tokens is None or counts.output_tokens is None:
        return Cost()
    if counts.reasoning_tokens is None and counts.search_queries is None:
        # They are most of the price: without them a guess is thousands of times too low, and budgets count it.
        return Cost()
    total = math.fsum(price * (getattr(counts, name) or 0) for name, price in _PRICES.items())
    return Cost(total=total, estimated=True)


def _first_count(mapping: Mapping[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := read_count(mapping.get(name))) is not None), None)


def _reasoning_tokens(usage: Mapping[str, Any]) -> int | None:
    direct = read_count(usage.get("reasoning_tokens"))
    if direct is not None:
        return direct
    details = (usage.get(name) for name in ("output_tokens_details", "completion_tokens_details"))
    found = (_first_count(each, "reasoning_tokens") for each in details if isinstance(each, Mapping))
    return next((count for count in found if count is not None), None)


def _search_queries(usage: Mapping[str, Any]) -> int | None:
    direct = read_count(usage.get("num_search_queries"))
    if direct is not None:
        return direct
    tools = usage.get("tool_calls_details")
    tools = tools if isinstance(tools, Mapping) else {}
    found = (
        _first_count(tool, "invocation")
        for name in ("search_web", "web_search")
        if isinstance(tool := tools.get(name), Mapping)
    )
    return next((count for count in found if count is not None), None)
