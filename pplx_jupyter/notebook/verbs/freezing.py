"""The verb that writes the lockfile: ``freeze``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.verbs.words import nothing_more, options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pplx_jupyter.job import Job
    from pplx_jupyter.notebook.magics import PplxResearch
    from pplx_jupyter.settings import Settings

__all__ = ["freeze_verb"]


def freeze_verb(magics: PplxResearch, words: list[str]) -> None:
    """Write the answers that this notebook uses beside it."""
    from pplx_jupyter.freeze import freeze
    from pplx_jupyter.notebook.outputs.shown import shown_by_cell

    options(words)
    given = words[:1]
    nothing_more(words[1:], "freeze")
    session = magics.session()
    if session.frozen:
        print("This run is frozen: the lockfile stays as it is.")
        return
    notebook = Path(given[0]).expanduser() if given else _this_notebook(session.settings)
    held = [job.id for job in _held(magics.host.user_ns) if not job.row.cell]
    # Of another notebook, its file alone tells.
    rest: dict[str, Any] = {} if given else {"shown": shown_by_cell(), "held": held}
    print(freeze(notebook, session, **rest))


def _this_notebook(settings: Settings) -> Path:
    from pplx_jupyter.frozen import notebook_path

    found = notebook_path(settings)
    if found is not None:
        return found
    files = sorted(path for path in Path().glob("*.ipynb") if not path.name.startswith("."))
    if len(files) == 1:
        return files[0]
    raise RequestError(
        "which notebook this is, is not known here: name its file, such as %pplx freeze market.ipynb, or set PPLX_JUPYTER_NOTEBOOK."
    )


def _held(variables: Mapping[str, Any]) -> Iterator[Job]:
    """Give the jobs that variables hold, alone or in a list, a tuple or a dict: no output need show those."""
    from pplx_jupyter.job import Job

    for name, value in list(variables.items()):
        # IPython's own names hold every result of the session, wanted or not.
        if name.startswith("_") or name in {"In", "Out"}:
            continue
        inner = value.values() if isinstance(value, dict) else value
        for each in inner if isinstance(value, list | tuple | dict) else (value,):
            if isinstance(each, Job):
                yield each
