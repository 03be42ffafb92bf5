"""``pplx-jupyter`` as a process, as a person runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import nbformat
import pytest

from pplx_jupyter.simulator import Simulator

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "pplx_jupyter.cli"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PPLX_", "PERPLEXITY_"))}
    return {
        **kept,
        "PPLX_JUPYTER_LEDGER": str(tmp_path / "ledger.sqlite"),
        "PPLX_JUPYTER_BUDGET": "1000",
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }


def run(*arguments: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_demo_execute_writes_a_notebook_and_a_page_and_prints_where(
    environment: dict[str, str], tmp_path: Path
) -> None:
    ran = run("demo", "--execute", "--speed", "240", environment=environment, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[:2] == ["pplx-demo/quickstart.ipynb", "pplx-demo/quickstart.html"]
    assert re.search(r"2 questions, 0.00 USD: answered by the simulator\. .* cost \d\.\d\d USD", ran.stdout)
    notebook = nbformat.read(tmp_path / "pplx-demo" / "quickstart.ipynb", as_version=4)
    assert "Finished (simulated)" in str(notebook)
    assert "Simulated answer" in (tmp_path / "pplx-demo" / "quickstart.html").read_text(encoding="utf-8")
    assert not (tmp_path / "ledger.sqlite").exists()


def test_demo_serves_jupyterlab_until_ctrl_c_and_leaves_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "demo"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        page, simulator = re.findall(r"http://127\.0\.0\.1:\d+\S*", said)
        address = page.replace("/lab/tree/", "/api/contents/")
        with urllib.request.urlopen(address, timeout=10) as reply:
            assert b"quickstart" in reply.read()
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "has ended" in rest
    for url in (page, simulator.rstrip(";")):
        with pytest.raises(OSError, match=r"refused|reset"):
            urllib.request.urlopen(url, timeout=2)
    assert not (tmp_path / "ledger.sqlite").exists()


def test_simulator_says_where_it_is_and_ends_with_its_input(
    environment: dict[str, str], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "simulator", "--while-stdin", "--sonar-retired", "--fault", "status=503@get#1"],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    line = process.stdout.readline()
    url = re.search(r"http://[\d.:]+", line)
    assert url, line
    with urllib.request.urlopen(url.group(0) + "/simulator/bill", timeout=5) as reply:
        assert b"total" in reply.read()
    started = time.monotonic()
    process.stdin.close()
    assert process.wait(10) == 0
    assert time.monotonic() - started < 5
    process.stdout.close()


def test_jobs_and_doctor_read_the_same_ledger(environment: dict[str, str], tmp_path: Path) -> None:
    with Simulator(speed=600) as sim:
        environment |= {"PERPLEXITY_BASE_URL": sim.url, "PERPLEXITY_API_KEY": "pplx-test-0123456789abcdef"}
        empty = run("jobs", environment=environment, folder=tmp_path)
        assert "no jobs yet" in empty.stdout
        (tmp_path / "ask.py").write_text(
            "from pplx_jupyter import research\nresearch('What is tea?', name='tea').wait()\n"
        )
        subprocess.run([sys.executable, "ask.py"], env=environment, cwd=tmp_path, check=True, timeout=60)
        listed = run("jobs", environment=environment, folder=tmp_path)
        assert "finished" in listed.stdout
        assert "tea: What is tea?" in listed.stdout
        assert ", simulated  " in listed.stdout
        costs = run("cost", environment=environment, folder=tmp_path)
        assert "simulated: nothing was billed" in costs.stdout
        assert "tea: What is tea?" in run("jobs", "tea", "--state", "finished", environment=environment, folder=tmp_path).stdout  # fmt: skip
        assert "No job fits: “tea”, state failed." in run("jobs", "tea", "--state", "failed", environment=environment, folder=tmp_path).stdout  # fmt: skip
        wrong = run("jobs", "--since", "soon", environment=environment, folder=tmp_path)
        assert (wrong.returncode, "such as 7d" in wrong.stderr) == (2, True)
        doctor = run("doctor", environment=environment, folder=tmp_path)
        assert doctor.returncode == 0, doctor.stdout
        assert "takes the key" in doctor.stdout
        assert "pplx-test-0123" not in doctor.stdout
        assert "…cdef" in doctor.stdout


def test_doctor_without_a_key_says_what_to_do(environment: dict[str, str], tmp_path: Path) -> None:
    ran = run("doctor", environment=environment, folder=tmp_path)
    assert ran.returncode == 1
    assert "no Perplexity key is set" in ran.stdout


def test_a_wrong_command_is_usage(environment: dict[str, str], tmp_path: Path) -> None:
    assert run("nothere", environment=environment, folder=tmp_path).returncode == 2
    assert run("simulator", "--fault", "nothing=1", environment=environment, folder=tmp_path).returncode == 2
