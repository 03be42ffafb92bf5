"""From running a research cell to having the prompt back, with a server that takes 5 s to accept.

    python benchmarks/submit.py

Each run is a fresh kernel. The first cell is set against an empty ``display(HBox())`` in a kernel of
its own, which pays for ipywidgets alike; later cells are counted whole, from request to reply.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import start_new_kernel
from verdict import verdict

from pplx_jupyter.simulator import Simulator

RUNS = 5
FIRST_BUDGET_MS = 150.0
LATER_BUDGET_MS = 20.0
_BOX = "from ipywidgets import HBox\nfrom IPython.display import display\ndisplay(HBox())"
_PAUSE = 1.0


def run(cells: list[str], environment: dict[str, str]) -> list[float]:
    """Run cells in a fresh kernel, a second apart; give each one's milliseconds from request to reply."""
    manager, client = start_new_kernel(kernel_name="python3", env=environment, stderr=subprocess.DEVNULL)
    times = []
    try:
        for cell in ["1", "%load_ext pplx_jupyter", *cells]:
            started = time.perf_counter()
            reply = client.execute_interactive(
                cell, output_hook=lambda _message: None, timeout=60, allow_stdin=True
            )
            times.append((time.perf_counter() - started) * 1000)
            if reply["content"]["status"] != "ok":
                raise SystemExit("\n".join(reply["content"]["traceback"]))
            time.sleep(_PAUSE)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return times[2:]


def main() -> None:
    with Simulator(speed=1) as simulator, tempfile.TemporaryDirectory() as folder:
        simulator.add_fault("latency=5@post")
        boxes: list[float] = []
        firsts: list[float] = []
        laters: list[float] = []
        for number in range(RUNS):
            environment = {
                # What pip installs is compiled.
                **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
                "PERPLEXITY_BASE_URL": simulator.url,
                "PERPLEXITY_API_KEY": "pplx-benchmark-0123456789",
                "PPLX_JUPYTER_LEDGER": str(Path(folder) / f"{number}.sqlite"),
                "PPLX_JUPYTER_BUDGET": "1000",
            }
            boxes.append(run([_BOX], environment)[0])
            times = run([f"%%pplx_research q{i}\nWhat is question {i}?" for i in range(4)], environment)
            firsts.append(times[0])
            laters += times[1:]
    box, first, later = statistics.median(boxes), statistics.median(firsts), statistics.median(laters)
    print(f"{'cell':<44}{'median ms':>10}{'max':>8}")
    print(f"{'display(HBox()), first, fresh kernel':<44}{box:>10.1f}{max(boxes):>8.1f}")
    print(f"{'%%pplx_research, first, fresh kernel':<44}{first:>10.1f}{max(firsts):>8.1f}")
    over = first - box
    print(
        f"{'  over display(HBox())':<44}{over:>10.1f}{'':>8}   budget {FIRST_BUDGET_MS:g} ms: {verdict(over, FIRST_BUDGET_MS)}"
    )
    print(
        f"{'%%pplx_research, later':<44}{later:>10.1f}{max(laters):>8.1f}   budget {LATER_BUDGET_MS:g} ms: {verdict(later, LATER_BUDGET_MS)}"
    )


if __name__ == "__main__":
    main()
