"""The lockfile, ``NAME.pplx.json``: the answers that a notebook pins, as a file to keep in git.

One JSON object. An entry holds what a row of the ledger knows of an answer, its text and sources in
a form that a person can compare, the service's body, and a hash over all of it. The hash is of the
values, not of the bytes: another indentation, or other line ends, change nothing.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import re
from typing import TYPE_CHECKING, Any, NoReturn

from pplx_jupyter.answer import Answer
from pplx_jupyter.errors import LedgerError
from pplx_jupyter.ledger.records import REUSABLE, Row
from pplx_jupyter.reading import read_answer
from pplx_jupyter.render.words import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "ENDING", "FORMAT", "Entry", "Lockfile", "NewerLockfile", "body_of", "dump", "entry_of", "parse", "pictures_of", "read",
    "row_of", "write",
]  # fmt: skip

ENDING = ".pplx.json"
"""What a lockfile's name ends with."""

FORMAT = 1
"""The version of the format that this module reads and writes."""

Entry = dict[str, Any]
"""One answer, as plain JSON."""

_TEXTS = (
    "name", "question", "fingerprint", "backend", "model", "effort", "remote_id", "remote_status", "request_id", "state",
)  # fmt: skip
_SWITCHES = ("pinned", "moved")
_TIMES = {"asked": "created_at", "accepted": "accepted_at", "answered": "settled_at"}
_PRIVATE = ("webhook_url", "webhook_secret", "webhook_secret_is_literal")
"""Keys of a request that say how this machine is reached: no part of the question."""

_DEEPEST = 64
_UNSAFE = re.compile(r"[^\n\x20-\x7e]+")


class NewerLockfile(LedgerError):
    """A later version of this package wrote the lockfile: it must not be written over."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lockfile:
    """What a lockfile holds.

    Attributes
    ----------
    notebook
        The notebook's file name.
    written_by
        The versions, by name, of what shapes the outputs.
    settings
        The settings that were part of the questions: a machine without them asks the same.
    entries
        The answers, ordered by fingerprint and date.
    """

    notebook: str
    written_by: Mapping[str, str]
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    entries: Sequence[Entry] = ()


def entry_of(row: Row, body: str, pictures: Mapping[str, bytes] | None = None) -> Entry:
    """Give a settled row, its body and its images, by their addresses, as an entry.

    A body is kept decoded, so that a change of it shows as what it is; where decoding would lose
    something (a key that stands twice, NaN, a text that is not JSON), it is kept as the text it was.
    """
    decoded = _decoded(body)
    answer = _answer(row, body)
    entry: Entry = {"job": row.id}
    entry |= {name: getattr(row, name) for name in (*_TEXTS, *_SWITCHES)}
    entry |= {name: _stamp(getattr(row, field)) for name, field in _TIMES.items()}
    entry["request"] = {k: v for k, v in sorted(row.request.items()) if k not in _PRIVATE}
    # A list, because the order in which they stand in the prompt is the order in which they are shown.
    entry["filled"] = [{"name": name, "value": value} for name, value in row.filled.items()]
    entry["cost"] = {"total": row.cost, "items": dict(answer.cost.items), "estimated": row.cost_estimated}
    entry["sources"] = [
        {"number": each.number, "url": each.url, "title": each.title, "date": each.date}
        for each in answer.sources
    ]
    entry["simulated"] = answer.simulated
    entry["text"] = answer.text.split("\n")
    entry |= {"body_as_text": body} if decoded is None else {"body": decoded}
    if pictures:
        entry["pictures"] = [
            {"url": url, "data": base64.b64encode(data).decode()} for url, data in pictures.items()
        ]
    entry = json.loads(json.dumps(entry, allow_nan=False))
    return {**entry, "hash": _hash(entry)}


def row_of(entry: Entry, *, notebook: str = "", seq: int = 0) -> Row:
    """Give an entry as a row of a ledger; raises KeyError, TypeError or ValueError where it is none."""
    if entry["state"] not in REUSABLE:
        raise ValueError("an answer has another state")
    total = entry["cost"]["total"]
    known: dict[str, Any] = {name: str(entry[name]) for name in _TEXTS}
    known |= {name: bool(entry[name]) for name in _SWITCHES}
    known |= {field: _seconds(entry[name]) for name, field in _TIMES.items()}
    return Row(
        **known,
        id=str(entry["job"]),
        seq=seq,
        request=dict(entry["request"]),
        filled={str(each["name"]): str(each["value"]) for each in entry["filled"]},
        cost=None if total is None else float(total),
        cost_estimated=bool(entry["cost"]["estimated"]),
        notebook=notebook,
        # When it was shown is nothing to write down: a lockfile is only read.
        shown_at=known["settled_at"] or known["created_at"],
        sending_at=known["created_at"],
        due_at=0.0,
        base_url="",
        account="",
        cell="",
        idempotency_key="",
        owner="",
        tries=0,
        cancel="",
        trouble=None,
        failure=None,
        progress={},
    )


def body_of(entry: Entry) -> str:
    """Give an entry's body as text; the same on every machine."""
    if "body_as_text" in entry:
        return str(entry["body_as_text"])
    return json.dumps(entry["body"], sort_keys=True)


def pictures_of(entry: Entry) -> dict[str, bytes]:
    """Give an entry's images by their addresses; raises KeyError, TypeError or ValueError where it has something else."""
    return {
        str(each["url"]): base64.b64decode(each["data"], validate=True) for each in entry.get("pictures", ())
    }


def dump(lockfile: Lockfile) -> str:
    """Write a lockfile's text: the same answers give the same bytes."""
    value = {
        "format": FORMAT,
        "notebook": lockfile.notebook,
        "settings": dict(sorted(lockfile.settings.items())),
        "written_by": dict(sorted(lockfile.written_by.items())),
        "answers": sorted(
            lockfile.entries, key=lambda each: (each["fingerprint"], each["asked"], each["job"])
        ),
    }
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    # Controls, and what reorders or hides the text beside it, stay visible in a terminal and in a review.
    return _UNSAFE.sub(_visible, text) + "\n"


def parse(text: str, name: str) -> Lockfile:
    """Read a lockfile's text, and check every entry.

    Raises
    ------
    LedgerError
        It is no lockfile, is of a newer version, or was changed; the line names the entry and what to do.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise LedgerError(
            f"{name} is not readable ({error}). If git left conflict marks in it, take one side; else restore it, or freeze the"
            " notebook again. Nothing was sent."
        ) from None
    number = found.get("format") if isinstance(found, dict) else None
    if not isinstance(number, int) or not isinstance(found.get("answers"), list):
        raise LedgerError(f"{name} is not a lockfile of pplx_jupyter. Nothing was sent.")
    if number > FORMAT:
        raise NewerLockfile(
            f"{name} was written by a newer version of pplx_jupyter (its format is {number}, this one knows {FORMAT}):"
            " upgrade with pip install -U pplx-jupyter. Nothing was sent."
        )
    for at, entry in enumerate(found["answers"], start=1):
        _check(entry, at, name)
    return Lockfile(
        notebook=str(found.get("notebook") or ""),
        written_by={str(k): str(v) for k, v in _mapping(found.get("written_by")).items()},
        settings=_mapping(found.get("settings")),
        entries=found["answers"],
    )


def read(path: Path) -> Lockfile:
    """Read a lockfile; raises LedgerError as `parse` does, and where the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"{path} cannot be read: {error}. Nothing was sent.") from error
    return parse(text, path.name)


def write(path: Path, lockfile: Lockfile) -> bool:
    """Write a lockfile, whole or not at all; say whether it differs from what was there.

    Raises
    ------
    LedgerError
        It cannot be written.
    """
    text = dump(lockfile).encode("utf-8")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_file() and path.read_bytes() == text:
            return False
        beside.write_bytes(text)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise LedgerError(f"{path} cannot be written: {error.strerror or error}.") from error
    return True


def _check(entry: Any, at: int, name: str) -> None:
    """Refuse an entry that is not as it was written."""
    restore = "restore the file (git checkout), or freeze the notebook again. Nothing was sent."
    if not isinstance(entry, dict):
        raise LedgerError(f"{name}: entry {at} is not an answer; {restore}")
    label = one_line(f"{entry.get('name') or ''} ({entry.get('job')})", 100)
    try:
        unchanged = entry.get("hash") == _hash({k: v for k, v in entry.items() if k != "hash"})
    except RecursionError:
        unchanged = False
    if not unchanged:
        raise LedgerError(f"{name}: the answer {label} was changed after it was frozen; {restore}")
    try:
        row_of(entry)
        body_of(entry)
        pictures_of(entry)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise LedgerError(f"{name}: the answer {label} is not understood ({error!r}); {restore}") from None


def _hash(entry: Mapping[str, Any]) -> str:
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def _answer(row: Row, body: str) -> Answer:
    try:
        return read_answer(json.loads(body), row.backend, id=row.remote_id or None)
    except (ValueError, RecursionError):
        return Answer()


def _decoded(body: str) -> Any:
    """Decode a body, its keys in order; None where that would lose something."""
    try:
        found = json.loads(body, object_pairs_hook=_once, parse_constant=_refused)
        if _depth(found) > _DEEPEST:
            return None
        return json.loads(json.dumps(found, sort_keys=True, allow_nan=False))
    except (ValueError, RecursionError):
        return None


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        inner = [
            each.values() if isinstance(each, dict) else each
            for each in level
            if isinstance(each, dict | list)
        ]
        level = [item for each in inner for item in each]
    return depth


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _visible(match: re.Match[str]) -> str:
    text = match[0]
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else json.dumps(c)[1:-1] if c > "\x7f" else f"\\u{ord(c):04x}" for c in text
    )


def _stamp(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _seconds(stamp: str | None) -> float | None:
    return None if stamp is None else datetime.datetime.fromisoformat(stamp).timestamp()


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
