"""Settings: what a user may set once instead of on every cell.

Looked up in this order: a flag or argument, ``%config PplxResearch.X``, the environment
(``PPLX_JUPYTER_X``), ``[tool.pplx_jupyter]`` in the nearest ``pyproject.toml``, the default.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.render.words import file_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["Settings", "check_switches", "seconds_of", "told_notebooks"]

_CHOICES = {"backend": ("auto", "sonar", "agent"), "effort": ("", "minimal", "low", "medium", "high")}
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_SWITCHES = {
    "frozen",
    "images",
    "nested_wait",
    "notify",
    "parallel",
    "refresh",
    "retry_failed",
    "sound",
    "wait",
}
_NUMBERS = {"timeout": "a number of seconds", "budget": "an amount of US dollars"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for every question of this process unless its cell says otherwise.

    Attributes
    ----------
    backend
        ``"auto"`` (default), ``"sonar"`` or ``"agent"``.
    model, effort
        Defaults of the Request's `model` and `reasoning_effort`; empty: the service's own.
    wait
        Whether a cell blocks until its answer is there; None (default): only in headless runs.
    timeout
        Seconds a blocking cell waits at most; None (default): as long as it takes.
    ledger
        Path of the ledger; empty (default): ``ledger.sqlite`` in the user's data directory.
    notebook
        Name of "this notebook" where the frontend does not tell it.
    images
        Whether answers ask for images, which are fetched once, as an answer comes, and kept with it.
    nested_wait
        Whether ``job.wait()`` lets the user's own tasks on the kernel's loop go on
        (patches asyncio for the whole kernel, see `pplx_jupyter.job.Job.wait`).
    retry_failed
        Whether running a cell buys a failed, cancelled or expired job again (for unattended runs).
    refresh
        Whether a run that nobody watches obeys ``--refresh``: a forgotten flag would buy on every run.
    max_age
        Answers older than this are asked anew, such as ``"30d"``; empty (default): answers never age.
    frozen
        Whether questions are answered from the notebook's lockfile alone: no network, no key, no ledger.
    budget
        US dollars that a notebook may cost a day; None (default): what ``%pplx budget`` set, else 10.
    parallel
        Whether cells that nobody watches send their questions first and wait where a result is first used.
    notify
        Whether a notification on the desktop tells when a job of a cell has ended.
    sound
        Whether that is heard, too: two soft notes in the page, or the notification's own sound.
    """

    backend: str = "auto"
    model: str = ""
    effort: str = ""
    wait: bool | None = None
    timeout: float | None = None
    ledger: str = ""
    notebook: str = ""
    images: bool = False
    nested_wait: bool = False
    retry_failed: bool = False
    refresh: bool = False
    max_age: str = ""
    frozen: bool = False
    budget: float | None = None
    parallel: bool = False
    notify: bool = False
    sound: bool = False

    def __post_init__(self) -> None:
        switches = {name: getattr(self, name) for name in sorted(_SWITCHES)}
        check_switches("the setting ", switches, unset=("wait",))
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                listed = ", ".join(choice for choice in choices if choice)
                raise RequestError(
                    f"the setting {name} is {getattr(self, name)!r}: choose {listed}. Nothing was sent."
                )
        seconds_of(self.max_age, "the setting max_age")
        # NaN, too, is no amount: nothing would ever pass it.
        if self.budget is not None and not self.budget >= 0:
            raise RequestError(
                f"the setting budget is {self.budget!r}: write an amount of US dollars. Nothing was sent."
            )

    @property
    def notebook_name(self) -> str:
        """The file name of "this notebook": the setting, else as Jupyter Server or VS Code tells; else an empty text."""
        told = [self.notebook, *told_notebooks()]
        return next((file_name(Path(each).name) for each in told if each), "")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Give the names of all settings."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def load(
        cls,
        overrides: Mapping[str, Any] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Settings:
        """Read the settings; `overrides` with a value of None do not count.

        Raises
        ------
        RequestError
            A setting's value has the wrong type, or a setting of that name does not exist.
        """
        environ = os.environ if environ is None else environ
        found = _from_pyproject(folder or Path.cwd())
        for name in cls.names():
            variable = f"PPLX_JUPYTER_{name.upper()}"
            if environ.get(variable):
                found[name] = _read(name, environ[variable], variable)
        found.update({k: v for k, v in (overrides or {}).items() if v is not None})
        return cls(**found)


def check_switches(where: str, given: Mapping[str, Any], *, unset: Collection[str] = ()) -> None:
    """Refuse what is neither True nor False: ``refresh="no"`` would count as true, and buy.

    Parameters
    ----------
    where
        What the names stand behind in the error, such as ``"the setting "``.
    given
        The values by their names.
    unset
        Names that may be None, too.

    Raises
    ------
    RequestError
        One is something else.
    """
    wrong = [name for name, value in given.items() if not isinstance(value, bool)]
    for name in wrong:
        if given[name] is not None or name not in unset:
            from pplx_jupyter.fields.checks import check_switch

            check_switch(f"{where}{name}", given[name])


def told_notebooks() -> list[str]:
    """Give what the frontends say this notebook's file is, as far as they do: Jupyter Server, then VS Code."""
    main = sys.modules.get("__main__")
    told = (os.environ.get("JPY_SESSION_NAME"), getattr(main, "__vsc_ipynb_file__", None))
    return [str(each) for each in told if each]


_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def seconds_of(age: str, where: str) -> float | None:
    """Read an age such as ``30d``, ``12h``, ``2w``, ``90min`` as seconds; an empty text gives None.

    Raises
    ------
    RequestError
        It is no such age; `where` names what holds it.
    """
    text = str(age).strip().lower()
    if not text:
        return None
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz ")
    try:
        seconds = float(number) * _UNITS[text[len(number) :].strip()]
    except (KeyError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise RequestError(
            f"{where} {age!r}: write a number and s, min, h, d or w, such as 30d. Nothing was sent."
        )
    return seconds


def _from_pyproject(folder: Path) -> dict[str, Any]:
    path = next(
        (found for parent in (folder, *folder.parents) if (found := parent / "pyproject.toml").is_file()),
        None,
    )
    return {} if path is None else dict(_in_file(path, path.stat().st_mtime_ns))


@functools.lru_cache(maxsize=4)
def _in_file(path: Path, _changed: int) -> Mapping[str, Any]:
    """Read a file's settings; once, until it changes: every cell asks for them."""
    import tomllib

    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError) as error:
        # A ValueError, too, is a file that is not UTF-8.
        raise RequestError(f"{path} cannot be read: {error}. Nothing was sent.") from error
    table = tools.get("pplx_jupyter", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise RequestError(f"[tool.pplx_jupyter] in {path} is not a table of settings. Nothing was sent.")
    for name in table:
        if name not in Settings.names():
            known = ", ".join(Settings.names())
            raise RequestError(f"[tool.pplx_jupyter] in {path} has no setting {name}; it knows {known}.")
    return {k: _read(k, v, f"{k} in {path}") for k, v in table.items()}


def _read(name: str, value: Any, where: str) -> Any:
    """Turn a text of the environment, or a value of TOML, into the setting's type."""
    if name in _SWITCHES:
        word = str(value).strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise RequestError(f"{where}: {value!r} is neither yes nor no; write 1 or 0.")
    if name in _NUMBERS:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = -1.0
        if not 0 <= number < float("inf"):
            raise RequestError(f"{where}: {value!r} is not {_NUMBERS[name]}.")
        return number
    return str(value)
