"""The rows that are read without SQLite are those that SQLite reads."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.ledger.sqlite.pages import records, version_of

VALUE = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300),
    st.integers(0, 9000).map(lambda size: "long “” " * (size // 8)),
    st.binary(max_size=200),
)
ROWS = st.lists(st.tuples(VALUE, VALUE, VALUE), min_size=1, max_size=40)


def _same(found: list[tuple[Any, ...]], rows: list[tuple[Any, ...]]) -> bool:
    return sorted(map(repr, found)) == sorted(map(repr, rows))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, size=st.sampled_from([512, 1024, 4096, 65_536]), logged=st.booleans())
def test_every_row_is_read(tmp_path: Path, rows: list[tuple[Any, ...]], size: int, logged: bool) -> None:
    path = tmp_path / "some.sqlite"
    for old in tmp_path.iterdir():
        old.unlink()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size = {size}")
        db.execute(f"PRAGMA journal_mode = {'WAL' if logged else 'DELETE'}")
        db.execute("PRAGMA user_version = 7")
        db.execute("CREATE TABLE things (a, b, c)")
        for row in rows:
            db.execute("INSERT INTO things VALUES (?, ?, ?)", row)
        stored = db.execute("SELECT a, b, c FROM things").fetchall()
        found = [each for each in records(path, Path(f"{path}-wal")) if len(each) == 3]
        assert _same(found, stored)
    assert version_of(path) == 7


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """A file, and a log with two transactions that are not in the file; the second is cut."""
    path = tmp_path / "live.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE things (a, b)")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("INSERT INTO things VALUES (1, 'first')")
        first = Path(f"{path}-wal").stat().st_size
        db.execute("INSERT INTO things VALUES (2, 'second')")
        copy = tmp_path / "copy.sqlite"
        shutil.copy(path, copy)
        log = Path(f"{path}-wal").read_bytes()
        assert len(log) > first
        Path(f"{copy}-wal").write_bytes(log)
    return copy


def _read(path: Path) -> list[Any]:
    return [each for each in records(path, Path(f"{path}-wal")) if len(each) == 2]


def test_a_log_counts_as_far_as_it_was_committed(logged: Path) -> None:
    log = Path(f"{logged}-wal")
    data = log.read_bytes()
    assert sorted(_read(logged)) == [(1, "first"), (2, "second")]
    log.write_bytes(data[:-1])
    assert _read(logged) == [(1, "first")], "a half written frame is none"
    log.write_bytes(data[:-10] + b"\xff" * 10)
    assert _read(logged) == [(1, "first")], "nor is one whose sum is wrong"
    log.write_bytes(b"\0" * len(data))
    assert _read(logged) == []
    log.unlink()
    assert _read(logged) == []


def test_an_uncommitted_change_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA cache_size = 1")
        db.execute("CREATE TABLE things (a, b)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO things VALUES (?, ?)", [(n, "x" * 3000) for n in range(50)])
        assert Path(f"{path}-wal").stat().st_size > 50_000, "it is in the log already"
        assert _read(path) == []
        db.execute("COMMIT")
        assert len(_read(path)) == 50


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=9000), log=st.binary(max_size=9000))
def test_anything_can_be_read(tmp_path: Path, data: bytes, log: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    Path(f"{path}-wal").write_bytes(log)
    assert all(isinstance(each, tuple) for each in records(path, Path(f"{path}-wal")))
    version_of(path)
