"""An answer as one JSON file: whole, with how it came, to keep where no ledger could take it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import PplxError, RequestError

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer

__all__ = ["FORMAT", "save"]

FORMAT = 1
"""The version of the file's format."""

_MARK = "pplx_jupyter"
_PARTS = (
    "text",
    "thinking",
    "sources",
    "images",
    "related_questions",
    "searches",
    "usage",
    "cost",
    "incomplete",
    "model",
    "simulated",
)


def save(answer: Answer, path: str | os.PathLike[str]) -> Path:
    """Write an answer to a file, whole or not at all; see `pplx_jupyter.answer.Answer.save`."""
    to = Path(path).expanduser()
    if to.suffix.lower() != ".json":
        raise RequestError(f"“{to.name}”: an answer is saved as JSON; give a name that ends in .json.")
    _check_free(to)
    text = json.dumps(_content(answer), ensure_ascii=False, indent=2, default=str) + "\n"
    beside = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        # Half a surrogate pair, which JSON can carry, has no bytes.
        beside.write_bytes(text.encode("utf-8", "replace"))
        beside.replace(to)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise PplxError(
            f"{to} cannot be written: {error.strerror or error}. Name a file on another disk, or print(answer.text)."
        ) from error
    return to


def _check_free(to: Path) -> None:
    """Refuse to write over anything but an answer saved before: a cell is run again and again."""
    if not to.exists():
        return
    try:
        found = json.loads(to.read_bytes())
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or _MARK not in found:
        raise RequestError(f"{to} is there already, and is no saved answer; give another name.")


def _content(answer: Answer) -> dict[str, Any]:
    from pplx_jupyter.version import __version__

    receipt = None if answer.receipt is None else _plain(dataclasses.asdict(answer.receipt))
    parts = {name: _plain(getattr(answer, name)) for name in _PARTS}
    return {
        _MARK: {"format": FORMAT, "version": __version__},
        "receipt": receipt,
        **parts,
        "body": answer.raw,
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
