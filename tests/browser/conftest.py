"""JupyterLab and Notebook 7 in a real Chromium, asking a simulator that the tests control.

Run by itself (``pytest tests/browser``): Playwright's loop would get in the way of other tests.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import sync_playwright

from pplx_jupyter.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Locator

BUSY = """import pathlib, time
while not pathlib.Path("computed").exists():
    time.sleep(0.1)
print("computed")"""
"""A cell that computes until the test says that it is done (`Book.computed`)."""

LAB = pytest.mark.parametrize("frontend", ["lab"], indirect=True)
"""For what Notebook 7 shows by JupyterLab's very own parts; one test of each view sees it there, too."""

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
FLAGS += ["--disable-component-update", "--disable-sync"]
SHOTS = Path(__file__).parent / "shots"
START_SECONDS = 60


class Frontend:
    """A Jupyter server with one frontend; notebooks are files in its folder."""

    def __init__(self, kind: str, folder: Path, simulator: Simulator) -> None:
        self.kind = kind
        self.folder = folder / "notebooks"
        self.ledger = folder / "ledger.sqlite"
        self.log = folder / "server.log"
        self.folder.mkdir()
        self._token = secrets.token_hex(8)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text(
            '{"fetchNews": "false", "checkForUpdates": false}'
        )
        self._process = subprocess.Popen(
            self._command(folder),
            env=self._environment(folder, simulator),
            stdout=subprocess.DEVNULL,
            stderr=self.log.open("w"),
        )
        self._await()

    def _command(self, folder: Path) -> list[str]:
        module = {"lab": "jupyterlab", "notebook": "notebook"}[self.kind]
        app = {"lab": "LabApp", "notebook": "JupyterNotebookApp"}[self.kind]
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self._port,
            "ServerApp.root_dir": self.folder,
            "IdentityProvider.token": self._token,
            f"{app}.user_settings_dir": folder / "settings",
            f"{app}.workspaces_dir": folder / "workspaces",
        }
        command = [sys.executable, "-m", module, "--no-browser", "--allow-root", "--expose-app-in-browser"]
        return [*command, *(f"--{name}={value}" for name, value in options.items())]

    def _environment(self, folder: Path, simulator: Simulator) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PPLX_", "PERPLEXITY_", "JUPYTER_"))}
        private = {
            f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")
        }
        ours = {
            "PERPLEXITY_BASE_URL": simulator.url,
            "PERPLEXITY_API_KEY": "pplx-browser-0123456789abcdef",
            "PPLX_JUPYTER_LEDGER": str(self.ledger),
            "PPLX_JUPYTER_BUDGET": "1000",
            "IPYTHONDIR": str(folder / "ipython"),
        }
        return {**kept, **private, **ours}

    def _await(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self._process.poll() is None, f"{self.kind} ended with {self._process.returncode}"
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api", timeout=2),
            ):
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.kind} did not answer within {START_SECONDS} s")

    def address(self, name: str) -> str:
        """Give the address of a notebook."""
        path = {"lab": "lab/tree", "notebook": "notebooks"}[self.kind]
        return f"http://127.0.0.1:{self._port}/{path}/{name}?token={self._token}" + (
            "&reset" if self.kind == "lab" else ""
        )

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            # It waits for its kernels, which nobody needs any more.
            self._process.kill()
            self._process.wait()


class Book:
    """A notebook open in a page."""

    def __init__(
        self, frontend: Frontend, browser: Browser, cells: list[str], *, name: str = "", width: int = 1000
    ) -> None:
        self._frontend = frontend
        self._browser = browser
        self._width = width
        self.name = name or f"book-{secrets.token_hex(3)}.ipynb"
        self.path = frontend.folder / self.name
        if cells:
            notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
            notebook.metadata["kernelspec"] = {
                "name": "python3",
                "display_name": "Python 3",
                "language": "python",
            }
            nbformat.write(notebook, self.path)
        self.open()

    def open(self) -> None:
        """Open the file in a new page."""
        # All notebooks share a context: the frontend's own files are fetched and compiled once.
        self.page = self._browser.contexts[0].new_page()
        self.page.set_viewport_size({"width": self._width, "height": 1000})
        self.page.goto(self._frontend.address(self.name))
        self.ready()

    def reload(self) -> None:
        self.page.reload()
        self.ready()

    def close(self) -> None:
        self.page.close()

    def ready(self) -> None:
        """Wait until the notebook is there and its kernel is idle."""
        self.page.wait_for_selector(".jp-Notebook", timeout=START_SECONDS * 1000)
        # The indicator says idle before the kernel listens; a cell that is run then is dropped.
        self.page.wait_for_function(
            """() => {
                const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
                const kernel = context?.session?.kernel;
                return context?.isReady && kernel?.connectionStatus === 'connected' && kernel?.status === 'idle';
            }""",
            timeout=START_SECONDS * 1000,
        )

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of the frontend; not its promise, which may wait for a whole cell."""
        self.page.evaluate(
            "([name, args]) => { window.jupyterapp.commands.execute(name, args); return 1 }",
            [name, arguments],
        )

    def cell(self, number: int) -> Locator:
        return self.page.locator(".jp-CodeCell").nth(number)

    def output(self, number: int) -> str:
        """Give the text of a cell's outputs."""
        return self.cell(number).locator(".jp-OutputArea").first.inner_text()

    def start(self, number: int) -> None:
        """Begin to run a cell; done again where the frontend dropped the first try, as it may right after loading."""
        prompt = self.cell(number).locator(".jp-InputPrompt").first
        before = prompt.inner_text()
        for _ in range(5):
            self.cell(number).locator(".jp-InputArea-editor").first.click()
            self.page.keyboard.press("Control+Enter")
            with contextlib.suppress(AssertionError):
                self.until(lambda: prompt.inner_text() != before, "the cell to begin", seconds=3)
                return
        raise AssertionError(f"cell {number} did not begin")

    def run(self, number: int) -> None:
        """Run a cell and wait until it has ended."""
        self.start(number)
        prompt = self.cell(number).locator(".jp-InputPrompt").first
        self.until(lambda: bool(re.search(r"\[\d+\]", prompt.inner_text())), "the cell to end", seconds=30)

    def computed(self, number: int) -> None:
        """Let a busy cell end, which had not ended before."""
        assert "computed" not in self.output(number)
        (self._frontend.folder / "computed").touch()
        self.says(number, "computed")
        (self._frontend.folder / "computed").unlink()

    def until(self, happened: Any, what: str | Callable[[], str], *, seconds: float = 45) -> None:
        """Wait until something is so; a function that says what is called when it never was."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if happened():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"waited {seconds} s for {what if isinstance(what, str) else what()}")

    def says(self, number: int, text: str, *, seconds: float = 45) -> None:
        """Wait until a cell's outputs hold a text."""
        self.until(
            lambda: text in self.output(number),
            lambda: f"“{text}” in cell {number}: {self.output(number)[:300]!r}",
            seconds=seconds,
        )

    def rests(self, number: int) -> None:
        """Wait until a cell keeps its height: a button that moves between press and release is not clicked."""
        heights: list[float] = []

        def has_rested() -> bool:
            heights.append(self.cell(number).evaluate("cell => cell.scrollHeight"))
            return len(heights) > 8 and len(set(heights[-8:])) == 1

        self.until(has_rested, "the cell to rest")

    def click(self, number: int, text: str) -> None:
        self.cell(number).locator("button.jupyter-button", has_text=text).first.click()

    def save(self) -> Any:
        """Save, and give the file as it is then."""
        before = self.path.stat().st_mtime_ns
        self.command("docmanager:save")

        def saved() -> bool:
            # The server empties the file before it writes it.
            return self.path.stat().st_mtime_ns != before and self.path.read_text().rstrip().endswith("}")

        self.until(saved, "the file to be saved")
        return nbformat.read(self.path, as_version=4)

    def restart(self) -> None:
        """Restart the kernel."""
        self.command("kernelmenu:restart")
        self.page.locator(".jp-Dialog button.jp-mod-warn, .jp-Dialog button.jp-mod-accept").last.click()
        self.page.wait_for_timeout(500)
        self.ready()

    def shot(self, name: str, number: int | None = None) -> None:
        """Keep a picture of the page, or of a whole cell: the page is made high enough for it."""
        SHOTS.mkdir(exist_ok=True)
        target: Any = self.page if number is None else self.cell(number)
        box = None if number is None else target.bounding_box()
        height = 1000 if box is None else max(1000, int(box["height"]) + 300)
        self.page.set_viewport_size({"width": self._width, "height": height})
        target.screenshot(path=SHOTS / f"{self._frontend.kind}-{name}.png")
        self.page.set_viewport_size({"width": self._width, "height": 1000})


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        # A bar that moves keeps a processor busy where no graphics card draws it.
        chromium.new_context(reduced_motion="reduce")
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def sim() -> Iterator[Simulator]:
    with Simulator(speed=60) as simulator:
        yield simulator


@pytest.fixture(scope="session", params=["lab", "notebook"])
def frontend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sim: Simulator
) -> Iterator[Frontend]:
    server = Frontend(request.param, tmp_path_factory.mktemp(request.param), sim)
    yield server
    server.close()


@pytest.fixture
def book(frontend: Frontend, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Give a function that opens a notebook of these cells."""
    opened: list[Book] = []

    def make(*cells: str, name: str = "", width: int = 1000) -> Book:
        opened.append(Book(frontend, browser, list(cells), name=name, width=width))
        return opened[-1]

    yield make
    print(frontend.log.read_text()[-4000:])  # shown where a test fails: kernels write here, too
    for each in opened:
        if not each.page.is_closed():
            each.shot(f"end-{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower())}")
            each.command("kernelmenu:shutdown")
            each.close()
