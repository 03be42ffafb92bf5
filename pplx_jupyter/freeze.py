"""Freezing: the lockfile of a notebook from the answers that its outputs name."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import LedgerError, RequestError
from pplx_jupyter.frozen import SHAPING, as_notebook, lockfile_beside, versions_here
from pplx_jupyter.ledger import REUSABLE, lockfile
from pplx_jupyter.render.words import count, money, one_line, shorten
from pplx_jupyter.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pplx_jupyter.ledger import Ledger, Row
    from pplx_jupyter.ledger.lockfile import Entry
    from pplx_jupyter.session import Session

__all__ = ["Cell", "Frozen", "Used", "cells_of", "freeze"]

_ASKS = re.compile(r"%%pplx_research\b(?P<line>[^\n]*)\n?(?P<prompt>.*)", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Used:
    """A job that a notebook uses; its fingerprint is empty where only the ledger knows it."""

    job: str
    fingerprint: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """A code cell of a notebook's file.

    Attributes
    ----------
    id
        Its id, or an empty text in files that have none.
    label
        What a person calls it: ``cell 7 (“How have …”)``.
    used
        The jobs that its outputs show.
    asks
        It asks a question, and should show an answer.
    """

    id: str
    label: str
    used: Sequence[Used] = ()
    asks: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What a freeze did.

    Attributes
    ----------
    path
        The lockfile.
    kept
        How many answers it holds.
    cost
        What they cost when they were asked, in US dollars, as far as known.
    dropped
        How many answers it held before, and no longer does.
    left_out
        What the notebook uses and the lockfile does not have: one line each.
    unsaved
        How many of the answers the notebook's file does not show.
    """

    path: Path
    kept: int = 0
    cost: float = 0.0
    dropped: int = 0
    left_out: Sequence[str] = ()
    unsaved: int = 0

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if self.kept:
            size = self.path.stat().st_size / 1024
            yield f"{self.path}: {count(self.kept, 'answer')}, {size:,.0f} KB, {money(self.cost)} when asked."
            yield "With --frozen, or PPLX_JUPYTER_FROZEN=1, the notebook reruns from it alone: no key, no network, no ledger."
        else:
            yield f"{self.path} was not written: the notebook shows no answer that could be frozen."
        if self.dropped:
            yield f"Dropped from it: {count(self.dropped, 'answer')} that the notebook no longer uses."
        if self.unsaved:
            yield f"The notebook’s file does not show {self.unsaved:,} of these answers yet: save it."
        yield from (f"Left out: {line}" for line in self.left_out)


def freeze(
    notebook: Path,
    session: Session,
    *,
    out: Path | None = None,
    shown: Mapping[str, Sequence[str]] | None = None,
    held: Iterable[str] = (),
) -> Frozen:
    """Write the lockfile of a notebook: every answer that it uses, beside its file.

    Parameters
    ----------
    notebook
        Its file. It need not be there if the kernel knows what the notebook shows.
    session
        Whose ledger has the answers. What it no longer has is taken from the lockfile as it is.
    out
        The lockfile, or the notebook that it is for; default: beside `notebook`, with its name.
    shown
        The jobs that the running kernel showed, by the id of the cell: newer than the file.
    held
        Jobs besides, such as those that a variable holds.

    Raises
    ------
    RequestError
        The file is not a notebook.
    LedgerError
        The ledger cannot be read or the lockfile not be written; or the lockfile that is there cannot be
        read, and the ledger lacks an answer that may be in it.
    """
    shown = shown or {}
    cells = cells_of(notebook) if notebook.is_file() or not (shown or held) else []
    owner = as_notebook(out or notebook)
    path = lockfile_beside(owner)
    writer = _Writer(session, path)
    for cell in cells:
        used = [Used(job) for job in shown[cell.id]] if cell.id in shown else cell.used
        for each in used:
            writer.add(each, cell.label)
        if cell.asks and not used:
            writer.left_out.append(f"{cell.label} has not been run, or shows no answer.")
    elsewhere = [job for cell, jobs in shown.items() for job in jobs if cell not in {c.id for c in cells}]
    for job in [*elsewhere, *held]:
        writer.add(Used(job), "")
    in_file = [each for cell in cells for each in cell.used] if notebook.is_file() else None
    return writer.finish(owner.name, in_file)


class _Writer:
    """Collects entries, and what has none."""

    def __init__(self, session: Session, path: Path) -> None:
        self.left_out: list[str] = []
        self._session = session
        self._path = path
        self._entries: dict[str, Entry] = {}
        self._kept: dict[str, Entry] = {}
        self._settings: Mapping[str, Any] = {}
        self._unreadable: LedgerError | None = None
        if path.is_file():
            try:
                before = lockfile.read(path)
                self._kept = {each["job"]: each for each in before.entries}
                self._settings = before.settings
            except lockfile.NewerLockfile:
                raise
            except LedgerError as error:
                # Broken, or changed by hand: written anew where the ledger has all that it can hold.
                self._unreadable = error

    @property
    def _ledger(self) -> Ledger:
        return self._session.ledger

    def add(self, used: Used, where: str) -> None:
        """Add the answer of a job, or say why there is none."""
        row = self._ledger.get(used.job)
        if row is not None and used.fingerprint and row.fingerprint != used.fingerprint:
            # Another machine's ledger gave this id to another question.
            row = None
        fingerprint = used.fingerprint or (row.fingerprint if row is not None else "")
        entry = self._of(row) or self._of_question(used.job, fingerprint)
        if entry is not None:
            self._entries[entry["job"]] = entry
            # A frozen run finds a follow-up by what it follows.
            follows = entry["request"].get("follows")
            if isinstance(follows, dict) and str(follows.get("job")) not in self._entries:
                before = Used(str(follows.get("job")), str(follows.get("fingerprint") or ""))
                self.add(before, f"what {entry['name'] or entry['job']} follows")
            return
        if self._unreadable is not None:
            raise self._unreadable
        line = f"{where or f'job {used.job}'}: {self._why(row, used.job)}"
        if line not in self.left_out:
            self.left_out.append(line)

    def _of(self, row: Row | None) -> Entry | None:
        if row is None or row.state not in REUSABLE:
            return None
        body = self._ledger.body(row.id)
        return None if body is None else lockfile.entry_of(row, body, self._ledger.pictures(row.id))

    def _of_question(self, job: str, fingerprint: str) -> Entry | None:
        """Give what there is of a job that the ledger lacks: its own entry, else another answer to its question."""
        known = self._kept.get(job)
        if known is not None and fingerprint in {"", known["fingerprint"]}:
            return known
        if not fingerprint:
            return None
        found = self._of(self._ledger.attempts(fingerprint, self._session.base_url).best)
        same = (each for each in self._kept.values() if each["fingerprint"] == fingerprint)
        return found or max(same, key=lambda each: str(each["asked"]), default=None)

    def _why(self, row: Row | None, job: str) -> str:
        if row is None:
            return f"job {job} is not in the ledger {self._ledger.where}. Run the cell again, then freeze."
        if row.is_open:
            return f"{row.label} is still under way. Freeze when its answer is there."
        if row.state in REUSABLE:
            return f"the answer of {row.label} was deleted. Run the cell again, then freeze."
        return f"{row.label} gave no answer ({row.state}). A frozen run stops there."

    def finish(self, notebook: str, in_file: Sequence[Used] | None) -> Frozen:
        """Write what was collected."""
        entries = list(self._entries.values())
        if not entries:
            return Frozen(path=self._path, left_out=self.left_out)
        now, default = self._session.settings, Settings()
        settings = {k: getattr(now, k) for k in SHAPING if getattr(now, k) != getattr(default, k)}
        # Where it is frozen again without them, what was asked with them is still asked by the same cells.
        settings = {**self._settings, **settings}
        lockfile.write(
            self._path,
            lockfile.Lockfile(
                notebook=notebook, written_by=versions_here(), settings=settings, entries=entries
            ),
        )
        known = {text for each in in_file or () for text in (each.job, each.fingerprint)}
        unsaved = [each for each in entries if known.isdisjoint({each["job"], each["fingerprint"]})]
        return Frozen(
            path=self._path,
            kept=len(entries),
            cost=sum(each["cost"]["total"] or 0.0 for each in entries if not each.get("simulated")),
            dropped=len(set(self._kept) - set(self._entries)),
            left_out=self.left_out,
            unsaved=0 if in_file is None else len(unsaved),
        )


def cells_of(notebook: Path) -> list[Cell]:
    """Read the code cells of a notebook's file, and the jobs that their outputs name.

    Raises
    ------
    RequestError
        The file is not a notebook of format 4.
    """
    try:
        found = json.loads(notebook.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise RequestError(f"{notebook} cannot be read as a notebook: {why}. Nothing was frozen.") from error
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list):
        raise RequestError(f"{notebook} is not a notebook of format 4. Nothing was frozen.")
    code = [cell for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    return [_cell(cell, at) for at, cell in enumerate(code, start=1)]


def _cell(cell: Mapping[str, Any], at: int) -> Cell:
    source = cell.get("source")
    text = ("".join(map(str, source)) if isinstance(source, list) else str(source or "")).lstrip()
    asked = _ASKS.match(text)
    said = one_line((asked["prompt"] if asked else text)[:2000])
    label = f"cell {cell.get('execution_count') or at} (“{shorten(said, 60)}”)"
    asks = asked is not None and bool(said) and "--dry-run" not in asked["line"].split()
    return Cell(str(cell.get("id") or ""), label, _used(cell.get("outputs")), asks)


def _used(outputs: Any) -> list[Used]:
    """Give the jobs that a cell's outputs name, each once: state line and answer are two outputs of one."""
    found: dict[Used, None] = {}
    for output in outputs if isinstance(outputs, list) else ():
        metadata = output.get("metadata") if isinstance(output, dict) else None
        ours = metadata.get("pplx_jupyter") if isinstance(metadata, dict) else None
        if isinstance(ours, dict) and isinstance(ours.get("job"), str):
            found[Used(ours["job"], str(ours.get("fingerprint") or ""))] = None
            before = ours.get("compared_with")
            if isinstance(before, dict) and isinstance(before.get("job"), str):
                # What a diff shows rests on two answers.
                found[Used(before["job"], str(before.get("fingerprint") or ""))] = None
    return list(found)
