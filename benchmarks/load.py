"""What ``%load_ext pplx_jupyter`` costs on top of IPython, beside the imports of what people load anyway.

    python benchmarks/load.py

Each figure is the median of fresh processes, in milliseconds, of the statement alone: IPython is up before.
*With a ledger* is a notebook that has a job under way, of which the line tells.
"""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pplx_jupyter.ledger import Draft, open_ledger
from pplx_jupyter.reuse import decide

RUNS = 5
BUDGET_MS = 50.0
STATEMENTS = {
    "%load_ext pplx_jupyter": "ip.run_line_magic('load_ext', 'pplx_jupyter')",
    "  with a ledger": "ip.run_line_magic('load_ext', 'pplx_jupyter')",
    "import ipywidgets": "import ipywidgets",
    "import httpx": "import httpx",
    "import perplexity": "import perplexity",
}
_PROGRAM = """
import time
from IPython.testing.globalipapp import start_ipython
ip = start_ipython()
started = time.perf_counter()
{statement}
print((time.perf_counter() - started) * 1000)
"""


def measure(statement: str, environment: dict[str, str]) -> float:
    """Give the milliseconds that a statement takes in a fresh process with IPython up, at a terminal."""
    program = _PROGRAM.format(statement=statement)
    terminal, end = pty.openpty()
    try:
        command = [sys.executable, "-c", program]
        ran = subprocess.run(command, stdin=end, capture_output=True, text=True, check=True, env=environment)
    finally:
        os.close(end)
        os.close(terminal)
    if ("under way" in ran.stdout) != ("PPLX_JUPYTER_NOTEBOOK" in environment and "load_ext" in statement):
        raise SystemExit(f"the line about jobs under way is missing, or out of place: {ran.stdout}")
    return float(ran.stdout.strip().splitlines()[-1])


def with_a_ledger(folder: Path) -> dict[str, str]:
    """Give the environment of a notebook that has a job under way."""
    path = folder / "ledger.sqlite"
    asked = {"fingerprint": "v1:x", "request": {"prompt": "Why?"}, "question": "Why?", "name": "why"}
    service = {"base_url": "http://127.0.0.1:9", "account": "me", "backend": "sonar"}
    open_ledger(str(path)).intend(Draft(**asked, **service, notebook="market.ipynb"), decide)  # type: ignore[arg-type]
    return {
        "PPLX_JUPYTER_LEDGER": str(path),
        "PPLX_JUPYTER_NOTEBOOK": "market.ipynb",
        "PERPLEXITY_BASE_URL": service["base_url"],
    }


def main() -> None:
    # What pip installs is compiled.
    left_out = ("PPLX_", "PERPLEXITY_", "PYTHONDONTWRITEBYTECODE")
    plain = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    print(f"{'statement':<26}{'median ms':>11}{'min':>8}{'max':>8}")
    with tempfile.TemporaryDirectory() as folder:
        ledger = with_a_ledger(Path(folder))
        for name, statement in STATEMENTS.items():
            environment = {**plain, **(ledger if name.startswith("  ") else {})}
            measure(statement, environment)
            times = [measure(statement, environment) for _ in range(RUNS)]
            median = statistics.median(times)
            verdict = (
                f"   budget {BUDGET_MS:g} ms: {'met' if median < BUDGET_MS else 'NOT met'}"
                if "load_ext" in statement
                else ""
            )
            print(f"{name:<26}{median:>11.1f}{min(times):>8.1f}{max(times):>8.1f}{verdict}")


if __name__ == "__main__":
    main()
