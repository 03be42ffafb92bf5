"""A notebook of settled questions, as a ledger has it after a long day: for reruns with the network cut off."""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING

from pplx_jupyter.ledger import Draft
from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.request import Request
from pplx_jupyter.reuse import decide

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["answer_body", "cell_of", "question", "settle"]

_SECTION = """

## Section {n}

Prices rose to {n} EUR in 2024 [{a}][{b}], as **reported** by the agency; *demand* fell by {a}.{b} % [{b}].

- a first point [{a}]
- a second point, with `code` and a [page](https://example.org/{n})

| year | price |
|:--|--:|
| 20{b:02} | {n} [{a}] |
"""


def question(number: int) -> str:
    """Give one of the questions."""
    return f"What is the price of power in region {number}?"


def cell_of(number: int) -> str:
    """Give the cell that asks it."""
    return f"%%pplx_research region{number}\n{question(number)}"


def answer_body(size: int) -> str:
    """Give a body of the sonar API whose answer has `size` characters and 20 sources."""
    text, n = "# Prices", 0
    while len(text) < size:
        n += 1
        text += _SECTION.format(n=n, a=n % 20 + 1, b=n % 7 + 1)
    sources = [
        {"title": f"Report {i}", "url": f"https://agency{i}.example.org/{i}", "snippet": "Power. " * 40}
        for i in range(1, 21)
    ]
    response = {
        "model": "sonar-deep-research",
        "choices": [{"message": {"role": "assistant", "content": text[:size]}}],
        "citations": [source["url"] for source in sources],
        "search_results": sources,
        "usage": {"cost": {"total_cost": 0.41}},
    }
    return json.dumps({"id": "r", "status": "COMPLETED", "response": response})


def settle(path: Path, url: str, count: int, size: int) -> None:
    """Write `count` questions with answers of `size` characters into the ledger at `path`."""
    ledger = SqliteLedger(path)
    for number in range(count):
        request = Request(prompt=question(number))
        draft = Draft(
            fingerprint=request.fingerprint,
            request=request.to_json(),
            base_url=url,
            account="me",
            backend="sonar",
            model=request.resolved_model,
            question=request.question,
        )
        row, _ = ledger.intend(draft, functools.partial(decide), allowed=True)
        ended = {"state": "completed", "accepted_at": time.time(), "settled_at": time.time(), "cost": 0.41}
        ledger.write(row.id, {**ended, "remote_id": f"r{number}"}, body=answer_body(size))
    ledger.close()
