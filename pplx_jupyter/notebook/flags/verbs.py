"""How each verb of ``%pplx`` is written, and what it does: words alone, since loading the magics reads them."""

from __future__ import annotations

__all__ = ["USAGES", "explain_verbs", "takes_job"]

USAGES = {
    "jobs": (
        "jobs [WORDS] [--state failed] [--notebook this] [--since 7d] [--until 1d] [--cost 0.50] [--all]",
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

_WIDTH = 54


def explain_verbs() -> str:
    """Give every verb in a line; one that is written long has its second column below."""
    rows = []
    for usage, text in USAGES.values():
        gap = " " * (_WIDTH - len(usage)) if len(usage) < _WIDTH else f"\n{'':<{_WIDTH + len('%pplx ')}}"
        rows.append(f"%pplx {usage}{gap}{text}")
    return "\n".join(rows)


def takes_job(verb: str) -> bool:
    """Whether a verb is followed by a job's id or name."""
    return verb in USAGES and " ID" in USAGES[verb][0]
