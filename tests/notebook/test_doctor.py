"""``%pplx doctor``: each thing that does harm here has a line that says what to do."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from pplx_jupyter.notebook.doctor import examine
from pplx_jupyter.session import Session
from pplx_jupyter.settings import Settings
from tests.notebook.conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = "http://127.0.0.1:9"


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_it_names_what_does_harm_and_nothing_where_none_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ledger.sqlite"
    session = Session(api_key=KEY, base_url=NOBODY, ledger=str(file), settings=Settings())
    monkeypatch.delitem(sys.modules, "nest_asyncio", raising=False)
    told = {name: state for name, state, _ in examine(None, session)}
    assert told == {"pplx_jupyter": "ok", "libraries": "ok", "key": "ok", "ledger": "ok", "service": "bad"}
    monkeypatch.setitem(sys.modules, "nest_asyncio", sys)
    file.chmod(0o640)
    found = {(name, state): text for name, state, text in examine(None, session)}
    assert found["ledger", "note"] == f"others may read it: chmod 600 {file}"
    assert "silently loses queued cells" in found["nest_asyncio", "bad"]
