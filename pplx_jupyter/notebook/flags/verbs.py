"""How each verb of ``%pplx`` is written, and what it does: words alone, since loading the magics reads them."""

from __future__ import annotations

__all__ = ["HELP", "USAGES", "explain_verb", "explain_verbs", "takes_job"]

HELP = frozenset({"--help", "-h"})
"""Words that ask how a verb is written."""

USAGES = {
    "jobs": (
        "jobs [WORDS] [--state failed] [--notebook this] [--since 7d] [--cost 0.50] [--all]",
        "lists, searches and opens the ledger’s jobs",
    ),
    "show": ("show ID", "shows a job, or its answer, here"),
    "diff": ("diff ID [OTHER]", "shows what changed since the answer before, or since OTHER"),
    "attach": ("attach ID [NAME]", "follows a job again; NAME gets it"),
    "wait": ("wait [ID …]", "blocks until these jobs, or all, are there"),
    "cancel": ("cancel ID", "asks Perplexity to stop a job"),
    "retry": ("retry ID [--yes]", "asks the same question anew: a new purchase"),
    "settle": ("settle ID --ask-again [--yes] | --drop | --remote ID", "settles an unconfirmed job"),
    "form": ("form [ID] [--cell]", "shows a form to ask with; --cell gives it as a cell"),
    "export": ("export ID FILE [--overwrite]", "writes an answer to a file: report.html, refs.bib, …"),
    "freeze": ("freeze [NOTEBOOK]", "writes this notebook’s answers beside it, for --frozen"),
    "budget": ("budget [AMOUNT|off] [--per notebook|day|month|total]", "shows or sets what may be spent"),
    "cost": (
        "cost [--by notebook|day|model|month] [--plot] [--since 30d | --month]",
        "shows what jobs have cost",
    ),
    "forget": ("forget ID | --older-than 90d [--yes]", "deletes prompts and answers, keeps what they cost"),
    "key": ("key [--save]", "asks for the API key, hidden; --save keeps it in the keyring"),
    "doctor": ("doctor [--forget-retired]", "checks key, address, ledger, kernel and versions"),
    "demo": ("demo [--stop]", "works against the simulator from now on, without a key"),
}
"""How each verb is written, and what it does."""

_DETAILS = {
    "jobs": (
        ("WORDS, --search WORDS", "words of its name, prompt or answer"),
        ("--state STATE,STATE", "running, finished, failed, unconfirmed or cancelled"),
        ("--notebook NAME", "asked in a notebook; this: the one here"),
        ("--since, --until WHEN", "asked from then on, or before: 7d, 2026-11-22"),
        ("--cost AMOUNT", "so many US dollars at least, or unknown"),
        ("--all", "all of them, in one plain table"),
    ),
    "cost": (
        ("--by WHAT", "by notebook, day, model or month"),
        ("--plot", "charts, as a picture"),
        ("--since WHEN, --month", "asked since 30d or 2026-11-01, or this month"),
    ),
    "settle": (
        ("--ask-again", "sends it once more; --yes, whatever the budget"),
        ("--drop", "closes it; its cost stays set aside"),
        ("--remote ID", "follows the job of this id at Perplexity"),
    ),
}
"""What the words of a verb mean, where its one line does not say."""

_WIDTH, _WHOLE = 26, 92


def explain_verbs() -> str:
    """Give every verb with what it does, in two columns; one that is written long has its second column below."""
    rows = []
    for usage, text in USAGES.values():
        fits = len(usage) < _WIDTH and len("%pplx ") + _WIDTH + len(text) <= _WHOLE
        rows.append(f"%pplx {usage:<{_WIDTH}}{text}" if fits else f"%pplx {usage}\n{'':<{_WIDTH + 6}}{text}")
    return "\n".join(rows)


def explain_verb(verb: str) -> str:
    """Give how one verb is written, what it does, and what its words mean."""
    usage, text = USAGES[verb]
    rows = [*_DETAILS.get(verb, ())]
    if takes_job(verb):
        rows.append(("ID", "a job’s id, its beginning, or its name"))
    return "\n".join([f"%pplx {usage}", f"  {text}", *(f"  {name:<23}{told}" for name, told in rows)])


def takes_job(verb: str) -> bool:
    """Whether a verb is followed by a job's id or name."""
    return verb in USAGES and " ID" in USAGES[verb][0]
