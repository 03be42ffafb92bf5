from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import sys
import traceback
from typing import Any

import pytest

from pplx_jupyter.api import key as key_module
from pplx_jupyter.api.key import (
    DEFAULT_BASE_URL,
    Secret,
    account_of,
    base_url,
    check_address,
    find_key,
    redact,
)
from pplx_jupyter.errors import KeyMissing, RequestError
from pplx_jupyter.session import Session

CLEAR = "pplx-0123456789abcdefghijklmnopqrstuv"


@pytest.fixture
def secret() -> Secret:
    return Secret(CLEAR, "the test")


@dataclasses.dataclass
class Holder:
    key: Any


def test_no_text_form_shows_the_key(secret: Secret) -> None:
    forms = [repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", f"{secret:s}"]
    forms += ["%s %r" % (secret, secret), "{0} {0!r}".format(secret)]  # noqa: UP031, UP032 - each is a way out
    forms += [repr([secret]), repr({"key": secret}), repr(Holder(secret)), str(dir(secret))]
    for form in forms:
        assert CLEAR[:12] not in form
    assert "the test" in repr(secret)
    assert secret.masked() == "…" + CLEAR[-4:]
    assert Secret("short", "x").masked() == "…"


@pytest.mark.parametrize(
    "leak",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        vars,
        json.dumps,
        lambda secret: dataclasses.asdict(Holder(secret)),
        lambda secret: pickle.dumps(secret, 0),
        lambda secret: secret + "",
        lambda secret: ",".join(list({secret: 1})),
        bytes,
        list,
    ],
)
def test_it_cannot_be_copied_out(secret: Secret, leak: Any) -> None:
    with pytest.raises(TypeError) as caught:
        leak(secret)
    assert CLEAR[:12] not in str(caught.value)


def test_reveal_is_the_only_way(secret: Secret) -> None:
    assert secret.reveal() == CLEAR
    assert secret != Secret(CLEAR, "the test"), "no comparison by accident"


def test_tracebacks_with_locals_do_not_show_it(secret: Secret) -> None:
    def fails(given: Secret) -> None:
        raise ValueError(f"with {given}")

    try:
        fails(secret)
    except ValueError:
        kind, error, trace = sys.exc_info()
        assert kind is not None
        whole = "".join(traceback.TracebackException(kind, error, trace, capture_locals=True).format())  # type: ignore[arg-type]
    assert "given = <key from the test>" in whole
    assert CLEAR[:12] not in whole


def test_logging_does_not_show_it(secret: Secret, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").warning("key %s %r", secret, {"key": secret})
    assert caplog.messages
    assert CLEAR[:12] not in caplog.text


def test_the_environment_is_looked_up_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_module, "_from_keyring", lambda: "pplx-of-the-keyring")
    both = {"PERPLEXITY_API_KEY": " first \n", "PPLX_API_KEY": "second"}
    assert find_key(both).reveal() == "first"
    assert find_key(both).origin == "the environment, PERPLEXITY_API_KEY"
    assert find_key({"PERPLEXITY_API_KEY": "  ", "PPLX_API_KEY": "second"}).reveal() == "second"
    assert find_key({}).reveal() == "pplx-of-the-keyring"
    assert find_key({}).origin == "the keyring"


def test_no_key_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_module, "_from_keyring", lambda: "")
    with pytest.raises(KeyMissing, match=r"PERPLEXITY_API_KEY.*Nothing was sent\.$") as caught:
        find_key({})
    assert "\n" not in str(caught.value)


def test_the_address() -> None:
    assert base_url({}) == DEFAULT_BASE_URL
    assert base_url({"PERPLEXITY_BASE_URL": " http://here:1/ "}) == "http://here:1"


@pytest.mark.parametrize("url", ["https://me:secret@gateway.example", "http://me@gateway.example/v1"])
def test_an_address_holds_no_password(url: str) -> None:
    with pytest.raises(RequestError, match="user name or a password") as caught:
        Session(base_url=url)
    assert "secret" not in str(caught.value)
    check_address("https://gateway.example/me@there")


def test_the_account_tells_nothing_of_the_key_and_everything_apart() -> None:
    one = account_of(Secret(CLEAR, "x"), "https://a", "salt")
    others = {
        account_of(Secret(CLEAR + "w", "x"), "https://a", "salt"),
        account_of(Secret(CLEAR, "x"), "https://b", "salt"),
        account_of(Secret(CLEAR, "x"), "https://a", "pepper"),
    }
    assert len(others | {one}) == 4
    assert one == account_of(Secret(CLEAR, "elsewhere"), "https://a", "salt")
    assert not any(CLEAR[i : i + 6] in one for i in range(len(CLEAR) - 6))


def test_redact() -> None:
    assert redact(f"your key {CLEAR}, is wrong") == "your key pplx-[withheld], is wrong"
    assert redact("pplx-jupyter is a name") == "pplx-jupyter is a name"
