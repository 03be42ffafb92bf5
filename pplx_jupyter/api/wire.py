"""What comes of a request: a reply, or one of two ways in which none came."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pplx_jupyter.api.key import redact
from pplx_jupyter.errors import PplxError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Lost", "Reply", "Unsent"]


class Unsent(PplxError):
    """The request never left this machine: nothing can have come of it."""


class Lost(PplxError):
    """The request left, and no whole reply came: the service may have acted on it.

    Attributes
    ----------
    part
        What of a reply had come by then, its body cut off; None where not even its head had.
    """

    def __init__(self, reason: str, part: Reply | None = None) -> None:
        super().__init__(reason)
        self.part = part


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status.

    Attributes
    ----------
    text
        The body as text, as it came.
    body
        The body decoded from JSON; None where it is not JSON.
    is_json
        Whether the body is JSON at all: proxies answer in HTML.
    """

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any
    is_json: bool

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    @property
    def request_id(self) -> str:
        """The service's id of this request, for its support."""
        return redact(self.headers.get("x-request-id", ""))[:200]
