"""Real kernels of several ipykernel versions, and a record of everything they say."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.simulator import Simulator
from tests.notebook.conftest import Kernel, environment

__all__ = ["environment"]

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator

OVERLAYS = Path(__file__).parents[2] / ".overlays"
VERSIONS = ("6.29.5", "6.31.0", "7.0.1", "7.1.0", "installed")

_CLOCK = re.compile(r'class="pplx-w">([^<]*)<')

Message = dict[str, Any]


def overlay_of(version: str) -> Path:
    """Give a folder with this ipykernel and nothing else of another version; fetched once."""
    path = OVERLAYS / f"ipykernel-{version}"
    if path.is_dir():
        return path
    OVERLAYS.mkdir(exist_ok=True)
    # Under a name of its own first: another worker may fetch the same, and a broken-off try must not count.
    fetched = Path(tempfile.mkdtemp(prefix=f"fetching-{version}-", dir=OVERLAYS))
    wanted = [f"ipykernel=={version}", "nest-asyncio"]  # which ipykernel imports up to 7.2
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*pip, "--no-deps", "--target", str(fetched), *wanted],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"ipykernel {version} cannot be fetched: {done.stderr}")
        if not path.is_dir():
            fetched.rename(path)
    finally:
        shutil.rmtree(fetched, ignore_errors=True)
    return path


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(speed=60) as simulator:
        yield simulator


class Heard(Kernel):
    """A kernel of which every iopub message is kept, whoever it answers to.

    Times are those that the kernel wrote into its messages, in seconds since the epoch.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__(environment)
        self.heard: list[Message] = []
        hear = self.client.get_iopub_msg

        def keep(*args: Any, **keys: Any) -> Message:
            message: Message = hear(*args, **keys)
            self.heard.append(message)
            return message

        client: Any = self.client
        client.get_iopub_msg = keep
        # A start that took long leaves replies behind, which would be taken for those of the first cells.
        self.reply(self.client.kernel_info())

    def ask(self, code: str, *, cell: str) -> str:
        """Run a cell that launches a job; give its execute_request's msg_id."""
        ran = self.run(code, cell=cell)
        assert ran.reply["status"] == "ok", ran.error
        return ran.msg_id

    def begin(self, code: str) -> str:
        """Send a cell, and do not wait for it."""
        msg_id: str = self.client.execute(code)
        return msg_id

    def send(self, kind: str, content: dict[str, Any], *, subshell: str | None = None) -> str:
        """Send a request on the shell channel; give its msg_id."""
        message = self.client.session.msg(kind, content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        msg_id: str = message["header"]["msg_id"]
        return msg_id

    def reply(self, msg_id: str) -> dict[str, Any]:
        """Give the content of a request's reply on the shell channel; replies to others are dropped."""
        while True:
            message = self.client.get_shell_msg(timeout=10)
            if message["parent_header"].get("msg_id") == msg_id:
                content: dict[str, Any] = message["content"]
                return content

    def idle(self, msg_id: str) -> float:
        """Wait until a request is done; give when it was."""
        done = [m for m in self.heard if _is_idle(m, msg_id)]
        return sent_at(done[0] if done else self.until(lambda m: _is_idle(m, msg_id))[-1])

    def complete(self, code: str) -> str:
        """Ask for completions, as typing does; give the request's msg_id."""
        msg_id: str = self.client.complete(code, len(code))
        self.idle(msg_id)
        assert self.reply(msg_id)["matches"]
        return msg_id

    def click(self, comm_id: str, *, subshell: str | None = None) -> str:
        """Click a button, as the widgets' frontend does."""
        data = {"method": "custom", "content": {"event": "click"}}
        return self.send("comm_msg", {"comm_id": comm_id, "data": data}, subshell=subshell)

    def comms(self, launch: str) -> set[str]:
        """Give the comm ids of the widgets that a cell made."""
        return {m["content"]["comm_id"] for m in self.under(launch) if m["msg_type"] == "comm_open"}

    def under(self, msg_id: str) -> list[Message]:
        """Give what was said in answer to a request."""
        return [m for m in self.heard if m["parent_header"].get("msg_id") == msg_id]

    def ours(self, launch: str) -> list[Message]:
        """Give what was said of a launching cell's panel and outputs, whatever request it answers to."""
        comms, outputs = self.comms(launch), self.outputs(launch)
        return [
            m
            for m in self.heard
            if m["content"].get("comm_id") in comms
            or (m["content"].get("transient") or {}).get("display_id") in outputs
        ]

    def outputs(self, launch: str) -> list[str]:
        """Give the display ids of a cell's outputs, in their order on the page."""
        shown = [m for m in self.under(launch) if m["msg_type"] == "display_data"]
        return [m["content"]["transient"]["display_id"] for m in shown]

    def states(self, launch: str) -> dict[str, dict[str, Any]]:
        """Give the widgets' state as a frontend has it now, by comm id."""
        states: dict[str, dict[str, Any]] = {}
        for message in self.ours(launch):
            if message["msg_type"] in {"comm_open", "comm_msg"}:
                state = message["content"]["data"].get("state", {})
                states.setdefault(message["content"]["comm_id"], {}).update(state)
        return states

    def button(self, launch: str, text: str) -> str | None:
        """Give the comm id of the button that says this now and takes a click, or None."""
        shown = str([s["children"] for s in self.states(launch).values() if "children" in s])
        states = self.states(launch).items()
        fitting = [c for c, s in states if s.get("description") == text and c in shown]
        return next((c for c in fitting if not self.states(launch)[c].get("disabled")), None)

    def until_under(self, msg_id: str, kind: str) -> None:
        """Wait until a message of a kind answers a request."""
        self.until(lambda m: m["msg_type"] == kind and m in self.under(msg_id))

    def until_words(self, launch: str, words: str) -> float:
        """Wait until the panel, or an output, says this anew; give when it did."""
        return sent_at(self.until(lambda m: words in str(m["content"]) and m in self.ours(launch))[-1])

    def until_button(self, launch: str, text: str) -> str:
        """Wait until the panel has a button that says this; give its comm id."""
        if self.button(launch, text) is None:
            self.until(lambda _: self.button(launch, text) is not None)
        found = self.button(launch, text)
        assert found is not None
        return found

    def until_state(self, launch: str, state: str) -> None:
        """Wait until both outputs, and the panel after them, are in their permanent form."""
        ends = {"update_display_data": 0, "comm_msg": 0}

        def is_last(message: Message) -> bool:
            if message not in self.ours(launch):
                return False
            told = (message["content"].get("metadata") or {}).get("pplx_jupyter", {}).get("state")
            if message["msg_type"] == "update_display_data" and told == state:
                ends["update_display_data"] += 1
            # The panel's own end: one part alone is left in its box.
            left = message["content"].get("data", {}).get("state", {}).get("children", ())
            return ends["update_display_data"] == 2 and len(left) == 1

        self.until(is_last)

    def finals(self, launch: str) -> dict[str, Message]:
        """Give the last content of each output, by display id."""
        updates = [m for m in self.ours(launch) if m["msg_type"] == "update_display_data"]
        return {m["content"]["transient"]["display_id"]: m["content"] for m in updates}


def _is_idle(message: Message, msg_id: str) -> bool:
    if message["parent_header"].get("msg_id") != msg_id or message["msg_type"] != "status":
        return False
    return bool(message["content"]["execution_state"] == "idle")


def sent_at(message: Message) -> float:
    """Give when the kernel made a message, in seconds since the epoch."""
    date: datetime.datetime = message["header"]["date"]
    return date.timestamp()


def clock_of(message: Message) -> str | None:
    """Give the clock's text where this message sets it, else None."""
    value = message["content"].get("data", {}).get("state", {}).get("value")
    found = _CLOCK.search(value) if isinstance(value, str) else None
    return found[1] if found else None


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Give one of the ipykernel versions that the package is to work with."""
    return str(request.param)


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[[str], Heard]]:
    """Give a function that starts a kernel of a version, with the extension loaded."""
    started: list[Heard] = []

    def start(version: str) -> Heard:
        wanted, paths = importlib.metadata.version("ipykernel"), [os.environ.get("PYTHONPATH", "")]
        if version != "installed":
            wanted, paths = version, [str(overlay_of(version)), *paths]
        kernel = Heard({**environment, "PYTHONPATH": os.pathsep.join(path for path in paths if path)})
        started.append(kernel)
        assert kernel.value("__import__('ipykernel').__version__") == repr(wanted)
        loaded = kernel.run("%load_ext pplx_jupyter")
        assert loaded.reply["status"] == "ok", loaded.error
        return kernel

    yield start
    for kernel in started:
        kernel.close()


@pytest.fixture
def kernel(start: Callable[[str], Heard], version: str) -> Heard:
    return start(version)


@pytest.fixture
def newest(start: Callable[[str], Heard]) -> Heard:
    """Give a kernel of the ipykernel that is installed."""
    return start("installed")
