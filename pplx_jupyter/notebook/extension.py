"""Loading and unloading the extension: cheap, and safe to do twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.presenting import present_batches_with

if TYPE_CHECKING:
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["load", "unload"]

_NAMES = (("cell", "pplx_research"), ("line", "pplx_research"), ("line", "pplx"))


def load(shell: Any) -> None:
    """Register the magics, the completion of their flags, and how a Job displays itself."""
    from pplx_jupyter.notebook.cell.complete import complete_flags
    from pplx_jupyter.notebook.magics import PplxResearch

    if any(isinstance(found, PplxResearch) for found in shell.configurables):
        return
    magics = PplxResearch(shell)
    shell.register_magics(magics)
    if shell.Completer is not None:
        shell.Completer.custom_matchers.append(complete_flags)
    formatter = shell.display_formatter.ipython_display_formatter
    formatter.for_type_by_name("pplx_jupyter.job", "Job", _display_job)
    formatter.for_type_by_name("pplx_jupyter.batch.batch", "Batch", _display_batch)
    present_batches_with(_present_batch)
    _tell(magics)


def _tell(magics: PplxResearch) -> None:
    """Print what this notebook's jobs have come to, if anything; a wrong setting is the first cell's to report."""
    from pplx_jupyter.errors import PplxError
    from pplx_jupyter.notebook.away import news
    from pplx_jupyter.settings import Settings

    try:
        line = news(magics.host, Settings.load({name: getattr(magics, name) for name in Settings.names()}))
    except PplxError:
        return
    if line:
        print(line)


def unload(shell: Any) -> None:
    """Take away what `load` registered."""
    from pplx_jupyter.notebook.cell.complete import complete_flags
    from pplx_jupyter.notebook.magics import PplxResearch

    for kind, name in _NAMES:
        shell.magics_manager.magics[kind].pop(name, None)
    shell.configurables[:] = [found for found in shell.configurables if not isinstance(found, PplxResearch)]
    if shell.Completer is not None and complete_flags in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(complete_flags)
    formatter = shell.display_formatter.ipython_display_formatter
    formatter.pop("pplx_jupyter.job.Job", None)
    formatter.pop("pplx_jupyter.batch.batch.Batch", None)
    present_batches_with(None)


def _present_batch(batch: Any, yes: bool) -> None:
    """Show a batch that plain Python has made, with its plan, or under way."""
    from IPython.core.getipython import get_ipython

    from pplx_jupyter.notebook.batch.show import show_batch
    from pplx_jupyter.notebook.frontend import here

    shell = get_ipython()
    if shell is None:
        # A thread or a test has taken the shell away since the extension was loaded.
        batch.ask()
        return
    show_batch(shell, batch, here(shell, batch.session.settings), yes=yes)


def _display_batch(batch: Any) -> None:
    """Display a Batch as its cell does: nothing new is sent."""
    from IPython.core.getipython import get_ipython

    from pplx_jupyter.notebook.batch.show import display_batch
    from pplx_jupyter.notebook.frontend import here

    shell = get_ipython()
    if shell is None:
        print(repr(batch))
        return
    display_batch(shell, batch, here(shell, batch.session.settings))


def _display_job(job: Any) -> None:
    """Display a Job as its cell does: live while it is under way, else in its permanent forms."""
    from IPython.core.getipython import get_ipython

    from pplx_jupyter.notebook.frontend import here
    from pplx_jupyter.notebook.outputs.show import show

    shell = get_ipython()
    if shell is None:
        print(repr(job))
        return
    session = job.session
    show(shell, job, session, here(shell, session.settings), wait=False)
