"""What changed between two answers to one question: sources, sections, sentences, numbers.

Pure functions on frozen records. `compare` makes a `Diff`; `pplx_jupyter.render` shows it.
"""

from __future__ import annotations

from pplx_jupyter.diff.comparing import compare
from pplx_jupyter.diff.pages import address
from pplx_jupyter.diff.records import Diff, Kept, NumberChange, Part, SectionChange

__all__ = ["Diff", "Kept", "NumberChange", "Part", "SectionChange", "address", "compare"]
