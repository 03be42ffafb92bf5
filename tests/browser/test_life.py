"""The life of a research cell, as a person sees it."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from nbconvert import HTMLExporter, MarkdownExporter

from pplx_jupyter.demo import quickstart
from tests.browser.conftest import BUSY, LAB

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator
    from tests.browser.conftest import Frontend

LOAD = "%load_ext pplx_jupyter"
WIDGET = "application/vnd.jupyter.widget-view+json"


def question(seconds: int, *, more: str = "") -> str:
    """Give a research cell whose job takes so many of the service's seconds; no test's question is another's.

    A shape is named, or one answer in twenty would have no sources to wait for.
    """
    return f"%%pplx_research tea\nWhat is tea? {secrets.token_hex(4)} shape:table seconds:{seconds} {more}"


def ours(notebook: Any) -> list[Any]:
    found = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return [out for out in found if "pplx_jupyter" in out.get("metadata", {})]


def test_the_quickstart_runs_and_saves_plain_outputs(book: Any, frontend: Frontend, sim: Simulator) -> None:
    name = f"quickstart-{frontend.kind}.ipynb"
    (frontend.folder / name).write_bytes(quickstart().read_bytes())
    page = book(name=name)
    page.run(0)
    page.run(1)
    page.says(1, "Stop watching")
    page.shot("panel", 1)
    page.run(2)
    assert "285" in page.output(2)
    page.says(1, "Finished")
    page.says(1, "Sources")
    page.run(3)
    assert "sources" in page.output(3)
    page.run(4)
    page.run(5)
    page.says(5, "Sources", seconds=30)
    page.run(6)
    page.says(6, "finished")
    page.shot("answer", 1)
    saved = page.save()
    assert len(ours(saved)) == 4
    assert all(out["metadata"]["pplx_jupyter"]["state"] == "completed" for out in ours(saved))
    assert WIDGET not in str(saved.cells[:-1])
    listed = [sorted(out["data"]) for out in saved.cells[-1].outputs]
    assert WIDGET not in listed[0], "the table of jobs stands in the file; its widgets stand beside it"
    assert "widgets" not in saved.metadata
    for exporter in (HTMLExporter(), MarkdownExporter()):
        text, _ = exporter.from_notebook_node(saved)
        assert "Finished (simulated)" in text
        assert len(re.findall(r'<a href="https://[a-z-]+\.example/', text)) > 10
        assert "Error displaying widget" not in text


def test_the_panel_moves_while_another_cell_computes_and_a_click_is_heard(book: Any, sim: Simulator) -> None:
    page = book(LOAD, question(6000), BUSY)
    page.run(0)
    page.run(1)
    page.says(1, "Running")
    page.start(2)
    seen: set[str] = set()

    def moves() -> bool:
        seen.update(re.findall(r"\b\d+ s\b", page.output(1)))
        return len(seen) >= 3

    page.until(moves, "the clock to move")
    page.click(1, "Cancel")
    page.says(1, "Cancel this job?")
    page.click(1, "Yes, cancel the job")
    page.says(1, "Cancelled after")
    page.computed(2)
    page.shot("cancelled", 1)
    assert sim.bill.jobs[-1]["status"].lower().startswith("cancel")
    assert all(WIDGET not in out.get("data", {}) for out in ours(page.save()))


@LAB
def test_one_click_on_cancel_cancels_nothing(book: Any, sim: Simulator) -> None:
    page = book(LOAD, question(6000))
    page.run(0)
    page.run(1)
    page.says(1, "Running")
    page.click(1, "Cancel")
    page.says(1, "Cancel this job?")
    page.click(1, "Keep it running")
    page.says(1, "Stop watching")
    sim.advance(6000)
    page.says(1, "Sources")


@LAB
def test_stop_watching_closes_the_panel_alone(book: Any, sim: Simulator) -> None:
    page = book(LOAD, question(6000), "print(tea.wait().cost.total > 0)")
    page.run(0)
    page.run(1)
    page.says(1, "Running")
    page.click(1, "Stop watching")
    page.says(1, "Not watching")
    page.shot("stopped", 1)
    sim.advance(6000)
    page.run(2)
    assert "True" in page.output(2)
    assert "Not watching" in page.output(1)
    page.click(1, "Watch again")
    page.says(1, "Sources")


def test_a_reload_while_a_job_runs_loses_nothing(book: Any, sim: Simulator) -> None:
    cell = question(6000)
    page = book(LOAD, cell)
    page.run(0)
    page.run(1)
    page.says(1, "Running")
    bought = len(sim.bill.jobs)
    saved = page.save()
    assert "run this cell again" in str(ours(saved)[1]["data"]["text/plain"]).replace("\n", " ")
    page.reload()
    page.until(
        lambda: "Stop watching" in page.output(1) or "run this cell again" in page.output(1),
        "the panel or the hint",
    )
    sim.advance(6000)
    page.says(1, "This page was reloaded meanwhile", seconds=30)
    page.run(1)
    page.says(1, "From your ledger")
    assert len(sim.bill.jobs) == bought
    assert all(WIDGET not in out["data"] for out in ours(page.save()))


def test_a_closed_tab_loses_nothing(book: Any, sim: Simulator) -> None:
    page = book(LOAD, question(150))
    page.run(0)
    page.run(1)
    page.says(1, "Running")
    bought = len(sim.bill.jobs)
    page.save()
    page.close()
    sim.advance(300)
    page.open()
    assert "run this cell again" in page.output(1) or "Sources" in page.output(1)
    page.run(0)
    page.run(1)
    page.says(1, "From your ledger")
    page.says(1, "Sources")
    assert len(sim.bill.jobs) == bought


def test_a_kernel_restart_loses_nothing(book: Any, sim: Simulator) -> None:
    page = book(LOAD, question(6000))
    page.run(0)
    page.run(1)
    page.says(1, "Running")
    bought = len(sim.bill.jobs)
    page.restart()
    assert "run this cell again" in page.output(1)
    page.save()
    page.reload()
    page.until(page.cell(1).get_by_text("run this cell again").first.is_visible, "the file's own line")
    lost = page.cell(1).get_by_text("Error displaying widget")
    page.until(lost.count, "the frontend has looked for the widget")
    assert not lost.is_visible(), "there is nothing for a reader to do about it"
    page.shot("reopened", 1)
    page.run(0)
    page.run(1)
    sim.advance(6000)
    page.says(1, "Sources", seconds=30)
    assert len(sim.bill.jobs) == bought
    assert all(WIDGET not in out["data"] for out in ours(page.save()))


@LAB
def test_a_failed_job_says_what_to_do(book: Any) -> None:
    page = book(LOAD, question(30, more="outcome:failed"))
    page.run(0)
    page.run(1)
    page.says(1, "Failed after")
    page.says(1, "--refresh")
    page.shot("failed", 1)


@LAB
def test_a_mended_typo_offers_to_cancel_the_first_question(book: Any, sim: Simulator) -> None:
    page = book(LOAD, question(6000))
    page.run(0)
    page.run(1)
    page.says(1, "Running")
    page.cell(1).locator(".jp-InputArea-editor").first.click()
    page.page.keyboard.press("Control+End")
    page.page.keyboard.type(" Mended.")
    page.run(1)
    page.says(1, "This cell asked another question before")
    page.shot("mended", 1)
    page.click(1, "Cancel the earlier job")
    page.until(
        lambda: any(job["status"].lower().startswith("cancel") for job in sim.bill.jobs[-2:]),
        "the earlier job to be cancelled",
    )
    page.until(lambda: "another question before" not in page.output(1), "the note to go")
