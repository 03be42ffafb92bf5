"""What a ledger of 100,000 jobs costs: deciding what a submit means, listing, and the watcher's look.

    python benchmarks/ledger.py

Bodies are 2 KB of words each, all of them searchable. *Deciding* is everything before the intent is written:
the question's rows, the usual range of its last 200 jobs, and the budgets. *Submitting* adds the
transaction, flushed to the disk. The peer is the same in a ledger of 1,000 jobs: the cost may grow as
the logarithm of the ledger, by log(100,000) / log(1,000) = 1.67 times.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from verdict import verdict

from pplx_jupyter.ledger import Wanted
from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.ledger.sqlite.schema import count_all
from pplx_jupyter.notebook.history import jobs_forms
from pplx_jupyter.request import Request
from pplx_jupyter.reuse import decide
from pplx_jupyter.session import Session
from pplx_jupyter.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000, 10_000, 100_000)
DECIDE_BUDGET_MS = 5.0
LIST_BUDGET_MS = 100.0
URL = "http://127.0.0.1:9"
_EFFORTS = ("low", "medium", "high")
_TYPED = ("ba", "leran", "question", "tisofa", "manku", "goter", "pera", "name")
_FILL = """
INSERT INTO jobs (id, seq, state, fingerprint, request, base_url, account, backend, pinned, model, effort, question,
    name, notebook, cell, filled, idempotency_key, created_at, accepted_at, settled_at, due_at, remote_id, cost,
    day, asked_model, shown_at)
SELECT printf('x%08x', n), n, iif(n % 20 = 0, 'failed', 'completed'), 'v1:' || n, '{"prompt": "Question ' || n || '?"}',
    :url, 'account', 'sonar', 0, 'sonar-deep-research', json_extract(:efforts, '$[' || (n % 3) || ']'),
    'Question ' || n || '?', 'name' || (n % 500), 'book' || (n % 100) || '.ipynb', 'cell' || (n % 3000), '{}', 'key' || n,
    :now - n * 60, :now - n * 60, :now - n * 60 + 200 + n % 100, 0, 'remote' || n, 0.3 + (n % 50) / 100.0,
    date(:now - n * 60, 'unixepoch'), 'sonar-deep-research', :now
FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :size) SELECT n FROM c)
"""


def fill(path: Path, size: int) -> SqliteLedger:
    """Make a ledger of settled jobs, by SQL: asking them one by one would take an hour."""
    ledger = SqliteLedger(path)
    with ledger._file.writing() as db:  # noqa: SLF001
        values = {"url": URL, "size": size, "now": time.time(), "efforts": '["low", "medium", "high"]'}
        db.execute(_FILL, values)
        answers = [json.dumps({"choices": [{"message": {"content": text}}]}) for text in _answers(500)]
        db.executemany(
            "INSERT INTO bodies VALUES (?, ?, 0)",
            ((f"x{number:08x}", answers[number % len(answers)]) for number in range(1, size + 1)),
        )
        count_all(db)
    while ledger.read_in(1.0):
        pass
    return ledger


def _answers(count: int) -> list[str]:
    """Give texts of 2 KB, whose words are as unevenly frequent as those of a language."""
    dice = random.Random(1)
    sounds = [first + second for first in "bdfgklmnprst" for second in ("a", "e", "i", "o", "u", "an", "er")]
    words = ["".join(dice.choices(sounds, k=1 + rank % 4)) for rank in range(6_000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    return [" ".join(dice.choices(words, weights, k=350))[:2_000] for _ in range(count)]


def timed(work: Callable[[int], object], runs: int) -> list[float]:
    """Give the milliseconds of each run."""
    times = []
    for number in range(runs):
        started = time.perf_counter()
        work(number)
        times.append((time.perf_counter() - started) * 1000)
    return times


def measure(folder: Path, size: int) -> dict[str, list[float]]:
    """Time what people and the watcher do with a ledger of this size."""
    ledger = fill(folder / f"{size}.sqlite", size)
    settings = Settings(budget=1e9)
    session = Session(base_url=URL, ledger=ledger, api_key="pplx-benchmark-0123456789", settings=settings)
    session.quiet_exit = True

    def asked(number: int) -> Request:
        return Request(prompt=f"A new question {number}?", reasoning_effort=_EFFORTS[number % 3])

    account = session.account
    step = size // 400 or 1
    return {
        "deciding: a new question": timed(
            lambda n: session.plan(asked(n), notebook=f"book{n % 100}.ipynb"), 400
        ),
        "deciding: a settled one": timed(lambda n: decide(ledger.attempts(f"v1:{1 + n * step}", URL)), 400),
        "submitting a new question": timed(lambda n: session.submit(asked(n), notebook="b.ipynb"), 100),
        "%pplx jobs": timed(lambda _: jobs_forms(ledger.found(Wanted(), limit=20)), 50),
        "history: a page far back": timed(
            lambda n: ledger.found(Wanted(), limit=10, offset=size - 20 - n), 50
        ),
        "history: a state and a time": timed(
            lambda _: ledger.found(Wanted(states=("failed",), since=time.time() - 90 * 86_400), limit=10), 50
        ),
        "history: a word": timed(
            lambda n: ledger.found(Wanted(search=f"{_TYPED[n % len(_TYPED)]} question {n}"), limit=10), 50
        ),
        "history: letters as typed": timed(
            lambda n: ledger.found(Wanted(search=_TYPED[n % len(_TYPED)][: 1 + n % 4]), limit=10), 50
        ),
        "a look of the watcher": timed(
            lambda _: (
                ledger.under_way([account], time.time()),
                ledger.claim("me", [], ["other"], time.time(), 40),
            ),
            100,
        ),
        "%pplx show NAME": timed(lambda n: ledger.find(f"name{n}"), 200),
        "%pplx cost --by notebook": timed(lambda _: ledger.totals("notebook", URL), 50),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = {size: measure(Path(folder), size) for size in SIZES}
    allowed = math.log(SIZES[-1]) / math.log(SIZES[0])
    print(
        f"{'milliseconds, median / p95':<28}" + "".join(f"{size:>18,}" for size in SIZES) + f"{'growth':>9}"
    )
    for name in found[SIZES[0]]:
        cells = [(statistics.median(found[size][name]), _p95(found[size][name])) for size in SIZES]
        shown = "".join(f"{f'{median:.2f} / {p95:.2f}':>18}" for median, p95 in cells)
        print(f"{name:<28}{shown}{cells[-1][0] / cells[0][0]:>8.2f}x")
    largest = found[SIZES[-1]]
    worst = max(_p95(largest[name]) for name in largest if name.startswith("deciding"))
    listing = max(_p95(largest[name]) for name in largest if name.startswith(("%pplx jobs", "history")))
    whole = "deciding: a new question"
    growth = statistics.median(largest[whole]) / statistics.median(found[SIZES[0]][whole])
    print(
        f"deciding, p95 at {SIZES[-1]:,}: {worst:.2f} ms, budget {DECIDE_BUDGET_MS:g}: {verdict(worst, DECIDE_BUDGET_MS)}"
    )
    print(
        f"listing and searching, p95 at {SIZES[-1]:,}: {listing:.2f} ms, budget {LIST_BUDGET_MS:g}: {verdict(listing, LIST_BUDGET_MS)}"
    )
    print(f"growth of deciding: {growth:.2f} times, logarithm {allowed:.2f}: {verdict(growth, allowed)}")


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


if __name__ == "__main__":
    main()
