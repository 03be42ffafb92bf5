"""Follow-ups: a question that goes on from the answer of another job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError

if TYPE_CHECKING:
    from pplx_jupyter.ledger import Row
    from pplx_jupyter.request import Request
    from pplx_jupyter.session import Session

__all__ = ["follow_up"]


def follow_up(request: Request, row: Row, session: Session) -> Request:
    """Give a question as a follow-up to a job.

    It follows that very answer: asked after another answer to the same question, it is another question.
    Whether that job has an answer is looked at when the question would be sent: what was asked
    after it before is free whatever has become of it since.

    Raises
    ------
    RequestError
        The question is a whole conversation already, or the job was asked at another address.
    """
    if request.messages is not None:
        raise RequestError(
            "messages are a whole conversation, and cannot follow another answer; give a prompt. Nothing was sent.",
            field="messages",
        )
    if not session.frozen and row.base_url != session.base_url:
        raise RequestError(
            f"{row.label} was asked at {row.base_url}, and this question would go to {session.base_url}: a follow-up goes where"
            " its first question went. Nothing was sent."
        )
    return request.following(row.id, row.fingerprint)
