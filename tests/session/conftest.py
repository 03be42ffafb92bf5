from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.asking import (
    KEY,
    ask,
    hurry,
    make_session,
    make_sim,
    nothing_of_the_environment,
    sim,
    still,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator

__all__ = [
    "ask",
    "hurry",
    "make_session",
    "make_sim",
    "nothing_of_the_environment",
    "sim",
    "spawn",
    "still",
    "until",
]


class Child:
    """A Python process of its own, with this ledger and this service."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out = ""
        self.err = ""

    def line(self) -> str:
        """Wait for the next line that it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end(self, seconds: float = 30.0) -> int:
        """Wait for its end, and give its exit status."""
        out, err = self.process.communicate(timeout=seconds)
        self.out, self.err = self.out + out, self.err + err
        return self.process.returncode


PRELUDE = """
import asyncio, os, signal, socket, sys, threading, time
from pplx_jupyter.asking import research
from pplx_jupyter.job import Job, attach
from pplx_jupyter.request import Request
from pplx_jupyter.session import Session
from pplx_jupyter.settings import Settings
url, ledger, key = sys.argv[1:4]
def make(**rest):
    return Session(base_url=url, ledger=ledger, api_key=key, settings=Settings(budget=1e6), **rest)
"""


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    """Run a script in another process; `url`, `ledger`, `key` and `make()`, a Session, are there."""
    made: list[tuple[subprocess.Popen[str], threading.Timer]] = []

    def start(
        script: str, sim: Simulator | str, *arguments: str, ledger: Path | None = None, **how: Any
    ) -> Child:
        url = sim if isinstance(sim, str) else sim.url
        command = [
            sys.executable,
            "-c",
            PRELUDE + script,
            url,
            str(ledger or tmp_path / "ledger.sqlite"),
            KEY,
            *arguments,
        ]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **how)
        # No script may take so long: then its next line is an empty one.
        timer = threading.Timer(40, process.kill)
        timer.start()
        made.append((process, timer))
        return Child(process)

    yield start
    for process, timer in made:
        timer.cancel()
        process.kill()
        process.communicate()
