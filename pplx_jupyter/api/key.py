"""The API key: where it is found, and the type that keeps it from being seen."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import TYPE_CHECKING, NoReturn

from pplx_jupyter.errors import KeyMissing, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_BASE_URL",
    "Secret",
    "account_of",
    "base_url",
    "check_address",
    "find_key",
    "redact",
    "save_key",
]

DEFAULT_BASE_URL = "https://api.perplexity.ai"
KEYRING_SERVICE = "pplx_jupyter"
_VARIABLES = ("PERPLEXITY_API_KEY", "PPLX_API_KEY")


class Secret:
    """A text that cannot be printed, formatted, compared by accident, pickled or copied.

    Parameters
    ----------
    value
        The secret itself; `reveal` gives it back, and only the authentication of a request calls it.
    origin
        Where it came from, in words that may be shown.
    """

    __slots__ = ("_value", "origin")

    def __init__(self, value: str, origin: str) -> None:
        self._value = value
        self.origin = origin

    def reveal(self) -> str:
        """Give the secret in clear."""
        return self._value

    def masked(self) -> str:
        """Give what may be shown: at most the last four characters of a long one."""
        return "…" + self._value[-4:] if len(self._value) >= 16 else "…"

    def __repr__(self) -> str:
        return f"<key from {self.origin}>"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an API key cannot be pickled or copied")


def find_key(environ: Mapping[str, str] | None = None) -> Secret:
    """Find the key in the environment, else in the keyring.

    Raises
    ------
    KeyMissing
        There is none; the message says how to get and set one.
    """
    environ = os.environ if environ is None else environ
    for variable in _VARIABLES:
        value = environ.get(variable, "").strip()
        if value:
            return Secret(value, f"the environment, {variable}")
    value = _from_keyring()
    if value:
        return Secret(value, "the keyring")
    raise KeyMissing(
        "no Perplexity key is set. Get one at https://www.perplexity.ai/account/api, then run %pplx key and paste it, "
        "or set PERPLEXITY_API_KEY before Jupyter starts; %pplx demo works without a key. Nothing was sent."
    )


@functools.cache
def _from_keyring() -> str:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return ""
    try:
        return (keyring.get_password(KEYRING_SERVICE, "api_key") or "").strip()
    except keyring.errors.KeyringError:
        # A machine without a keyring service is the ordinary case on servers.
        return ""


def save_key(key: Secret) -> None:
    """Keep a key in the keyring, for later kernels.

    Raises
    ------
    KeyMissing
        There is no keyring to keep it in.
    """
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise KeyMissing(
            "keeping a key needs the package keyring: pip install 'pplx-jupyter[keyring]'."
        ) from None
    try:
        keyring.set_password(KEYRING_SERVICE, "api_key", key.reveal())
    except keyring.errors.KeyringError as error:
        raise KeyMissing(
            f"this machine's keyring does not take the key: {error}. Set PERPLEXITY_API_KEY instead."
        ) from None
    _from_keyring.cache_clear()


def base_url(environ: Mapping[str, str] | None = None) -> str:
    """Give the service's address: ``PERPLEXITY_BASE_URL``, else the public one, without a trailing slash."""
    environ = os.environ if environ is None else environ
    return (environ.get("PERPLEXITY_BASE_URL", "").strip() or DEFAULT_BASE_URL).rstrip("/")


def check_address(url: str) -> None:
    """Refuse an address that holds a password: it would stand in the ledger, in logs and in saved notebooks.

    Raises
    ------
    RequestError
        It does.
    """
    import urllib.parse

    if "@" in urllib.parse.urlsplit(url).netloc:
        raise RequestError(
            "the service's address holds a user name or a password (base_url, PERPLEXITY_BASE_URL):"
            " take it out, since it would be kept in clear. Nothing was sent.",
            field="base_url",
        )


def account_of(key: Secret, url: str, salt: str) -> str:
    """Give a name for the account that tells nothing about the key: a salted hash of key and address."""
    return hashlib.sha256(f"{salt}\0{url}\0{key.reveal()}".encode()).hexdigest()[:24]


def redact(text: str) -> str:
    """Take anything that looks like a key out of a text of the service's before it is kept or shown."""
    import re

    return re.sub(r"pplx-[A-Za-z0-9_-]{8,}", "pplx-[withheld]", text)
