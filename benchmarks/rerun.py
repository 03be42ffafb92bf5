"""Running a notebook again whose 20 questions are settled, with 60,000 characters each and no network.

    python benchmarks/rerun.py

Whole runs by nbclient, from starting the kernel to its end. The peer is the same notebook with its
cells emptied. *Without kept forms* is the first rerun after the renderer changed; *with* is every other.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.settled import cell_of, settle

QUESTIONS = 20
CHARACTERS = 60_000
RUNS = 5
WITH_BUDGET = 0.5
WITHOUT_BUDGET = 5.0
CLOSED = "http://127.0.0.1:9"


def notebook(*, emptied: bool) -> nbformat.NotebookNode:
    """Give the notebook, or one of as many cells without anything in them."""
    cells = ["%load_ext pplx_jupyter", *map(cell_of, range(QUESTIONS))]
    found: nbformat.NotebookNode = nbformat.v4.new_notebook()
    found.cells = [nbformat.v4.new_code_cell("pass" if emptied else source) for source in cells]
    return found


def run(*, emptied: bool) -> float:
    """Run it, and give the seconds."""
    book = notebook(emptied=emptied)
    started = time.perf_counter()
    NotebookClient(book, kernel_name="python3").execute()
    seconds = time.perf_counter() - started
    if not emptied:
        shown = [output for cell in book.cells for output in cell.outputs if "data" in output]
        if sum(len(output.data.get("text/html", "")) > CHARACTERS for output in shown) != QUESTIONS:
            raise SystemExit("not every answer is in the notebook")
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        for name in [name for name in os.environ if name.startswith(("PPLX_", "PERPLEXITY_"))]:
            del os.environ[name]
        os.environ.update({"PERPLEXITY_BASE_URL": CLOSED, "PPLX_JUPYTER_LEDGER": str(path)})
        settle(path, CLOSED, QUESTIONS, CHARACTERS)
        times: dict[str, list[float]] = {"emptied": [], "without": [], "with": []}
        for _ in range(RUNS):
            times["emptied"].append(run(emptied=True))
            db = sqlite3.connect(path)
            db.execute("DELETE FROM forms")
            db.commit()
            db.close()
            times["without"].append(run(emptied=False))
            times["with"].append(run(emptied=False))
    peer = statistics.median(times["emptied"])
    print(
        f"{QUESTIONS} settled questions of {CHARACTERS:,} characters, {RUNS} runs{'median s':>16}{'added':>8}"
    )
    print(f"{'the same notebook, cells emptied':<52}{peer:>16.2f}")
    for name, budget in (("without", WITHOUT_BUDGET), ("with", WITH_BUDGET)):
        median = statistics.median(times[name])
        verdict = "met" if median - peer <= budget else "NOT met"
        print(
            f"{f'{name} kept forms':<52}{median:>16.2f}{median - peer:>8.2f}   budget {budget:g} s: {verdict}"
        )


if __name__ == "__main__":
    main()
