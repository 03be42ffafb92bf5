"""What is wrong with a field, said in the words of the line that the user wrote."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pplx_jupyter.request import Request

if TYPE_CHECKING:
    from pplx_jupyter.errors import RequestError

__all__ = ["with_flags"]


def with_flags(error: RequestError) -> str:
    """Write an error about fields as one about the magic's flags.

    ``search_recency_filter fortnight: choose …`` becomes ``--recency fortnight: choose …``.
    """
    flags = {option.name: option.flag or option.name for option in Request.options()}
    message = str(error)
    start = re.match(r"\w+(?:(?:, | and )\w+)*", message)
    if start is None or error.field is None:
        return message
    head = re.sub(r"\w+", lambda word: flags.get(word[0], word[0]), start[0])
    # A name with an underscore is no word of the text, wherever it stands.
    tail = re.sub(r"\b[a-z]+(?:_[a-z]+)+\b", lambda word: flags.get(word[0], word[0]), message[start.end() :])
    return head + tail
