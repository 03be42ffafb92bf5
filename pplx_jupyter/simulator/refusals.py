"""What the service answers when it says no, in the shapes that were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "RefusalError",
    "bad_request",
    "invalid",
    "not_found",
    "rate_limited",
    "refusal",
    "retired",
    "unauthorized",
]


class RefusalError(Exception):
    """A reply that is an error: status, body, headers."""

    def __init__(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def refusal(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> RefusalError:
    """Give an error in the service's usual shape."""
    return RefusalError(status, {"error": {"message": message, "type": kind, "code": status}}, headers)


def bad_request(message: str, kind: str = "invalid_request") -> RefusalError:
    """400: the request does not make sense."""
    return refusal(400, kind, message)


def unauthorized() -> RefusalError:
    """401: no key, or one that is not accepted."""
    message = "Invalid API key provided. Ensure your API key is correct and active."
    return refusal(401, "invalid_api_key", message)


def retired() -> RefusalError:
    """403: the sonar API is retired for this account; nothing was created."""
    message = (
        "Sonar is now the Agent API. Use /v1/responses instead of /v1/sonar. "
        "Migrate here: https://docs.perplexity.ai/docs/agent-api/migrate-from-sonar/overview"
    )
    return refusal(403, "chat_completions_not_available", message)


def not_found() -> RefusalError:
    """404: no such id, not this account's, or no longer kept."""
    return refusal(404, "not_found", "resource not found")


def rate_limited(headers: Mapping[str, str]) -> RefusalError:
    """429: a limit is reached."""
    return refusal(
        429, "rate_limit_exceeded", "Request rate limit exceeded, please try again later.", headers
    )


def invalid(problems: Sequence[tuple[tuple[str | int, ...], str, str]]) -> RefusalError:
    """422: fields at fault, each as (place, message, type)."""
    detail = [{"loc": list(loc), "msg": message, "type": kind} for loc, message, kind in problems]
    return RefusalError(422, {"detail": detail})
