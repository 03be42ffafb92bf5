"""Images that were asked for come once, after the answer, and never at its expense."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger import open_ledger
from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.watch import pictures
from tests.pictures import Network, lead_to, png

if TYPE_CHECKING:
    from pathlib import Path

    from pplx_jupyter.simulator import Simulator

Ask = Any


@pytest.fixture(autouse=True)
def known_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lead_to())


def test_they_are_kept_beside_the_answer(sim: Simulator, ask: Ask) -> None:
    network = Network(lambda path: 403 if path == "/2.png" else png(int(path[1])))
    job = ask(sim, transport=network).job("Prices?", return_images=True)
    answer = job.wait(20)
    assert [image.data for image in answer.images] == [png(1), b"", *map(png, (3, 4, 5))]
    assert sorted(network.asked) == [f"/{n}.png" for n in range(1, 6)]
    forms = job._repr_mimebundle_()
    assert forms["text/html"].count("<img") == forms["text/html"].count('src="data:image/png;base64,') == 4
    assert "4 of 5 embedded" in forms["text/html"]
    assert "4 of 5 embedded" in forms["text/plain"]
    assert "data:" not in forms["text/markdown"] + forms["text/plain"]
    # Once: whoever reads the answer again takes it from the ledger.
    assert len(job.wait().images[0].data) == len(png(1))
    assert len(network.asked) == 5
    assert len(sim.bill.jobs) == 1


def test_they_come_only_where_they_were_asked_for(sim: Simulator, ask: Ask) -> None:
    network = Network()
    job = ask(sim, transport=network).job("Prices?", return_related_questions=True)
    assert job.wait(20).images == ()
    assert job.row.pictures_until is None
    assert network.asked == []


def test_the_answer_is_written_down_before_they_come(
    sim: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "SECONDS", 1.0)
    job = ask(sim, transport=Network(lambda path: png(1) if path == "/1.png" else 60.0)).job(
        "Why?", return_images=True
    )
    until(lambda: job.status == "completed")
    assert job.row.pictures_until is not None
    assert job.answer.text
    assert not job.answer.images[0].data
    # Who waits for the answer gets what came in time, and no error.
    answer = job.wait()
    assert [bool(image.data) for image in answer.images] == [True, False, False, False, False]
    assert job.row.pictures_until is None


def test_a_timeout_while_they_come_is_none(
    sim: Simulator, ask: Ask, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "SECONDS", 2.0)
    job = ask(sim, transport=Network(lambda _path: 60.0)).job("Why?", return_images=True)
    until(lambda: job.status == "completed")
    assert job.wait(0.05).text


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.2.3", "::1"])
def test_names_that_lead_inside_are_not_asked(
    sim: Simulator, ask: Ask, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    monkeypatch.setattr("socket.getaddrinfo", lead_to(inside))
    network = Network()
    answer = ask(sim, transport=network).job("Why?", return_images=True).wait(20)
    assert not any(image.data for image in answer.images)
    assert network.asked == []


def test_a_fault_in_fetching_leaves_the_answer(
    sim: Simulator, ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> dict[str, bytes]:
        raise RuntimeError("broken")

    monkeypatch.setattr("pplx_jupyter.api.pictures.fetch_pictures", broken)
    job = ask(sim).job("Why?", return_images=True)
    assert job.wait(20).text
    assert job.status == "completed"
    assert "broken" in caplog.text


def test_a_process_that_ends_meanwhile_leaves_links(
    sim: Simulator, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written while they come is what a process leaves that is killed then."""
    monkeypatch.setattr(pictures.Pictures, "fetch", lambda *_: None)
    asker = ask(sim)
    job = asker.job("Why?", return_images=True)
    assert asker.end(job) == "completed"
    assert job.row.pictures_until > time.time()
    ledger = open_ledger(str(tmp_path / "ledger.sqlite"))
    ledger.write(job.id, {"pictures_until": time.time() - 1})
    again = asker.job("Why?", return_images=True)
    assert again.id == job.id
    assert not any(image.data for image in again.wait(1).images)
    # A clock that was set back does not keep anybody waiting.
    ledger.write(job.id, {"pictures_until": time.time() + 3600})
    assert again.wait(1).text
    assert len(sim.bill.jobs) == 1


def test_forgetting_deletes_them(sim: Simulator, ask: Ask, tmp_path: Path) -> None:
    asker = ask(sim, transport=Network(lambda _path: png(77)))
    job = asker.job("Why?", return_images=True)
    job.wait(20)
    path = tmp_path / "ledger.sqlite"
    asker.session.ledger.forget([job.id])
    assert asker.session.ledger.pictures(job.id) == {}
    for part in tmp_path.glob("ledger.sqlite*"):
        assert png(77) not in part.read_bytes(), part.name
    # Those that come late are not kept.
    asker.session.ledger.keep_pictures(job.id, {"https://pictures.example/1.png": png(77)})
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM pictures").fetchone() == (0,)


def test_a_lockfile_has_them(sim: Simulator, ask: Ask, tmp_path: Path) -> None:
    from pplx_jupyter.freeze import freeze
    from pplx_jupyter.job import Job
    from pplx_jupyter.ledger.pinned import LockfileLedger
    from pplx_jupyter.notebook.outputs.final import final_forms

    network = Network(lambda path: 404 if path == "/1.png" else png(int(path[1])))
    asker = ask(sim, transport=network)
    job = asker.job("Why?", return_images=True)
    answer = job.wait(20)
    frozen = freeze(tmp_path / "n.ipynb", asker.session, held=[job.id])
    pinned = LockfileLedger(frozen.path)
    assert pinned.pictures(job.id) == {image.url: image.data for image in answer.images if image.data}
    row = pinned.get(job.id)
    assert row is not None
    shown = [
        final_forms(row, pinned.body(row.id), pinned.pictures(row.id), reuse="lockfile")[1] for _ in range(2)
    ]
    assert shown[0] == shown[1]
    assert shown[0]["text/html"].count('<img src="data:image/png;base64,') == 4
    entry = json.loads(frozen.path.read_text(encoding="utf-8"))["answers"][0]
    entry["pictures"][0]["data"] = entry["pictures"][1]["data"]
    assert pinned.pictures(job.id) != {}
    changed = frozen.path.with_name("changed.pplx.json")
    changed.write_text(json.dumps({"format": 1, "answers": [entry]}), encoding="utf-8")
    with pytest.raises(Exception, match="was changed after it was frozen"):
        LockfileLedger(changed)
    assert Job(asker.session, job.id).answer == answer


def test_a_broken_ledger_gives_them_back(sim: Simulator, ask: Ask, tmp_path: Path) -> None:
    """Also those that fill several pages."""
    large = png(9) + bytes(range(256)) * 600
    asker = ask(sim, transport=Network(lambda path: large if path == "/1.png" else 404))
    job = asker.job("Why?", return_images=True)
    job.wait(20)
    kept = asker.session.ledger.pictures(job.id)
    assert list(kept.values()) == [large]
    asker.session.close()
    path = tmp_path / "ledger.sqlite"
    whole = tmp_path / "whole.sqlite"
    with closing(sqlite3.connect(path)) as db, closing(sqlite3.connect(whole)) as copy:
        db.backup(copy)
    data = bytearray(whole.read_bytes())
    data[:100] = b"\0" * 100
    whole.write_bytes(data)
    assert SqliteLedger(whole).pictures(job.id) == kept
