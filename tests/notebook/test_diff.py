"""``%pplx diff`` in a real kernel."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.ledger import open_ledger

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator
    from tests.notebook.conftest import Kernel

pytestmark = pytest.mark.slow

ASKS = "%%pplx_research sky --wait{flags}\nWhy is the sky blue? shape:table"


def put(environment: dict[str, str], job: str, text: str, url: str = "https://new.example/page") -> None:
    """Let the ledger hold this text, with this page as its first source."""
    ledger = open_ledger(environment["PPLX_JUPYTER_LEDGER"])
    body: Any = json.loads(ledger.body(job) or "")
    body["response"]["choices"][0]["message"]["content"] = text
    body["response"]["citations"][0] = url
    body["response"]["search_results"][0]["url"] = url
    ledger.write(job, {}, body=json.dumps(body))


def test_a_refreshed_question_shows_what_changed(
    kernel: Kernel, sim: Simulator, environment: dict[str, str]
) -> None:
    assert kernel.run(ASKS.format(flags="")).reply["status"] == "ok"
    first = kernel.value("sky.id").strip("'")
    ran = kernel.run("%pplx diff sky")
    assert (ran.reply["status"], ran.displays) == ("ok", [])
    assert "has no earlier answer to compare with" in ran.text
    assert "--refresh on the first line of its cell asks anew and keeps this one." in ran.text
    assert kernel.run(ASKS.format(flags=" --refresh"), cell="cell-2").reply["status"] == "ok"
    second = kernel.value("sky.id").strip("'")
    bought = len(sim.bill.jobs)
    assert first != second

    [same] = kernel.run("%pplx diff sky").displays
    assert same["data"]["text/plain"].startswith("Nothing changed · asked ")
    assert set(same["data"]) == {"text/html", "text/markdown", "text/plain"}
    assert "Simulated answer" in same["data"]["text/markdown"]
    ours = same["metadata"]["pplx_jupyter"]
    assert (ours["job"], ours["compared_with"]["job"]) == (second, first)

    put(environment, first, "# Reasons\n\nIt scatters 41.2 % of it.[1] Same.", "https://old.example")
    put(environment, second, "# Reasons\n\nIt scatters 47.9 % of it.[2] Same.", "javascript:alert(1)")
    for line in (
        "%pplx diff sky",
        f"%pplx diff {first} {second}",
        f"%pplx diff {second} {first}",
        "sky.diff()",
    ):
        [shown] = kernel.run(line).displays
        assert shown["data"]["text/plain"].startswith(
            "1 source new, 1 gone · 1 sentence changed · 1 number changed · asked "
        )
        assert "~ It scatters [-41.2-] {+47.9+} % of it." in shown["data"]["text/plain"]
        assert "41.2</del> <ins" in shown["data"]["text/html"]
        assert "javascript:" not in re.sub(
            r"<style>.*?</style>", "", shown["data"]["text/html"], flags=re.DOTALL
        )
    assert kernel.value("sky.answer.diff(sky.earlier().answer).changed") == "True"
    assert len(sim.bill.jobs) == bought == 2


def test_a_changed_question_is_named(kernel: Kernel, environment: dict[str, str]) -> None:
    cell = "%%pplx_research sky --wait --effort {effort}\nWhy was the sky blue in {{{{ year }}}}? shape:plain"
    kernel.run("year = 2025")
    assert kernel.run(cell.format(effort="low")).reply["status"] == "ok"
    kernel.run("year = 2026", cell="cell-2")
    assert kernel.run(cell.format(effort="high")).reply["status"] == "ok"
    [shown] = kernel.run("%pplx diff sky", cell="cell-3").displays
    plain = shown["data"]["text/plain"]
    assert "The question itself differs." in plain
    assert "{{ year }} was 2025, is 2026" in plain
    assert "effort was low, is high" in plain
    assert "Why was the sky blue in [-2025-] {+2026+}?" in plain


def test_what_the_verb_does_not_take(kernel: Kernel) -> None:
    for line, said in (
        ("%pplx diff", "takes one job, which it compares with the answer before it, or two"),
        ("%pplx diff a b c", "takes one job"),
        ("%pplx diff nothing", "no job “nothing” is in the ledger"),
        ("%pplx diff --take 2", "--take is not an option here"),
    ):
        ran = kernel.run(line)
        assert ran.reply["status"] == "error"
        assert said in ran.text
    assert "diff ID [OTHER]" in kernel.run("%pplx").text


def test_tab_offers_jobs(kernel: Kernel) -> None:
    assert kernel.run(ASKS.format(flags="")).reply["status"] == "ok"
    reply = kernel.client.complete("%pplx diff s", reply=True, timeout=20)["content"]
    assert "sky" in reply["matches"]
    reply = kernel.client.complete("%pplx di", reply=True, timeout=20)["content"]
    assert "diff" in reply["matches"]
