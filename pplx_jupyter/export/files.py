"""Writes an answer to a file, of the kind that its name's ending says: whole, or not at all.

A file that was saved here before is replaced, since cells are run again and again. Any other is not,
unless that was asked for; and never the notebook that is open.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.export.documents import WRITTEN_BY
from pplx_jupyter.settings import told_notebooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.answer import Answer

__all__ = ["ENDINGS", "save", "told"]

_MARK = WRITTEN_BY.rpartition(" ")[0].encode()
_LOOKED_AT = 3_000


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of file: the function that gives its content, and how one of ours is known."""

    module: str
    function: str
    is_ours: Callable[[bytes], bool]
    before: str = ""
    after: str = ""

    def content(self, answer: Answer) -> bytes:
        module = importlib.import_module(f"pplx_jupyter.export.{self.module}")
        made: str | bytes = getattr(module, self.function)(answer)
        if isinstance(made, bytes):
            return made
        # Half a surrogate pair, which JSON can carry, has no bytes.
        return f"{self.before}{made}{self.after}".encode("utf-8", "replace")


def _begins(found: bytes) -> bool:
    return _MARK in found[:_LOOKED_AT]


def _ends(found: bytes) -> bool:
    return _MARK in found.rstrip().rpartition(b"\n")[2]


def _holds(found: bytes) -> bool:
    return _MARK in found


def _is_ris(found: bytes) -> bool:
    from pplx_jupyter.export.references import PROVIDER

    records = found.count(b"TY  - ")
    return records > 0 and records == found.count(f"DP  - {PROVIDER}".encode())


def _is_csl(found: bytes) -> bool:
    from pplx_jupyter.export.references import PROVIDER

    items = _json(found)
    return isinstance(items, list) and all(
        isinstance(item, dict) and item.get("source") == PROVIDER for item in items
    )


def _is_saved(found: bytes) -> bool:
    content = _json(found)
    mark = content.get("pplx_jupyter") if isinstance(content, dict) else None
    return isinstance(mark, dict) and "body" in content


def _is_notebook(found: bytes) -> bool:
    """Tell one that we wrote from one that somebody works in: ours has no code."""
    content = _json(found)
    if not isinstance(content, dict):
        return False
    mark = (content.get("metadata") or {}).get("pplx_jupyter")
    kinds = {cell.get("cell_type") for cell in content.get("cells") or ()}
    return isinstance(mark, dict) and "saved" in mark and kinds <= {"markdown"}


def _is_docx(found: bytes) -> bool:
    try:
        with zipfile.ZipFile(BytesIO(found)) as parts:
            return _MARK in parts.read("docProps/core.xml")
    except (zipfile.BadZipFile, KeyError, OSError, RuntimeError, ValueError):
        return False


def _json(found: bytes) -> Any:
    try:
        return json.loads(found)
    except (ValueError, RecursionError):
        return None


_KINDS = {
    ".md": _Kind("documents", "to_markdown", _ends, after=f"\n<!-- {WRITTEN_BY} -->\n"),
    ".html": _Kind("web_page", "to_html", _begins),
    ".docx": _Kind("pandoc", "to_docx", _is_docx),
    ".pdf": _Kind("pandoc", "to_pdf", _holds),
    ".ipynb": _Kind("documents", "to_notebook", _is_notebook),
    ".json": _Kind("saved", "to_json", _is_saved),
    ".txt": _Kind("documents", "to_text", _ends),
    ".qmd": _Kind("quarto", "to_qmd", _begins),
    ".bib": _Kind("references", "to_bibtex", _begins, before=f"% {WRITTEN_BY}\n\n"),
    ".ris": _Kind("references", "to_ris", _is_ris),
    ".csl.json": _Kind("references", "to_csl_json", _is_csl),
}
ENDINGS = tuple(_KINDS)
"""What the name of a file can end with."""


def save(answer: Answer, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write an answer to a file, whole or not at all; see `pplx_jupyter.answer.Answer.save`."""
    to = Path(path).expanduser()
    kind = _kind(to.name)
    _check_free(to, kind, overwrite=overwrite)
    _write(to, kind.content(answer))
    return to


def told(path: Path) -> str:
    """Say what was written."""
    size = path.stat().st_size
    return f"{path} is written ({max(round(size / 1000), 1):,} KB)."


def _kind(name: str) -> _Kind:
    fitting = [ending for ending in _KINDS if name.lower().endswith(ending) and len(name) > len(ending)]
    if not fitting:
        known = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        raise RequestError(
            f"“{name}”: what an answer is saved as is told by the name's ending; known are {known}."
        )
    return _KINDS[max(fitting, key=len)]


def _check_free(to: Path, kind: _Kind, *, overwrite: bool) -> None:
    """Refuse to write over anything but an answer saved before."""
    if not to.exists():
        return
    if _is_open(to):
        raise RequestError(f"{to} is the notebook that is open; give another name. Nothing was written.")
    if overwrite:
        return
    try:
        found = to.read_bytes()
    except OSError as error:
        raise PplxError(
            f"{to} is there already and cannot be read: {error.strerror or error}. Give another name."
        ) from error
    if found and not kind.is_ours(found):
        raise RequestError(
            f"{to} is there already, and is no saved answer; give another name, or overwrite=True."
        )


def _is_open(to: Path) -> bool:
    """Whether the file is the notebook whose cell runs, as far as Jupyter Server or VS Code tell."""
    return any(_same(Path(each), to) for each in told_notebooks())


def _same(told: Path, to: Path) -> bool:
    if told.is_absolute() and told.exists():
        return told.samefile(to)
    # A server may have the file elsewhere than where the kernel sees it, which starts in its folder.
    return told.name == to.name and to.resolve().parent == Path.cwd().resolve()


def _write(to: Path, content: bytes) -> None:
    beside = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(to)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise PplxError(
            f"{to} cannot be written: {error.strerror or error}. Name a file on another disk, or print(answer.text)."
        ) from error
