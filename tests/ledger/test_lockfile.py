"""The lockfile: what goes in comes out, what is changed is noticed, and nothing of this machine is in it."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import errno
import json
import random
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger import REUSABLE, Row, lockfile
from pplx_jupyter.ledger.lockfile import Lockfile, NewerLockfile, body_of, dump, entry_of, parse, row_of
from pplx_jupyter.ledger.pinned import LockfileLedger, open_lockfile

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.datetime(2026, 11, 19, 8, 7, 48, 123456, tzinfo=datetime.UTC).timestamp()
BODY = {
    "id": "remote-1",
    "status": "COMPLETED",
    "response": {
        "model": "sonar-deep-research",
        "choices": [{"message": {"content": "One.[1]\n\nTwo.", "role": "assistant"}}],
        "search_results": [{"title": "Page", "url": "https://a.example/1", "date": "2026-01-02"}],
        "usage": {"cost": {"total_cost": 0.41, "input_tokens_cost": 0.01, "reasoning_tokens_cost": 0.4}},
    },
}


def row_(**changes: Any) -> Row:
    values: dict[str, Any] = {
        "id": "7f3a9c",
        "seq": 12,
        "state": "completed",
        "fingerprint": "v1:abc",
        "request": {"prompt": "How have prices developed?", "reasoning_effort": "high"},
        "base_url": "https://gateway.internal.example",
        "account": "0123456789abcdef01234567",
        "backend": "sonar",
        "pinned": False,
        "model": "sonar-deep-research",
        "effort": "high",
        "question": "How have prices developed?",
        "name": "prices",
        "notebook": "market.ipynb",
        "cell": "cell-1",
        "filled": {"zone": "DE", "area": "EU"},
        "idempotency_key": "pplx_jupyter-7f3a9c-ffff",
        "created_at": NOW,
        "sending_at": NOW + 0.1,
        "accepted_at": NOW + 0.5,
        "settled_at": NOW + 240,
        "due_at": NOW + 300,
        "tries": 3,
        "owner": "watcher-9",
        "remote_id": "remote-1",
        "remote_status": "COMPLETED",
        "request_id": "request-1",
        "moved": False,
        "cancel": "late",
        "trouble": None,
        "failure": None,
        "progress": {"searches": 3},
        "cost": 0.41,
        "cost_estimated": False,
    }
    return Row(**(values | changes))


def whole(*entries: dict[str, Any], **changes: Any) -> Lockfile:
    values: dict[str, Any] = {"notebook": "market.ipynb", "written_by": {"nh3": "0.3.8"}, "entries": entries}
    return Lockfile(**(values | changes))


@pytest.fixture
def entry() -> dict[str, Any]:
    return entry_of(row_(), json.dumps(BODY))


texts = st.text(max_size=40)
"""Surrogates, controls and all."""
moments = st.floats(0, 4e9, allow_nan=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
bodies = (
    plain.map(json.dumps)
    | st.sampled_from(
        [
            "",
            "<html>502</html>",
            '{"a": NaN}',
            '{"a": [1, -Infinity]}',
            '{"a": 1, "a": 2}',
            '{"a": 1e999}',
            '"\\ud800"',
            "[" * 500 + "]" * 500,
            "[" * 200_000,
            f'{{"n": {"9" * 400}}}',
            f"[{'9' * 6000}]",
            "null",
        ]
    )
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace").decode())
)
rows = st.builds(
    row_,
    state=st.sampled_from(REUSABLE),
    backend=st.sampled_from(["sonar", "agent"]),
    name=texts,
    question=texts,
    request=st.dictionaries(texts, plain, max_size=3),
    filled=st.dictionaries(texts, texts, max_size=3),
    pinned=st.booleans(),
    moved=st.booleans(),
    created_at=moments,
    accepted_at=st.none() | moments,
    settled_at=moments,
    cost=st.none() | st.floats(0, 1e6),
    cost_estimated=st.booleans(),
)


def as_json(value: Any) -> Any:
    """Give a value as JSON carries it: two halves of a surrogate pair side by side become one character."""
    return json.loads(json.dumps(value))


@given(rows, bodies)
def test_what_is_written_is_read_back(row: Row, body: str) -> None:
    made = entry_of(row, body)
    text = dump(whole(made))
    text.encode("utf-8")
    (read,) = parse(text, "market.pplx.json").entries
    assert read == made
    back = row_of(read)
    for name in (
        "state",
        "backend",
        "name",
        "question",
        "filled",
        "pinned",
        "moved",
        "cost",
        "cost_estimated",
    ):
        assert getattr(back, name) == as_json(getattr(row, name)), name
    assert {k: v for k, v in row.request.items() if not k.startswith("webhook")} == row.request
    assert back.request == as_json(row.request)
    for name in ("created_at", "accepted_at", "settled_at"):
        before, after = getattr(row, name), getattr(back, name)
        assert (before is None) == (after is None)
        assert before is None or abs(before - after) < 2e-6
    if "body" in read:
        assert json.loads(body_of(read)) == json.loads(body)
    else:
        assert body_of(read) == body
    assert dump(parse(text, "market.pplx.json")) == text


def test_a_body_is_kept_decoded_unless_that_would_lose_something() -> None:
    for body in ('{"a": 1, "b": [true, 1.5, "\\ud83d\\ude00"]}', "[]", '"text"', "12345678901234567890123"):
        assert "body" in entry_of(row_(), body), body
    for body in ('{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e999}', "<html>", "[" * 100 + "]" * 100, ""):
        assert entry_of(row_(), body)["body_as_text"] == body


def test_the_bodys_text_is_the_same_whatever_the_order_of_its_keys(entry: dict[str, Any]) -> None:
    turned = {**BODY, "response": dict(reversed(list(BODY["response"].items())))}  # type: ignore[attr-defined]
    assert body_of(entry_of(row_(), json.dumps(turned))) == body_of(entry)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the path of every value in an entry, the containers', too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, item in inner for each in leaves(item, (*path, key)))]


def other(value: Any) -> list[Any]:
    """Give values that this one may be changed to."""
    if isinstance(value, bool):
        return [not value, int(value)]
    if isinstance(value, dict):
        return [{**value, "more": 1}, *({k: v for k, v in value.items() if k != gone} for gone in value)]
    if isinstance(value, list):
        return [[*value, None], value[1:] if value else [0], [value]]
    if isinstance(value, str):
        return [value + " ", None]
    return ["", 0.25] if value is None else [value + 1, str(value)]


def test_any_change_of_any_value_is_noticed(entry: dict[str, Any]) -> None:
    changed = 0
    for path in leaves(entry)[1:]:
        at = entry
        for key in path:
            at = at[key]
        for value in other(at):
            copied = copy.deepcopy(entry)
            into: Any = copied
            for key in path[:-1]:
                into = into[key]
            into[path[-1]] = value
            with pytest.raises(LedgerError, match=r"market\.pplx\.json: ") as caught:
                parse(json.dumps({"format": 1, "answers": [copied]}), "market.pplx.json")
            assert "was changed after it was frozen; restore the file" in str(caught.value)
            changed += 1
    for gone in entry:
        copied = {k: v for k, v in entry.items() if k != gone}
        with pytest.raises(LedgerError, match="was changed"):
            parse(json.dumps({"format": 1, "answers": [copied]}), "market.pplx.json")
    assert changed > 100


@pytest.mark.parametrize("name", ["prices", "pri\\u001b\\u202eces\\n"])
def test_the_line_names_the_entry_that_was_changed(entry: dict[str, Any], name: str) -> None:
    text = dump(whole(entry)).replace("Two.", "Three.").replace('"prices"', f'"{name}"')
    with pytest.raises(LedgerError) as caught:
        parse(text, "market.pplx.json")
    assert str(caught.value) == (
        "market.pplx.json: the answer prices (7f3a9c) was changed after it was frozen;"
        " restore the file (git checkout), or freeze the notebook again. Nothing was sent."
    )


def test_a_change_with_a_new_hash_that_makes_no_answer_is_refused(entry: dict[str, Any]) -> None:
    for name, value in (
        ("state", "running"),
        ("asked", "yesterday"),
        ("filled", 3),
        ("cost", None),
        ("pictures", [{"url": "https://a.example/1.png", "data": "aGk=*"}]),
    ):
        bad = {k: v for k, v in entry.items() if k != "hash"} | {name: value}
        text = json.dumps({"format": 1, "answers": [{**bad, "hash": lockfile._hash(bad)}]})
        with pytest.raises(LedgerError, match="is not understood"):
            parse(text, "market.pplx.json")


def test_other_whitespace_and_another_order_of_keys_change_nothing(entry: dict[str, Any]) -> None:
    text = dump(whole(entry))
    turned = json.dumps(json.loads(text, object_pairs_hook=lambda pairs: dict(reversed(pairs))), indent=4)
    for same in (text.replace("\n", "\r\n"), json.dumps(json.loads(text)), turned):
        assert parse(same, "x").entries == [entry]
        assert body_of(parse(same, "x").entries[0]) == body_of(entry)


def test_the_file_is_stable_and_reads_well(entry: dict[str, Any]) -> None:
    entries = [
        entry_of(row_(id=f"{n:06x}", fingerprint=f"v1:{n % 3}", created_at=NOW + n), json.dumps(BODY))
        for n in range(9)
    ]
    text = dump(whole(*entries))
    for seed in range(5):
        assert dump(whole(*random.Random(seed).sample(entries, 9))) == text
    assert text.endswith("}\n")
    lines = dump(whole(entry)).splitlines()
    assert '        "One.[1]",' in lines
    assert '      "asked": "2026-11-19T08:07:48.123456Z",' in lines
    assert '          "url": "https://a.example/1",' in lines


def test_hidden_characters_of_an_answer_stay_visible_in_the_file() -> None:
    body = copy.deepcopy(BODY)
    body["response"]["choices"][0]["message"]["content"] = "a\u202eb\x9b31m\x7f\u00a0\U000e0041 ü 漢"  # type: ignore[index]
    made = entry_of(row_(), json.dumps(body))
    text = dump(whole(made))
    assert {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} == {"\n"}
    assert "ü 漢" in text
    assert parse(text, "x").entries == [made]


def test_nothing_of_this_machine_and_no_secret_is_in_it() -> None:
    request = {
        "prompt": "How?",
        "webhook_url": "https://hooks.internal.example/t0ken",
        "webhook_secret": "$HOOK",
        "webhook_secret_is_literal": True,
    }
    text = dump(whole(entry_of(row_(request=request), json.dumps(BODY))))
    for private in (
        "internal.example",
        "$HOOK",
        "literal",
        "0123456789abcdef",
        "pplx_jupyter-7f3a9c",
        "watcher-9",
        "cell-1",
    ):
        assert private not in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<<<<<<< HEAD\n{}", "is not readable (Expecting value: line 1 column 1 (char 0)). If git left conflict marks"),
        ('{"format": 1, "format": 1, "answers": []}', "a key stands twice"),
        ('{"format": 1, "answers": [NaN]}', "NaN is not JSON"),
        ("[" * 100_000, "is not readable"),
        ("[]", "is not a lockfile of pplx_jupyter"),
        ('{"answers": []}', "is not a lockfile of pplx_jupyter"),
        ('{"format": 1, "answers": [3]}', "entry 1 is not an answer"),
    ],
)  # fmt: skip
def test_what_is_no_lockfile_is_refused(text: str, said: str) -> None:
    with pytest.raises(LedgerError) as caught:
        parse(text, "market.pplx.json")
    assert said in str(caught.value)
    assert str(caught.value).startswith("market.pplx.json")
    assert str(caught.value).endswith("Nothing was sent.")


def test_a_newer_format_is_refused_with_what_to_do() -> None:
    with pytest.raises(NewerLockfile, match=r"its format is 2, this one knows 1\): upgrade with pip"):
        parse('{"format": 2, "answers": []}', "market.pplx.json")


def test_writing_is_whole_or_not_at_all(tmp_path: Path, entry: dict[str, Any]) -> None:
    path = tmp_path / "market.pplx.json"
    assert lockfile.write(path, whole(entry))
    before = path.stat()
    assert not lockfile.write(path, whole(entry))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert lockfile.write(path, whole(entry, notebook="other.ipynb"))
    assert [each.name for each in tmp_path.iterdir()] == ["market.pplx.json"]
    with pytest.raises(LedgerError, match="cannot be written"):
        lockfile.write(tmp_path / "nowhere" / "market.pplx.json", whole(entry))
    (tmp_path / "folder.pplx.json").mkdir()
    with pytest.raises(LedgerError, match="cannot be written"):
        lockfile.write(tmp_path / "folder.pplx.json", whole(entry))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder.pplx.json", "market.pplx.json"]


def test_a_disk_that_fills_up_leaves_what_was_there(
    tmp_path: Path, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "market.pplx.json"
    lockfile.write(path, whole(entry))
    write_bytes = type(path).write_bytes

    def half(file: Path, data: bytes) -> int:
        write_bytes(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(path), "write_bytes", half)
    with pytest.raises(LedgerError, match="cannot be written: No space left"):
        lockfile.write(path, whole(entry, notebook="other.ipynb"))
    assert lockfile.read(path).entries == [entry]
    assert [each.name for each in tmp_path.iterdir()] == ["market.pplx.json"]


def test_reading_takes_a_byte_order_mark_and_names_a_file_that_is_no_text(
    tmp_path: Path, entry: dict[str, Any]
) -> None:
    path = tmp_path / "market.pplx.json"
    path.write_text(dump(whole(entry)), encoding="utf-8-sig")
    assert lockfile.read(path).entries == [entry]
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LedgerError, match="cannot be read"):
        lockfile.read(path)


@pytest.fixture
def ledger(tmp_path: Path) -> LockfileLedger:
    path = tmp_path / "market.pplx.json"
    made = [
        row_(id="aaaaaa", name="prices", fingerprint="v1:p", created_at=NOW),
        row_(id="aabbbb", name="prices", fingerprint="v1:p", created_at=NOW + 9),
        row_(
            id="cccccc", name="rum", fingerprint="v1:p", backend="agent", created_at=NOW + 5, remote_id="far"
        ),
        row_(id="dddddd", name="tea", fingerprint="v1:t", created_at=NOW + 1),
    ]
    lockfile.write(path, whole(*(entry_of(row, json.dumps(BODY)) for row in made)))
    return LockfileLedger(path)


def test_a_lockfile_answers_as_a_ledger_does(ledger: LockfileLedger) -> None:
    def best(*asked: Any) -> str:
        row = ledger.attempts(*asked).best
        return "" if row is None else row.id

    assert best("v1:p", "https://any.example") == "aabbbb"
    assert best("v1:p", "", "agent") == "cccccc"
    assert best("v1:t", "", "agent") == "dddddd"
    assert best("v1:else", "") == ""
    assert [row.id for row in ledger.find("aa")] == ["aabbbb", "aaaaaa"]
    assert [row.id for row in ledger.find("prices")] == ["aabbbb", "aaaaaa"]
    assert [row.id for row in ledger.find("far")] == ["cccccc"]
    assert [row.id for row in ledger.jobs(limit=2, offset=1)] == ["cccccc", "dddddd"]
    assert len(ledger.jobs(notebook="market.ipynb", states=REUSABLE, base_url="http://else")) == 4
    assert ledger.jobs(states=["running"]) == ledger.jobs(notebook="else") == ledger.jobs(cell="x") == []
    assert json.loads(ledger.body("aaaaaa") or "") == BODY
    assert ledger.body("none") is None
    assert ledger.get("none") is None
    assert {row.id for row in ledger.changed(2)} == {row.id for row in ledger.changed(0) if row.seq > 2}
    assert [row.id for row in ledger.changed(0, ["dddddd"])] == ["dddddd"]
    assert ledger.under_way(["me"], NOW) == (0, None)


def test_what_is_frozen_is_no_news(ledger: LockfileLedger) -> None:
    assert all(row.shown_at for row in ledger.jobs())


def test_nothing_but_a_name_can_be_written_and_that_stays_here(ledger: LockfileLedger) -> None:
    text = ledger.path.read_bytes()
    renamed = ledger.write("aaaaaa", {"name": "other"})
    assert renamed is not None
    assert renamed.name == "other"
    assert ledger.get("aaaaaa") == renamed
    assert ledger.path.read_bytes() == text
    assert ledger.write("none", {"name": "x"}) is None
    assert ledger.write("aaaaaa", {"name": "x"}, states=["running"]) is None
    for act in (
        lambda: ledger.write("aaaaaa", {"state": "failed"}),
        lambda: ledger.write("aaaaaa", {"name": "x"}, body="{}"),
        lambda: ledger.forget(["aaaaaa"]),
        lambda: ledger.set_budget("day", "", 1.0),
        lambda: ledger.retire("me", None),
        lambda: ledger.claim("w", [], ["me"], NOW, 1),
    ):
        with pytest.raises(LedgerError, match="is only read: a frozen run changes nothing"):
            act()


def test_a_lockfile_is_read_once_until_it_changes(ledger: LockfileLedger) -> None:
    first = open_lockfile(ledger.path)
    assert open_lockfile(ledger.path) is first
    lockfile.write(ledger.path, dataclasses.replace(first.lockfile, entries=()))
    assert open_lockfile(ledger.path).jobs() == []
    ledger.path.unlink()
    with pytest.raises(LedgerError, match="cannot be read"):
        open_lockfile(ledger.path)
