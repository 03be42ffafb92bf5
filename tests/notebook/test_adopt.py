"""``%pplx jobs`` and ``pplx-jupyter jobs`` find what was asked elsewhere, and wait for nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

from tests.notebook.conftest import KEY

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel


def ask_elsewhere(sim: Simulator, prompt: str) -> None:
    """Ask as another program does."""
    body = {"request": {"model": "sonar-deep-research", "messages": [{"role": "user", "content": prompt}]}}
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{sim.url}/async/chat/completions", json.dumps(body).encode(), headers, method="POST"
    )
    urllib.request.urlopen(request, timeout=10).close()


def listing(kernel: Kernel) -> str:
    ran = kernel.run("%pplx jobs")
    return str(ran.displays[0]["data"]["text/plain"]) + ran.text


def test_the_second_listing_shows_it_and_says_so_once(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("from pplx_jupyter import elsewhere\nelsewhere.EVERY_SECONDS = 0")
    kernel.run("%%pplx_research tea\nWhat is tea?")
    ask_elsewhere(sim, "What is rum?")
    end, told = time.monotonic() + 20, 0
    while "asked elsewhere" not in (text := listing(kernel)) or "waiting" in text or "running" in text:
        assert time.monotonic() < end, text
        told += text.count("1 job that was asked elsewhere is new in this ledger")
        time.sleep(0.1)
    told += (text + listing(kernel)).count("is new in this ledger")
    assert told == 1
    assert text.count("asked elsewhere:") == 1
    assert len(sim.bill.jobs) == 2
    line = next(line for line in text.splitlines() if "asked elsewhere:" in line)
    job_id = re.search(r"finished +([0-9a-f]{6}) ", line)[1]  # type: ignore[index]
    shown = kernel.run(f"%pplx show {job_id}").displays
    assert "Sources" in shown[-1]["data"]["text/plain"]


def test_a_service_that_does_not_answer_holds_nothing_up(kernel: Kernel, sim: Simulator) -> None:
    kernel.run("%pplx")
    sim.add_fault("latency=30@get+sonar")
    ran = kernel.run("%pplx jobs")
    assert "no jobs yet" in str(ran.displays)
    assert ran.seconds < 3


def test_the_command_collects_it_in_one_go(environment: dict[str, str], sim: Simulator) -> None:
    ask_elsewhere(sim, "What is rum? seconds:1")
    ran = subprocess.run(
        [sys.executable, "-m", "pplx_jupyter.cli", "jobs"],
        env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "finished" in ran.stdout, ran.stdout + ran.stderr
    assert "1 job that was asked elsewhere is new in this ledger" in ran.stdout
    assert ran.stderr == ""
