"""``%pplx export`` and ``answer.save`` in a real kernel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notebook.conftest import Kernel

ASKS = "%%pplx_research sky --wait\nWhy is the sky blue? shape:table"


def test_an_answer_is_written_where_it_is_asked_to(kernel: Kernel, tmp_path: Path) -> None:
    assert kernel.run(ASKS).reply["status"] == "ok"
    page = tmp_path / "the sky.html"
    ran = kernel.run(f"%pplx export sky '{page}'")
    assert ran.reply["status"] == "ok"
    assert re.search(r"the sky\.html is written \(\d+ KB\)\.", ran.text)
    text = page.read_text(encoding="utf-8")
    assert "Why is the sky blue?" in text
    assert "Simulated answer" in text
    assert kernel.run(f"%pplx export sky '{page}'").reply["status"] == "ok"
    assert kernel.run(f"sky.answer.save({str(tmp_path / 'sky.qmd')!r})").reply["status"] == "ok"
    for line, said in (
        ("%pplx export", "takes a job and a file"),
        ("%pplx export sky", "takes a job and a file"),
        ("%pplx export sky x.odt", "known are .md"),
        ("%pplx export sky x.md --force", "--force is not an option here; it takes --overwrite"),
        ("%pplx export nothing x.md", "no job “nothing” is in the ledger"),
    ):
        ran = kernel.run(line)
        assert ran.reply["status"] == "error"
        assert said in ran.text
    assert "export ID FILE" in kernel.run("%pplx").text
