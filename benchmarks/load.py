"""What ``%load_ext pplx_jupyter`` costs on top of IPython, beside the imports of what people load anyway.

    python benchmarks/load.py

Each figure is the median of fresh processes, in milliseconds, of the statement alone: IPython is up before.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

RUNS = 5
BUDGET_MS = 50.0
STATEMENTS = {
    "%load_ext pplx_jupyter": "ip.run_line_magic('load_ext', 'pplx_jupyter')",
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


def measure(statement: str) -> float:
    """Give the milliseconds that a statement takes in a fresh process with IPython up."""
    program = _PROGRAM.format(statement=statement)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return float(ran.stdout.strip().splitlines()[-1])


def main() -> None:
    measure("pass")
    print(f"{'statement':<26}{'median ms':>11}{'min':>8}{'max':>8}")
    for name, statement in STATEMENTS.items():
        times = [measure(statement) for _ in range(RUNS)]
        median = statistics.median(times)
        verdict = (
            f"   budget {BUDGET_MS:g} ms: {'met' if median < BUDGET_MS else 'NOT met'}"
            if name.startswith("%")
            else ""
        )
        print(f"{name:<26}{median:>11.1f}{min(times):>8.1f}{max(times):>8.1f}{verdict}")


if __name__ == "__main__":
    main()
