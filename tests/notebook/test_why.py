"""What makes a question a new one is said in one line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from pplx_jupyter.ledger import Draft, Row
from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.notebook.cell.why import differences, why_asked, why_new
from pplx_jupyter.request import Request
from tests.asking import intend

if TYPE_CHECKING:
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel

pytestmark = pytest.mark.slow


def asked(prompt: str = "What is tea?", *, filled: dict[str, str] | None = None, **fields: Any) -> Row:
    request = Request(prompt=prompt, **fields)
    return Row(
        id="7f3a9c", seq=1, state="completed", fingerprint=request.fingerprint, request=request.to_json(),
        base_url="", account="", backend="sonar", pinned=False, model=request.resolved_model, effort="",
        question=request.question, name="tea", notebook="", cell="", filled=filled or {}, idempotency_key="",
        created_at=0.0, sending_at=None, accepted_at=None, settled_at=None, due_at=0.0, tries=0, owner="",
        remote_id="", remote_status="", request_id="", moved=False, cancel="", trouble=None, failure=None,
        progress={}, cost=None, cost_estimated=False,
    )  # fmt: skip


def test_a_value_that_was_filled_in() -> None:
    before = asked("Prices on 19 Nov 2026.", filled={"today": "19 Nov 2026"})
    after = asked("Prices on 22 Nov 2026.", filled={"today": "22 Nov 2026"})
    assert differences(after, before) == ["{{ today }} was 19 Nov 2026, is 22 Nov 2026"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"reasoning_effort": "medium"}, {"reasoning_effort": "high"}, "effort was medium, is high"),
        ({}, {"reasoning_effort": "high"}, "effort was not set, is high"),
        ({"search_recency_filter": "week"}, {}, "recency was week, is not set"),
        (
            {},
            {"model": "sonar-reasoning-pro"},
            "model was sonar-deep-research, is sonar-reasoning-pro",
        ),
        ({}, {"take": 2}, "take was 1, is 2"),
        ({}, {"backend": "agent"}, "backend was auto, is agent"),
        ({}, {"return_images": True}, "images was not set, is on"),
        (
            {"search_domain_filter": ["b.org", "a.com"]},
            {"search_domain_filter": ["a.com", "c.net"]},
            "domains was a.com, b.org, is a.com, c.net",
        ),
    ],
)
def test_an_option(before: dict[str, Any], after: dict[str, Any], said: str) -> None:
    assert differences(asked(**after), asked(**before)) == [said]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "How did prices develop since 2021?",
            "How did prices develop since 2022?",
            "“2021” is now “2022”",
        ),
        ("What is green tea?", "What is tea?", "“green” was removed"),
        ("What is tea?", "What is black tea, and why?", "“black” was added and more"),
        ("What is the tea of China?", "What is a tea of Japan?", "“the” is now “a” and more"),
    ],
)
def test_a_changed_prompt(before: str, after: str, said: str) -> None:
    assert differences(asked(after), asked(before)) == [f"the prompt was changed: {said}"]


def test_another_prompt_is_not_taken_apart() -> None:
    assert differences(asked("Who brews beer in Peru?"), asked("What is tea?")) == [
        "the prompt is another one"
    ]


def test_a_prompt_as_long_as_a_book_is_told_quickly() -> None:
    book = " ".join(f"word{n}" for n in range(50_000))
    turned = " ".join(f"word{n}" for n in reversed(range(50_000)))
    assert differences(asked(turned), asked(book)) == ["the prompt was changed"]
    table, other = ("\n".join(f"| {n} | {n * k} |" for n in range(3_000)) for k in (3, 7))
    before = asked(f"Explain: {table}", filled={"frame": table})
    after = asked(f"Explain: {other}", filled={"frame": other})
    (said,) = differences(after, before)
    assert said.startswith("{{ frame }} was | 0 | 0 |")


def test_the_order_of_a_filter_and_line_ends_make_no_difference() -> None:
    before = asked("What\r\nis tea?", search_domain_filter=["a.com", "b.org"])
    after = asked("What\nis tea? ", search_domain_filter=["b.org", "a.com"])
    assert before.fingerprint == after.fingerprint
    assert why_new(after, before) == ""


def test_many_differences_are_counted() -> None:
    after = asked(
        reasoning_effort="high", search_recency_filter="week", take=2, return_images=True, max_tokens=99
    )
    assert why_new(after, asked()).endswith("; and 1 more.")


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20), st.text(max_size=20))
def test_any_two_texts_give_one_line(before: str, after: str, old: str, new: str) -> None:
    first = asked("x" + before + old, filled={"v": old})
    last = asked("x" + after + new, filled={"v": new})
    line = why_new(last, first)
    assert "\n" not in line
    if Request(prompt="x" + before + old).fingerprint != Request(prompt="x" + after + new).fingerprint:
        assert line


def test_what_is_asked_anew_or_in_a_batch_is_no_new_question(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    session: Any = SimpleNamespace(ledger=ledger)

    def ask(question: str, *, batch: str = "", state: str = "submitting", again: bool = False) -> Row:
        draft = Draft(
            fingerprint=f"v1:{question}", request={"prompt": f"Who owns {question}?"}, base_url="u", account="me",
            backend="sonar", cell="c", name="owners", filled={"company": question}, batch=batch,
        )  # fmt: skip
        row, _ = intend(ledger, draft, refresh=again)
        found = ledger.write(
            row.id, {"state": state, "accepted_at": row.created_at, "settled_at": row.created_at}
        )
        assert found is not None
        return found

    ask("Aurubis", batch="b", state="completed")
    assert why_asked(session, ask("Fagerhult", batch="b")) == "", "its neighbour is another row"
    assert why_asked(session, ask("Danfoss")) == "", "a row of a batch is not what this cell asked before"
    ask("Borealis", state="completed")
    assert "was Borealis, is Ekornes" in why_asked(session, ask("Ekornes"))
    ask("Ekornes", state="completed")
    assert why_asked(session, ask("Borealis", again=True)) == "", "it was answered before"


def test_the_panel_says_why_a_cell_asks_anew(kernel: Kernel, sim: Simulator) -> None:
    cell = "%%pplx_research tea\nWhat was tea on {{ today }}?"
    kernel.run("today = '19 Nov 2026'")
    first = kernel.run(cell, cell="tea")
    assert "A new question" not in str(first.messages)
    kernel.until(lambda m: m["msg_type"] == "update_display_data" and "Sources" in str(m["content"]["data"]))
    kernel.run("today = '22 Nov 2026'")
    second = kernel.run(cell, cell="tea")
    assert "{{ today }} was 19 Nov 2026, is 22 Nov 2026" in str(second.messages)
    again = kernel.run(cell, cell="tea")
    assert "{{ today }} was 19 Nov 2026, is 22 Nov 2026" in str(again.messages), "while it is followed, too"


def test_a_name_alone_counts_in_its_own_notebook(environment: dict[str, str], sim: Simulator) -> None:
    """Runs that nobody watches tell no cell's id: the NAME is compared, and the line is printed."""
    from nbclient import NotebookClient

    def run(notebook: str, *prompts: str) -> str:
        cells = ["%load_ext pplx_jupyter", *(f"%%pplx_research tea\n{prompt}" for prompt in prompts)]
        book = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        NotebookClient(book, kernel_name="python3").execute(
            env={**environment, "PPLX_JUPYTER_NOTEBOOK": notebook}
        )
        return str(nbformat.writes(book))

    run("a.ipynb", "What is green tea from China?")
    assert "“green” is now “black”" in run("a.ipynb", "What is black tea from China?")
    assert "A new question" not in run("b.ipynb", "What is white tea from China?")
    assert "A new question" not in run("b.ipynb", "What is white tea from China?")
    with closing(sqlite3.connect(environment["PPLX_JUPYTER_LEDGER"])) as db:
        assert db.execute("SELECT count(*) FROM jobs").fetchone() == (3,)


def test_a_name_in_notebooks_without_a_name_is_compared_only_where_the_prompts_are_alike(
    environment: dict[str, str], sim: Simulator, tmp_path: Path
) -> None:
    from nbclient import NotebookClient

    def run(prompt: str) -> str:
        cells = ["%load_ext pplx_jupyter", f"%%pplx_research x\n{prompt}"]
        book = new_notebook(cells=[new_code_cell(cell) for cell in cells])
        NotebookClient(book, kernel_name="python3").execute(env=environment)
        return str(nbformat.writes(book))

    run("What is green tea from China?")
    assert "A new question" not in run("Who brews beer in Peru?")
