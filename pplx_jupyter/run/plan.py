"""What a run is asked to do, checked before anything begins."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pplx_jupyter.errors import RequestError
from pplx_jupyter.ledger import check_is_path
from pplx_jupyter.settings import Settings
from pplx_jupyter.submission import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Plan"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run that can begin.

    Attributes
    ----------
    notebook, out
        What is run, and where the result is written; absolute.
    parameters
        For the notebook's cell that is tagged ``parameters``, as papermill takes them.
    html
        Whether the result is written as a page, too.
    environment
        The kernel's environment: this process's, with the options as settings.
    settings
        As the kernel will find them.
    token
        The run's own name in the ledger: budgets count it, and the bill finds its jobs by it.
    started
        Seconds since the epoch.
    """

    notebook: Path
    out: Path
    parameters: Mapping[str, Any]
    html: bool
    environment: Mapping[str, str]
    settings: Settings
    token: str
    started: float

    @classmethod
    def make(
        cls,
        notebook: str,
        *,
        out: str | None = None,
        parameters: Sequence[tuple[str, str]] = (),
        html: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> Self:
        """Check what was asked for.

        Parameters
        ----------
        out
            Default: the notebook's name with ``-run``, beside it; the notebook itself is left alone.
        parameters
            Names and values; a value that reads as a number, True, False or None becomes one.
        options
            Settings for this run, such as ``{"budget": 5.0}``; None and False leave a setting as it is.

        Raises
        ------
        RequestError
            The notebook cannot be read, the result could not be written, or a setting is wrong.
        LedgerError
            The setting `ledger` is no path.
        """
        source = Path(notebook).absolute()
        target = Path(out).absolute() if out else source.with_name(f"{source.stem}-run.ipynb")
        _check_parameters([name for name, _ in parameters], _read(source, target))
        token = secrets.token_hex(6)
        environment = _environment(source, token, options or {})
        settings = Settings.load(environ=environment, folder=source.parent)
        check_is_path(settings.ledger)
        return cls(
            notebook=source,
            out=target,
            parameters={name: _typed(value) for name, value in parameters},
            html=html,
            environment=environment,
            settings=settings,
            token=token,
            started=time.time(),
        )

    @property
    def ledger(self) -> str:
        """Where the kernel's ledger is; an empty text is the user's own."""
        where = self.settings.ledger
        return str(self.notebook.parent / where) if where else where


def _read(source: Path, target: Path) -> Any:
    import nbformat

    try:
        notebook = nbformat.read(source, as_version=4)
    except OSError as error:
        raise RequestError(f"{source}: {error.strerror or error}. Nothing was run.") from error
    except Exception as error:
        # Whatever nbformat and json raise at a file that is something else.
        raise RequestError(f"{source} is no notebook: {error}. Nothing was run.") from error
    if target.suffix != ".ipynb":
        raise RequestError(f"-o {target}: write a name that ends in .ipynb. Nothing was run.")
    if not target.parent.is_dir():
        raise RequestError(f"-o {target}: there is no folder {target.parent}. Nothing was run.")
    return notebook


def _check_parameters(names: Sequence[str], notebook: Any) -> None:
    """Refuse a name that the notebook's parameters do not have: papermill would run it all the same, with the old value."""
    cells = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ())
    ]
    known = _assigned("\n".join(cell.source for cell in cells))
    for name in names:
        if not name.isidentifier():
            raise RequestError(f"-p {name}: that cannot be a variable's name. Nothing was run.")
        if not cells:
            raise RequestError(
                f"-p {name}: the notebook has no cell that is tagged “parameters”, so nothing would take it. Nothing was run."
            )
        if known is not None and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"they are {', '.join(sorted(known)) or 'none'}."
            raise RequestError(f"-p {name} is none of the notebook's parameters: {hint} Nothing was run.")


def _assigned(source: str) -> set[str] | None:
    """Give the names that a cell assigns; None where it is not plain Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    stored = (
        node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    return {node.id for node in stored}


def _environment(source: Path, token: str, options: Mapping[str, Any]) -> dict[str, str]:
    environment = dict(os.environ)
    where = environment.get("PPLX_JUPYTER_LEDGER", "")
    if where:
        check_is_path(where)
        # The kernel works in the notebook's folder, as in JupyterLab; the path was written in this one.
        environment["PPLX_JUPYTER_LEDGER"] = str(Path(where).expanduser().absolute())
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    for name, value in {**given, "notebook": source.name}.items():
        environment[f"PPLX_JUPYTER_{name.upper()}"] = "1" if value is True else str(value)
    environment[RUN_VARIABLE] = token
    return environment


_WORDS: Mapping[str, Any] = {"True": True, "False": False, "None": None}


def _typed(value: str) -> Any:
    """Read a parameter as ``papermill -p`` does."""
    if value in _WORDS:
        return _WORDS[value]
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
