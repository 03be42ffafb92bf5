"""Verbs about key, address and machine: ``key``, ``doctor``, ``demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.errors import KeyMissing, RequestError
from pplx_jupyter.notebook.verbs.words import nothing_more, options, publish

if TYPE_CHECKING:
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["demo_verb", "doctor_verb", "key_verb"]


def key_verb(magics: PplxResearch, words: list[str]) -> None:
    """Ask for the API key, hidden."""
    from getpass import getpass

    from IPython.core.error import StdinNotImplementedError

    from pplx_jupyter.api.key import Secret, save_key

    given = options(words, "--save")
    if words:
        raise RequestError(
            "%pplx key takes no key on its line, where it would stay in the notebook: run it alone and paste the key into the prompt."
        )
    session = magics.session()
    try:
        value = getpass("Perplexity API key (not shown, not saved in the notebook): ").strip()
    except (StdinNotImplementedError, EOFError):
        raise KeyMissing(
            "nobody can be asked for a key here: set PERPLEXITY_API_KEY before the run."
        ) from None
    if not value:
        print("No key was given; nothing has changed.")
        return
    if not value.isascii() or not value.isprintable() or " " in value or len(value) < 8:
        raise RequestError("that cannot be a key: it has spaces, or is too short. Nothing has changed.")
    key = Secret(value, "%pplx key")
    if "--save" in given:
        save_key(key)
    session.key = key
    kept = (
        "and in this machine's keyring"
        if "--save" in given
        else "for this kernel; --save keeps it in the keyring"
    )
    print(f"The key {key.masked()} is set, {kept}.")


def doctor_verb(magics: PplxResearch, words: list[str]) -> None:
    """Check key, address, ledger, kernel and versions."""
    from pplx_jupyter.notebook.doctor import examine, examined_forms

    given = options(words, "--forget-retired")
    nothing_more(words, "doctor")
    session = magics.session()
    if "--forget-retired" in given:
        session.ledger.retire(session.account, None)
        print("Forgotten: the next question asks the sonar API first.")
        return
    publish(magics, examined_forms(examine(magics.host, session)))


def demo_verb(magics: PplxResearch, words: list[str]) -> None:
    """Work against the simulator from now on, or stop that."""
    from pplx_jupyter.notebook.demo import start_demo, stop_demo

    given = options(words, "--stop")
    nothing_more(words, "demo")
    if "--stop" in given:
        print(stop_demo())
        return
    session = magics.session()
    if session.frozen:
        print("This run is frozen: its answers come from the lockfile, and no simulator is started.")
        return
    session.close()
    print(start_demo())
