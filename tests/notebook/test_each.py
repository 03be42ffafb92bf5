"""``%%pplx_research --each`` in real kernels: the plan, one panel, a page that stays, and runs that nobody watches."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from tests.notebook.conftest import Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator

pytestmark = pytest.mark.slow

DATA = "import pandas as pd\ndf = pd.DataFrame({'company': ['Aurubis', 'Borealis', 'Aurubis', 'Cargotec outcome:failed']})"
CELL = "%%pplx_research companies --each df {flags}\nWho owns {{{{ company }}}} today? seconds:60"


class Mortal(Kernel):
    """A kernel that may be killed."""

    def kill(self) -> None:
        """End the process as a crash does."""
        self._manager.shutdown_kernel(now=True)


def prompts(sim: Simulator) -> Counter[str]:
    return Counter(job["prompt"] for job in sim.bill.jobs)


def page(message: dict[str, Any]) -> bool:
    """Whether a message puts the page that stays into its cell."""
    return message["msg_type"] == "update_display_data" and "Settled:" in str(
        message["content"]["data"].get("text/html")
    )


@pytest.fixture
def table(kernel: Kernel) -> Kernel:
    assert kernel.run(DATA).error == ""
    return kernel


def test_the_plan_stands_first_and_yes_asks(table: Kernel, sim: Simulator) -> None:
    ran = table.run(CELL.format(flags=""), cell="c")
    assert ran.error == ""
    plan = ran.displays[0]["data"]
    assert "application/vnd.jupyter.widget-view+json" in plan
    assert "Not sent yet: 3 questions to buy, usually 1.20–3.90 USD together" in plan["text/plain"]
    assert "4 rows (1 asks what another asks, and is asked once): 3 are new." in " ".join(
        plan["text/plain"].split()
    )
    assert "not asked yet: nothing was sent or billed" in ran.displays[1]["data"]["text/html"]
    assert sim.bill.jobs == []
    assert "not asked yet" in table.value("companies")

    twice = "from pplx_jupyter import research_map\nm = research_map('Who owns {{ company }} now?', df)\nm"
    ran = table.run(twice, cell="d")
    assert str(ran.displays).count("widget-view") == 1, "one plan, and one button that spends"
    assert len(ran.displays) == 2, "the plan and its file form, and no second word of it"

    ran = table.run(CELL.format(flags="--yes --sound"), cell="c")
    assert ran.error == ""
    assert ran.seconds < 5
    heard = table.until(page, seconds=30)[-1]
    assert "<audio autoplay" in heard["content"]["data"]["text/html"]
    last = table.until(page, seconds=30)[-1]
    assert "<audio" not in str(last["content"]["data"])
    assert last["parent_header"]["msg_id"] == ran.msg_id, "pinned to the cell that asked"
    shown = last["content"]["data"]
    assert set(shown) == {"text/html", "text/markdown", "text/plain"}
    assert "settled: 4 of 4 rows" in shown["text/plain"]
    assert "| 2 | Borealis | done |" in shown["text/markdown"]
    assert "**failed**" in shown["text/markdown"]
    assert "Simulated answers" in shown["text/html"]
    assert len(last["content"]["metadata"]["pplx_jupyter"]["jobs"]) == 3
    assert prompts(sim)["Who owns Aurubis today? seconds:60"] == 1

    again = table.run(CELL.format(flags=""), cell="c")
    said = "2 questions for 3 rows from the ledger (saved"
    assert said in again.displays[0]["data"]["text/html"], "at once, and for nothing"
    assert len(sim.bill.jobs) == 3

    # What Python asks anew is shown where the batch is; where that is gone, below the cell that asks.
    retried = table.run("companies.retry_failed()", cell="e")
    assert "1 question asked, usually 0.40–1.30 USD together." in retried.text
    assert table.until(page, seconds=30)[-1]["parent_header"]["msg_id"] == again.msg_id
    retried = table.run(
        "import ipywidgets\nipywidgets.Widget.close_all()\ncompanies.retry_failed()", cell="e"
    )
    assert "widget-view" in str(retried.displays)
    assert table.until(page, seconds=30)[-1]["parent_header"]["msg_id"] == retried.msg_id
    assert len(sim.bill.jobs) == 5

    # One row more: what was paid for stays in the cell, and in its file.
    table.run("df.loc[4] = ['Danfoss']", cell="f")
    more = table.run(CELL.format(flags=""), cell="c")
    assert "Not sent yet: 1 question to buy" in more.displays[0]["data"]["text/plain"]
    assert "Settled: 4 of 5 rows" in more.displays[1]["data"]["text/html"]
    assert "1 row not asked: nothing was sent or billed now." in more.displays[1]["data"]["text/html"]
    assert len(more.displays[1]["metadata"]["pplx_jupyter"]["jobs"]) == 3
    states = table.run("print(*companies.wait()['state'])", cell="g")
    assert states.text.strip().endswith("ledger ledger ledger failed not asked")
    assert "1 question is not asked" in states.warned
    assert len(sim.bill.jobs) == 5


def test_a_run_that_nobody_watches_blocks_and_leaves_static_outputs(
    environment: dict[str, str], sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    cells = [
        "%load_ext pplx_jupyter",
        DATA,
        CELL.format(flags="--schema 'name, founded: int'"),
        "companies.frame()[['company', 'name', 'founded', 'state']].to_dict('list')",
        CELL.format(flags="--no-wait --take 2").replace("companies", "others"),
        "%pplx wait",
        "from pplx_jupyter import research_map\nfound = research_map('What does {{ company }} make?', df[:2], name='made')\nfound",
    ]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=90, kernel_name="python3", allow_errors=True).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert not [o for some in outputs[:5] + outputs[6:] for o in some if o.output_type == "error"], outputs
    shown = outputs[2][0]
    assert "application/vnd.jupyter.widget-view+json" not in json.dumps(notebook)
    assert "Settled: 4 of 4 rows" in shown.data["text/html"]
    assert shown.data["text/markdown"]
    assert "'founded': [0, 0, 0, " in outputs[3][0].data["text/plain"]
    assert "Settled: 4 of 4 rows" in outputs[4][0].data["text/html"], "%pplx wait completes it"
    assert "settled: 2 of 2 rows" in outputs[6][0].data["text/plain"]
    nbformat.validate(notebook)


def test_a_paused_batch_goes_on_where_nobody_watches(
    environment: dict[str, str], sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    first, again = CELL.format(flags="--no-wait --at-once 1"), CELL.format(flags="--at-once 1")
    cells = ["%load_ext pplx_jupyter", DATA, first, "companies.pause(); companies.tally.waiting", again]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert int(notebook.cells[3].outputs[0].data["text/plain"]) > 0, "some rows had not left"
    assert "Settled: 4 of 4 rows" in notebook.cells[4].outputs[0].data["text/html"]


def test_the_budget_is_refused_for_all_and_in_one_sum(environment: dict[str, str], sim: Simulator) -> None:
    kernel = Kernel({**environment, "PPLX_JUPYTER_BUDGET": "2"})
    try:
        kernel.run(f"%load_ext pplx_jupyter\n{DATA}")
        refused = kernel.run(CELL.format(flags=""), cell="c", headless=True)
        assert "BudgetExceeded: it could pass the budget" in refused.error
        assert "these 3 questions usually cost 1.20–3.90 USD together" in refused.error
        assert "BudgetExceeded" in kernel.run(CELL.format(flags="--yes"), cell="c").error, (
            "yes skips the plan alone"
        )
        plan = " ".join(kernel.run(CELL.format(flags=""), cell="c").displays[0]["data"]["text/plain"].split())
        assert "2.00 USD left, which is not enough for all" in plan
        assert "Raise the budget:" in plan
        assert sim.bill.jobs == []
    finally:
        kernel.close()


@pytest.mark.parametrize(
    ("line", "prompt", "said"),
    [
        ("--each dff", "{{ company }}", "--each dff: there is no variable of this name; did you mean df?"),
        ("df --each df", "{{ company }}", "“df” holds the rows"),
        ("--each df", "Who?", "uses no column of the rows"),
        ("--each df --brief", "{{ company }}", "--each and --brief exclude each other"),
        ("--each df --at-once 0", "{{ company }}", "at_once 0" ),
        ("--each df --at-once many", "{{ company }}", "--at-once many: write a whole number"),
        ("--schema 'a: strng'", "Why?", "strng is no type"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(
    kernel_once: Kernel, sim_once: Simulator, line: str, prompt: str, said: str
) -> None:
    assert kernel_once.run(DATA).error == ""
    shown = kernel_once.run(f"%%pplx_research {line}\n{prompt}")
    text = (
        shown.error
        + shown.text
        + "".join(m["content"].get("text", "") for m in shown.messages if m["msg_type"] == "stream")
    )
    assert said in text
    assert "Nothing was sent." in text
    assert sim_once.requests == []


def test_a_dry_run_shows_the_plan_and_a_single_cell_takes_a_schema(table: Kernel, sim: Simulator) -> None:
    ran = table.run(CELL.format(flags="--dry-run"))
    assert "Not sent yet: 3 questions to buy" in ran.displays[0]["data"]["text/plain"]
    assert sim.requests == []
    table.run("%%pplx_research one --wait --schema 'name, founded: int'\nWho owns Danfoss? seconds:30")
    assert table.value("one.answer.parsed") == "{'name': 'simulated', 'founded': 0}"
    assert table.value("one.answer.invalid") == "''"


def test_the_page_gets_few_updates_and_cells_go_on_meanwhile(table: Kernel, sim: Simulator) -> None:
    table.run("many = [{'company': f'company {n}'} for n in range(80)]")
    asked = table.run("%%pplx_research --each many --yes --at-once 40\nWho owns {{ company }}? seconds:100")
    assert asked.error == ""
    heard: list[float] = []
    end = time.monotonic() + 40
    while time.monotonic() < end:
        message = table.client.get_iopub_msg(timeout=40)
        if message["msg_type"] in {"comm_msg", "update_display_data"}:
            heard.append(time.monotonic())
        if page(message):
            break
    else:
        raise AssertionError("it was not settled")
    busiest = max(sum(at <= each < at + 1.0 for each in heard) for at in heard)
    assert busiest <= 20, f"{busiest} updates within a second"


def test_a_kernel_that_was_killed_goes_on_where_it_was(
    environment: dict[str, str], sim: Simulator, restarted: Callable[[], Mortal]
) -> None:
    many = "many = [{'company': f'company {n}'} for n in range(7)]"
    cell = "%%pplx_research --each many --yes --at-once 2\nWho owns {{ company }}? seconds:100"
    first = restarted()
    first.run(many)
    first.run(cell, cell="c")
    end = time.monotonic() + 20
    while len(sim.bill.jobs) < 3:
        assert time.monotonic() < end
        time.sleep(0.05)
    first.kill()
    second = restarted()
    second.run(many)
    assert "Not sent yet" not in str(second.run(cell.replace(" --yes", ""), cell="c").displays)
    second.until(page, seconds=60)
    assert set(prompts(sim).values()) == {1}
    assert len(sim.bill.jobs) == 7


@pytest.fixture
def restarted(environment: dict[str, str]) -> Iterator[Callable[[], Mortal]]:
    """Give a function that starts one more kernel on the same ledger."""
    made: list[Mortal] = []

    def start() -> Mortal:
        made.append(Mortal(environment))
        assert made[-1].run("%load_ext pplx_jupyter").error == ""
        return made[-1]

    yield start
    for kernel in made:
        kernel.close()
