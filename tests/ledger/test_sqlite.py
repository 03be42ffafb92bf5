from __future__ import annotations

import sqlite3
import stat
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger import OPEN, Draft, open_ledger
from pplx_jupyter.ledger.sqlite import SqliteLedger, default_path
from pplx_jupyter.ledger.sqlite.schema import MIGRATIONS, VERSION
from tests.asking import intend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pplx_jupyter.ledger.records import Owner, Row


def ended(ledger: SqliteLedger, row: Row, state: str, **changes: Any) -> Row:
    found = ledger.write(row.id, {"state": state, **changes})
    assert found is not None
    return found


# -- the file


def test_the_file_is_its_owners_alone(path: Path, ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    intend(ledger, draft())
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert {file.name for file in path.parent.iterdir()} > {"ledger.sqlite-wal"}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_logs_ahead_and_is_flushed(path: Path, ledger: SqliteLedger) -> None:
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION
    db.close()
    assert ledger._file.one("PRAGMA synchronous")[0] == 2, "FULL: a lost mark would be a second purchase"


def test_what_is_written_is_there_for_the_next(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft(filled={"today": "1 May"}, pinned=True, name="n", cell="c", notebook="b"))
    other = SqliteLedger(path)
    assert other.get(row.id) == row
    assert other.salt == ledger.salt
    assert (row.filled, row.pinned, row.request) == ({"today": "1 May"}, True, {"prompt": "why"})
    assert (row.state, row.owner, row.sending_at, row.trouble, row.failure) == (
        "submitting",
        "",
        None,
        None,
        None,
    )
    assert (row.label, row.is_open) == (f"n ({row.id})", True)


def test_a_newer_format_is_refused_in_one_line_and_left_alone(path: Path, ledger: SqliteLedger) -> None:
    ledger.close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(
        LedgerError, match=rf"newer version.*its format is {VERSION + 1}.*pip install -U"
    ) as caught:
        SqliteLedger(path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_an_open_ledger_notices_that_a_newer_version_has_changed_the_file(
    path: Path, ledger: SqliteLedger
) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    ledger.close()
    with pytest.raises(LedgerError, match="newer version"):
        ledger.jobs()


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "bank.sqlite"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("CREATE TABLE accounts (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another program's database"):
        SqliteLedger(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database, " * 100, b"# notes\n"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"PPLX_JUPYTER_LEDGER.*Nothing was sent"):
        SqliteLedger(path)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="cannot be used"):
        SqliteLedger(tmp_path / "file" / "ledger.sqlite")
    with pytest.raises(LedgerError, match="cannot be used"):
        SqliteLedger(tmp_path)


def test_a_failed_migration_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pplx_jupyter.ledger.sqlite import schema

    def breaks(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (x)")
        raise sqlite3.OperationalError("disk full")

    steps = list(MIGRATIONS)
    monkeypatch.setattr(schema, "MIGRATIONS", [*steps, breaks])
    monkeypatch.setattr(schema, "VERSION", len(steps) + 1)
    with pytest.raises(LedgerError, match="disk full"):
        SqliteLedger(path)
    monkeypatch.undo()
    assert SqliteLedger(path).jobs() == []


def test_a_later_step_is_taken_once_and_keeps_the_rows(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pplx_jupyter.ledger.sqlite import schema

    row, _ = intend(ledger, draft())
    ledger.close()
    taken: list[int] = []

    def step(db: sqlite3.Connection) -> None:
        taken.append(1)
        db.execute("CREATE TABLE later (x)")

    monkeypatch.setattr(schema, "MIGRATIONS", [*MIGRATIONS, step])
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    for _ in range(2):
        assert SqliteLedger(path).get(row.id) == row
    assert taken == [1]


def test_what_a_newer_version_adds_to_an_open_ledger_is_let_be(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft], owner: Callable[..., Owner]
) -> None:
    first, _ = intend(ledger, draft("a"))
    db = sqlite3.connect(path, isolation_level=None)
    for table in ("jobs", "bodies", "owners", "retired", "budgets", "forms", "pictures", "texts", "totals"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN later TEXT NOT NULL DEFAULT 'kept'")
    assert ledger.get(first.id) == first
    second, _ = intend(ledger, draft("b"))
    ended(ledger, first, "completed", cost=0.5)
    assert ledger.write(first.id, {}, body="{}") is not None
    ledger.renew(owner())
    ledger.retire("me", time.time() + 60)
    ledger.set_budget("day", "", 5.0)
    ledger.keep_forms(first.id, "1", {"text/plain": "an answer"})
    ledger.keep_pictures(first.id, {"https://a.test/b.png": b"png"})
    assert {row.id for row in ledger.jobs()} == {first.id, second.id}
    assert db.execute("SELECT DISTINCT later FROM jobs").fetchall() == [("kept",)]
    assert ledger.forget([first.id]) == 1
    db.close()


def test_what_only_helps_later_waits_for_no_other_writer(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft())
    ended(ledger, row, "completed", cost=0.5)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    ledger.keep_forms(row.id, "1", {"text/plain": "an answer"})
    ledger.note_shown([row.id], 1.0)
    assert ledger.rename(row.id, "tea") is None
    assert time.monotonic() - began < 3
    db.execute("ROLLBACK")
    db.close()
    assert ledger.forms(row.id, "1") is None
    ledger.keep_forms(row.id, "1", {"text/plain": "an answer"})
    ledger.note_shown([row.id], 1.0)
    renamed = ledger.rename(row.id, "tea")
    assert renamed is not None
    assert (renamed.name, renamed.shown_at) == ("tea", 1.0)
    assert ledger.find("tea") == [renamed]
    assert ledger.forms(row.id, "1") == {"text/plain": "an answer"}


def test_a_name_is_clean_whoever_wrote_it(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    hostile = "a\n\x1b[31mb \u202egpj.exe " + "long " * 40
    row, _ = intend(ledger, draft(name=hostile, notebook="two  spaces\x1b[2J\n.ipynb"))
    db = sqlite3.connect(path, isolation_level=None)
    kept = db.execute("SELECT name, notebook FROM jobs").fetchone()
    assert kept == (row.name, "two  spaces[2J .ipynb")
    assert row.name.isprintable()
    assert len(row.name) <= 80
    assert row.name.startswith("a [31mb gpj.exe long")
    # As an older version kept it.
    db.execute("UPDATE jobs SET name = ?", (hostile,))
    db.close()
    assert [each.label for each in ledger.jobs()] == [f"{row.name} ({row.id})"]


def test_the_default_place_and_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert default_path().endswith("ledger.sqlite")
    given = tmp_path / "own" / "l.sqlite"
    assert open_ledger(str(given)).where == str(given)
    assert given.exists()


@pytest.mark.parametrize("address", ["postgresql://host/db", "file:///l.sqlite"])
def test_an_address_is_refused_and_makes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LedgerError, match=f"the ledger {address} is an address: write the path of a file"):
        open_ledger(address)
    assert list(tmp_path.iterdir()) == []


# -- intents


def test_the_same_question_is_one_row(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    row, created = intend(ledger, draft())
    again, created_again = intend(ledger, draft(name="other"))
    assert (created, created_again, again.id) == (True, False, row.id)
    assert intend(ledger, draft("else"))[1]
    assert intend(ledger, draft(base_url="http://other.test"))[1], "reuse never crosses addresses"
    assert intend(ledger, draft(), refresh=True) == (again, False), "what is under way is followed"
    ended(ledger, row, "completed")
    fresh, created = intend(ledger, draft(), refresh=True)
    assert created
    assert fresh.id != row.id
    assert fresh.idempotency_key != row.idempotency_key


def test_a_refused_question_is_armed_anew_with_what_is_asked_now(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft(pinned=True, name="first"))
    ended(
        ledger, row, "failed", owner="gone", failure={"kind": "no_connection"}, request_id="r", cancel="asked"
    )
    armed, created = intend(ledger, draft(backend="agent", account="you", model="m", cell="c2"))
    assert (armed.id, created, armed.state, armed.owner) == (row.id, False, "submitting", "")
    assert (armed.backend, armed.account, armed.pinned, armed.model) == ("agent", "you", False, "m")
    assert (armed.failure, armed.cancel, armed.request_id, armed.settled_at) == (None, "", "", None)
    assert (armed.name, armed.cell) == ("first", "c2")
    assert armed.idempotency_key != row.idempotency_key


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("failed", {"accepted_at": 1.0}),
        ("cancelled", {"accepted_at": 1.0}),
        ("expired", {"accepted_at": 1.0}),
        ("unconfirmed", {"sending_at": 1.0}),
        ("failed", {"sending_at": 1.0}),
        ("completed", {"accepted_at": 1.0}),
        ("running", {"accepted_at": 1.0}),
    ],
)
def test_what_may_have_been_bought_is_not_armed(
    ledger: SqliteLedger, draft: Callable[..., Draft], state: str, changes: dict[str, Any]
) -> None:
    row = ended(ledger, intend(ledger, draft())[0], state, **changes)
    assert intend(ledger, draft()) == (row, False)


def test_an_answer_serves_before_a_later_attempt_without_one(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    first = ended(ledger, intend(ledger, draft())[0], "completed")
    later = ended(ledger, intend(ledger, draft(), refresh=True)[0], "failed", accepted_at=1.0)
    assert ledger.attempts("v1:why", "http://service.test").best == first
    newest = ended(ledger, intend(ledger, draft(), refresh=True)[0], "incomplete")
    assert ledger.attempts("v1:why", "http://service.test").best == newest
    assert ledger.attempts("v1:why", "http://other.test").best is None
    assert later.created_at > first.created_at


def test_a_pinned_question_takes_its_own_backends_rows(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    sonar = ended(ledger, intend(ledger, draft())[0], "completed")
    agent, created = intend(ledger, draft(backend="agent", pinned=True))
    assert created
    assert ledger.attempts("v1:why", "http://service.test", "sonar").best == sonar
    assert ledger.attempts("v1:why", "http://service.test", "agent").best == agent


# -- looking


def test_changes_come_in_their_order_and_once(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    rows = [intend(ledger, draft(str(n)))[0] for n in range(4)]
    assert [row.id for row in ledger.changed(0)] == [row.id for row in rows]
    last = ledger.changed(0)[-1].seq
    assert ledger.changed(last) == []
    ended(ledger, rows[1], "running")
    ended(ledger, rows[0], "running")
    assert [row.id for row in ledger.changed(last)] == [rows[1].id, rows[0].id]
    assert [row.id for row in ledger.changed(last, [rows[0].id, "no-such"])] == [rows[0].id]
    assert ledger.changed(last, []) == []


def test_a_lease_is_no_change(
    ledger: SqliteLedger, draft: Callable[..., Draft], owner: Callable[..., Owner]
) -> None:
    row, _ = intend(ledger, draft())
    holder = owner()
    ledger.renew(holder)
    assert ledger.claim(holder.id, [], ["me"], time.time(), 9)
    assert ledger.changed(row.seq) == []


def test_find(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    first, _ = intend(ledger, draft("a", name="prices"))
    second, _ = intend(ledger, draft("b", name="100%_\\"))
    ended(ledger, second, "running", remote_id="resp_77")
    assert [row.id for row in ledger.find(first.id)] == [first.id]
    assert first.id in {row.id for row in ledger.find(first.id[:2])}
    assert [row.id for row in ledger.find("prices")] == [first.id]
    assert [row.id for row in ledger.find("resp_77")] == [second.id]
    assert [row.id for row in ledger.find("100%_\\")] == [second.id]
    assert ledger.find("%") == ledger.find("______") == ledger.find("pric") == []


def test_jobs_are_filtered_and_paged(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    ids = [intend(ledger, draft(str(n), notebook="a" if n < 3 else "b", cell=str(n)))[0].id for n in range(5)]
    ledger.write(ids[0], {"state": "completed"})
    assert [row.id for row in ledger.jobs()] == ids[::-1]
    assert [row.id for row in ledger.jobs(limit=2, offset=1)] == [ids[3], ids[2]]
    assert [row.id for row in ledger.jobs(notebook="a", states=OPEN)] == [ids[2], ids[1]]
    assert [row.id for row in ledger.jobs(cell="4", base_url="http://service.test")] == [ids[4]]
    assert ledger.jobs(base_url="http://other.test") == ledger.jobs(states=[]) == []


# -- writing


def test_a_watcher_without_the_lease_changes_nothing(
    ledger: SqliteLedger, draft: Callable[..., Draft], owner: Callable[..., Owner]
) -> None:
    row, _ = intend(ledger, draft())
    old, new = owner(), owner()
    ledger.renew(old)
    ledger.renew(new)
    now = time.time()
    assert [r.id for r in ledger.claim(old.id, [], ["me"], now, 9)] == [row.id]
    assert ledger.claim(new.id, [], ["me"], now, 9) == [], "held"
    assert ledger.write(row.id, {"remote_status": "mine"}, owner=old.id)
    assert [r.id for r in ledger.claim(new.id, [old.id], ["me"], now, 9)] == [row.id]
    before = ledger.get(row.id)
    assert ledger.write(row.id, {"remote_status": "late", "state": "failed"}, body="x", owner=old.id) is None
    assert ledger.get(row.id) == before
    assert ledger.body(row.id) is None
    assert ledger.write(row.id, {"remote_status": "ours"}, owner=new.id)


def test_a_claim_takes_what_is_due_open_and_of_the_account(
    ledger: SqliteLedger, draft: Callable[..., Draft], owner: Callable[..., Owner]
) -> None:
    now, me = time.time(), owner()
    ledger.renew(me)
    due, _ = intend(ledger, draft("due"))
    later, _ = intend(ledger, draft("later"))
    ledger.write(later.id, {"due_at": now + 60})
    ledger.write(intend(ledger, draft("done"))[0].id, {"state": "completed"})
    intend(ledger, draft("foreign", account="you"))
    orphan, _ = intend(ledger, draft("orphan"))
    ledger.write(orphan.id, {"owner": "nobody knows it any more"})
    assert ledger.under_way(["me"], now + 1) == (3, now + 60)
    assert {r.id for r in ledger.claim(me.id, [], ["me"], now + 1, 9)} == {due.id, orphan.id}
    assert [r.id for r in ledger.claim(me.id, [], ["me"], now + 61, 2)] == [due.id, orphan.id], "oldest first"
    assert ledger.under_way(["nobody"], now) == (0, None)


def test_a_write_under_a_condition_on_the_state(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    row, _ = intend(ledger, draft())
    assert ledger.write(row.id, {"cancel": "asked"}, states=["running"]) is None
    assert ledger.write(row.id, {"cancel": "asked"}, states=OPEN) is not None
    assert ledger.write("no-such", {"cancel": "asked"}) is None


def test_owners_and_their_ends(ledger: SqliteLedger, owner: Callable[..., Owner]) -> None:
    now = time.time()
    ledger.renew(owner("ancient", now - 90_000))
    ledger.renew(owner("late", now - 10))
    ledger.renew(owner("here", now + 10))
    ledger.renew(owner("here", now + 15))
    assert {o.id: o.until for o in ledger.owners()} == {"late": now - 10, "here": now + 15}


def test_what_is_remembered_of_an_account(ledger: SqliteLedger) -> None:
    assert ledger.retired_until("me") is None
    ledger.retire("me", 5.0)
    ledger.retire("me", 7.0)
    assert (ledger.retired_until("me"), ledger.retired_until("you")) == (7.0, None)
    ledger.retire("me", None)
    assert ledger.retired_until("me") is None


TEXT = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    ["\ud800", "a\0b", "'; DROP TABLE jobs"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(TEXT, TEXT, st.floats(allow_nan=False))
def test_any_text_of_the_service_can_be_kept(
    ledger: SqliteLedger, draft: Callable[..., Draft], word: str, body: str, cost: float
) -> None:
    row, _ = intend(ledger, draft())
    trouble = {"said": word, "kind": body}
    found = ledger.write(
        row.id, {"remote_status": word, "model": body, "trouble": trouble, "cost": cost}, body=body
    )
    assert found is not None
    kept = word.encode("utf-8", "replace").decode()
    assert (found.remote_status, found.trouble, found.cost) == (kept, trouble, cost)
    assert ledger.body(row.id) == body.encode("utf-8", "replace").decode()
    assert ledger.find(word) is not None


def test_a_thread_has_its_own_connection(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    rows: list[Row] = []
    thread = threading.Thread(target=lambda: rows.append(intend(ledger, draft())[0]))
    thread.start()
    thread.join()
    assert ledger.get(rows[0].id) == rows[0]


def test_readers_do_not_wait_for_a_writer(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft())
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE jobs SET state = 'completed'")
    found = ledger.get(row.id)
    db.execute("ROLLBACK")
    db.close()
    assert found == row


def test_a_lock_that_stays_is_one_line(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    intend(ledger, draft())
    ledger._file.connection().execute("PRAGMA busy_timeout = 20")
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="locked"):
        intend(ledger, draft("other"))
    db.execute("ROLLBACK")
    db.close()
    assert intend(ledger, draft("other"))[1], "and it works again"
