"""A batch in JupyterLab and Notebook 7: its plan clicked, watched, paused, retried, saved and opened again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.simulator import Simulator
    from tests.browser.conftest import Book, Frontend

COMPANIES = [
    "Aurubis", "Borealis", "Cargotec", "Danfoss", "Ekornes", "Fagerhult", "Getinge", "Hexatronic",
    "Implenia", "Jungheinrich", "Kemira", "Lenzing", "Metso", "Nokian",
]  # fmt: skip
LOAD = "%load_ext pplx_jupyter\nimport pandas as pd"


def rows(*, failing: int = 3, seconds: int = 20) -> str:
    """Give a cell that makes the data frame; one row fails."""
    table = [
        {"company": name, "how": f"seconds:{seconds + n * 3}" + (" outcome:failed" if n == failing else "")}
        for n, name in enumerate(COMPANIES)
    ]
    return f"df = pd.DataFrame({json.dumps(table)})"


def bought(sim: Simulator, mark: str) -> list[str]:
    return [job["prompt"] for job in sim.bill.jobs if mark in job["prompt"]]


def press(page: Book, text: str, *, twice: bool = False) -> None:
    """Click as a person does who has read what stands on the button; or twice, as some do."""
    button = page.cell(2).locator("button.jupyter-button", has_text=text).first
    button.wait_for()
    page.page.wait_for_timeout(700)
    if twice:
        button.dblclick()
    else:
        button.click()


def test_a_batch_is_planned_asked_retried_and_kept(
    book: Callable[..., Book], sim: Simulator, frontend: Frontend
) -> None:
    mark = f"mark-{frontend.kind}"
    ask = f"%%pplx_research companies --each df --at-once 6\nProfile {{{{ company }}}}: revenue, owners, three risks. {{{{ how }}}} {mark}"
    page = book(LOAD, rows(), ask)
    for number in (0, 1, 2):
        page.run(number)
    page.says(2, "Not sent yet: 14 questions to buy, usually")
    assert not bought(sim, mark)
    page.click(2, "Show the 14 prompts")
    page.says(2, "Profile Nokian")
    page.shot("batch-plan", 2)
    press(page, "Hide the prompts")
    page.says(2, "Show the 14 prompts")
    press(page, "Ask 14 questions (", twice=True)
    page.says(2, "Running:")
    page.says(2, "6 at a time")  # where it goes on: the second click did not meet "Pause"
    needs_you = page.cell(2).locator("option", has_text="needs you (1)")
    page.until(lambda: needs_you.count() == 1, "the row that failed to be listed")
    page.shot("batch-live", 2)
    page.says(2, "Settled: 14 of 14 rows")
    assert len(bought(sim, mark)) == len(set(bought(sim, mark))) == 14
    page.says(2, "Perplexity could not finish it")
    press(page, "Retry failed rows (1", twice=True)
    page.says(2, "Running:")
    page.says(2, "Settled: 14 of 14 rows")
    assert len(bought(sim, mark)) == 15
    page.shot("batch-settled", 2)
    saved = page.save()
    outputs = saved.cells[2].outputs
    assert "Settled: 14 of 14 rows" in outputs[0].data["text/html"]
    assert "| 14 | Nokian |" in outputs[0].data["text/markdown"]

    # The same cell again: at once, and for nothing; and the file opened anew says it all without the kernel.
    page.run(2)
    page.says(2, "13 from the ledger (saved")
    assert len(bought(sim, mark)) == 15
    page.save()
    page.command("kernelmenu:shutdown")
    # A page that is opened while its kernel still ends would wait for that one.
    page.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel")
    page.close()
    page.open()
    assert "13 from the ledger" in page.output(2)
    page.shot("batch-reopened", 2)


@pytest.mark.parametrize("frontend", ["notebook"], indirect=True)
def test_pausing_and_cancelling(book: Callable[..., Any], sim: Simulator) -> None:
    mark = "pause"
    ask = f"%%pplx_research slow --each df --at-once 3 --yes\nProfile {{{{ company }}}}. {{{{ how }}}} {mark}"
    page = book(LOAD, rows(seconds=2000), ask, width=400)
    for number in (0, 1, 2):
        page.run(number)
    page.until(lambda: len(bought(sim, mark)) == 3, "three rows to be sent")
    page.says(2, "Running: 0 of 14 rows settled")
    press(page, "Pause", twice=True)
    page.says(2, "Paused: 0 of 14 rows settled")
    page.says(2, "Cancel: 11 waiting rows are dropped free of charge, Perplexity is asked to stop 3 rows.")
    page.shot("batch-paused", 2)
    press(page, "Cancel 14 rows")
    page.says(2, "no partial answer comes back")
    page.shot("batch-cancel", 2)
    press(page, "Yes, cancel 14 rows")
    page.says(2, "Settled: 14 of 14 rows")
    page.says(2, "14 cancelled")
    assert len(bought(sim, mark)) == 3
    page.shot("batch-cancelled", 2)
    page.page.set_viewport_size({"width": 320, "height": 900})
    button = page.cell(2).locator("button.jupyter-button", has_text="Retry rows without an answer (14: ")
    two_lines = "each => each.clientHeight > 36 && each.scrollWidth <= each.clientWidth"
    page.until(lambda: button.evaluate(two_lines), "the price to stand on a second line")
