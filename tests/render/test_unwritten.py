from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pplx_jupyter.answer import Answer, Cost
from pplx_jupyter.render import state_forms, unwritten_forms

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.receipt import Receipt


def test_the_note_says_how_to_save_the_answer(receipt: Receipt) -> None:
    above = state_forms(Answer(text="a", cost=Cost(0.39)), receipt)
    forms = unwritten_forms(receipt, "disk full", kept_as="resp_1", above=above)
    assert forms["text/markdown"] == (
        f"{above['text/markdown']}\n\n"
        "**Answered, but not written to the ledger (disk full).** Save it now: "
        '`prices.answer.save("prices.json")`.\n\n'
        "- It is written by itself as soon as that is possible, while this kernel runs.\n"
        "- Perplexity keeps it for 7 days, as `resp_1`."
    )
    assert forms["text/plain"].startswith(above["text/plain"])
    assert forms["text/html"].startswith(above["text/html"])
    assert '<code>prices.answer.save("prices.json")</code>' in forms["text/html"]


def test_a_job_without_a_name_is_attached(receipt: Receipt) -> None:
    forms = unwritten_forms(dataclasses.replace(receipt, name=""), "disk full")
    assert 'attach("7f3a9c").answer.save("7f3a9c.json")' in forms["text/plain"]
    assert "7 days" not in forms["text/plain"]


def test_a_hostile_id_does_no_harm(receipt: Receipt, audit_html: Callable[[str], None]) -> None:
    forms = unwritten_forms(receipt, "<b onclick=x>", kept_as="`<script>alert(1)</script>`")
    audit_html(forms["text/html"])
    assert "<script" not in forms["text/html"]
