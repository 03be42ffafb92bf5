"""An answer as one JSON file: whole, with how it came, to keep where no ledger could take it."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pplx_jupyter.answer import Answer

__all__ = ["FORMAT", "to_json"]

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
    "schema",
)


def to_json(answer: Answer) -> str:
    """Give all that is known of an answer as JSON; see `pplx_jupyter.answer.Answer.save`."""
    return json.dumps(_content(answer), ensure_ascii=False, indent=2, default=str) + "\n"


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
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
