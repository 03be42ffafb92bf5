"""The magics: ``%%pplx_research`` asks, ``%pplx`` does everything else.

What a user did wrong is one line without a traceback, and ends before anything is sent.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from traitlets import Bool, Float, Unicode, observe

from pplx_jupyter.errors import PplxError, RequestError
from pplx_jupyter.notebook.flags.verbs import explain_verbs
from pplx_jupyter.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pplx_jupyter.session import Session

__all__ = ["PplxResearch"]


@magics_class
class PplxResearch(Magics):
    """Deep research from a cell. ``%config PplxResearch`` lists the settings."""

    backend = Unicode(None, allow_none=True, help="auto, sonar or agent").tag(config=True)
    model = Unicode(None, allow_none=True, help="The model where a cell names none").tag(config=True)
    effort = Unicode(None, allow_none=True, help="The reasoning_effort where a cell names none").tag(
        config=True
    )
    wait = Bool(None, allow_none=True, help="Whether cells block until the answer is there").tag(config=True)
    timeout = Float(None, allow_none=True, help="Seconds that a blocking cell waits at most").tag(config=True)
    ledger = Unicode(None, allow_none=True, help="Path of the ledger").tag(config=True)
    notebook = Unicode(
        None, allow_none=True, help="Name of this notebook, where the frontend does not tell it"
    ).tag(config=True)
    images = Bool(None, allow_none=True, help="Whether answers ask for images").tag(config=True)
    nested_wait = Bool(
        None, allow_none=True, help="Whether job.wait() lets your own tasks go on (patches asyncio)"
    ).tag(config=True)
    retry_failed = Bool(None, allow_none=True, help="Whether cells buy failed jobs again").tag(config=True)

    refresh = Bool(None, allow_none=True, help="Whether a run that nobody watches obeys --refresh").tag(
        config=True
    )

    max_age = Unicode(None, allow_none=True, help="Answers older than this are asked anew, such as 30d").tag(
        config=True
    )
    frozen = Bool(None, allow_none=True, help="Whether the notebook's lockfile alone answers").tag(
        config=True
    )
    budget = Float(None, allow_none=True, min=0.0, help="US dollars that this notebook may cost a day").tag(
        config=True
    )
    parallel = Bool(
        None, allow_none=True, help="Whether unwatched cells wait where a result is first used"
    ).tag(config=True)

    notify = Bool(
        None, allow_none=True, help="Whether a notification on the desktop tells when a job has ended"
    ).tag(config=True)

    sound = Bool(None, allow_none=True, help="Whether two soft notes sound when a job has ended").tag(
        config=True
    )

    def __init__(self, shell: Any) -> None:
        self.host: Any = shell
        super().__init__(shell)

    @observe("frozen")
    def _freeze_or_thaw(self, _change: object) -> None:
        # What is asked in plain Python from now on must not be sent, either.
        self.session()

    @no_var_expand
    @line_cell_magic
    def pplx_research(self, line: str, cell: str | None = None) -> None:
        """Ask Perplexity for a deep research; the prompt stands in the cell's body.

        %%pplx_research [NAME] [flags]

        ``%pplx_research`` alone lists every flag. NAME gets the Job at once; the answer
        appears below the cell when it is there. Running the cell again costs nothing.

        Example, in a cell of its own::

            %%pplx_research prices --effort high --recency year
            How have EU wholesale electricity prices developed since 2021,
            and why do they still differ between countries?
        """
        from pplx_jupyter.notebook.cell.asking import ask
        from pplx_jupyter.notebook.flags.help import example, explain

        if cell is None or not cell.strip():
            if line.strip() and cell is not None:
                print(example())
                raise UsageError(
                    "the cell has no prompt: write the question below the first line. Nothing was sent."
                )
            if line.strip():
                raise UsageError(
                    "%pplx_research takes no prompt on its line: begin the cell with %%pplx_research and write the question below."
                )
            print(explain())
            return
        with _one_line(self.host):
            ask(self, line, cell)

    @no_var_expand
    @line_magic
    def pplx(self, line: str) -> None:
        """Look after research jobs; ``%pplx`` alone prints this list."""
        from pplx_jupyter.notebook.verbs import run_verb

        with _one_line(self.host):
            run_verb(self, line)

    pplx.__doc__ = f"{pplx.__doc__}\n\n{explain_verbs()}"

    def session(self, *, frozen: bool = False) -> Session:
        """Give the session, with the settings as they are now; a `frozen` one answers from the lockfile alone."""
        from pplx_jupyter.api.key import base_url
        from pplx_jupyter.frozen import frozen_session, thawed_session
        from pplx_jupyter.session import Session, use_session

        settings = Settings.load({name: getattr(self, name) for name in Settings.names()})
        if frozen or settings.frozen:
            return frozen_session(settings, cell=self._running_cell)
        session = thawed_session(settings)
        if session.is_default and (
            settings.ledger != session.settings.ledger or base_url() != session.base_url
        ):
            # The one before goes on with what it has under way. Its typed key is this kernel's, but for its address alone.
            typed = session.typed_key if base_url() == session.base_url else None
            session = Session(settings=settings, typed_key=typed)
            use_session(session)
        session.settings = settings
        # A kernel that is shut down must not wait for the network; its intents stay in the ledger.
        session.quiet_exit = hasattr(self.host, "kernel")
        return session

    def _running_cell(self) -> str:
        # Not `execution_count`, which newer IPythons count up before the cell runs.
        return f"cell {len(self.host.history_manager.input_hist_parsed) - 1}"


@contextlib.contextmanager
def _one_line(shell: Any) -> Iterator[None]:
    """Turn a user's mistake into IPython's one-line error, in the words of the flags."""
    from pplx_jupyter.notebook.flags.wording import with_flags
    from pplx_jupyter.notebook.frontend import is_headless

    try:
        yield
    except RequestError as error:
        said = with_flags(error)
        if is_headless(shell):
            # A UsageError is only printed: a run's report would hold an error without a word.
            raise RequestError(said, field=error.field) from None
        raise UsageError(said) from None
    except PplxError as error:
        # Its traceback would be of this package, not of the user's cell.
        raise error.with_traceback(None) from None
