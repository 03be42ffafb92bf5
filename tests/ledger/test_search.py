"""Finding jobs by words, state, notebook, time and cost: as a plain look at every job would find them."""

from __future__ import annotations

import json
import sqlite3
import string
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger import Draft, Found, Row, Wanted
from pplx_jupyter.ledger.sqlite import SqliteLedger, search
from pplx_jupyter.ledger.sqlite.mending import mend
from pplx_jupyter.ledger.sqlite.schema import MIGRATIONS
from pplx_jupyter.ledger.words import text_of
from tests.asking import intend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = st.text(st.sampled_from("aAbBéÉßüZ09 _-\"'*%()^:+.,;\n\0電力ไทИ’"), max_size=20)
ANY = st.text(max_size=30)


def answered(ledger: SqliteLedger, row: Row, text: str, *, state: str = "completed", **changes: Any) -> Row:
    body = json.dumps(
        {"id": "r", "status": "COMPLETED", "response": {"choices": [{"message": {"content": text}}]}}
    )
    times = {"accepted_at": row.created_at, "settled_at": row.created_at + 60}
    after = ledger.write(row.id, {"state": state, **times, **changes}, body=body)
    assert after is not None
    return after


def ids(found: Found) -> set[str]:
    return {row.id for row in found.rows}


@pytest.fixture(params=["fts5", "no fts5"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "no fts5":
        monkeypatch.setattr(search, "has_fts", lambda _db: False)
    return str(request.param)


@pytest.fixture
def filled(kind: str, ledger: SqliteLedger, draft: Callable[..., Draft]) -> dict[str, str]:
    """Give the ids of some jobs by a word for each."""
    made = {}
    for word, question, answer in (
        ("prices", "How have e-mail prices developed?", "They **rose** by 9 % in Zürich.\n\n- a point"),
        ("pumps", "Which heat pump makers gained share?", "Bosch’s share, mostly; the ﬁrst in 電力市場."),
        ("snake", "What is `snake_case`?", "A <b>style</b> OR NOT a column: NEAR(a b)"),
    ):
        row, _ = intend(ledger, draft(question, name=word, notebook=f"{word}.ipynb"))
        answered(ledger, row, answer, cost=0.4)
        made[word] = row.id
    return made


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "prices pumps snake"),
        ("pri", "prices"),
        ("PRICES", "prices"),
        ("rices", ""),
        ("e-mail", "prices"),
        ("e mai", "prices"),
        ("mail e-", "prices"),
        ("zurich", "prices"),
        ("share heat", "pumps"),
        ("heat rose", ""),
        ("first", "pumps"),
        ("電力", "pumps"),
        ("力市", "pumps"),
        ("力電", ""),
        ("snake_case", "snake"),
        ("case", "snake"),
        ("NOT OR", "snake"),
        ("NEAR(a", "snake"),
        ("column:", "snake"),
        ('"', ""),
        ("*", ""),
        ("%", ""),
        ('snake" OR "prices', ""),
        ("role assistant content", ""),
        ("9 %", "prices"),
    ],
)
def test_words_or_their_beginnings_are_found_whatever_signs_stand_around_them(
    ledger: SqliteLedger, filled: dict[str, str], typed: str, words: str
) -> None:
    assert ids(ledger.found(Wanted(search=typed))) == {filled[word] for word in words.split()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(texts=st.lists(WORDS | ANY, min_size=1, max_size=4), typed=WORDS | ANY, cut=st.integers(1, 9))
def test_any_text_finds_what_a_look_at_every_job_finds(
    tmp_path_factory: pytest.TempPathFactory,
    draft: Callable[..., Draft],
    texts: list[str],
    typed: str,
    cut: int,
) -> None:
    ledger = SqliteLedger(tmp_path_factory.mktemp("any") / "ledger.sqlite")
    rows = {}
    for number, text in enumerate(texts):
        row, _ = intend(ledger, draft(f"{number}", request={"prompt": text}))
        rows[row.id] = answered(ledger, row, text[::-1])
    spoken = [part for text in texts for part in text.split()]
    for searched in (typed, *(part[:cut] for part in spoken)):
        wanted = Wanted(search=searched)
        plain = {row.id for row in rows.values() if wanted.fits(row, text_of(row, ledger.body(row.id)))}
        assert ids(ledger.found(wanted)) == plain
    for text, row in zip(texts, rows.values(), strict=True):
        # A second definition, by Python's own idea of a word: each is found by itself, and by its beginning.
        for word in _plain_words(text):
            assert row.id in ids(ledger.found(Wanted(search=word)))
            assert row.id in ids(ledger.found(Wanted(search=word[:cut].upper())))
    ledger.close()


def _plain_words(text: str) -> list[str]:
    kept = (char if char in string.ascii_letters + string.digits else " " for char in text)
    alone = "".join(kept).split()
    return [word for word in alone if unicodedata.is_normalized("NFKD", text) and word in text.split()]


def test_conditions_hold_together_and_are_summed_up(
    kind: str, ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    rows = [intend(ledger, draft(f"Question {n}", notebook="ab"[n % 2]))[0] for n in range(8)]
    answered(ledger, rows[0], "x", cost=0.5)
    answered(ledger, rows[1], "x", cost=2.0)
    answered(ledger, rows[2], "x", cost=0.25, cost_estimated=True)
    ledger.write(rows[3].id, {"state": "failed", "accepted_at": 1.0})
    ledger.write(rows[4].id, {"state": "failed"})
    ledger.write(rows[5].id, {"state": "unconfirmed", "sending_at": 1.0})
    for n, row in enumerate(rows):
        ledger.write(row.id, {"created_at": 1000.0 + n})

    def found(**wanted: Any) -> list[int]:
        return [
            rows.index(next(r for r in rows if r.id == row.id)) for row in ledger.found(Wanted(**wanted)).rows
        ]

    assert found() == [7, 6, 5, 4, 3, 2, 1, 0], "newest first"
    assert found(states=("failed",)) == [4, 3]
    assert found(notebook="b") == [7, 5, 3, 1]
    assert found(since=1002.0, until=1005.0) == [4, 3, 2]
    assert found(cost_from=0.5) == [1, 0]
    assert found(cost_from=0.1, cost_to=0.5) == [2, 0]
    assert found(cost_unknown=True) == [5, 3]
    assert found(states=("failed", "completed"), notebook="b", search="quest") == [3, 1]
    whole = ledger.found(Wanted(), limit=3, offset=3)
    assert [row.id for row in whole.rows] == [rows[n].id for n in (4, 3, 2)]
    assert (whole.count, whole.reported, whole.estimated, whole.unknown) == (8, 2.5, 0.25, 2)
    part = ledger.found(Wanted(notebook="b"), limit=0)
    assert (part.rows, part.count, part.reported, part.unknown) == ([], 4, 2.0, 2)


def test_what_changes_is_found_by_what_it_is_now(
    kind: str, ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft("asked"))

    def finds(word: str) -> bool:
        return bool(ledger.found(Wanted(search=word)).rows)

    assert finds("asked")
    ledger.write(
        row.id, {"progress": {}}, body=json.dumps({"choices": [{"message": {"content": "halfway"}}]})
    )
    assert not finds("halfway"), "an answer is found when it is one"
    answered(ledger, row, "first")
    assert finds("first")
    ledger.write(row.id, {"name": "called"})
    assert finds("called")
    answered(ledger, row, "second")
    assert finds("second")
    assert not finds("first")
    assert finds("asked called second")


def test_a_search_reaches_what_could_not_be_written(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft("asked"))
    body = json.dumps({"choices": [{"message": {"content": "unwritten"}}]})
    ledger.hold(row, {"state": "completed"}, body=body, why="disk full")
    assert ids(ledger.found(Wanted(search="unwri"))) == {row.id}
    assert ids(ledger.found(Wanted(search="else"))) == set()
    ledger.write(row.id, {"tries": 1})
    assert ids(SqliteLedger(ledger.where).found(Wanted(search="unwri"))) == {row.id}


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_forgetting_leaves_no_byte_of_words(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft], journal: str
) -> None:
    ledger._file.connection().execute(f"PRAGMA journal_mode = {journal}")
    rows = [intend(ledger, draft(f"common question{n} sekrit{n}", name=f"nom{n}"))[0] for n in range(40)]
    for n, row in enumerate(rows):
        answered(ledger, row, f"common answer{n} zyx{n} " + " ".join(f"w{n}x{k}" for k in range(200)))
    gone = rows[7:9]
    assert ledger.forget([row.id for row in gone]) == 2
    assert len(ledger.found(Wanted(search="common")).rows) == 38
    kept = b"".join(each.read_bytes() for each in path.parent.iterdir())
    db = sqlite3.connect(path)
    db.execute(f"CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, {search.INDEX}, row)")
    terms = {term for (term,) in db.execute("SELECT term FROM temp.terms")}
    assert {"sekrit6", "zyx9", "w9x100", "nom6"} <= terms
    for word in ("sekrit7", "question8", "zyx7", "zyx8", "w7x100", "w8x3", "nom7", "answer8"):
        assert word.encode() not in kept
        assert word not in terms
        assert not ledger.found(Wanted(search=word)).rows
    db.execute(f"INSERT INTO {search.INDEX} ({search.INDEX}, rank) VALUES ('integrity-check', 1)")  # noqa: S608


def test_a_python_without_fts5_says_what_it_cannot_take_out_of_the_index(
    ledger: SqliteLedger, draft: Callable[..., Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    row, _ = intend(ledger, draft("sekrit"))
    answered(ledger, row, "sekrit")
    with monkeypatch.context() as without:
        without.setattr(search, "has_fts", lambda _db: False)
        with pytest.raises(LedgerError, match=r"traces may be left.*FTS5, and this Python's has none"):
            ledger.forget([row.id])
        other, _ = intend(ledger, draft("asked without"))
        assert ids(ledger.found(Wanted(search="asked"))) == {other.id}
    assert ids(ledger.found(Wanted(search="asked"))) == {other.id}, (
        "as long as the index is not mended, without it"
    )
    assert ledger.forget([row.id]) == 0, "no second time, but the index is mended"
    assert b"sekrit" not in ledger._file.path.read_bytes()
    db = ledger._file.connection()
    assert search.is_indexed(db)
    assert ids(ledger.found(Wanted(search="asked"))) == {other.id}


def test_an_older_ledger_is_read_in_a_few_at_a_time_newest_first(
    path: Path, draft: Callable[..., Draft]
) -> None:
    _of_version(path, 4, 120)
    ledger = SqliteLedger(path)
    found = ledger.found(Wanted(search="question"))
    assert (found.rows, found.unread) == ([], 120)
    assert ledger.found(Wanted()).count == 120, "what is no search needs no words"
    left = ledger.read_in(0.0001)
    assert left == 70
    assert min(row.created_at for row in ledger.found(Wanted(search="quest"), limit=200).rows) == 71.0
    new, _ = intend(ledger, draft("a new question"))
    assert ledger.forget(["job3"]) == 1
    while ledger.read_in(0.05):
        pass
    found = ledger.found(Wanted(search="question"), limit=200)
    assert (found.count, found.unread) == (120, 0)
    assert new.id in ids(found)
    assert ids(ledger.found(Wanted(search="number77"))) == {"job77"}


def _of_version(path: Path, version: int, jobs: int) -> None:
    path.parent.mkdir(parents=True)
    db = sqlite3.connect(path, isolation_level=None)
    for step in MIGRATIONS[:version]:
        step(db)
    db.execute(f"PRAGMA user_version = {version}")
    db.executemany(
        "INSERT INTO jobs (id, seq, state, fingerprint, request, base_url, account, backend, pinned, model, effort,"
        " question, name, notebook, cell, filled, idempotency_key, created_at, due_at, day, asked_model)"
        " VALUES ('job' || ?1, ?1, 'completed', ?1, '{\"prompt\": \"A question\"}', 'u', 'a', 'sonar', 0, 'm', '', '',"
        " 'number' || ?1, '', '', '{}', '', ?1, 0, '', '')",
        [(n,) for n in range(1, jobs + 1)],
    )
    db.close()


def test_a_mended_ledger_is_searched_like_the_broken_one(
    path: Path, ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    row, _ = intend(ledger, draft("prompted"))
    answered(ledger, row, "answering")
    before = path.stat()
    assert mend(path, "in a test", (before.st_dev, before.st_ino)) is not None
    mended = SqliteLedger(path)
    assert mended.found(Wanted()).unread == 1
    assert mended.read_in(1.0) == 0
    assert ids(mended.found(Wanted(search="answer prompt"))) == {row.id}


def test_what_was_spent_by_day_notebook_model_and_effort(
    ledger: SqliteLedger, draft: Callable[..., Draft]
) -> None:
    for n in range(4):
        row, _ = intend(ledger, draft(f"q{n}", notebook="ab"[n // 2], model="m", effort="high"))
        if n != 3:
            answered(ledger, row, "x", cost=0.5 + n, cost_estimated=n == 1)
    spent = {each.notebook: each for each in ledger.spent("http://service.test")}
    assert (spent["a"].jobs, spent["a"].reported, spent["a"].estimated) == (2, 0.5, 1.5)
    assert (spent["b"].jobs, spent["b"].reported, spent["b"].running, spent["b"].unknown) == (2, 2.5, 1, 0)
    assert {(each.model, each.effort) for each in spent.values()} == {("m", "high")}
    assert ledger.spent("http://elsewhere.test") == []
    assert ledger.spent("http://service.test", since=row.created_at + 1) == []
