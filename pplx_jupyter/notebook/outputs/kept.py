"""An answer's permanent forms, kept in the ledger beside its raw body: a rerun need not make them again."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pplx_jupyter
from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.once import warn_once
from pplx_jupyter.render import LIBRARIES

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer
    from pplx_jupyter.ledger import Ledger
    from pplx_jupyter.receipt import Receipt

__all__ = ["answer_forms"]

_SOURCES = ("answer.py", "receipt.py", "pixels.py", "render", "reading")


def answer_forms(ledger: Ledger | None, answer: Answer, receipt: Receipt, *, brief: bool) -> dict[str, str]:
    """Give an answer's forms without its state line, from the ledger where this renderer has made them before.

    Only those of a reused answer are kept: the forms of the run that asked are made once.
    """
    from pplx_jupyter import render

    if ledger is None or receipt.reuse != "ledger":
        return render.answer_forms(answer, receipt, state_line=False, brief=brief)
    version = _version(answer, receipt, brief=brief)
    kept = ledger.forms(receipt.job_id, version)
    if kept is not None:
        return dict(kept)
    made = render.answer_forms(answer, receipt, state_line=False, brief=brief)
    try:
        ledger.keep_forms(receipt.job_id, version, made)
    except LedgerError as error:
        # A full disk must not keep an answer away that is there.
        warn_once(str(error))
    return made


def _version(answer: Answer, receipt: Receipt, *, brief: bool) -> str:
    """Name what the forms depend on besides the body: the renderer, images that came, the receipt but for the present time."""
    pictures = [hashlib.sha256(image.data).hexdigest() if image.data else "" for image in answer.images]
    said = repr((dataclasses.replace(receipt, now=None), brief, pictures))
    return hashlib.sha256(f"{_renderer()} {said}".encode()).hexdigest()[:32]


@functools.cache
def _renderer() -> str:
    """Name the renderer by its own source and its libraries, so that nobody has to remember to count a version up."""
    import importlib.metadata

    top = Path(pplx_jupyter.__file__).parent
    files = sorted(
        path
        for name in _SOURCES
        for path in ([top / name] if name.endswith(".py") else (top / name).rglob("*.py"))
    )
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    versions = [importlib.metadata.version(name) for name in LIBRARIES]
    return f"{digest.hexdigest()} {versions}"
