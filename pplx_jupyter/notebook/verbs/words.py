"""The words of a ``%pplx`` line, and what every verb does with them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import RequestError
from pplx_jupyter.job import attach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pplx_jupyter.job import Job
    from pplx_jupyter.notebook.magics import PplxResearch
    from pplx_jupyter.session import Session

__all__ = ["nothing_more", "options", "publish", "the_job", "value_of"]


def options(words: list[str], *known: str) -> set[str]:
    """Take the known options off the words; anything else with dashes is an error."""
    found = {word for word in words if word.startswith("--")}
    for word in found - set(known):
        near = difflib.get_close_matches(word, known, 1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else (f"it takes {', '.join(known)}." if known else "this command takes none.")
        )
        raise RequestError(f"{word} is not an option here; {hint}")
    words[:] = [word for word in words if word not in found]
    return found


def value_of(words: list[str], flag: str, choices: Sequence[str] = ()) -> str:
    """Take a flag and its value off the words; an empty text where it is not there."""
    for at, word in enumerate(words):
        name, given, value = word.partition("=")
        if name != flag:
            continue
        if not given and at + 1 < len(words):
            value = words.pop(at + 1)
        del words[at]
        if not value or value.startswith("--") or (choices and value not in choices):
            hint = (
                f"choose {', '.join(choices[:-1])} or {choices[-1]}"
                if choices
                else "write its value behind it"
            )
            raise RequestError(f"{flag} {value}: {hint}.".replace(" :", ":"))
        return value
    return ""


def nothing_more(words: list[str], verb: str) -> None:
    """Refuse a word too many."""
    if words:
        raise RequestError(f"%pplx {verb} takes no “{words[0]}”; %pplx alone lists what there is.")


def the_job(magics: PplxResearch, words: list[str], verb: str) -> tuple[Session, Job]:
    """Give the session, and the one job that the words name."""
    session = magics.session()
    if len(words) != 1:
        raise RequestError(
            f"%pplx {verb} takes one job: its id, the beginning of it, or its name. %pplx jobs lists them."
        )
    return session, attach(words[0], session=session)


def publish(magics: PplxResearch, forms: dict[str, str], metadata: Mapping[str, Any] | None = None) -> None:
    """Show forms below the running cell, or in the terminal."""
    if hasattr(magics.host, "kernel"):
        magics.host.display_pub.publish(data=forms, metadata=dict(metadata or {}))
    else:
        print(forms["text/plain"])
