"""A ledger that is broken, full, read-only or newer: one line, nothing overwritten, and what can be read is read."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger import OPEN, Draft, once
from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.ledger.sqlite.mending import put_aside
from pplx_jupyter.ledger.sqlite.schema import MIGRATIONS, VERSION
from tests.asking import intend

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.ledger.records import Owner, Row

PAGE = 4096
SETTLED: dict[str, Any] = {
    "state": "completed",
    "sending_at": 1e9,
    "accepted_at": 1e9,
    "settled_at": 1e9,
    "cost": 0.25,
}


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(once, "_told", {})
    caplog.set_level(logging.WARNING, "pplx_jupyter")
    return caplog


def _body(number: int) -> str:
    return '{"text": "' + f"answer {number} " * (1 + 97 * number % 2000) + '"}'


@pytest.fixture
def written(path: Path, draft: Callable[..., Draft]) -> dict[str, Row]:
    """Sixty jobs in one file without a log: two of three have their answer."""
    ledger = SqliteLedger(path)
    rows = {}
    for number in range(60):
        row, _ = intend(ledger, draft(f"question {number}", name=f"name{number}", notebook="a.ipynb"))
        if number % 3:
            changes = {**SETTLED, "remote_id": f"remote{number}"}
            row = ledger.write(row.id, changes, body=_body(number)) or row
        rows[row.id] = row
    ledger.set_budget("month", "", 50.0)
    ledger.retire("me", 2e9)
    ledger.close()
    assert not Path(f"{path}-wal").exists()
    return rows


def _aside(path: Path) -> Path:
    (found,) = path.parent.glob(f"{path.name}.broken-*[0-9]")
    return found


def _is_sound(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return bool(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


def _first_page(data: bytearray) -> None:
    data[:PAGE] = random.Random(1).randbytes(PAGE)


def _zeroed_head(data: bytearray) -> None:
    data[:100] = bytes(100)


def _a_name_in_the_schema(data: bytearray) -> None:
    at = data.index(b"CREATE TABLE jobs")
    data[at : at + 30] = b"\xff" * 30


def _every_other_page_of_the_rest(data: bytearray) -> None:
    for at in range(PAGE * 2, len(data), PAGE * 2):
        data[at : at + PAGE] = random.Random(at).randbytes(PAGE)


def _cut(data: bytearray) -> None:
    del data[len(data) // 2 + 100 :]


def _a_pointer_off_the_end(data: bytearray) -> None:
    # The second page is the root of the jobs: an inner page, whose children are the rows.
    data[PAGE + 8 : PAGE + 12] = b"\xff" * 4


# -- broken: put aside, read as far as possible


@pytest.mark.parametrize(
    ("breaks", "keeps_all"),
    [
        (_first_page, True),
        (_zeroed_head, True),
        (_a_name_in_the_schema, True),
        (_a_pointer_off_the_end, True),
        (_every_other_page_of_the_rest, False),
        (_cut, False),
    ],
)
def test_a_broken_file_is_put_aside_and_read(
    path: Path,
    written: dict[str, Row],
    told: pytest.LogCaptureFixture,
    breaks: Callable[[bytearray], None],
    keeps_all: bool,
) -> None:
    data = bytearray(path.read_bytes())
    breaks(data)
    path.write_bytes(data)
    ledger = SqliteLedger(path)
    rows = {row.id: row for row in ledger.jobs(limit=100)}
    bodies = {job: ledger.body(job) for job in rows}
    rows = {row.id: row for row in ledger.jobs(limit=100)}
    assert _aside(path).read_bytes() == bytes(data)
    assert put_aside(str(path))[0] == _aside(path)
    assert _is_sound(path)
    assert len(told.records) == 1
    assert f"It is kept as {_aside(path).name}; {len(rows)} jobs and" in told.text
    assert "\n" not in told.records[0].getMessage()
    for job, row in rows.items():
        before = written[job]
        number = int(before.name.removeprefix("name"))
        assert (row.fingerprint, row.remote_id, row.cost) == (
            before.fingerprint,
            before.remote_id,
            before.cost,
        )
        assert row.state == before.state or (row.state, bodies[job]) == ("running", None)
        assert bodies[job] in {None, _body(number)}, "an answer is whole, or it is not there"
    if keeps_all:
        assert [row.state for row in rows.values()] == [written[job].state for job in rows]
        assert set(rows) == set(written)
        assert [(each.scope, each.amount) for each in ledger.budgets()] == [("month", 50.0)]
        assert ledger.retired_until("me") == 2e9
        assert ledger.totals("total", "http://service.test", "")[""].jobs == 60
    else:
        assert 5 < len(rows) < 60


def test_what_is_no_ordinary_file_is_left_alone(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(LedgerError, match=r"no ordinary file.*Nothing was sent"):
        SqliteLedger(pipe)
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_no_second_answer_is_bought_in_silence(
    path: Path, written: dict[str, Row], draft: Callable[..., Draft]
) -> None:
    data = bytearray(path.read_bytes())
    _zeroed_head(data)
    path.write_bytes(data)
    ledger = SqliteLedger(path)
    attempts = ledger.attempts("v1:question 1", "http://service.test")
    assert attempts.best is not None
    assert attempts.best.state == "completed"
    with pytest.raises(LedgerError) as caught:
        intend(ledger, draft("new"))
    assert str(caught.value).endswith("Run the cell again to go on. Nothing was sent.")
    assert _aside(path).name in str(caught.value)
    assert intend(SqliteLedger(path), draft("new"))[1], "once, whoever asks"
    assert intend(ledger, draft("newer"))[1]


def test_what_is_read_is_trusted_only_as_far_as_nothing_is_bought_twice(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    unsent, _ = intend(ledger, draft("unsent"))
    states: dict[str, dict[str, Any]] = {
        "without body": {**SETTLED, "remote_id": "r1"},
        "nowhere": SETTLED,
        "forgotten": {**SETTLED, "remote_id": "r2", "forgotten_at": 2e9},
    }
    ids = {}
    for question, changes in states.items():
        ids[question] = intend(ledger, draft(question))[0].id
        ledger.write(ids[question], changes)
    ledger.close()
    data = bytearray(path.read_bytes())
    _zeroed_head(data)
    path.write_bytes(data)
    mended = SqliteLedger(path)
    found = {question: mended.get(job) for question, job in ids.items()}
    row = mended.get(unsent.id)
    assert row is not None
    assert row.sending_at == row.created_at, "a copy may be older than its sending"
    assert found["without body"].state == "running"  # type: ignore[union-attr]
    assert found["forgotten"].state == "completed"  # type: ignore[union-attr]
    assert found["nowhere"].failure["accepted"]  # type: ignore[union-attr, index]


def test_an_emptied_file_is_put_aside_with_its_log(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft], told: pytest.LogCaptureFixture
) -> None:
    row, _ = intend(ledger, draft())
    log = Path(f"{path}-wal").read_bytes()
    ledger.close()
    path.write_bytes(b"")
    Path(f"{path}-wal").write_bytes(log)
    assert SqliteLedger(path).get(row.id) is not None
    assert "was broken (it is empty)" in told.text
    assert Path(f"{_aside(path)}-wal").read_bytes() == log


def test_an_old_empty_file_is_noticed_and_a_new_one_is_a_new_ledger(
    tmp_path: Path, told: pytest.LogCaptureFixture, draft: Callable[..., Draft]
) -> None:
    new, old = tmp_path / "new.sqlite", tmp_path / "old.sqlite"
    new.touch()
    old.touch()
    os.utime(old, (1e9, 1e9))
    assert intend(SqliteLedger(new), draft())[1]
    assert told.text == ""
    ledger = SqliteLedger(old)
    assert "No job could be read from it" in told.text
    with pytest.raises(LedgerError, match="was broken"):
        intend(ledger, draft())


@pytest.mark.parametrize("ending", ["-shm", "-wal"])
def test_the_files_beside_it_may_be_broken_or_gone(
    path: Path,
    written: dict[str, Row],
    draft: Callable[..., Draft],
    ending: str,
    told: pytest.LogCaptureFixture,
) -> None:
    Path(f"{path}{ending}").write_bytes(os.urandom(40_000))
    ledger = SqliteLedger(path)
    assert {row.id for row in ledger.jobs(limit=100)} == set(written)
    assert intend(ledger, draft("new"))[1]
    assert told.text == ""


def test_a_broken_row_is_found_when_it_is_read(
    path: Path, written: dict[str, Row], told: pytest.LogCaptureFixture
) -> None:
    data = bytearray(path.read_bytes())
    at = data.index(b'{"prompt": "question 40"}')
    data[at : at + 10] = b"\xfe" * 10
    path.write_bytes(data)
    ledger = SqliteLedger(path)
    lost = next(row for row in written.values() if row.name == "name40")
    assert told.text == "", "a ledger is not searched for damage at every start"
    assert ledger.get(lost.id) is None
    assert len(ledger.jobs(limit=100)) == 59
    assert "59 jobs" in told.text


def test_a_broken_file_found_inside_a_transaction(
    path: Path, written: dict[str, Row], draft: Callable[..., Draft]
) -> None:
    ledger = SqliteLedger(path)
    row = next(iter(written.values()))
    with ledger._file.writing() as db:
        db.execute("UPDATE jobs SET request = 'no JSON' WHERE id = ?", (row.id,))
    with pytest.raises(LedgerError, match=r"Run the cell again"):
        ledger.write(row.id, {"name": "x"})
    assert ledger.write(row.id, {"name": "x"}) is None, "that row could not be read"
    assert len(ledger.jobs(limit=100)) == 59


def test_a_broken_file_of_a_newer_version_is_left_alone(path: Path, written: dict[str, Row]) -> None:
    data = bytearray(path.read_bytes())
    data[60:64] = (VERSION + 1).to_bytes(4, "big")
    data[100:PAGE] = bytes(PAGE - 100)
    path.write_bytes(data)
    with pytest.raises(LedgerError, match="PPLX_JUPYTER_LEDGER"):
        SqliteLedger(path)
    assert path.read_bytes() == bytes(data)
    assert [each.name for each in path.parent.iterdir() if "broken" in each.name] == []


def test_a_file_that_only_looks_like_a_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "settings.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE meta (name TEXT, value TEXT)")
        db.execute("INSERT INTO meta VALUES ('salt', 'pepper'), ('colour', 'green')")
    data = bytearray(path.read_bytes())
    data[:50] = bytes(50)
    path.write_bytes(data)
    with pytest.raises(LedgerError, match=r"file is not a database.*Nothing was sent"):
        SqliteLedger(path)
    assert path.read_bytes() == bytes(data)


def test_a_ledger_of_the_first_version_is_read_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        MIGRATIONS[0](db)
        db.execute("PRAGMA user_version = 1")
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(jobs)")]
        values = {
            "id": "abc123",
            "seq": 4,
            "state": "completed",
            "request": '{"prompt": "why"}',
            "filled": "{}",
        }
        values |= {"created_at": 1e9, "due_at": 1e9, "pinned": 0, "tries": 0, "progress": "{}", "cost": 0.5}
        values |= {"cost_estimated": 0, "moved": 0, "remote_id": "r1"}
        nullable = {"sending_at", "accepted_at", "settled_at", "trouble", "failure"}
        row = [values.get(name, None if name in nullable else "") for name in columns]
        db.execute(f"INSERT INTO jobs VALUES ({', '.join('?' for _ in row)})", row)  # noqa: S608
        db.execute("INSERT INTO bodies VALUES ('abc123', '{}', 1e9)")
    data = bytearray(path.read_bytes())
    _zeroed_head(data)
    path.write_bytes(data)
    found = SqliteLedger(path).get("abc123")
    assert found is not None
    assert (found.state, found.cost, found.expected, found.lost) == ("completed", 0.5, {}, 0)


def test_it_cannot_be_put_aside_and_is_left(
    path: Path, written: dict[str, Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(path.read_bytes())
    _zeroed_head(data)
    path.write_bytes(data)
    (path.parent / f"{path.name}.new").mkdir()
    with pytest.raises(LedgerError, match=r"is broken \(file is not a database\), and cannot be put aside"):
        SqliteLedger(path)
    assert path.read_bytes() == bytes(data)
    (path.parent / f"{path.name}.new").rmdir()
    assert len(SqliteLedger(path).jobs(limit=100)) == 60


MENDS = """
import sys
from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger import Draft
from pplx_jupyter.ledger.sqlite import SqliteLedger
sys.stdin.readline()
ledger = SqliteLedger(sys.argv[1])
print(len(ledger.jobs(limit=100)), end=" ")
draft = Draft(fingerprint="v1:" + sys.argv[2], request={"prompt": "p"}, base_url="u", account="a", backend="sonar")
from pplx_jupyter.reuse import decide
refused = 0
for _ in range(3):
    try:
        ledger.intend(draft, decide, allowed=True)
    except LedgerError as error:
        assert "was broken" in str(error), error
        refused += 1
print(refused)
"""


def test_of_many_processes_one_mends_and_one_is_refused(path: Path, written: dict[str, Row]) -> None:
    data = bytearray(path.read_bytes())
    _zeroed_head(data)
    path.write_bytes(data)
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", MENDS, str(path)]
    many = [
        subprocess.Popen([*command, str(n)], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for n in range(6)
    ]
    for process in many:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in many]
    outs = [out.split() for out, _ in said]
    assert [process.returncode for process in many] == [0] * 6, said
    assert {found for found, _ in outs} <= {str(n) for n in range(60, 67)}
    assert sum(int(refused) for _, refused in outs) == 1, outs
    assert _aside(path).read_bytes() == bytes(data)
    assert len(SqliteLedger(path).jobs(limit=100)) == 66


def test_whoever_has_the_broken_file_open_goes_on_with_the_new_one(
    path: Path, written: dict[str, Row], draft: Callable[..., Draft]
) -> None:
    ours, theirs = SqliteLedger(path), SqliteLedger(path)
    asked, _ = intend(ours, draft("before"))
    ours._file.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = ours.write(asked.id, {"tries": 3})
    assert before is not None
    data = bytearray(path.read_bytes())
    _zeroed_head(data)
    path.write_bytes(data)
    mended = SqliteLedger(path)
    read = mended.get(before.id)
    assert read is not None
    assert read.tries == 3, "what was in the log alone"
    changed = theirs.write(before.id, {"name": "theirs"})
    assert changed is not None
    ours.close()
    theirs.close()
    with pytest.raises(LedgerError, match="was broken"):
        intend(mended, draft("after"))
    after, _ = intend(mended, draft("after"))
    assert SqliteLedger(path).get(before.id) == changed
    assert SqliteLedger(path).get(after.id) == after, "closing the old file leaves the new one's log alone"
    assert changed.seq > before.seq


# -- full: nothing is lost as long as the process lives


class _Full:
    """Makes this thread's connection to a ledger take nothing more, as a full disk does."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger

    def __enter__(self) -> None:
        db = self._ledger._file.connection()
        self._most = db.execute("PRAGMA max_page_count").fetchone()[0]
        db.execute("CREATE TABLE filler (x)")
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
        with contextlib.suppress(sqlite3.OperationalError):
            for _ in range(100):
                db.execute("INSERT INTO filler VALUES (zeroblob(1000))")

    def __exit__(self, *_: object) -> None:
        self._ledger._file.connection().execute(f"PRAGMA max_page_count = {self._most}")


LONG = '{"text": "' + "words " * 5000 + '"}'


def test_a_full_disk_is_one_line_and_takes_everything_back(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft())
    with _Full(ledger):
        with pytest.raises(
            LedgerError, match=r"cannot be used: disk full\. .*PPLX_JUPYTER_LEDGER\.$"
        ) as caught:
            ledger.write(row.id, SETTLED, body=LONG)
        assert caught.value.why == "disk full"
        assert ledger.get(row.id) == row
        with pytest.raises(LedgerError, match=r"disk full.*Nothing was sent\.$"):
            intend(ledger, draft("long", filled={"all": LONG}))
    assert ledger.write(row.id, SETTLED, body=LONG) is not None


def test_what_is_held_is_read_everywhere_and_written_with_the_next_write(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft], owner: Callable[..., Owner]
) -> None:
    row, _ = intend(ledger, draft(name="tea", notebook="a.ipynb"))
    held = ledger.hold(row, {"state": "running", "remote_id": "r1"}, why="disk full")
    held = ledger.hold(held, SETTLED, body=LONG, why="disk full")
    assert (held.state, held.remote_id, held.unwritten) == ("completed", "r1", "disk full")
    assert held.seq > row.seq + 1
    assert ledger.get(row.id) == held
    assert ledger.body(row.id) == LONG
    assert ledger.find("tea") == [held]
    assert ledger.changed(row.seq) == ledger.changed(row.seq, [row.id]) == [held]
    assert ledger.changed(held.seq) == []
    assert ledger.jobs() == ledger.jobs(states=["completed"], notebook="a.ipynb") == [held]
    assert ledger.jobs(states=OPEN) == ledger.jobs(notebook="b.ipynb") == []
    assert ledger.answered(row.fingerprint, row.base_url) == [held]
    assert ledger.attempts(row.fingerprint, row.base_url).best == held
    assert ledger.under_way(["me"], 2e9)[0] == 1, "somebody goes on trying"
    other = SqliteLedger(path)
    assert other.get(row.id) == row
    ledger.renew(owner())
    written = other.get(row.id)
    assert written is not None
    assert written == ledger.get(row.id) == dataclasses.replace(held, seq=written.seq, unwritten="")
    assert other.body(row.id) == LONG
    assert written.seq > held.seq, "a view that has seen it in memory sees it written"
    assert other.totals("total", row.base_url, "")[""].spent == 0.25
    assert ledger.under_way(["me"], 2e9)[0] == 0, "and it is let go"


def test_a_write_that_fails_holds_on_to_it(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    row, _ = intend(ledger, draft())
    with _Full(ledger):
        ledger.hold(row, {**SETTLED, "remote_id": "r1"}, body=LONG, why="disk full")
        with pytest.raises(LedgerError, match="disk full"):
            ledger.write(row.id, {"name": "x"})
        assert ledger.get(row.id).unwritten == "disk full"  # type: ignore[union-attr]
    named = ledger.write(row.id, {"name": "x"})
    assert named is not None
    assert (named.state, named.name, named.unwritten) == ("completed", "x", "")


@pytest.mark.parametrize(
    ("theirs", "wins"),
    [
        ({"state": "unconfirmed"}, True),
        ({"state": "running", "remote_id": "r1"}, True),
        ({"state": "running", "remote_id": "r2"}, False),
        ({**SETTLED, "remote_id": "r1", "cost": 0.5}, False),
    ],
)
def test_what_another_process_wrote_meanwhile_is_not_overwritten(
    path: Path,
    ledger: SqliteLedger,
    draft: Callable[..., Draft],
    owner: Callable[..., Owner],
    theirs: dict[str, Any],
    wins: bool,
) -> None:
    row, _ = intend(ledger, draft())
    ledger.hold(row, {**SETTLED, "remote_id": "r1"}, body="{}", why="disk full")
    now = SqliteLedger(path).write(row.id, theirs)
    ledger.renew(owner())
    found = SqliteLedger(path).get(row.id)
    assert found is not None
    assert (found.state, found.cost) == ("completed", 0.25) if wins else found == now


def test_a_refusal_that_was_held_does_not_undo_a_later_submit(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft], owner: Callable[..., Owner]
) -> None:
    row, _ = intend(ledger, draft())
    ledger.hold(row, {"state": "failed", "failure": {"kind": "invalid"}, "sending_at": None}, why="disk full")
    now = SqliteLedger(path).write(row.id, {"sending_at": 1e9})
    assert ledger.get(row.id) == now
    ledger.renew(owner())
    assert SqliteLedger(path).get(row.id) == now


def test_where_nothing_can_be_written_jobs_with_an_id_are_asked_about_all_the_same(
    ledger: SqliteLedger, draft: Callable[..., Draft], owner: Callable[..., Owner]
) -> None:
    rows = {name: intend(ledger, draft(name))[0] for name in ("asked", "unsent", "later")}
    ledger.write(rows["asked"].id, {"state": "running", "remote_id": "r1"})
    ledger.write(rows["later"].id, {"state": "running", "remote_id": "r2", "due_at": 9e9})
    me = owner("me")
    ledger.renew(me)
    with _Full(ledger):
        ledger.hold(rows["unsent"], {"name": LONG}, why="disk full")
        found = ledger.claim("me", [], ["me"], 5e9, 40)
        assert [row.id for row in found] == [rows["asked"].id]
        assert [row.remote_id for row in ledger.claim("me", [], ["me"], 9.5e9, 40)] == ["r1", "r2"]
        ledger.hold(rows["unsent"], {"state": "queued", "remote_id": "r3"}, why="disk full")
        assert len(ledger.claim("me", [], ["me"], 5e9, 40)) == 2, "an id that is known here alone, too"
        with pytest.raises(LedgerError):
            ledger.renew(me)


def test_another_thread_has_what_is_held_too(ledger: SqliteLedger, draft: Callable[..., Draft]) -> None:
    row, _ = intend(ledger, draft())
    ledger.hold(row, SETTLED, body="{}", why="disk full")
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(ledger.get(row.id)))
    thread.start()
    thread.join()
    assert found[0].state == "completed"


# -- the log of a kernel stands in the notebook


def test_the_same_warning_is_given_once(told: pytest.LogCaptureFixture) -> None:
    for text in ("one", "one", "two", "one"):
        once.warn_once(text)
    assert [record.getMessage() for record in told.records] == ["one", "two"]
