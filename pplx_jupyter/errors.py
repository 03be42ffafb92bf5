r"""The tree of errors. Each is one line that a user can act on.

::

    PplxError
    ├── RequestError(ValueError)   the question is wrong; nothing was sent
    ├── KeyMissing                 no API key was found; nothing was sent
    ├── ServiceError               the service (or a proxy on the way) said no
    ├── JobFailed                  the job ended without an answer
    │   ├── JobCancelled
    │   └── JobExpired
    ├── JobUnconfirmed             sent, but the reply was lost; perhaps paid
    ├── WaitTimeout(TimeoutError)  the waiting ended, the job goes on
    ├── BudgetExceeded             it could pass the budget; nothing was sent
    ├── NotFrozen                  the lockfile has no such answer
    └── LedgerError                the record cannot be read or written

    WaitInterrupted(KeyboardInterrupt)   a person stopped the waiting, the job goes on

Catch `PplxError` for all of them, `ServiceError` for what came over the wire,
`JobFailed` for a job that was accepted and gave no answer.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "BudgetExceeded",
    "JobCancelled",
    "JobExpired",
    "JobFailed",
    "JobUnconfirmed",
    "KeyMissing",
    "LedgerError",
    "NotFrozen",
    "PplxError",
    "RequestError",
    "ServiceError",
    "WaitInterrupted",
    "WaitTimeout",
]


class PplxError(Exception):
    """Base of all errors of this package; in a cell it shows as one line."""

    def _render_traceback_(self) -> list[str]:
        # IPython calls this in place of printing a traceback.
        return [f"{type(self).__name__}: {self}"]


class RequestError(PplxError, ValueError):
    """The question is wrong: names the field, the value and what is allowed. Nothing was sent."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), {"field": self.field})


class KeyMissing(PplxError):
    """No API key was found. Nothing was sent."""


class ServiceError(PplxError):
    """The service, or a proxy before it, refused or failed.

    Attributes
    ----------
    status
        The HTTP status, or None where no reply came.
    request_id
        The reply's ``X-Request-ID``, for the service's support.
    said
        The server's own words, without ours.
    type
        The service's error type, such as ``invalid_api_key``.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        said: str = "",
        type: str = "",  # noqa: A002 - the service's own name
    ) -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id
        self.said = said
        self.type = type

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (
            type(self),
            str(self),
            {"status": self.status, "request_id": self.request_id, "said": self.said, "type": self.type},
        )


class JobFailed(PplxError):
    """The job ended without an answer; its record and its cost stay in the ledger."""

    def __init__(self, message: str, *, job_id: str | None = None) -> None:
        super().__init__(message)
        self.job_id = job_id

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), {"job_id": self.job_id})


class JobCancelled(JobFailed):
    """The job was cancelled."""


class JobExpired(JobFailed):
    """The service no longer has this answer."""


class JobUnconfirmed(PplxError):
    """The question was sent and the reply was lost: perhaps paid, never bought again on its own."""


class WaitTimeout(PplxError, TimeoutError):
    """The waiting ended; the job goes on."""


class BudgetExceeded(PplxError):
    """It could pass the budget. Nothing was sent.

    Attributes
    ----------
    refusal
        The figures, a `pplx_jupyter.ledger.budgets.Refusal`; None where they are not known.
    """

    def __init__(self, message: str, *, refusal: Any = None) -> None:
        super().__init__(message)
        self.refusal = refusal

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), {"refusal": self.refusal})


class NotFrozen(PplxError):
    """The lockfile has no answer to this question."""


class LedgerError(PplxError):
    """The ledger cannot be read or written.

    Attributes
    ----------
    why
        The reason in a few words, such as ``disk full``; empty where the message alone says it.
    """

    def __init__(self, message: str, *, why: str = "") -> None:
        super().__init__(message)
        self.why = why

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), {"why": self.why})


class WaitInterrupted(KeyboardInterrupt):
    """A person interrupted the waiting; the job goes on. A KeyboardInterrupt, so that loops and runs stop."""

    def _render_traceback_(self) -> list[str]:
        return [f"KeyboardInterrupt: {self}"]


def _rebuild(cls: type[PplxError], message: str, extra: dict[str, object]) -> PplxError:
    return cls(message, **extra)
