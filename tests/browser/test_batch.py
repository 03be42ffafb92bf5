"""A batch in JupyterLab and Notebook 7: its plan clicked, watched, paused, retried, saved and opened again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.simulator import Simulator
    from tests.browser.conftest import Book, Frontend

COMPANIES = [
    "Aurubis", "Borealis", "Cargotec", "Danfoss", "Ekornes", "Fagerhult", "Getinge", "Hexatronic",
    "Implenia", "Jungheinrich", "Kemira", "Lenzing", "Metso", "Nokian",
]  # fmt: skip
LOAD = "%load_ext pplx_jupyter\nimport pandas as pd"


def rows(*, failing: int = 3, seconds: int = 75) -> str:
    """Give a cell that makes the data frame; one row fails."""
    table = [
        {"company": name, "how": f"seconds:{seconds + n * 3}" + (" outcome:failed" if n == failing else "")}
        for n, name in enumerate(COMPANIES)
    ]
    return f"df = pd.DataFrame({json.dumps(table)})"


def bought(sim: Simulator, mark: str) -> list[str]:
    return [job["prompt"] for job in sim.bill.jobs if mark in job["prompt"]]


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
    page.click(2, "Hide the prompts")
    page.says(2, "Show the 14 prompts")
    page.click(2, "Ask 14 questions (")
    page.says(2, "Running:")
    page.says(2, "6 at a time")
    needs_you = page.cell(2).locator("option", has_text="needs you (1)")
    page.until(lambda: needs_you.count() == 1, "the row that failed to be listed")
    page.shot("batch-live", 2)
    page.says(2, "Settled: 14 of 14 rows")
    assert len(bought(sim, mark)) == len(set(bought(sim, mark))) == 14
    page.says(2, "Perplexity could not finish it")
    page.click(2, "Retry failed rows (1")
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
    page.close()
    page.open()
    assert "13 from the ledger" in page.output(2)
    page.shot("batch-reopened", 2)


def test_pausing_and_cancelling(book: Callable[..., Any], sim: Simulator, frontend: Frontend) -> None:
    mark = f"pause-{frontend.kind}"
    ask = f"%%pplx_research slow --each df --at-once 3 --yes\nProfile {{{{ company }}}}. {{{{ how }}}} {mark}"
    page = book(LOAD, rows(seconds=2000), ask, width=400 if frontend.kind == "notebook" else 1000)
    for number in (0, 1, 2):
        page.run(number)
    page.until(lambda: len(bought(sim, mark)) == 3, "three rows to be sent")
    page.says(2, "Running: 0 of 14 rows settled")
    page.click(2, "Pause")
    page.says(2, "Paused: 0 of 14 rows settled")
    page.shot("batch-paused", 2)
    page.click(2, "Cancel 14 rows")
    page.says(2, "no partial answer comes back")
    page.click(2, "Yes, cancel 14 rows")
    page.says(2, "Settled: 14 of 14 rows")
    page.says(2, "14 cancelled")
    assert len(bought(sim, mark)) == 3
    page.shot("batch-cancelled", 2)
