"""``--notify-me``: through a real D-Bus, with a notification server that writes down what it is told."""

from __future__ import annotations

import base64
import dataclasses
import io
import shutil
import struct
import subprocess
import sys
import time
import wave
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.notebook.panel.notify import words_of
from tests.notebook.conftest import Kernel
from tests.notebook.test_progress import row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

CELL = "%%pplx_research tea --notify-me\nWhat is <b>tea</b> & why? shape:plain seconds:60"

SERVER = """
import asyncio, sys
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method as method
class Desktop(ServiceInterface):
    def __init__(self):
        super().__init__("org.freedesktop.Notifications")
    @method()
    def Notify(self, app: "s", old: "u", icon: "s", title: "s", text: "s", actions: "as", hints: "a{sv}", t: "i") -> "u":
        print(f"{title}|{text}|{sorted(hints)}", flush=True)
        return 1
    @method()
    def GetCapabilities(self) -> "as":
        return ["body", "body-markup"]
    @method()
    def GetServerInformation(self) -> "ssss":
        return ["Test", "Test", "1", "1.2"]
async def main():
    bus = await MessageBus().connect()
    bus.export("/org/freedesktop/Notifications", Desktop())
    await bus.request_name("org.freedesktop.Notifications")
    print("ready", flush=True)
    await asyncio.get_running_loop().create_future()
asyncio.run(main())
"""


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    """Give the address of a session bus of its own."""
    daemon = shutil.which("dbus-daemon")
    if daemon is None:
        pytest.skip("needs dbus-daemon")
    command = [daemon, "--session", "--nofork", "--print-address=1", f"--address=unix:path={tmp_path}/bus"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait(10)


@pytest.fixture
def desktop(bus: str, tmp_path: Path, environment: dict[str, str]) -> Iterator[Path]:
    """Give the file in which a desktop writes down its notifications; kernels find it."""
    pytest.importorskip("desktop_notifier")
    environment["DBUS_SESSION_BUS_ADDRESS"] = bus
    told = tmp_path / "told.txt"
    with told.open("w") as out:
        process = subprocess.Popen([sys.executable, "-c", SERVER], env=environment, stdout=out)
    until(told, "ready")
    yield told
    process.terminate()
    process.wait(10)


def until(told: Path, text: str) -> list[str]:
    end = time.monotonic() + 20
    while text not in told.read_text():
        assert time.monotonic() < end, told.read_text()
        time.sleep(0.05)
    return told.read_text().splitlines()


def ended_as(state: str) -> Callable[[dict[str, Any]], bool]:
    """Look for the output that shows a job's end."""

    def wanted(message: dict[str, Any]) -> bool:
        metadata = message["content"].get("metadata") or {}
        return bool(metadata.get("pplx_jupyter", {}).get("state") == state)

    return wanted


def load(environment: dict[str, str]) -> Kernel:
    kernel = Kernel(environment)
    assert kernel.run("%load_ext pplx_jupyter").reply["status"] == "ok"
    return kernel


def test_a_finished_job_is_told_once_over_all_kernels(
    desktop: Path, environment: dict[str, str], sim: Simulator
) -> None:
    first, second = load(environment), load(environment)
    try:
        for kernel in (first, second):
            assert "No notification" not in str(kernel.run(CELL).displays)
        # While the cell that asked has long ended, and another one computes.
        first.run("import time; time.sleep(1.5)", cell="cell-2")
        lines = until(desktop, "Finished")
        for kernel in (first, second):
            kernel.run("tea.wait()", cell="aside")
        others = {"rum": first, "gin": second}
        for name, kernel in others.items():
            kernel.run(f"%%pplx_research --notify-me\nWhat is {name}? seconds:20", cell="cell-3")
        for name in others:
            # Each tells in order: what it told twice of the first question stands there by now.
            until(desktop, f"What is {name}?")
    finally:
        first.close()
        second.close()
    assert (
        lines[1]
        == "Finished (simulated): tea|“What is ‹b›tea‹/b› + why? shape:plain seconds:60” · 0.00 USD|['urgency']"
    )
    assert desktop.read_text().count("tea") == 2, "one line, whose title and text name it"


def test_nothing_is_told_unasked_and_the_setting_asks(
    desktop: Path, environment: dict[str, str], sim: Simulator
) -> None:
    kernel = load(environment)
    try:
        kernel.run("%%pplx_research quiet\nWhat is tea? seconds:20")
        kernel.run("quiet.wait()", cell="aside")
        kernel.run("%config PplxResearch.notify = True", cell="aside")
        kernel.run("%%pplx_research loud --sound\nWhat is coffee? outcome:failed seconds:20", cell="cell-2")
        lines = until(desktop, "loud")
        assert lines[-1].startswith("Failed: loud")
        assert lines[-1].endswith("['sound-name', 'urgency']")
        assert "quiet" not in desktop.read_text()
        assert "<audio" not in str(kernel.until(ended_as("failed"))), (
            "the notification is heard, and nothing else"
        )
        kernel.run("rows = [{'c': 'Aurubis'}, {'c': 'Borealis outcome:failed'}]", cell="aside")
        kernel.run("%%pplx_research many --each rows --yes\nWho owns {{ c }}? seconds:20", cell="cell-3")
        told = until(desktop, "many")[-1]
        assert told.startswith(
            "Finished (simulated): many|“Who owns {{ c }}? seconds:20” · 1 of 2 rows answered · 0.00 USD|"
        )
        form = "from pplx_jupyter import ResearchForm\nform = ResearchForm('What is rum? seconds:20')\nform"
        kernel.run(form, cell="cell-4")
        kernel.run("form.ask()", cell="aside")
        assert "What is rum?" in until(desktop, "rum")[-1]
    finally:
        kernel.close()


def test_without_a_desktop_one_muted_line_says_so_once(
    kernel: Kernel, environment: dict[str, str], sim: Simulator
) -> None:
    kernel.run(
        "import os; os.environ.pop('DBUS_SESSION_BUS_ADDRESS', None); os.environ['XDG_RUNTIME_DIR'] = '/nowhere'"
    )
    pytest.importorskip("desktop_notifier")
    ran = kernel.run(CELL)
    said = [each["data"] for each in ran.displays if "No notification" in str(each["data"])]
    assert [each["text/plain"] for each in said] == [
        "No notification: there is no desktop here that could show one (no D-Bus session). The answer appears below the cell all the same."
    ]
    assert "pplx-m" in said[0]["text/html"]
    assert "No notification" not in str(kernel.run(CELL.replace("why", "how"), cell="cell-2").displays)
    assert kernel.value("tea.wait().text != ''") == "True"


def test_a_sound_is_heard_in_the_page_once_and_leaves_it(kernel: Kernel, sim: Simulator) -> None:
    cell = "%%pplx_research tea --sound\nWhat is tea? shape:plain seconds:20"
    assert "<audio" not in str(kernel.run(cell).displays)
    heard = kernel.until(lambda m: "<audio autoplay" in str(m["content"].get("data", "")))[-1]["content"]
    silent = kernel.until(lambda m: m["content"].get("transient") == heard["transient"])[-1]["content"]
    assert heard["data"]["text/html"].startswith(silent["data"]["text/html"])
    assert "<audio" not in str(silent["data"])
    assert "Finished (simulated)" in silent["data"]["text/plain"]
    # Nothing comes of an answer that is there already.
    assert "<audio" not in str(kernel.run(cell, cell="cell-2").displays)
    kernel.run("%config PplxResearch.sound = True", cell="aside")
    kernel.run("%%pplx_research rum\nWhat is rum? shape:plain seconds:20", cell="cell-3")
    kernel.until(lambda m: "<audio autoplay" in str(m["content"].get("data", "")))
    sound = base64.b64decode(heard["data"]["text/html"].partition("base64,")[2].partition('"')[0])
    with wave.open(io.BytesIO(sound)) as notes:
        assert 0.5 < notes.getnframes() / notes.getframerate() < 1.5
        samples = struct.unpack(f"<{notes.getnframes()}h", notes.readframes(notes.getnframes()))
    assert 2000 < max(map(abs, samples)) < 14_000, "heard, and startles nobody"


@pytest.mark.parametrize("frozen_server", [True])
def test_a_desktop_that_does_not_answer_blocks_nothing(
    bus: str, environment: dict[str, str], sim: Simulator, frozen_server: bool
) -> None:
    pytest.importorskip("desktop_notifier")
    # A bus on which nobody shows notifications.
    environment["DBUS_SESSION_BUS_ADDRESS"] = bus
    kernel = load(environment)
    try:
        ran = kernel.run(CELL)
        assert ran.reply["status"] == "ok"
        assert kernel.value("tea.wait().text != ''") == "True"
        kernel.until(lambda m: "Sources" in str(m["content"].get("data", "")))
        assert kernel.value("1 + 1") == "2"
    finally:
        kernel.close()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "completed", "cost": 0.82}, ("Finished: prices", "“How?” · 0.82 USD")),
        ({"state": "incomplete", "cost": None, "name": ""}, ("Incomplete", "“How?” · cost unknown")),
        ({"state": "unconfirmed"}, ("Unconfirmed, needs a look: prices", "“How?” · cost unknown")),
        ({"state": "expired", "question": "a\n\x1b[31m\u202e<img src=x>" + "y" * 500},
         ("Expired: prices", "“a [31m‹img src=x›" + "y" * 62 + "…” · cost unknown")),
    ],
)  # fmt: skip
def test_its_words_are_ours_on_one_line(changes: dict[str, Any], said: tuple[str, str]) -> None:
    assert words_of(dataclasses.replace(row(), **changes)) == said
