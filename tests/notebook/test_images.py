"""A cell with --images ends with its pictures inside the HTML; no other loads or holds any."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger.sqlite import SqliteLedger
from pplx_jupyter.notebook.outputs.final import final_forms
from tests.pictures import png
from tests.settled import settle

if TYPE_CHECKING:
    from tests.notebook.conftest import Kernel, Ran

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SETUP = f"""
import socket, sys
sys.path.insert(0, {str(ROOT)!r})
from pplx_jupyter.session import Session, use_session
from tests.pictures import Network, lead_to, png
socket.getaddrinfo = lead_to()
network = Network(lambda path: {{"/1.png": png(1), "/2.png": 403}}.get(path, WAIT))
use_session(Session(transport=network))
"""
OTHER = ("text/markdown", "text/plain")


def images(data: dict[str, Any]) -> list[str]:
    """Give where the images of an output come from, in its HTML; its other forms load none."""
    for form in OTHER:
        assert "<img" not in data.get(form, "")
        assert "![" not in data.get(form, "")
        assert "data:image" not in data.get(form, "")
    return re.findall(r'<img [^>]*src="([^"]{0,30})', data.get("text/html", ""))


def all_images(ran: Ran) -> list[list[str]]:
    """Give the images of each output that has any."""
    found = [images(each["data"]) for each in ran.displays]
    return [each for each in found if each]


def test_a_run_that_nobody_watches_ends_with_them(kernel: Kernel) -> None:
    assert kernel.run("WAIT = 0.0\n" + SETUP).reply["status"] == "ok"
    shown = all_images(kernel.run("%%pplx_research prices --images\nPrices?", headless=True))
    assert [len(found) for found in shown] == [4]
    assert all(source.startswith("data:image/png;base64,") for source in shown[0])
    # Run again, it takes them from the ledger; so does what is saved.
    assert all_images(kernel.run("%%pplx_research prices --images\nPrices?", headless=True)) == shown
    saved = kernel.run(
        "import tempfile\nprint(prices.answer.save(tempfile.mkdtemp() + '/x.html').read_text())"
    )
    assert saved.text.count('<img src="data:image/png;base64,') == 4
    assert all_images(kernel.run("%%pplx_research others\nPrices?", headless=True)) == []
    assert kernel.value("len(network.asked)") == "5"


def test_slow_ones_follow_the_answer_into_its_cell(kernel: Kernel) -> None:
    assert kernel.run("WAIT = 1.5\n" + SETUP).reply["status"] == "ok"
    kernel.run("%%pplx_research prices --images\nPrices?")

    def is_update(message: dict[str, Any], *, pictures: bool) -> bool:
        data = message["content"].get("data", {})
        answered = message["msg_type"] == "update_display_data" and "Sources" in data.get("text/plain", "")
        return answered and bool(images(data)) == pictures

    first = kernel.until(lambda m: is_update(m, pictures=False))[-1]["content"]
    second = kernel.until(lambda m: is_update(m, pictures=True))[-1]["content"]
    assert first["transient"] == second["transient"]
    assert len(images(second["data"])) == 4
    assert "Images: 4 of 5 embedded, 1 not loaded" in second["data"]["text/html"]


def test_forms_that_were_kept_without_them_do_not_stay(tmp_path: Path) -> None:
    """A cell can be run again while they are still on their way."""
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    url = "https://pictures.example/1.png"
    settle(tmp_path / "ledger.sqlite", "http://service.test", 1, 500)
    row = ledger.jobs()[0]
    body = json.loads(ledger.body(row.id) or "")
    body["response"]["images"] = [url]
    shown = []
    for pictures in ({}, {}, {url: png(1)}, {url: png(2)}):
        ledger.keep_pictures(row.id, pictures)
        row = ledger.get(row.id) or row
        forms = final_forms(row, json.dumps(body), ledger.pictures(row.id), reuse="ledger", ledger=ledger)
        shown.append(images(forms[1]))
    assert [len(found) for found in shown] == [0, 0, 1, 1]
    assert base64.b64encode(png(2)).decode() in forms[1]["text/html"]
