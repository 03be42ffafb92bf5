"""What ``%pplx VERB`` does."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from pplx_jupyter.errors import KeyMissing, RequestError
from pplx_jupyter.job import attach, jobs
from pplx_jupyter.notebook.flags import split
from pplx_jupyter.notebook.frontend import here
from pplx_jupyter.notebook.show import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from pplx_jupyter.job import Job
    from pplx_jupyter.notebook.magics import PplxResearch
    from pplx_jupyter.session import Session

__all__ = ["VERBS", "run_verb", "takes_job"]


def run_verb(magics: PplxResearch, line: str) -> None:
    """Do what a ``%pplx`` line says.

    Raises
    ------
    RequestError
        There is no such verb, or its words are wrong.
    """
    words = split(line)
    if not words or words == ["help"]:
        print("\n".join(f"%pplx {usage:<48}{text}" for _, usage, text in VERBS.values()))
        return
    verb = words.pop(0)
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, 1)
        hint = f"did you mean %pplx {near[0]}?" if near else "%pplx alone lists what there is."
        raise RequestError(f"%pplx {verb} is not a command; {hint}")
    VERBS[verb][0](magics, words)


def takes_job(verb: str) -> bool:
    """Whether a verb is followed by a job's id or name."""
    return verb in VERBS and " ID" in VERBS[verb][1]


def _options(words: list[str], *known: str) -> set[str]:
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


def _nothing_more(words: list[str], verb: str) -> None:
    if words:
        raise RequestError(f"%pplx {verb} takes no “{words[0]}”; %pplx alone lists what there is.")


def _the_job(magics: PplxResearch, words: list[str], verb: str) -> tuple[Session, Job]:
    session = magics.session()
    if len(words) != 1:
        raise RequestError(
            f"%pplx {verb} takes one job: its id, the beginning of it, or its name. %pplx jobs lists them."
        )
    return session, attach(words[0], session=session)


def _jobs(magics: PplxResearch, words: list[str]) -> None:
    from pplx_jupyter.notebook.history import jobs_forms

    everywhere = "--all" in _options(words, "--all")
    if words:
        raise RequestError("%pplx jobs takes no job; %pplx show ID shows one.")
    session = magics.session()
    found = [job.row for job in jobs(limit=10_000 if everywhere else 20, session=session)]
    _publish(magics, jobs_forms(found))


def _show(magics: PplxResearch, words: list[str]) -> None:
    _options(words)
    session, job = _the_job(magics, words, "show")
    show(magics.host, job, session, here(magics.host, session.settings), wait=False)


def _attach(magics: PplxResearch, words: list[str]) -> None:
    _options(words)
    session, job = _the_job(magics, words[:1], "attach")
    name = (words[1:2] or [job.name])[0]
    if name:
        if not name.isidentifier():
            raise RequestError(f"“{name}” cannot be a variable's name.")
        magics.host.user_ns[name] = job
    show(magics.host, job, session, here(magics.host, session.settings))


def _wait(magics: PplxResearch, words: list[str]) -> None:
    _options(words)
    session = magics.session()
    found = [attach(word, session=session) for word in words] or _open_jobs(session)
    if not found:
        print("No job is under way.")
    for job in found:
        place = here(magics.host, session.settings)
        show(magics.host, job, session, place, wait=True)


def _open_jobs(session: Session) -> list[Job]:
    from pplx_jupyter.job import Job
    from pplx_jupyter.ledger import OPEN

    return [Job(session, row.id) for row in session.ledger.jobs(states=OPEN, base_url=session.base_url)]


def _cancel(magics: PplxResearch, words: list[str]) -> None:
    _options(words)
    _, job = _the_job(magics, words, "cancel")
    row = job.row
    if not row.is_open:
        print(f"{row.label} is {row.state} already; there is nothing to cancel.")
        return
    job.cancel()
    if row.state == "submitting" and row.sending_at is None:
        print(f"{row.label} has not been sent yet, and will not be. Nothing is billed.")
    else:
        print(
            f"Perplexity is asked to stop {row.label}; what is done so far may be billed. %pplx show {row.id} tells what came of it."
        )


def _retry(magics: PplxResearch, words: list[str]) -> None:
    _options(words)
    session, job = _the_job(magics, words, "retry")
    again = job.retry()
    if again.name:
        magics.host.user_ns[again.name] = again
    show(magics.host, again, session, here(magics.host, session.settings))


def _settle(magics: PplxResearch, words: list[str]) -> None:
    remote = ""
    if "--remote" in words[:-1]:
        at = words.index("--remote")
        remote = words[at + 1]
        del words[at : at + 2]
    given = _options(words, "--ask-again", "--drop", "--remote")
    session, job = _the_job(magics, words, "settle")
    if len(given) + bool(remote) != 1 or "--remote" in given:
        raise RequestError(
            f"%pplx settle {job.id} needs one of: --ask-again (sends it once more), --drop (closes it), --remote ID (it is there, under this id)."
        )
    row = session.settle(job.id, ask_again="--ask-again" in given, remote_id=remote)
    if row.is_open:
        show(magics.host, job, session, here(magics.host, session.settings))
    else:
        print(f"{row.label} is closed. Nothing is sent; whether it was billed is not known.")


def _key(magics: PplxResearch, words: list[str]) -> None:
    from getpass import getpass

    from IPython.core.error import StdinNotImplementedError

    from pplx_jupyter.api.key import Secret, save_key

    given = _options(words, "--save")
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


def _doctor(magics: PplxResearch, words: list[str]) -> None:
    from pplx_jupyter.notebook.doctor import examine, examined_forms

    given = _options(words, "--forget-retired")
    _nothing_more(words, "doctor")
    session = magics.session()
    if "--forget-retired" in given:
        session.ledger.retire(session.account, None)
        print("Forgotten: the next question asks the sonar API first.")
        return
    _publish(magics, examined_forms(examine(magics.host, session)))


def _demo(magics: PplxResearch, words: list[str]) -> None:
    from pplx_jupyter.notebook.demo import start_demo, stop_demo

    given = _options(words, "--stop")
    _nothing_more(words, "demo")
    if "--stop" in given:
        print(stop_demo())
        return
    magics.session().close()
    print(start_demo())


def _publish(magics: PplxResearch, forms: dict[str, str]) -> None:
    if hasattr(magics.host, "kernel"):
        magics.host.display_pub.publish(data=forms)
    else:
        print(forms["text/plain"])


VERBS: dict[str, tuple[Callable[[Any, list[str]], None], str, str]] = {
    "jobs": (_jobs, "jobs [--all]", "lists the newest jobs of the ledger"),
    "show": (_show, "show ID", "shows a job, or its answer, here"),
    "attach": (_attach, "attach ID [NAME]", "follows a job again; NAME gets it"),
    "wait": (_wait, "wait [ID …]", "blocks until these jobs, or all, are there"),
    "cancel": (_cancel, "cancel ID", "asks Perplexity to stop a job"),
    "retry": (_retry, "retry ID", "asks the same question anew: a new purchase"),
    "settle": (_settle, "settle ID --ask-again | --drop | --remote ID", "settles an unconfirmed job"),
    "key": (_key, "key [--save]", "asks for the API key, hidden"),
    "doctor": (_doctor, "doctor [--forget-retired]", "checks key, address, ledger, kernel and versions"),
    "demo": (_demo, "demo [--stop]", "works against the simulator from now on, without a key"),
}
"""Each verb's function, how it is written, and what it does."""
