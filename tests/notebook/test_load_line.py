"""Loading the extension says in one line what this notebook's jobs have come to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger import Draft, open_ledger
from pplx_jupyter.notebook.away import away_line
from tests.asking import intend
from tests.notebook.conftest import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

LOAD = "%load_ext pplx_jupyter"
SLOW = "seconds:60000"


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "JPY_SESSION_NAME": "/home/me/market.ipynb"}


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel, in place of the one before: killed, as a machine that loses its power."""
    kernels: list[Kernel] = []

    def make(**changes: str) -> Kernel:
        for kernel in kernels:
            kernel.close()
        kernels[:] = [Kernel({**environment, **changes})]
        return kernels[0]

    yield make
    for kernel in kernels:
        kernel.close()


def test_jobs_under_way_and_answers_that_arrived_meanwhile(
    start: Callable[..., Kernel], sim: Simulator, environment: dict[str, str]
) -> None:
    kernel = start()
    assert kernel.run(LOAD).text == ""
    kernel.run(f"%%pplx_research prices\nWhat do prices do? {SLOW}")
    kernel.run("%%pplx_research brief\nWhat is tea? seconds:600")
    kernel.run("%%pplx_research review\nWhat is rum? seconds:600")
    kernel.run(
        "from pplx_jupyter import jobs\nimport time\nwhile any(not job.remote_id for job in jobs()): time.sleep(0.05)"
    )
    kernel = start()
    assert kernel.run(LOAD).text == (
        "pplx_jupyter: 3 jobs of this notebook are under way (review, brief, prices). See %pplx jobs\n"
    )
    sim.advance(700)
    # Another notebook's kernel collects the answers: this notebook's has shown none of them.
    other = start(JPY_SESSION_NAME="/home/me/other.ipynb")
    assert other.run(LOAD).text == ""
    other.run("from pplx_jupyter import attach\nfor name in ('brief', 'review'): attach(name).wait()")
    kernel = start()
    assert kernel.run(LOAD).text == (
        "pplx_jupyter: 1 job of this notebook is under way (prices);"
        " 2 answers arrived while you were away (review, brief). See %pplx jobs\n"
    )
    assert "Sources" in str(kernel.run("%%pplx_research brief\nWhat is tea? seconds:600").displays)
    kernel = start()
    assert "1 answer arrived while you were away (review)" in kernel.run(LOAD).text
    assert len(sim.bill.jobs) == 3


def test_an_answer_that_its_cell_has_shown_is_no_news(start: Callable[..., Kernel], sim: Simulator) -> None:
    kernel = start()
    kernel.run(LOAD)
    kernel.run("%%pplx_research tea\nWhat is tea?")
    kernel.until(lambda m: m["msg_type"] == "update_display_data" and "Sources" in str(m["content"]["data"]))
    kernel.value("1")
    assert start().run(LOAD).text == ""


def test_it_makes_no_ledger_needs_no_key_and_asks_nobody(
    start: Callable[..., Kernel], environment: dict[str, str], sim: Simulator
) -> None:
    kernel = start(PERPLEXITY_API_KEY="", PERPLEXITY_BASE_URL="http://127.0.0.1:9")
    assert kernel.run(LOAD).text == ""
    assert not Path(environment["PPLX_JUPYTER_LEDGER"]).exists()
    kernel = start()
    kernel.run(f"{LOAD}\nfrom pplx_jupyter import research")
    kernel.run(f"%%pplx_research tea\nWhat is tea? {SLOW}")
    asked = len(sim.requests)
    kernel = start(PERPLEXITY_API_KEY="")
    assert "1 job of this notebook is under way (tea)" in kernel.run(LOAD).text
    heavy = (
        "[name for name in ('httpx', 'ipywidgets', 'markdown', 'nh3') if name in __import__('sys').modules]"
    )
    assert kernel.value(heavy) == "[]"
    assert len(sim.requests) >= asked


@pytest.mark.parametrize("broken", ["not a database", "another program's", "newer", "a folder"])
def test_a_ledger_that_cannot_be_read_is_the_first_cells_to_report(
    start: Callable[..., Kernel], environment: dict[str, str], broken: str
) -> None:
    path = Path(environment["PPLX_JUPYTER_LEDGER"])
    if broken == "not a database":
        path.write_bytes(b"hello" * 1000)
    elif broken == "a folder":
        path.mkdir()
    else:
        with closing(sqlite3.connect(path)) as db:
            db.execute("CREATE TABLE songs (x)" if broken != "newer" else "PRAGMA user_version = 9999")
            if broken == "newer":
                db.execute("CREATE TABLE jobs (x)")
                db.execute("CREATE TABLE meta (name, value)")
            db.commit()
    kernel = start()
    ran = kernel.run(LOAD)
    assert (ran.text, ran.error, ran.reply["status"]) == ("", "", "ok")
    assert "LedgerError" in kernel.run("%pplx jobs").error


def test_a_wrong_setting_does_not_keep_it_from_loading(start: Callable[..., Kernel]) -> None:
    kernel = start(PPLX_JUPYTER_WAIT="perhaps")
    ran = kernel.run(LOAD)
    assert (ran.text, ran.error) == ("", "")
    assert "neither yes nor no" in kernel.run("%%pplx_research\nWhat is tea?").text


def test_a_run_that_nobody_watches_prints_nothing(start: Callable[..., Kernel], sim: Simulator) -> None:
    kernel = start()
    kernel.run(LOAD)
    kernel.run(f"%%pplx_research tea\nWhat is tea? {SLOW}")
    assert start().run(LOAD, headless=True).text == ""
    assert "under way" in start().run(LOAD).text


def test_a_batch_is_named_once_and_its_waiting_rows_are_told_apart(start: Callable[..., Kernel]) -> None:
    kernel = start()
    kernel.run(LOAD)
    kernel.run(f"%%pplx_research tea\nWhat is tea? {SLOW}")
    kernel.run("many = [{'it': it} for it in 'abcdefgh']")
    kernel.run(f"%%pplx_research r2 --each many --yes --no-wait --at-once 2\nWhat is {{{{ it }}}}? {SLOW}")
    kernel.run(
        "from pplx_jupyter import jobs\nimport time\n"
        "while sum(bool(job.remote_id) for job in jobs()) < 3: time.sleep(0.05)"
    )
    assert start().run(LOAD).text == (
        "pplx_jupyter: 3 jobs of this notebook are under way (batch r2, tea);"
        " 6 rows are not sent yet (batch r2), run its cell to go on. See %pplx jobs\n"
    )


def test_of_very_many_jobs_it_does_not_pretend_to_have_counted_all(tmp_path: Path) -> None:
    ledger = open_ledger(str(tmp_path / "many.sqlite"))
    common: dict[str, Any] = {"base_url": "u", "account": "me", "backend": "sonar", "notebook": "a.ipynb"}
    for n in range(101):
        request = {"prompt": f"Who is {n}?"}
        row, _ = intend(
            ledger, Draft(fingerprint=f"v1:{n}", request=request, question="Who?", name=f"n{n}", **common)
        )
        ledger.write(row.id, {"state": "completed"})
    assert away_line(ledger, "a.ipynb", "u").startswith(
        "pplx_jupyter: at least 100 answers arrived while you were away (n100, n99, n98, n97, n96, …)."
    )
    ledger.close()
