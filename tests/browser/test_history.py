"""The table of jobs and the costs, as a person sees them: typed into, clicked, saved, opened without a kernel."""

from __future__ import annotations

import functools
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger import Draft
from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.request import Request
from pplx_jupyter.reuse import decide
from tests.browser.conftest import LAB
from tests.browser.test_life import LOAD, WIDGET
from tests.browser.test_look import faint

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator
    from tests.browser.conftest import Frontend

TABLE = ".pplx-live"
_BOOKS = ("market.ipynb", "companies.ipynb", "thesis/ch2.ipynb", "weekly.ipynb")


def fill(frontend: Frontend, url: str, jobs: int = 24) -> str:
    """Write settled jobs into the ledger; give the word that their prompts share."""
    word = "w" + secrets.token_hex(4)
    ledger = SqliteLedger(frontend.ledger)
    for n in range(jobs):
        asked = time.time() - 3_600 * 5 * (jobs - n)
        request = Request(prompt=f"How have EU wholesale electricity prices developed in region {n}? {word}")
        draft = Draft(
            fingerprint=request.fingerprint,
            request=request.to_json(),
            base_url=url,
            account="me",
            backend="sonar",
            model=request.resolved_model,
            effort=("high", "low")[n % 2],
            question=request.question,
            name=f"prices{n}" if n % 3 == 0 else "",
            notebook=_BOOKS[n % 4],
        )
        row, _ = ledger.intend(draft, functools.partial(decide), allowed=True)
        text = f"Prices **rose** by {n} % in region {n}, says answer{n}. \\[ p = \\frac{{1}}{{{n}}} \\]"
        body = {"id": "r", "status": "COMPLETED", "response": {"choices": [{"message": {"content": text}}]}}
        state = {5: "failed", 9: "unconfirmed", 14: "cancelled"}.get(n, "completed")
        changes: dict[str, Any] = {"state": state, "created_at": asked, "sending_at": asked}
        if state == "completed":
            cost = {"cost": 0.2 + n * 0.07, "cost_estimated": n % 8 == 4, "remote_id": f"r{word}{n}"}
            changes |= {"accepted_at": asked, "settled_at": asked + 60 + 17 * n, **cost}
        if state in {"failed", "cancelled"}:
            changes |= {"accepted_at": asked, "settled_at": asked + 100, "remote_id": f"r{word}{n}"}
            changes["failure"] = {
                "kind": state,
                "said": "Internal error",
                "accepted": True,
                "at": asked + 100,
            }
        if state == "unconfirmed":
            changes["failure"] = {
                "kind": "unconfirmed",
                "reason": "the connection broke",
                "accepted": False,
                "at": asked,
            }
        ledger.write(row.id, changes, body=json.dumps(body) if state == "completed" else None)
    ledger.close()
    return word


def theme(page: Any, name: str) -> None:
    page.command("apputils:change-theme", theme=f"JupyterLab {name.title()}")
    light = str(name == "light").lower()
    page.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")


def rows(page: Any, number: int) -> list[str]:
    """Give the texts of the live table's rows."""
    found = page.cell(number).locator(".jupyter-widgets tbody tr")
    return [" ".join(text.split()) for text in found.all_inner_texts()]


def say(page: Any, number: int, text: str) -> None:
    page.until(lambda: text in page.output(number), lambda: f"“{text}” in {page.output(number)!r}")


def kept_text(page: Any, number: int) -> str:
    """Give the static form, which is hidden as long as the widgets are shown."""
    return str(page.cell(number).locator(".pplx-kept").first.text_content())


def choose(page: Any, number: int, row: int) -> None:
    box = page.cell(number).locator("input[type=number]")
    box.fill(str(row))
    box.press("Enter")
    page.until(lambda: f"Row {row}:" in page.output(number), f"row {row} to be chosen")


def search(page: Any, number: int, text: str) -> None:
    page.cell(number).get_by_label("Search").fill(text)


def offers(page: Any, number: int, *expected: str) -> None:
    """Wait until these are the buttons that can be clicked."""
    buttons = page.cell(number).locator("button.jupyter-button:not([disabled])")

    def enabled() -> set[str]:
        return {text.partition(" (")[0] for text in buttons.all_inner_texts()}

    page.until(lambda: enabled() == set(expected), lambda: f"{expected}; there are {enabled()}")


@LAB
def test_it_is_searched_paged_and_kept_as_it_was_last_seen(
    book: Any, frontend: Frontend, sim: Simulator
) -> None:
    word = fill(frontend, sim.url)
    page = book(LOAD, f"%pplx jobs {word}", "1 + 1")
    page.run(0)
    page.run(1)
    page.until(lambda: len(rows(page, 1)) == 10, "the table")
    page.until(page.cell(1).locator(".pplx-kept").first.is_hidden, "one table, which is enough")
    dates = page.cell(1).locator(".jupyter-widgets td:nth-child(2) .pplx-m")
    lines = dates.evaluate_all("dates => dates.map(date => date.getClientRects().length)")
    assert lines == [1] * 10, "where there is room, a date is one line"
    page.shot("history", 1)
    page.click(1, "Older")
    say(page, 1, "11–20 of 24")
    page.until(lambda: "11 ✓ finished" in rows(page, 1)[0], "the next rows")
    search(page, 1, f"{word} ANSWER1")
    page.until(lambda: "region 1?" in rows(page, 1)[-1], lambda: f"answers 1, 10 to 19: {rows(page, 1)}")
    assert len(rows(page, 1)) == 10
    page.cell(1).get_by_label("State").select_option("cancelled")
    page.until(lambda: len(rows(page, 1)) == 0, "no such job")
    say(page, 1, "No job fits")
    search(page, 1, f"{word} wholesale")
    page.until(lambda: len(rows(page, 1)) == 1, "the cancelled one")
    assert "region 14" in rows(page, 1)[0]
    page.until(
        lambda: "region 14" in kept_text(page, 1) and "24 jobs" not in kept_text(page, 1), "the static form"
    )
    kept, live = page.save().cells[1].outputs
    assert all("region 14" in kept["data"][f"text/{form}"] for form in ("html", "markdown", "plain"))
    assert "24 jobs" not in str(kept)
    assert set(live["data"]) == {WIDGET, "text/html", "text/plain"}
    page.restart()
    page.reload()
    page.until(page.cell(1).locator(".pplx-kept").first.is_visible, "the table without its kernel")
    assert "region 14" in page.output(1)
    page.shot("history-kept", 1)


def test_every_button_does_what_its_verb_does(book: Any, frontend: Frontend, sim: Simulator) -> None:
    word = fill(frontend, sim.url)
    page = book(LOAD, f"%pplx jobs {word}")
    page.run(0)
    page.run(1)
    page.until(lambda: len(rows(page, 1)) == 10, "the table")
    usual = ("Older", "Look again", "Show")
    offers(page, 1, *usual, "Ask anew", "Compare", "Export")
    choose(page, 1, 10)
    offers(page, 1, *usual, "Ask anew")  # it was cancelled
    choose(page, 1, 2)
    page.click(1, "Show")
    say(page, 1, "says answer22.")
    page.until(page.cell(1).locator("mjx-container mjx-mfrac").is_visible, "its formula, typeset")
    assert not page.cell(1).locator("button.mod-primary").count(), "none invites a purchase"
    page.shot("history-shown", 1)
    page.click(1, "Compare")
    say(page, 1, "no earlier answer")
    page.click(1, "Export")
    choose(page, 1, 1)
    page.until(lambda: not page.cell(1).get_by_label("File").count(), "row 2's file to be asked for no more")
    choose(page, 1, 2)
    page.click(1, "Export")
    page.cell(1).get_by_label("File").fill(f"{word}.md")
    page.click(1, "Write the file")
    say(page, 1, f"{word}.md is written")
    assert "says answer22." in (frontend.folder / f"{word}.md").read_text()
    bought = len(sim.bill.jobs)
    page.page.wait_for_timeout(500)
    page.cell(1).locator("button", has_text="Ask anew").dblclick()
    page.until(lambda: len(sim.bill.jobs) == bought + 1, "the purchase")
    page.until(lambda: len(rows(page, 1)) == 10 and "22" in rows(page, 1)[0], "its row")
    say(page, 1, "Row 1:")
    say(page, 1, "Stop watching")
    page.shot("history-anew", 1)
    page.page.wait_for_timeout(500)
    assert len(sim.bill.jobs) == bought + 1, "two clicks, one purchase"


@LAB
def test_a_job_under_way_is_watched_and_cancelled(book: Any, sim: Simulator) -> None:
    word = "w" + secrets.token_hex(4)
    page = book(
        LOAD, f"%%pplx_research {word} --backend agent\nWhat is {word}? seconds:6000", f"%pplx jobs {word}"
    )
    for number in range(3):
        page.run(number)
    page.until(lambda: len(rows(page, 2)) == 1, "the table")
    offers(page, 2, "Look again", "Show", "Watch", "Cancel")
    page.click(2, "Watch")
    say(page, 2, "Stop watching: the job goes on")
    page.cell(2).locator("button", has_text="Cancel").first.click()
    say(page, 2, "Cancel this job?")
    page.shot("history-cancel", 2)
    page.click(2, "Yes, cancel the job")
    say(page, 2, "by you")
    page.until(lambda: "cancelled" in rows(page, 2)[0], "the row to say so")


@LAB
def test_costs_are_drawn_and_kept(book: Any, frontend: Frontend, sim: Simulator) -> None:
    fill(frontend, sim.url)
    dashboard = "from pplx_jupyter import CostDashboard\nCostDashboard('model')"
    page = book(LOAD, "%pplx cost --month", "%pplx cost --plot", dashboard)
    for number in range(4):
        page.run(number)
    page.shot("cost-month", 1)
    page.shot("cost-plot", 2)
    say(page, 3, "By model and effort, USD")
    page.cell(3).get_by_label("By", exact=True).select_option("notebook")
    say(page, 3, "thesis/ch2.ipynb")
    page.shot("cost-dashboard", 3)
    page.until(lambda: "thesis/ch2.ipynb" in kept_text(page, 3), "the static form")
    saved = page.save()
    assert "thesis/ch2.ipynb" in str(saved.cells[3].outputs[0])
    assert [sorted(out["data"]) for out in saved.cells[2].outputs][1] == ["image/png", "text/plain"]
    assert page.cell(2).locator("img").evaluate("image => image.naturalWidth") > 500


@LAB
@pytest.mark.parametrize("colours", ["dark", "light"])  # the last is what the tests behind it find
def test_every_text_can_be_read(book: Any, frontend: Frontend, sim: Simulator, colours: str) -> None:
    word = fill(frontend, sim.url)
    dashboard = "from pplx_jupyter import CostDashboard\nCostDashboard()"
    page = book(LOAD, f"%pplx jobs {word}", "%pplx cost --month", "%pplx cost --plot", dashboard, width=400)
    theme(page, colours)
    page.command("application:toggle-left-area")
    page.run(0)
    page.run(1)
    for button, shown in (("Newer", "1–10 of"), ("Older", "11–20 of")):
        page.cell(1).locator("button", has_text=button).click(force=True)
        say(page, 1, shown)
        right = "node => node.getBoundingClientRect().right"
        table = page.cell(1).locator(".jupyter-widgets .pplx-x")
        within = table.evaluate(f"table => ({right})(table.closest('.jupyter-widgets'))")
        ends = table.locator("tr > :last-child").evaluate_all(f"cells => cells.map({right})")
        assert max(ends) <= within, "what each job cost is in sight"
    for number in (2, 3, 4):
        page.run(number)
    say(page, 4, "What the research cost")
    bars = page.cell(2).locator(".pplx-x tbody tr div[style*='height:10px']")
    assert min(bars.evaluate_all("bars => bars.map(bar => bar.clientWidth)")) > 120, "lengths can be compared"
    picture = page.cell(3).locator("img")
    page.until(lambda: picture.evaluate("image => image.clientWidth") > 500, "a picture that can be read")
    bar = page.cell(4).locator(".jp-OutputCollapser").bounding_box()
    title = page.cell(4).locator(".jupyter-widgets h3").bounding_box()
    assert title["x"] >= bar["x"] + bar["width"] + 3, "the text has room beside the cell's bar"
    for number in (1, 2, 3, 4):
        page.shot(f"{colours}-narrow-{number}", number)
        assert not faint(page, number)
        area = page.cell(number).locator(".jp-OutputArea").first
        wide = area.evaluate(
            """area => [...area.querySelectorAll(".pplx *, button, input, select")].filter(node => node.checkVisibility()
                 && !node.closest(".pplx-x") && node.getBoundingClientRect().right > area.getBoundingClientRect().right + 1
               ).map(node => node.outerHTML.slice(0, 80))"""
        )
        assert not wide
