"""The form, as a person types into it, asks with it and finds it again."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import LAB
from tests.browser.test_life import LOAD, WIDGET

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator

PROMPT = "What do you want to know?"


def says(page: Any, text: str, number: int = 1) -> None:
    """Wait until a cell's outputs hold a text, whatever its spaces are made of."""
    page.until(
        lambda: text in page.output(number).replace("\xa0", " "),
        lambda: f"“{text}” in {page.output(number)!r}",
        seconds=20,
    )


def area(page: Any, number: int = 1) -> Any:
    return page.cell(number).get_by_placeholder(PROMPT)


def button(page: Any, start: str, number: int = 1) -> Any:
    return page.cell(number).locator("button.mod-primary", has_text=start)


def add_site(page: Any, site: str) -> None:
    # Where the next one goes is in sight, also behind the first.
    page.cell(1).locator(".jupyter-widget-tagsinput input").first.click()
    page.page.keyboard.type(site)
    page.page.keyboard.press("Tab")


def test_typed_into_mended_asked_saved_and_read_again(book: Any, sim: Simulator) -> None:
    question = f"What is tea? {secrets.token_hex(4)} seconds:90"
    name = f"tea_{secrets.token_hex(3)}"
    page = book(LOAD, f"%pplx form {name}")
    page.run(0)
    page.run(1)
    says(page, "Write a question")
    assert button(page, "Ask").is_disabled()
    area(page).fill(question)
    # Published, or what the tests before have cost.
    page.until(lambda: re.search(r"Usually \d\.\d\d–\d\.\d\d\sUSD", page.output(1)), "the usual range")
    add_site(page, "nature.com")
    says(page, "--domains nature.com")
    add_site(page, "https://nature.com/x")
    says(page, "is an address, not a site; write nature.com.")
    says(page, "1 field to mend")
    assert button(page, "Ask").is_disabled()
    assert "%%pplx_research" not in page.output(1)
    page.shot("form-error", 1)
    page.cell(1).locator(".jupyter-widget-tag-close").nth(1).click()
    says(page, f"%%pplx_research {name} --domains nature.com\n{question}")
    says(page, "Not asked before.")
    page.shot("form", 1)
    bought = len(sim.bill.jobs)
    button(page, "Ask (").dblclick()
    says(page, "Stop watching")
    says(page, "Receipt")
    assert len(sim.bill.jobs) == bought + 1
    says(page, "Answered already: free")
    page.until(lambda: page.output(1).count("Finished") == 1, "what is for the file is not shown twice")
    page.shot("form-answered", 1)
    _, cell, state, answer = page.save().cells[1].outputs
    assert all(WIDGET not in out["data"] for out in (cell, state, answer))
    assert (
        f"```\n%%pplx_research {name} --domains nature.com\n{question}\n```" in cell["data"]["text/markdown"]
    )
    assert "Finished" in state["data"]["text/plain"]
    assert "Receipt:" in answer["data"]["text/markdown"]
    gone = "The kernel behind this form has ended: run this cell again."
    assert gone not in page.output(1)
    page.restart()
    says(page, gone)
    page.shot("form-gone", 1)
    page.reload()
    says(page, "A form to ask a question (it needs a running notebook: run this cell).")
    says(page, f"%%pplx_research {name} --domains nature.com\n{question}")
    error = page.cell(1).locator(".jupyter-widgets", has_text="Error displaying widget")
    error.first.wait_for(state="attached")
    assert not error.first.is_visible()
    says(page, "Receipt")
    page.shot("form-reopened", 1)


@LAB
def test_a_page_that_was_loaded_anew_goes_on_where_it_was(book: Any, sim: Simulator) -> None:
    page = book(LOAD, f"%pplx form tea_{secrets.token_hex(3)}")
    page.run(0)
    page.run(1)
    area(page).fill(f"What is tea? {secrets.token_hex(4)} seconds:60")
    says(page, "Not asked before.")
    page.save()
    page.reload()
    says(page, "Not asked before.")
    button(page, "Ask (").click()
    says(page, "Receipt")


@LAB
def test_the_cell_takes_the_place_of_its_own(book: Any) -> None:
    name = f"tea_{secrets.token_hex(3)}"
    page = book(LOAD, f"%pplx form {name}", f"%pplx form {name} --cell")
    page.run(0)
    page.run(1)
    area(page).fill("What is tea?")
    says(page, f"%%pplx_research {name}\nWhat is tea?")
    page.cell(1).locator("pre").last.click()
    chosen = page.page.evaluate("() => window.getSelection().toString()")
    assert chosen.strip() == f"%%pplx_research {name}\nWhat is tea?"
    page.run(2)
    source = page.cell(2).locator(".cm-content").first
    page.until(lambda: source.inner_text() == f"%%pplx_research {name}\nWhat is tea?", "the cell", seconds=10)
    assert len(page.save().cells) == 3


@LAB
def test_controls_for_the_variables_of_a_cell(book: Any, sim: Simulator) -> None:
    word = secrets.token_hex(4)
    cell = "%%pplx_research --interact drink\n" + f"What is {{{{ drink }}}}? {word} seconds:30"
    page = book(LOAD, cell, "drink = ['tea', 'coffee']")
    page.run(0)
    page.run(2)
    bought = len(sim.bill.jobs)
    page.run(1)
    says(page, "Not asked before.")
    page.shot("interact", 1)
    assert len(sim.bill.jobs) == bought
    button(page, "Ask (").click()
    says(page, "Receipt")
    page.cell(1).locator("select").select_option("coffee")
    says(page, "Not asked before.")
    page.run(1)
    says(page, "From your ledger")
    assert len(sim.bill.jobs) == bought + 1


# The theme is set by a command of JupyterLab's; Voila is an extension of the same server.
@LAB
@pytest.mark.parametrize(("theme", "width"), [("Dark", 1000), ("Light", 420)])
def test_it_reads_well_in_the_dark_and_in_a_narrow_page(book: Any, theme: str, width: int) -> None:
    from tests.browser.test_look import faint

    page = book(LOAD, f"%pplx form tea_{secrets.token_hex(3)}", width=width)
    if width < 500:
        page.command("application:toggle-left-area")
    page.command("apputils:change-theme", theme=f"JupyterLab {theme}")
    page.page.wait_for_selector(
        f"body[data-jp-theme-light={str(theme == 'Light').lower()}]", state="attached"
    )
    page.run(0)
    page.run(1)
    area(page).fill("How have wholesale electricity prices in the EU developed since 2021, and why?")
    add_site(page, "power-review.example, grid-operators.example")
    says(page, "--domains power-review.example,grid-operators.example")
    page.until(lambda: page.cell(1).locator(".jupyter-widget-tag-close").count() == 2, "a chip each")
    says(page, "Not asked before.")
    page.rests(1)
    page.cell(1).locator("button", has_text="More options").click()
    says(page, "Further fields")
    page.shot(f"form-{theme.lower()}-{width}", 1)
    assert not faint(page, 1)
    output = page.cell(1).locator(".jp-OutputArea").first
    assert output.evaluate("node => node.scrollWidth <= node.clientWidth + 1")
    whole = """node => {
        const [own, shown] = [node, node.closest('.widget-radio')].map(each => each.getBoundingClientRect())
        return own.right <= shown.right + 1 && own.bottom <= shown.bottom + 1
    }"""
    buttons = page.cell(1).locator(".widget-radio input").all()
    assert buttons
    assert all(each.evaluate(whole) for each in buttons), "a choice is cut off"
    page.command("apputils:change-theme", theme="JupyterLab Light")
