"""A simulator, and real kernels that ask it."""

from __future__ import annotations

import dataclasses
import os
import queue
import tempfile
import time
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger import Row, open_ledger
from pplx_jupyter.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "pplx-test-0123456789abcdef"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Jobs take half a second, or as long as their prompts say, 120 times as fast."""
    with Simulator(speed=120, durations=(30.0, 60.0)) as simulator:
        yield simulator


@pytest.fixture
def environment(sim: Simulator, tmp_path: Path) -> dict[str, str]:
    """Give the environment of a process that asks the simulator, with a ledger of its own."""
    return environment_of(sim, tmp_path)


def environment_of(sim: Simulator, tmp_path: Path) -> dict[str, str]:
    """Give the environment of a process that asks a simulator, with a ledger in this folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PPLX_", "PERPLEXITY_"))}
    ours = {
        "PERPLEXITY_BASE_URL": sim.url,
        "PERPLEXITY_API_KEY": KEY,
        "PPLX_JUPYTER_LEDGER": str(tmp_path / "ledger.sqlite"),
        "PPLX_JUPYTER_BUDGET": "1000",
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "PYTHONWARNINGS": "ignore",
    }
    return {**kept, **ours}


@dataclasses.dataclass
class Ran:
    """What came of a cell; `heard` is all that was said while it ran, also for cells before it."""

    msg_id: str
    reply: dict[str, Any]
    messages: list[dict[str, Any]]
    seconds: float
    heard: list[dict[str, Any]]

    @property
    def text(self) -> str:
        """All that was printed."""
        return "".join(m["content"]["text"] for m in self.messages if m["msg_type"] == "stream")

    @property
    def warned(self) -> str:
        """What went to stderr: either stream may come first."""
        said = [m["content"] for m in self.messages if m["msg_type"] == "stream"]
        return "".join(each["text"] for each in said if each["name"] == "stderr")

    @property
    def error(self) -> str:
        """The error as the cell shows it, without colours."""
        import re

        shown = [
            line for m in self.messages if m["msg_type"] == "error" for line in m["content"]["traceback"]
        ]
        return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(shown))

    @property
    def displays(self) -> list[dict[str, Any]]:
        """The contents of what was displayed."""
        return [m["content"] for m in self.messages if m["msg_type"] in {"display_data", "execute_result"}]


class Kernel:
    """A real kernel, driven as a frontend drives it."""

    def __init__(self, environment: dict[str, str]) -> None:
        from jupyter_client.manager import KernelManager

        self._ledger = environment["PPLX_JUPYTER_LEDGER"]
        # Not over TCP: of many kernels at a time, one now and then finds its port taken. A socket's path must be short.
        self._sockets = tempfile.TemporaryDirectory(prefix="pplx-")
        self._manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{self._sockets.name}/k")
        self._manager.start_kernel(env=environment)
        self.client = self._manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str, *, cell: str = "cell-1", headless: bool = False, answer: str = "") -> Ran:
        """Run a cell and wait until it is idle."""
        started = time.monotonic()
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "stop_on_error": True,
        }
        message = self.client.session.msg(
            "execute_request", {**content, "allow_stdin": not headless}, metadata={"cellId": cell}
        )
        self.client.shell_channel.send(message)
        msg_id = message["header"]["msg_id"]
        messages, heard = [], []
        while True:
            if answer and self.client.stdin_channel.msg_ready():
                self.client.get_stdin_msg(timeout=5)
                self.client.input(answer)
            try:
                got = self.client.get_iopub_msg(timeout=0.2 if answer else 60)
            except queue.Empty:
                if answer and time.monotonic() - started < 30:
                    continue
                raise
            heard.append(got)
            if got["parent_header"].get("msg_id") == msg_id:
                messages.append(got)
                if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                    break
        reply = self.client.get_shell_msg(timeout=10)
        while reply["parent_header"].get("msg_id") != msg_id:
            # A slow start leaves replies to more than one kernel_info request behind.
            reply = self.client.get_shell_msg(timeout=10)
        return Ran(msg_id, reply["content"], messages, time.monotonic() - started, heard)

    def until(self, wanted: Callable[[dict[str, Any]], bool], *, seconds: float = 20) -> list[dict[str, Any]]:
        """Collect what the kernel says by itself until a message is the wanted one."""
        messages: list[dict[str, Any]] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            messages.append(self.client.get_iopub_msg(timeout=max(0.1, end - time.monotonic())))
            if wanted(messages[-1]):
                return messages
        raise AssertionError(f"not said within {seconds} s; heard {[m['msg_type'] for m in messages]}")

    def interrupt(self) -> None:
        """Interrupt it, as a person does."""
        self._manager.interrupt_kernel()

    def ledger_rows(self) -> list[Row]:
        """Give what its ledger holds: an intent left behind would be sent by whoever watches next."""
        return open_ledger(self._ledger).jobs()

    def value(self, expression: str) -> str:
        """Give the repr of an expression in the kernel."""
        ran = self.run(f"print(repr(({expression})))", cell="probe")
        assert ran.reply["status"] == "ok", ran.error
        return ran.text.strip()

    def close(self) -> None:
        self.client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._sockets.cleanup()


@pytest.fixture
def kernel(environment: dict[str, str]) -> Iterator[Kernel]:
    kernel = Kernel(environment)
    try:
        assert kernel.run("%load_ext pplx_jupyter").reply["status"] == "ok"
        yield kernel
    finally:
        kernel.close()


@pytest.fixture(scope="module")
def sim_once() -> Iterator[Simulator]:
    """One service for tests that send nothing."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def kernel_once(sim_once: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for tests that send nothing and leave nothing behind."""
    kernel = Kernel(environment_of(sim_once, tmp_path_factory.mktemp("kernel")))
    try:
        assert kernel.run("%load_ext pplx_jupyter").reply["status"] == "ok"
        yield kernel
    finally:
        kernel.close()
