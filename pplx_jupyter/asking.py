"""Asking in plain Python: in a notebook, a script or an async program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.following import follow_up
from pplx_jupyter.job import Job, attach
from pplx_jupyter.request import Request
from pplx_jupyter.schema import format_of
from pplx_jupyter.session import current_session
from pplx_jupyter.settings import seconds_of

if TYPE_CHECKING:
    from pplx_jupyter.session import Session

__all__ = ["research"]


def research(
    prompt: str,
    *,
    name: str = "",
    after: Job | str | None = None,
    session: Session | None = None,
    refresh: bool = False,
    max_age: str | None = None,
    retry_failed: bool | None = None,
    yes: bool = False,
    schema: Any = None,
    **fields: Any,
) -> Job:
    """Ask a question in plain Python: in a notebook, a script or an async program.

    Returns at once; the same question asked before gives that job, for nothing.

    Parameters
    ----------
    prompt
        The question.
    name
        A name to find the job by.
    after
        A job whose answer this question follows: a `Job`, its id or its name; see `Job.ask`.
    refresh
        Ask anew although an answer is there.
    max_age
        Ask anew where the answer is older, such as ``"30d"``; default: the setting.
    retry_failed
        Buy a failed, cancelled or expired job again; default: the setting.
    yes
        Ask although it could pass the budget, this once.
    schema
        The shape of the answer: a pydantic model, a JSON schema, or ``"name, revenue: float, founded: int"``.
        `answer.parsed` has the data where it fits, else `answer.invalid` says why; nothing is asked again.
    **fields
        Further fields of `pplx_jupyter.Request`, such as ``reasoning_effort="high"``.

    Raises
    ------
    RequestError
        A field is wrong; nothing was sent.
    KeyMissing
        There is no key; nothing was sent.
    BudgetExceeded
        It could pass a budget; nothing was sent.
    """
    session = session or (after.session if isinstance(after, Job) else current_session())
    if schema is not None:
        fields["response_format"] = format_of(schema)
    request = Request.build(prompt=prompt, **fields)
    if after is not None:
        followed = attach(after, session=session)
        request = follow_up(request, followed.row, session)
    submitted = session.submit(
        request,
        name=name,
        # Asked in a notebook, it counts for that notebook's budget, as a cell does.
        notebook=session.settings.notebook_name,
        refresh=refresh,
        max_age=None if max_age is None else seconds_of(max_age, "max_age"),
        retry_failed=retry_failed,
        yes=yes,
    )
    if submitted.row.is_open:
        session.watch()
    return Job(session, submitted.row.id, reuse="ledger" if submitted.reused else None)
