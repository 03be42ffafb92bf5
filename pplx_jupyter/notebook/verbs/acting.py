"""Verbs that change what becomes of a job: ``cancel``, ``retry``, ``settle``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.notebook.frontend import here
from pplx_jupyter.notebook.outputs.show import show
from pplx_jupyter.notebook.verbs.words import options, the_job, value_of

if TYPE_CHECKING:
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["cancel_verb", "retry_verb", "settle_verb"]


def cancel_verb(magics: PplxResearch, words: list[str]) -> None:
    """Ask the service to stop a job."""
    options(words)
    _, job = the_job(magics, words, "cancel")
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


def retry_verb(magics: PplxResearch, words: list[str]) -> None:
    """Ask a question that gave no answer anew."""
    given = options(words, "--yes")
    session, job = the_job(magics, words, "retry")
    again = job.retry(yes="--yes" in given)
    if again.name.isidentifier():
        magics.host.user_ns[again.name] = again
    show(magics.host, again, session, here(magics.host, session.settings))


def settle_verb(magics: PplxResearch, words: list[str]) -> None:
    """Settle an unconfirmed job: ask again, drop, or name the run it became."""
    remote = value_of(words, "--remote")
    given = options(words, "--ask-again", "--drop", "--yes")
    allowed = "--yes" in given
    given -= {"--yes"}
    session, job = the_job(magics, words, "settle")
    if len(given) + bool(remote) != 1:
        raise RequestError(
            f"%pplx settle {job.id} needs one of: --ask-again (sends it once more), --drop (closes it), --remote ID (it is there, under this id)."
        )
    row = session.settle(job.id, ask_again="--ask-again" in given, remote_id=remote, yes=allowed)
    if row.is_open:
        show(magics.host, job, session, here(magics.host, session.settings))
    else:
        print(f"{row.label} is closed. Nothing is sent; whether it was billed is not known.")
