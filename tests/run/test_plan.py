"""What a run is asked to do, and its bill."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.errors import LedgerError, RequestError
from pplx_jupyter.run.bill import Bill
from pplx_jupyter.run.plan import Plan
from pplx_jupyter.run.record import jobs_shown
from tests.run.conftest import Shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplx_jupyter.ledger import Row
    from tests.asking import Asker


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "deep").mkdir()
    Shell(tmp_path).write(["x = 0\nregion: str = 'here'"], "deep/market.ipynb", tags=["parameters"])
    monkeypatch.chdir(tmp_path)
    for name in ("WAIT", "PARALLEL", "LEDGER", "BUDGET"):
        monkeypatch.delenv(f"PPLX_JUPYTER_{name}", raising=False)
    return tmp_path / "deep" / "market.ipynb"


@pytest.mark.parametrize(
    ("written", "read"),
    [("True", True), ("None", None), ("4", 4), ("-4", -4), ("0.5", 0.5), ("1e3", 1000.0), ("true", "true"), ("[1]", "[1]"), ("", "")],
)  # fmt: skip
def test_parameters_are_typed_as_papermill_types_them(notebook: Path, written: str, read: Any) -> None:
    from papermill.cli import _resolve_type

    plan = Plan.make(str(notebook), parameters=[("x", written)])
    assert plan.parameters == {"x": read}
    assert type(plan.parameters["x"]) is type(_resolve_type(written))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("regoin", r"-p regoin is none of the notebook's parameters: did you mean region\? Nothing was run"),
        ("colour", r"they are region, x\. Nothing was run"),
        ("my name", "cannot be a variable's name"),
    ],
)
def test_a_parameter_that_the_notebook_does_not_have_runs_nothing(
    notebook: Path, name: str, said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        Plan.make(str(notebook), parameters=[(name, "1")])


def test_a_notebook_without_parameters_takes_none(notebook: Path, tmp_path: Path) -> None:
    Shell(tmp_path).write(["x = 0"], "plain.ipynb")
    with pytest.raises(RequestError, match="no cell that is tagged “parameters”"):
        Plan.make("plain.ipynb", parameters=[("x", "1")])


def test_options_become_settings_of_the_kernel_alone(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPLX_JUPYTER_BUDGET", "3")
    options = {"budget": 5.0, "refresh": True, "frozen": False, "timeout": None, "parallel": True}
    plan = Plan.make("deep/market.ipynb", options=options)
    ours = {k: v for k, v in plan.environment.items() if k.startswith("PPLX_JUPYTER_")}
    assert ours.pop("PPLX_JUPYTER_RUN") == plan.token
    assert ours == {
        "PPLX_JUPYTER_BUDGET": "5.0",
        "PPLX_JUPYTER_NOTEBOOK": "market.ipynb",
        "PPLX_JUPYTER_PARALLEL": "1",
        "PPLX_JUPYTER_REFRESH": "1",
    }
    assert (plan.settings.budget, plan.settings.parallel, plan.settings.timeout) == (5.0, True, None)
    assert Plan.make("deep/market.ipynb").token != plan.token


def test_a_relative_ledger_is_of_the_folder_where_it_was_written(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (notebook.parent / "pyproject.toml").write_text("[tool.pplx_jupyter]\nledger = 'mine.sqlite'\n")
    assert Plan.make(str(notebook)).ledger == str(notebook.parent / "mine.sqlite")
    monkeypatch.setenv("PPLX_JUPYTER_LEDGER", "data/l.sqlite")
    assert Plan.make(str(notebook)).ledger == str(tmp_path / "data" / "l.sqlite")


def test_an_address_is_no_ledger_wherever_it_is_written(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "the ledger postgresql://host/db is an address: write the path of a file"
    (notebook.parent / "pyproject.toml").write_text("[tool.pplx_jupyter]\nledger = 'postgresql://host/db'\n")
    with pytest.raises(LedgerError, match=line):
        Plan.make(str(notebook))
    monkeypatch.setenv("PPLX_JUPYTER_LEDGER", "postgresql://host/db")
    with pytest.raises(LedgerError, match=line):
        Plan.make(str(notebook))


def test_a_wrong_setting_runs_nothing(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPLX_JUPYTER_TIMEOUT", "soon")
    with pytest.raises(RequestError, match="not a number of seconds"):
        Plan.make(str(notebook))


def test_the_notebooks_outputs_name_its_jobs_once_in_their_order() -> None:
    from nbformat.v4 import new_code_cell, new_notebook, new_output

    def output(job: str) -> Any:
        return new_output("display_data", metadata={"pplx_jupyter": {"job": job}})

    cells = [
        new_code_cell(outputs=[output("b"), output("b")]),
        new_code_cell(outputs=[new_output("stream", text="x"), output("a")]),
    ]
    assert jobs_shown(new_notebook(cells=cells)) == ["b", "a"]
    assert jobs_shown(None) == []


@pytest.fixture
def row(ask: Callable[..., Asker]) -> Row:
    """Give a row that was written and not sent."""
    return dataclasses.replace(
        ask("http://service.test").submit("What is tea?", name="tea").row, created_at=100.0
    )


def bill_of(*rows: Row, **rest: Any) -> Bill:
    return Bill(rows=rows, run="now", started=1000.0, **rest)


def test_the_bill_tells_reported_estimated_unknown_and_open_apart(row: Row) -> None:
    def made(job: str, **changes: Any) -> Row:
        return dataclasses.replace(
            row, **{"id": job, "run": "now", "accepted_at": 1001.0, "state": "completed", **changes}
        )

    bill = bill_of(
        made("a1", cost=0.82, cost_estimated=False),
        made("b2", cost=0.39, cost_estimated=True),
        made("c3", cost=None, state="cancelled"),
        made("d4", cost=None, state="running"),
        made("e5", cost=None, state="failed", accepted_at=None, sending_at=None),
        made("e6", cost=None, state="submitting", accepted_at=None, sending_at=None),
        made("f6", cost=0.41, run="", settled_at=900.0),
        made("g7", cost=0.30, run="other", settled_at=1200.0),
        elsewhere=["h8"],
    )
    assert bill.lines("market.ipynb") == [
        "Bill of market.ipynb",
        "  tea (a1)  finished   bought           0.82 USD",
        "  tea (b2)  finished   bought           ≈ 0.39 USD (estimated)",
        "  tea (c3)  cancelled  bought           cost unknown",
        "  tea (d4)  running    bought           not known yet",
        "  tea (e5)  failed     not sent         0.00 USD",
        "  tea (e6)  sending    not sent         not sent yet",
        "  tea (f6)  finished   from the ledger  saved 0.41 USD",
        "  tea (g7)  finished   asked earlier    0.30 USD",
        "bought: 4 jobs, 0.82 USD + ≈ 0.39 USD (estimated) + 1 of unknown cost + 1 not known yet",
        "not sent: 2 jobs",
        "asked earlier: 1 job, 0.30 USD",
        "from the ledger: 1 job, saved 0.41 USD",
        "not in this ledger: 1 job",
        "Still under way: tea (d4), tea (e6). Nothing is lost: run this again, or pplx-jupyter jobs, to collect.",
    ]
    assert bill.summary() == (
        "2 under way, 3 finished, 1 from the ledger, 2 failed"
        " · 0.82 USD + ≈ 0.39 USD (estimated) + 1 of unknown cost + 1 not known yet"
    )


def test_the_bill_of_a_frozen_run_says_that_nothing_was_bought() -> None:
    lines = bill_of(elsewhere=["a1", "b2"], frozen=True).lines("market.ipynb")
    assert lines == ["Bill of market.ipynb", "Nothing was bought.", "from the lockfile: 2 jobs"]


@pytest.mark.parametrize(
    ("state", "run", "code"),
    [("completed", "now", 0), ("failed", "now", 1), ("expired", "now", 1), ("cancelled", "now", 0),
     ("unconfirmed", "now", 4), ("failed", "earlier", 0), ("running", "now", 0)],
)  # fmt: skip
def test_what_this_run_bought_decides_its_code(row: Row, state: str, run: str, code: int) -> None:
    assert bill_of(dataclasses.replace(row, state=state, run=run)).code == code
