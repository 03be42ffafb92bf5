"""A cell whose ledger is full, broken, newer, or cannot be made: one line, and the answer is shown all the same."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger.sqlite.schema import VERSION
from tests.notebook.conftest import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

posix = pytest.mark.skipif(os.name != "posix", reason="limits of files")

CELL = "%%pplx_research tea\nWhat is tea?"
OTHER = "%%pplx_research coffee\nWhat is coffee?"
FILL = """
import os, resource
log = os.environ["PPLX_JUPYTER_LEDGER"] + "-wal"
get_ipython().history_manager.enabled = False
resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(log), resource.RLIM_INFINITY))
"""
MAKE_ROOM = "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))"


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[[], Kernel]]:
    """Start kernels one after the other, each with the extension."""
    made: list[Kernel] = []

    def new() -> Kernel:
        if made:
            made[-1].close()
        made.append(Kernel(environment))
        assert made[-1].run("%load_ext pplx_jupyter").reply["status"] == "ok"
        return made[-1]

    yield new
    if made:
        made[-1].close()


def _is_answer(message: dict[str, Any]) -> bool:
    return "not written to the ledger" in json.dumps(message["content"])


@posix
def test_an_answer_that_the_disk_does_not_take_is_shown_with_what_to_do(
    start: Callable[[], Kernel], sim: Simulator, environment: dict[str, str], tmp_path: Path
) -> None:
    sim.add_fault("hold@post#1")
    kernel = start()
    kernel.run(CELL)
    while not sim.held:
        assert kernel.run("1", cell="probe").reply["status"] == "ok"
    assert kernel.run(FILL, cell="fill").reply["status"] == "ok"
    sim.release()
    shown = kernel.until(_is_answer, seconds=40)[-1]["content"]["data"]
    said = "**Answered, but not written to the ledger (disk full or failing).** Save it now: "
    assert said + '`tea.answer.save("tea.json")`.' in shown["text/markdown"]
    assert "Finished" in shown["text/markdown"], "state and money come first"
    assert "Save it now" in shown["text/html"]
    assert "Save it now" in shown["text/plain"]
    file = tmp_path / "tea.json"
    assert kernel.run(f"tea.answer.save({str(file)!r})", cell="save").reply["status"] == "ok"
    assert json.loads(file.read_text())["receipt"]["name"] == "tea"
    refused = kernel.run(OTHER, cell="cell-2")
    assert refused.error.startswith("LedgerError: the ledger")
    assert refused.error.endswith("Nothing was sent.")
    again = kernel.run(CELL)
    assert again.reply["status"] == "ok", again.error
    assert "Save it now" in json.dumps(again.displays)
    assert kernel.run(MAKE_ROOM, cell="room").reply["status"] == "ok"
    kernel.run("import time\nwhile tea.row.unwritten:\n    time.sleep(0.05)", cell="probe")
    assert [row.state for row in kernel.ledger_rows()] == ["completed"]
    assert [job["prompt"] for job in sim.bill.jobs] == ["What is tea?"]
    assert "Save it now" not in json.dumps(kernel.run(CELL).displays)


def test_a_broken_ledger_stops_a_run_once_and_what_was_in_it_is_shown(
    start: Callable[[], Kernel], sim: Simulator, environment: dict[str, str]
) -> None:
    path = Path(environment["PPLX_JUPYTER_LEDGER"])
    kernel = start()
    kernel.run(CELL)
    assert kernel.run("tea.wait(30); None", cell="wait").reply["status"] == "ok"
    start().close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[:100] = bytes(100)
    path.write_bytes(data)
    kernel = start()
    shown = kernel.run(CELL)
    assert shown.reply["status"] == "ok", shown.error
    assert "From your ledger" in json.dumps(shown.displays)
    assert "was broken (file is not a database). It is kept as ledger.sqlite.broken-" in shown.text
    refused = kernel.run(OTHER, cell="cell-2")
    assert refused.error.startswith("LedgerError: the ledger")
    assert "1 job and 1 answer could be read from it" in refused.error
    assert refused.error.endswith("Run the cell again to go on. Nothing was sent.")
    assert "\n" not in refused.error
    assert len(sim.bill.jobs) == 1
    assert kernel.run(OTHER, cell="cell-2").reply["status"] == "ok"
    assert kernel.run("coffee.wait(30); None", cell="wait").reply["status"] == "ok"
    (aside,) = path.parent.glob("ledger.sqlite.broken-*[0-9]")
    assert aside.read_bytes() == bytes(data)


@pytest.mark.parametrize("trouble", ["newer", "no folder", "another program's"])
def test_a_ledger_that_cannot_be_used_is_one_line_and_nothing_is_sent(
    environment: dict[str, str], sim: Simulator, tmp_path: Path, trouble: str
) -> None:
    path = tmp_path / "ledger.sqlite"
    said = {
        "newer": "newer version",
        "no folder": "its folder cannot be made",
        "another program's": "another program",
    }
    if trouble == "no folder":
        (tmp_path / "file").touch()
        environment["PPLX_JUPYTER_LEDGER"] = str(tmp_path / "file" / "ledger.sqlite")
    else:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            for name in ("jobs", "meta") if trouble == "newer" else ("accounts",):
                db.execute(f"CREATE TABLE {name} (x)")
            db.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes() if path.exists() else b""
    kernel = Kernel(environment)
    try:
        loaded = kernel.run("%load_ext pplx_jupyter")
        assert (loaded.reply["status"], loaded.text) == ("ok", "")
        for _ in range(2):
            ran = kernel.run(CELL)
            assert ran.error.startswith("LedgerError: the ledger")
            assert said[trouble] in ran.error
            assert "\n" not in ran.error
        assert kernel.run("1 + 1").reply["status"] == "ok"
    finally:
        kernel.close()
    assert sim.requests == []
    assert (path.read_bytes() if path.exists() else b"") == before
