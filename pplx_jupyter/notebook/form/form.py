"""ResearchForm: a question put together by clicking, the same as a research cell at every moment."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from pplx_jupyter.errors import BudgetExceeded, PplxError, RequestError
from pplx_jupyter.notebook.form.bind import Bound, as_template, check_bound
from pplx_jupyter.notebook.form.draft import Draft
from pplx_jupyter.notebook.form.words import words_of
from pplx_jupyter.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pplx_jupyter.job import Job
    from pplx_jupyter.notebook.form.live import Live
    from pplx_jupyter.session import Session

__all__ = ["ResearchForm"]


class ResearchForm:
    """A form that asks for a deep research; shown where it is a cell's last value.

    Every field of `Request` that a cell has a flag for is in it. What stands in it is checked as one
    types, its expected cost and the exact ``%%pplx_research`` cell are shown, and nothing is sent until
    the button is clicked. In a file without a kernel, and in a run that nobody watches, it is that cell.

    Parameters
    ----------
    prompt
        The question, in which ``{{ name }}`` takes what is bound to it, or a variable of the notebook.
    name
        The variable that gets the Job.
    compact
        Show only what is bound, and the button: an app.
    **given
        Fields of the Request by their names, such as ``reasoning_effort="high"``; any other name is
        that of a ``{{ name }}`` in the prompt, and bound to it: a widget, or what one is made of: a
        number, True or False, a text, or a list of choices. A widget is always bound,
        whatever its name. A form without a prompt takes widgets for the names that it will have.

    Attributes
    ----------
    draft
        What stands in it.
    how
        How it is submitted, such as ``{"yes": True}``: options of `Session.submit`.

    Raises
    ------
    RequestError
        A field's value is wrong, a name is neither a field's nor one of the prompt, or there is no
        control for what is bound.

    Examples
    --------
    >>> import ipywidgets as widgets
    >>> ResearchForm("Profile {{ topic }} for investors.", topic=widgets.Dropdown(options=["tea", "coffee"]))
    ResearchForm('Profile {{ topic }} for investors.')
    """

    def __init__(self, prompt: str = "", *, name: str = "", compact: bool = False, **given: Any) -> None:
        known = {option.name for option in Request.options()} - {"prompt", "messages"}
        fields = {key: value for key, value in given.items() if key in known and not hasattr(value, "comm")}
        bound = {key: value for key, value in given.items() if key not in fields}
        check_bound(prompt, bound, [option for option in Request.options() if option.name in known])
        self.draft = Draft(prompt, name, _checked(fields), Bound(bound), _variables())
        self.how: dict[str, Any] = {}
        self._compact = compact
        self._brief = False
        self._session_of: Callable[[], Session] = _session
        self._job: Job | None = None
        self._live: Live | None = None
        self._lock = threading.RLock()

    @classmethod
    def of_job(cls, job: Job) -> Self:
        """Make a form that holds a job's question, for editing.

        Raises
        ------
        RequestError
            The question is a conversation, or is not known here.
        """
        request = job.request
        if request.messages is not None:
            raise RequestError(f"{job.row.label} is a conversation, which a form cannot hold.")
        form = cls(as_template(request.prompt, job.row.filled, _variables()), name=job.name)
        form.draft.values = {k: v for k, v in request.to_json().items() if k not in {"prompt", "follows"}}
        form.draft.follows = request.follows
        return form

    @property
    def request(self) -> Request:
        """The question as it would be sent now; raises PplxError where something is wrong."""
        return self.draft.filled()[0]

    @property
    def job(self) -> Job | None:
        """The Job that was asked last, or None."""
        return self._job

    @property
    def cell(self) -> str:
        """The cell that asks the same; raises RequestError where something is wrong."""
        return self.draft.cell()

    @property
    def name(self) -> str:
        """The variable that gets the Job, or an empty text."""
        return self.draft.name

    def __repr__(self) -> str:
        return f"ResearchForm({self.draft.template!r})"

    def _ipython_display_(self) -> None:
        self.show()

    def show(self) -> None:
        """Show the form below the running cell; in a terminal, or where nobody watches, as its cell."""
        from IPython.core.getipython import get_ipython

        from pplx_jupyter.notebook.form.live import Live, kept_forms
        from pplx_jupyter.notebook.form.shown import keep
        from pplx_jupyter.notebook.frontend import here

        shell: Any = get_ipython()
        place = here(shell, self.session().settings)
        if place.kernel is None:
            print(kept_forms(self)["text/plain"])
        elif place.headless:
            shell.display_pub.publish(data=kept_forms(self))
        else:
            keep(self, place)
            self.close()
            self._live = Live(self, shell, place, compact=self._compact)
            self._live.show(shell)

    def ask(self) -> Job | None:
        """Ask what stands in the form, as a click on its button does; None where it was not sent.

        A question that is answered, or under way, is not sent again.

        Raises
        ------
        PplxError
            It was not sent, and the form is not shown: else it says so itself.
        """
        from pplx_jupyter.notebook.cell.unsent import refused_forms

        with self._lock:
            session = self.session()
            try:
                request, filled = self.draft.filled()
                return self._submit(session, request, filled)
            except PplxError as error:
                if self._live is None:
                    raise
                if isinstance(error, BudgetExceeded) and error.refusal is not None:
                    self._forget_name()
                    forms = refused_forms(session, request, error.refusal, self.name)
                else:
                    forms = _refused(error)
                self._live.below.show_note(forms)
                return None

    def close(self) -> None:
        """Free the form's widgets; what was asked goes on."""
        live, self._live = self._live, None
        if live is not None:
            live.close()

    def session(self) -> Session:
        """Give the session that it asks through, with the settings as they are now."""
        return self._session_of()

    def take(
        self,
        fields: Mapping[str, Any],
        bound: Mapping[str, Any],
        session_of: Callable[[], Session],
        how: Mapping[str, Any],
        *,
        brief: bool,
    ) -> None:
        """Take what a research cell says: fields, what gets a control, and how it is asked and shown."""
        self.draft.values, self.draft.bound = _checked(fields), Bound(bound)
        self._session_of, self.how, self._brief = session_of, dict(how), brief

    def hold(self, job_id: str, *, reuse: str | None = "ledger") -> Job:
        """Let the form, and the variable NAME, hold a job, and show it.

        Parameters
        ----------
        reuse
            See `Job`.
        """
        from pplx_jupyter.job import Job

        self._job = job = Job(self.session(), job_id, reuse=reuse)
        if self.name:
            _variables()[self.name] = job
        if self._live is not None:
            self._live.below.show_job(job, brief=self._brief)
        return job

    def follow(self, before: str, job: Job) -> None:
        """Let the form, and its variables, hold the job that came of another, where they still hold that.

        Parameters
        ----------
        before
            The id of the job that gave no answer.
        job
            What a click on "Ask again" below it led to.
        """
        from pplx_jupyter.job import Job as Held

        if self._job is not None and self._job.id == before:
            self._job = job
        names = _variables()
        for name in {self.name, job.name} - {""}:
            held = names.get(name)
            if isinstance(held, Held) and held.id == before:
                names[name] = job

    def _submit(self, session: Session, request: Request, filled: Mapping[str, str]) -> Job:
        from pplx_jupyter.notebook.flags.names import check_free

        check_free(self.name, filled, _variables())
        place = self._live.place if self._live is not None else None
        submitted = session.submit(
            request,
            name=self.name,
            notebook=place.notebook if place is not None else session.settings.notebook_name,
            cell=place.cell if place is not None else "",
            filled=filled,
            **self.how,
        )
        job = self.hold(submitted.row.id, reuse="ledger" if submitted.reused else None)
        if submitted.row.is_open:
            session.watch()
        return job

    def _forget_name(self) -> None:
        """Let NAME hold no earlier answer: the cells below would take it for this question's."""
        from pplx_jupyter.job import Job

        if self.name and isinstance(_variables().get(self.name), Job):
            del _variables()[self.name]


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Give fields as the Request keeps them."""
    kept = Request.build(prompt="?", **fields).to_json()
    return {name: value for name, value in kept.items() if name != "prompt"}


def _session() -> Session:
    """Give the session as the magics' settings make it; without them the process's own."""
    from IPython.core.getipython import get_ipython

    from pplx_jupyter.notebook.magics import PplxResearch
    from pplx_jupyter.session import current_session

    shell = get_ipython()
    loaded = [found for found in getattr(shell, "configurables", ()) if isinstance(found, PplxResearch)]
    return loaded[0].session() if loaded else current_session()


def _variables() -> dict[str, Any]:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return {} if shell is None else shell.user_ns


def _refused(error: PplxError) -> dict[str, str]:
    from pplx_jupyter.render import Note, note_forms

    return note_forms(Note("✕", "bad", "Not sent.", (words_of(error), " Nothing was billed.")))
