"""Tab in a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.notebook.conftest import Kernel


def complete(kernel: Kernel, text: str) -> list[str]:
    """Give what a cell reads as after each completion."""
    msg_id = kernel.client.complete(text, len(text.split("\n\n|", maxsplit=1)[0]))
    while True:
        reply = kernel.client.get_shell_msg(timeout=10)
        if reply["parent_header"]["msg_id"] == msg_id:
            content = reply["content"]
            return [
                text[: content["cursor_start"]] + match + text[content["cursor_end"] :]
                for match in content["matches"]
            ]


def test_tab_completes_flags_values_verbs_and_jobs(kernel: Kernel) -> None:
    assert "%%pplx_research --recency" in complete(kernel, "%%pplx_research --rec")
    assert "%%pplx_research a --recency week" in complete(kernel, "%%pplx_research a --recency we")
    assert "%%pplx_research a --recency=week" in complete(kernel, "%%pplx_research a --recency=we")
    assert complete(kernel, "%%pplx_research a --effort ")[:1] != []
    assert set(complete(kernel, "%%pplx_research a --effort ")) == {
        f"%%pplx_research a --effort {word}" for word in ("minimal", "low", "medium", "high")
    }
    assert "%pplx doctor" in complete(kernel, "%pplx do")
    kernel.run("%%pplx_research tea\nWhat is tea? seconds:6000")
    assert "%pplx show tea" in complete(kernel, "%pplx show te")
    assert "%%pplx_research since --after tea" in complete(kernel, "%%pplx_research since --after te")
    assert "%%pplx_research since --after=tea" in complete(kernel, "%%pplx_research since --after=")
    assert complete(kernel, "%%pplx_research since --after=te") == ["%%pplx_research since --after=tea"]


@pytest.mark.parametrize("text", ["%%pplx_research a\n--rec", "print('--rec", "x = --rec"])
def test_nothing_of_ours_is_offered_elsewhere(kernel: Kernel, text: str) -> None:
    assert not [match for match in complete(kernel, text) if "--recency" in match]
