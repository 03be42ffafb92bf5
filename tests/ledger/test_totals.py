"""The running totals: whatever happens to rows, they are what the rows add up to."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from pplx_jupyter.errors import BudgetExceeded
from pplx_jupyter.ledger import Draft
from pplx_jupyter.ledger.budgets import Sums, day_of, keys_of
from pplx_jupyter.ledger.expected import Past
from pplx_jupyter.ledger.gate import Gate
from pplx_jupyter.ledger.records import SETTLED
from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.ledger.sqlite.schema import MIGRATIONS, VERSION, count_all
from pplx_jupyter.reuse import decide
from pplx_jupyter.settling import _dropped, _once_more
from tests.asking import intend

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.ledger import Row

URL = "http://service.test"
_ALL = "SELECT * FROM totals ORDER BY scope, base_url, key"
_EMPTY = (0,) * 8


def kept_and_counted(ledger: SqliteLedger) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Give the totals as they are kept, and as a copy of the file counts them anew; rows of zeros left out."""
    copy = sqlite3.connect(":memory:")
    ledger._file.connection().backup(copy)
    kept = [tuple(each) for each in copy.execute(_ALL)]
    count_all(copy)
    counted = [tuple(each) for each in copy.execute(_ALL)]
    copy.close()
    return [each for each in kept if each[3:] != _EMPTY], [each for each in counted if each[3:] != _EMPTY]


# -- a row's life


def make(question: int, notebook: str, run: str, model: str, usual: dict[str, Any]) -> Draft:
    return Draft(
        fingerprint=f"v1:{question}",
        request={"prompt": f"Question {question}?"},
        base_url=URL,
        account="me",
        backend="agent",
        model=model,
        notebook=notebook,
        run=run,
        expected=usual,
    )


usuals = st.sampled_from([{}, {"jobs": 0}, {"low": 0.1, "high": 0.3, "jobs": 7}, {"high": 1e300, "jobs": 5}])
drafts = st.builds(
    make,
    st.integers(0, 4),
    st.sampled_from(["", "a.ipynb", "a\n|b.ipynb"]),
    st.sampled_from(["", "run1"]),
    st.sampled_from(["", "m", "sonar-deep-research"]),
    usuals,
)
costs = st.one_of(st.none(), st.floats(0.0, 5.0), st.sampled_from([0.1, 1e308, -1.0, math.inf, math.nan]))
times = st.one_of(st.none(), st.just(5.0))
states = st.sampled_from(["submitting", "queued", "running", "completed", "incomplete", "failed", "cancelled", "expired", "unconfirmed"])  # fmt: skip
changes = st.fixed_dictionaries(
    {},
    optional={
        "state": states,
        "cost": costs,
        "cost_estimated": st.booleans(),
        "sending_at": times,
        "accepted_at": times,
        "settled_at": times,
        "lost": st.integers(0, 3),
        "moved": st.booleans(),
        "backend": st.sampled_from(["sonar", "agent"]),
        "model": st.sampled_from(["m", "another"]),
        "notebook": st.sampled_from(["", "b.ipynb"]),
        "day": st.sampled_from(["2026-01-31", "2026-02-01"]),
        "name": st.just("n"),
        "tries": st.integers(0, 3),
    },
)


class Life(RuleBasedStateMachine):
    """Anything that may happen to rows, in any order."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.ledger = SqliteLedger(Path(folder) / "ledger.sqlite")
        # Not what is tested here, and slow.
        self.ledger._file.connection().execute("PRAGMA synchronous = OFF")

    def teardown(self) -> None:
        self.ledger.close()
        self.stack.close()

    @rule(target=ids, draft=drafts, refresh=st.booleans(), allowed=st.booleans(), budget=st.none() | st.floats(0.0, 9.0))  # fmt: skip
    def asked(self, draft: Draft, refresh: bool, allowed: bool, budget: float | None) -> str:
        def how(attempts: Any) -> Any:
            return decide(attempts, refresh=refresh, retry_failed=True)

        try:
            row, _ = self.ledger.intend(draft, how, budget=budget, allowed=allowed)
        except BudgetExceeded:
            return "none"
        return row.id

    @rule(job=ids, changed=changes)
    def written(self, job: str, changed: dict[str, Any]) -> None:
        self.ledger.write(job, changed, body='{"a": 1}' if "cost" in changed else None)

    @rule(job=ids, usual=usuals, budget=st.none() | st.floats(0.0, 9.0))
    def moved(self, job: str, usual: dict[str, Any], budget: float | None) -> None:
        if self.ledger.get(job) is not None:
            self.ledger.rehold(job, usual, owner="", budget=budget)

    @rule(target=ids, asked=st.lists(drafts, min_size=1, max_size=4), at_once=st.integers(1, 3), budget=st.none() | st.floats(0.0, 9.0))  # fmt: skip
    def asked_together(self, asked: list[Draft], at_once: int, budget: float | None) -> Any:
        batch = [dataclasses.replace(draft, batch="b", pinned=False) for draft in asked]
        different = list({draft.fingerprint: draft for draft in batch}.values())
        try:
            found = self.ledger.intend_all(different, decide, gate=Gate(at_once), budget=budget)
        except BudgetExceeded:
            return multiple()
        return multiple(*(row.id for row, _ in found))

    @rule(days=st.integers(0, 2))
    def let_out(self, days: int) -> None:
        self.ledger.release("me", time.time() + days * 86_400)

    @rule(job=ids, once_more=st.booleans(), allowed=st.booleans(), budget=st.none() | st.floats(0.0, 9.0))
    def settled(self, job: str, once_more: bool, allowed: bool, budget: float | None) -> None:
        row = self.ledger.get(job)
        if row is not None and once_more:
            with contextlib.suppress(BudgetExceeded):
                self.ledger.intend_again(job, _once_more(row), budget=budget, allowed=allowed)
        elif row is not None:
            self.ledger.write(job, _dropped(), states=["unconfirmed"])

    @rule(job=ids)
    def forgotten(self, job: str) -> None:
        row = self.ledger.get(job)
        can = row is not None and row.state in SETTLED and row.forgotten_at is None
        before = self.ledger.totals("total", URL)
        assert self.ledger.forget([job]) == int(can)
        assert self.ledger.totals("total", URL) == before, "what it cost is kept"

    @invariant()
    def the_totals_are_what_the_rows_add_up_to(self) -> None:
        kept, counted = kept_and_counted(self.ledger)
        assert kept == counted
        assert all(value >= 0 for each in kept for value in each[3:])

    @invariant()
    def both_views_of_costs_count_the_same_jobs(self) -> None:
        sums, spent = total(self.ledger), self.ledger.spent(URL)
        jobs, running, unknown = (
            sum(getattr(each, name) for each in spent) for name in ("jobs", "running", "unknown")
        )
        assert (jobs, running, unknown) == (sums.jobs, sums.running, sums.unknown)
        assert all(each.jobs for each in spent), "a day on which nothing was had has no bar"


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


def total(ledger: SqliteLedger, scope: str = "total", key: str = "") -> Sums:
    return ledger.totals(scope, URL, key)[key]


def test_an_adopted_job_counts_for_the_day_it_was_asked_on(ledger: SqliteLedger) -> None:
    from pplx_jupyter.ledger.records import ELSEWHERE, Adoptable

    asked = 1_790_000_000.0
    found = Adoptable(
        remote_id="r1", created_at=asked, remote_status="COMPLETED", model="sonar-deep-research"
    )
    (row,) = ledger.adopt([found], "me", URL) or []
    assert total(ledger, "day", day_of(asked)).running == 1
    ledger.write(row.id, {"state": "completed", "cost": 0.5, "settled_at": asked + 9})
    assert total(ledger, "notebook", ELSEWHERE).spent == 0.5
    kept, counted = kept_and_counted(ledger)
    assert kept == counted
    assert ledger.past(URL, "sonar", "sonar-deep-research", "", 9) == [], "its effort is not known"


def test_a_job_counts_for_the_day_it_was_asked_on(
    ledger: SqliteLedger, draft: Callable[..., Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = 1_790_000_000.0, 1_790_000_000.0 + 86_400
    monkeypatch.setattr(time, "time", lambda: before)
    row, _ = intend(ledger, draft(notebook="a.ipynb"))
    monkeypatch.setattr(time, "time", lambda: after)
    ledger.write(row.id, {"state": "completed", "cost": 0.82, "settled_at": after, "accepted_at": before})
    assert total(ledger, "day", day_of(before)).spent == 0.82
    assert total(ledger, "day", day_of(after)) == Sums()
    assert total(ledger, "notebook day", f"{day_of(before)} a.ipynb").spent == 0.82
    refusal = ledger.refusal("a.ipynb", "", URL, {"high": 1.0, "jobs": 5}, 1.0)
    assert refusal is None, "the new day has its own budget"


def test_a_refused_submit_costs_nothing_and_counts_again_when_it_is_sent(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft(notebook="a.ipynb"))
    assert total(ledger).running == 1
    ledger.write(row.id, {"state": "failed", "sending_at": None, "settled_at": 1.0})
    assert total(ledger) == Sums()
    again, decision = ledger.intend(draft(), decide)
    assert (again.id, decision.what, again.notebook) == (row.id, "arm", "a.ipynb")
    assert total(ledger, "notebook", "a.ipynb").running == 1


def test_the_budget_of_the_notebook_that_it_counts_for_is_asked(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft(notebook="a.ipynb"))
    ledger.write(row.id, {"state": "failed", "sending_at": None, "settled_at": 1.0})
    ledger.set_budget("notebook", "a.ipynb", 0.1)
    with pytest.raises(BudgetExceeded, match=r"of this notebook, 0\.10 USD"):
        ledger.intend(draft(), decide)


def test_what_is_usual_comes_from_reported_costs_of_settled_jobs_alone(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    def job(n: int, **changes: Any) -> Row:
        row, _ = intend(ledger, draft(f"{n}", model="m", effort="high"))
        values = {"state": "completed", "cost": n / 100, "settled_at": row.created_at + n, **changes}
        return ledger.write(row.id, values)  # type: ignore[return-value]

    for n in range(1, 7):
        job(n, model="what the service says")
    job(70, state="failed")
    job(71, cost=None)
    job(72, cost_estimated=True)
    job(73, backend="agent")
    job(74, settled_at=0.0)  # a clock that was set back
    found = ledger.past(URL, "sonar", "m", "high", 4)
    assert [past.cost for past in found] == [0.06, 0.05, 0.04, 0.03]
    assert [round(past.seconds) for past in found] == [6, 5, 4, 3]
    everything = ledger.past(URL, "sonar", "m", "high", 200)
    assert everything[-1] == Past(0.74, 0.0)
    assert (
        ledger.past(URL, "sonar", "m", "", 200) == ledger.past("http://other", "sonar", "m", "high", 9) == []
    )


# -- a file of before

_OLD = {
    "seq": 1, "fingerprint": "v1:x", "base_url": URL, "account": "me", "backend": "sonar", "pinned": 0,
    "effort": "high", "question": "q", "name": "n", "notebook": "a.ipynb", "cell": "c", "filled": "{}",
    "idempotency_key": "k", "created_at": 1_790_000_000.0, "due_at": 1.0, "tries": 0, "owner": "", "remote_id": "",
    "remote_status": "", "request_id": "", "moved": 0, "cancel": "", "progress": "{}", "cost_estimated": 0,
    "model": "sonar-deep-research", "request": '{"prompt": "q"}', "sending_at": 2.0, "accepted_at": 3.0,
}  # fmt: skip


def make_old(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a ledger as the first version did."""
    path.touch(mode=0o600)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    MIGRATIONS[0](db)
    db.execute("PRAGMA user_version = 1")
    for n, row in enumerate(rows):
        values = {**_OLD, "id": f"{n:06x}", **row}
        marks = ", ".join("?" for _ in values)
        columns = ", ".join(values)
        db.execute(f"INSERT INTO jobs ({columns}) VALUES ({marks})", list(values.values()))  # noqa: S608
        db.execute("INSERT INTO bodies VALUES (?, ?, 1.0)", (values["id"], f'{{"n": {n}}}'))
    db.close()


def test_a_ledger_of_the_first_version_keeps_its_rows_and_gets_totals(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    make_old(
        path,
        [
            {"state": "completed", "cost": 0.82, "settled_at": 1_790_000_100.0},
            {"state": "completed", "cost": 0.39, "cost_estimated": 1, "settled_at": 1_790_000_100.0},
            {
                "state": "completed",
                "cost": 0.5,
                "settled_at": 1.0,
                "model": "openai/other",
                "backend": "agent",
            },
            {"state": "running", "request": '{"prompt": "q", "model": "sonar-pro"}'},
            {"state": "failed", "sending_at": None, "accepted_at": None, "settled_at": 1.0},
            {"state": "cancelled", "request": '{"prompt": "q", "extra": NaN}', "created_at": 1e18},
        ],
    )
    ledger = SqliteLedger(path)
    assert ledger._file.one("PRAGMA user_version")[0] == VERSION
    rows = {row.id: row for row in ledger.jobs()}
    assert sorted(rows) == [f"{n:06x}" for n in range(6)]
    first = rows["000000"]
    assert (first.name, first.question, first.cost, first.day) == ("n", "q", 0.82, day_of(first.created_at))
    assert first.shown_at == first.settled_at, "nothing new to tell of"
    assert (first.expected, first.run, first.lost, first.forgotten_at) == ({}, "", 0, None)
    assert json.loads(ledger.body("000003") or "") == {"n": 3}
    assert {row.asked_model for row in rows.values()} == {"sonar-deep-research", "sonar-pro"}
    sums = total(ledger)
    assert (sums.jobs, sums.running, sums.unknown) == (5, 1, 1)
    assert (sums.dollars("reported"), sums.dollars("estimated")) == (1.32, 0.39)
    kept, counted = kept_and_counted(ledger)
    assert kept == counted
    assert ledger.past(URL, "agent", "sonar-deep-research", "high", 5) == [Past(0.5, 0.0)]
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    keys = keys_of("a.ipynb", first.day, "")
    assert ledger.totals("notebook day", URL, keys["notebook day"]) != {}
    ledger.write("000003", {"state": "completed", "cost": 1.0})
    assert total(ledger).dollars("reported") == 2.32, "and they are kept from here on"


OPENER = """
import sys
from pplx_jupyter.ledger import open_ledger
print("ready", flush=True)
sys.stdin.readline()
print(open_ledger(sys.argv[1]).totals("total", "http://service.test", "")[""].jobs)
"""


def test_many_that_open_an_old_ledger_at_once_bring_it_up_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    make_old(path, [{"state": "completed", "cost": 0.1} for _ in range(300)])
    command = [sys.executable, "-c", OPENER, str(path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["300"] * 4


# -- what is forgotten


def traces(path: Path, words: list[str]) -> list[str]:
    """Give the words that some file of the ledger still holds."""
    data = b"".join(file.read_bytes() for file in path.parent.iterdir())
    return [word for word in words if word.encode() in data]


def test_what_is_forgotten_is_in_no_page_of_the_file(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    # Builds of SQLite differ in whether they overwrite what is deleted.
    ledger._file.connection().execute("PRAGMA secure_delete = OFF")
    ids = []
    for n in range(60):
        words = f"PROMPT{n:03} " * (1 + 37 * n % 90)
        named = {"name": f"NAME{n:03}", "cell": f"CELL{n:03}", "filled": {"x": f"FILLED{n:03}"}}
        row, _ = intend(ledger, draft(words[:140], fingerprint=f"v1:{n}", request={"prompt": words}, **named))
        ids.append(row.id)
        for again in (n, n // 2):
            # Rows that grow make SQLite split pages, where it leaves copies behind.
            ledger.write(ids[again], {"progress": {"latest": f"PROMPT{again:03} " * (n % 40)}})
    for n, job in enumerate(ids):
        body = json.dumps({"text": f"ANSWER{n:03} " * (1 + 53 * n % 700)})
        ledger.write(job, {"state": "completed", "cost": 0.1, "remote_id": f"REMOTE{n:03}"}, body=body)
        ledger.write(job, {"settled_at": 1.0}, body=body[: len(body) // 2])
        ledger.keep_forms(job, "v", {"text/plain": f"ANSWER{n:03}"})
    gone = [n for n in range(60) if n % 3]
    assert ledger.forget([ids[n] for n in gone]) == len(gone)
    kinds = ("PROMPT", "ANSWER", "NAME", "CELL", "FILLED", "REMOTE")
    assert traces(path, [f"{kind}{n:03}" for n in gone for kind in kinds]) == []
    assert traces(path, ["PROMPT003", "ANSWER003"]) == ["PROMPT003", "ANSWER003"], "only those"
    gone_row = ledger.get(ids[1])
    assert gone_row is not None
    assert (gone_row.request, gone_row.question, gone_row.cost, ledger.body(gone_row.id), ledger.forms(gone_row.id, "v")) == ({}, "", 0.1, None, None)  # fmt: skip
    assert gone_row.forgotten_at is not None
    assert total(ledger).spent == 6.0
    ledger.keep_forms(gone_row.id, "v", {"text/plain": "late"})
    assert ledger.forms(gone_row.id, "v") is None, "a renderer that comes late keeps nothing"
    assert ledger.attempts("v1:1", URL).best is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_what_has_ended_is_forgotten(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    for state in ("submitting", "queued", "running", "unconfirmed"):
        row, _ = intend(ledger, draft(state))
        ledger.write(row.id, {"state": state})
        assert ledger.forget([row.id, "not there"]) == 0
        assert ledger.get(row.id).request  # type: ignore[union-attr]


def test_a_reader_that_holds_on_is_told_of_and_the_next_time_finishes(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pplx_jupyter.errors import LedgerError

    row, _ = intend(ledger, draft("PROMPTX"))
    ledger.write(row.id, {"state": "completed", "cost": 0.1})
    ledger._file.connection().execute("PRAGMA busy_timeout = 50")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM jobs").fetchone()
    with pytest.raises(LedgerError, match=r"traces may be left .* another process is reading it"):
        ledger.forget([row.id])
    assert ledger.get(row.id).forgotten_at is not None  # type: ignore[union-attr]
    reader.close()
    assert ledger.forget([row.id]) == 0
    assert traces(path, ["PROMPTX"]) == []
