"""``%%pplx_research --after NAME``: a question that follows another job's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError

if TYPE_CHECKING:
    from pplx_jupyter.notebook.flags.line import Line
    from pplx_jupyter.request import Request
    from pplx_jupyter.session import Session

__all__ = ["following"]


def following(shell: Any, request: Request, parsed: Line, session: Session, *, blocks: bool) -> Request:
    """Give a cell's question as a follow-up to the job that its line names.

    A cell that blocks waits for that job first; elsewhere one that is under way is refused when the
    question would be sent.

    Parameters
    ----------
    blocks
        Whether the cell waits for its own answer, too.

    Raises
    ------
    RequestError
        There is no such job, or the cell's own NAME would take its place.
    PplxError
        The cell blocks, and the job gives no answer.
    """
    from pplx_jupyter.following import follow_up
    from pplx_jupyter.job import Job, attach

    after = str(parsed.cell["after"])
    if after == parsed.name:
        raise RequestError(
            f"“{after}” is the job that this question follows, and its own would take its place: choose another NAME. Nothing was sent."
        )
    held = shell.user_ns.get(after)
    known = isinstance(held, Job) and session.ledger.get(held.id) is not None
    followed = attach(held.id if known else after, session=session)
    question = follow_up(request, followed.row, session)
    if blocks and followed.row.is_open:
        timeout = parsed.cell.get("timeout")
        followed.wait(session.settings.timeout if timeout is None else timeout)
    return question
