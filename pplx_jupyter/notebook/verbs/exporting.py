"""The verb that writes an answer to a file: ``export``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pplx_jupyter.errors import RequestError
from pplx_jupyter.job import answer_to, attach
from pplx_jupyter.notebook.verbs.words import options

if TYPE_CHECKING:
    from pplx_jupyter.notebook.magics import PplxResearch

__all__ = ["export_verb"]


def export_verb(magics: PplxResearch, words: list[str]) -> None:
    """Write a job's answer to a file of the kind that its name says."""
    from pplx_jupyter.export.files import ENDINGS, told

    given = options(words, "--overwrite")
    if len(words) != 2:
        raise RequestError(
            f"%pplx export takes a job and a file, such as %pplx export prices prices.html; known endings are {', '.join(ENDINGS)}."
        )
    job = attach(words[0], session=magics.session())
    print(told(answer_to("save", job).save(words[1], overwrite="--overwrite" in given)))
