"""Frozen runs: questions answered from the notebook's lockfile alone, without network, key or ledger."""

from __future__ import annotations

import dataclasses
import functools
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pplx_jupyter.errors import KeyMissing, NotFrozen, RequestError
from pplx_jupyter.ledger.lockfile import ENDING
from pplx_jupyter.ledger.pinned import LockfileLedger, open_lockfile
from pplx_jupyter.render import LIBRARIES
from pplx_jupyter.session import Session, current_session, use_session
from pplx_jupyter.settings import Settings, told_notebooks
from pplx_jupyter.submission import Submission, with_defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pplx_jupyter.api.key import Secret
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.request import Request

__all__ = [
    "SHAPING",
    "FrozenSession",
    "as_notebook",
    "frozen_session",
    "lockfile_beside",
    "lockfile_of",
    "notebook_path",
    "thawed_session",
    "versions_here",
]  # fmt: skip

SHAPING = ("effort", "images", "model")
"""Settings that are part of a question: the lockfile keeps those that were not at their default."""

_told: set[str] = set()


class FrozenSession(Session):
    """A session whose ledger is a lockfile: it answers what is in there, and refuses all else.

    Parameters
    ----------
    settings
        As for `Session`; their `notebook` names the lockfile.
    before
        The session whose place it takes.

    Attributes
    ----------
    cell
        Gives the name of the running cell, ``cell 7``, for the line of a question that is not frozen;
        None where a program asks.
    """

    frozen = True

    def __init__(self, settings: Settings | None = None, *, before: Session | None = None) -> None:
        super().__init__(settings=settings)
        self.quiet_exit = True
        self.before = before
        self.cell: Callable[[], str] | None = None
        self._path: Path | None = None

    @property
    def ledger(self) -> LockfileLedger:
        """The lockfile; found when first used, and read again where it has changed."""
        if self._path is None:
            # Kept: the process may change its folder later.
            self._path = lockfile_of(self.settings).absolute()
        ledger = open_lockfile(self._path)
        _tell(ledger.lockfile.written_by)
        return ledger

    @property
    def key(self) -> Secret:
        """None is ever looked for; raises KeyMissing."""
        raise KeyMissing("a frozen run uses no key. Nothing was sent.")

    @key.setter
    def key(self, key: Secret) -> None:  # noqa: ARG002
        self._refuse()

    @property
    def has_key(self) -> bool:
        """False."""
        return False

    def submit(self, request: Request, *, name: str = "", **how: Any) -> Submission:  # noqa: ARG002
        """Give the answer that the lockfile has.

        How an ordinary run would ask (`refresh`, `max_age` and the like) does not matter here, and the
        API that the question names is a preference: what is frozen is what there is.

        Raises
        ------
        NotFrozen
            It has none; the line names the cell.
        LedgerError
            The lockfile cannot be read, or was changed.
        """
        ledger = self.ledger
        asked = with_defaults(request, self.settings)
        row = self._look(asked) or self._look(with_defaults(request, _settings_of(ledger)))
        if row is None:
            raise NotFrozen(self._missing(asked, ledger))
        return Submission(self._called(row, name), created=False)

    def submit_all(self, requests: Sequence[Request], *, name: str = "", **how: Any) -> list[Submission]:
        """Give the answers that the lockfile has; see `submit`."""
        return [self.submit(request, name=name, **how) for request in requests]

    def _look(self, request: Request) -> Row | None:
        only = request.backend if request.backend != "auto" else None
        found = self.ledger.attempts(request.fingerprint, self.base_url, only).best
        return found or self._in_thread(request)

    def _in_thread(self, request: Request) -> Row | None:
        """Find a follow-up as it was asked, after another answer to the question that it follows."""
        if request.follows is None:
            return None
        parent = request.follows["fingerprint"]
        for row in self.ledger.jobs(limit=len(self.ledger.lockfile.entries)):
            if row.follows and request.following(row.follows, parent).fingerprint == row.fingerprint:
                return row
        return None

    def _missing(self, request: Request, ledger: LockfileLedger) -> str:
        cell = self.cell() if self.cell is not None else ""
        question = f"“{_beginning(request.question)}”"
        which = f"{cell} ({question})" if cell else question
        return f"{which} is not in {ledger.path.name}; run it once without --frozen. Nothing was sent."

    def watch(self, *, after: float = 0.0) -> None:
        """Do nothing: no job is under way."""

    def cancel(self, job_id: str) -> None:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def ask_now(self, job_id: str) -> None:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def settle(self, job_id: str, **how: Any) -> Row:  # noqa: ARG002
        """Refuse."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RequestError(
            "a frozen run sends nothing and changes nothing; run without --frozen (PPLX_JUPYTER_FROZEN) to do that."
        )


def frozen_session(settings: Settings, *, cell: Callable[[], str]) -> FrozenSession:
    """Give a frozen session for these settings; where they themselves are frozen, it becomes the process's own."""
    session = current_session()
    if not isinstance(session, FrozenSession) or session.settings.notebook != settings.notebook:
        before = session.before if isinstance(session, FrozenSession) else session
        session = FrozenSession(settings, before=before)
        if settings.frozen:
            use_session(session)
    session.settings, session.cell = settings, cell
    return session


def thawed_session(settings: Settings) -> Session:
    """Give the process's session; where that was frozen, the one before it."""
    session = current_session()
    if isinstance(session, FrozenSession):
        session = session.before or Session(settings=settings)
        use_session(session)
    return session


def notebook_path(settings: Settings) -> Path | None:
    """Find this notebook's file, as far as anything tells; it need not exist.

    The setting `notebook`, else what the frontend says, else the only lockfile of the folder: it may be
    read, but does not make money count for its notebook, see `Settings.notebook_name`.

    Raises
    ------
    RequestError
        The folder has more than one lockfile.
    """
    if settings.notebook:
        return as_notebook(Path(settings.notebook).expanduser())
    for told in told_notebooks():
        path = Path(told)
        # A server that has the file elsewhere still starts the kernel in the notebook's folder.
        return path if path.is_absolute() and path.parent.is_dir() else Path(path.name)
    found = sorted(path for path in Path().glob(f"*{ENDING}") if not path.name.startswith("."))
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:3])
        raise RequestError(
            f"this folder has {len(found)} lockfiles ({names}{', …' if len(found) > 3 else ''}), and which notebook this is, is not known"
            " here: name it in PPLX_JUPYTER_NOTEBOOK, such as market.ipynb. Nothing was sent."
        )
    return as_notebook(found[0]) if found else None


def as_notebook(path: Path) -> Path:
    """Give the notebook that a path means: ``market``, ``market.ipynb`` and ``market.pplx.json`` are one."""
    name = path.name.removesuffix(ENDING)
    return path.with_name(name if name.endswith(".ipynb") else f"{name}.ipynb")


def lockfile_beside(notebook: Path) -> Path:
    """Give the path of a notebook's lockfile: ``market.pplx.json`` beside ``market.ipynb``."""
    return notebook.with_name(notebook.name.removesuffix(".ipynb") + ENDING)


def lockfile_of(settings: Settings) -> Path:
    """Find this notebook's lockfile.

    Raises
    ------
    RequestError
        Which notebook this is, is not known.
    NotFrozen
        The notebook has no lockfile.
    """
    notebook = notebook_path(settings)
    if notebook is None:
        raise RequestError(
            f"there is no lockfile in {Path.cwd()}, and which notebook this is, is not known here: name it in PPLX_JUPYTER_NOTEBOOK,"
            " such as market.ipynb. Nothing was sent."
        )
    path = lockfile_beside(notebook)
    if not path.is_file():
        raise NotFrozen(
            f"there is no {path.name} in {path.absolute().parent}: run the notebook without --frozen, then %pplx freeze. Nothing was sent."
        )
    return path


@functools.cache
def versions_here() -> Mapping[str, str]:
    """Give the versions of what shapes the outputs, by name."""
    import importlib.metadata

    from pplx_jupyter.version import __version__

    # Python's own tables decide how wide a character is, and what is a space.
    found = {"pplx_jupyter": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    return found | {name: importlib.metadata.version(name) for name in LIBRARIES}


def _tell(written_by: Mapping[str, str]) -> None:
    """Say once which versions differ from those that the lockfile was written with."""
    here = versions_here()
    differ = [f"{k} {v}, here {here[k]}" for k, v in sorted(written_by.items()) if k in here and here[k] != v]
    line = f"pplx_jupyter: frozen with {'; '.join(differ)}: outputs may differ."
    if differ and line not in _told:
        _told.add(line)
        print(line, file=sys.stderr)


def _settings_of(ledger: LockfileLedger) -> Settings:
    """Give the settings that were part of the questions when they were asked."""
    kept = {k: v for k, v in ledger.lockfile.settings.items() if k in SHAPING}
    return dataclasses.replace(Settings(), **kept)


def _beginning(question: str) -> str:
    from pplx_jupyter.render.words import one_line, shorten

    return shorten(one_line(question), 60)
