"""research_map: the rows of a table asked at once, from a notebook or a script."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from pplx_jupyter.batch.batch import Batch
from pplx_jupyter.batch.deciding import AT_ONCE, Asking
from pplx_jupyter.batch.questions import questions_of, read_table
from pplx_jupyter.errors import RequestError
from pplx_jupyter.fields.checks import check_integer
from pplx_jupyter.presenting import presenter
from pplx_jupyter.render.words import job_name
from pplx_jupyter.schema import format_of
from pplx_jupyter.session import Session, current_session
from pplx_jupyter.settings import check_switches, seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["make_batch", "research_map"]

_MOST_AT_ONCE = 1000


def research_map(
    prompt: str,
    rows: Any,
    *,
    name: str = "",
    session: Session | None = None,
    yes: bool = False,
    schema: Any = None,
    at_once: int = AT_ONCE,
    refresh: bool = False,
    max_age: str | None = None,
    retry_failed: bool | None = None,
    **fields: Any,
) -> Batch:
    """Ask one question for each row of a table; equal rows are asked once, answered ones cost nothing.

    In a notebook the plan stands first, with what it would cost, and nothing is sent before a click or
    with `yes`. In a run that nobody watches, and in a script, it asks at once where the budget allows
    all of it; a notebook's cell then waits for all rows.

    Parameters
    ----------
    prompt
        The question, with the row's columns as ``{{ company }}``; any column is ``{{ row["Net sales"] }}``. What a
        row lacks is refused, unless the prompt says what to write: ``{{ founded or "not known" }}``. Whole numbers
        that pandas keeps as floats beside such a gap are written as whole numbers.
    rows
        A data frame (pandas or polars), or a list of dicts.
    name
        A name to find the jobs by.
    yes
        Ask without showing the plan first. The budget holds all the same: raise it with ``%pplx budget``.
    schema
        The shape of each answer: a pydantic model, a JSON schema, or ``"name, revenue: float, founded: int"``.
        Its fields become columns of the result; an answer that does not fit is marked, and not asked again.
    at_once
        How many questions are under way at the same time, at most (default 10).
    refresh
        Ask anew although answers are there.
    max_age
        Ask anew where an answer is older, such as ``"30d"``; default: the setting.
    retry_failed
        Buy failed, cancelled or expired rows again; default: the setting.
    **fields
        Further fields of `pplx_jupyter.Request`, such as ``reasoning_effort="medium"``.

    Raises
    ------
    RequestError
        The rows, the prompt or a field is wrong; nothing was sent.
    KeyMissing
        There is no key; nothing was sent.
    BudgetExceeded
        All together could pass the budget; nothing was sent.
    """
    check_switches("", {"yes": yes})
    session = session or current_session()
    if schema is not None:
        fields["response_format"] = format_of(schema)
    asking = Asking(
        name=job_name(name),
        notebook=session.settings.notebook_name,
        at_once=at_once,
        refresh=refresh,
        max_age=None if max_age is None else seconds_of(max_age, "max_age"),
        retry_failed=retry_failed,
    )
    batch = make_batch(session, prompt, rows, asking, fields)
    present = presenter()
    if present is not None:
        present(batch, yes)
    elif yes or not _is_watched():
        batch.ask()
    else:
        raise RequestError(
            "research_map shows its plan before it asks: run %load_ext pplx_jupyter first, or give yes=True. Nothing was sent."
        )
    return batch


def make_batch(
    session: Session,
    prompt: str,
    rows: Any,
    asking: Asking,
    fields: Mapping[str, Any],
    *,
    names: Mapping[str, Any] | None = None,
) -> Batch:
    """Make a batch; nothing is sent. `names` are what the prompt may use besides the row's columns."""
    at_once = check_integer("at_once", asking.at_once, 1, _MOST_AT_ONCE)
    asking = dataclasses.replace(asking, at_once=at_once)
    given = {"refresh": asking.refresh, "retry_failed": asking.retry_failed}
    check_switches("", given, unset=("retry_failed",))
    table = read_table(rows)
    return Batch(session, prompt, table, questions_of(prompt, table, fields, names), asking)


def _is_watched() -> bool:
    """Whether a notebook runs this whose extension is not loaded: somebody is there, who has seen no plan."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")
