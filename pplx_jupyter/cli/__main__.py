"""``python -m pplx_jupyter.cli``."""

from __future__ import annotations

import sys

from pplx_jupyter.cli import main

sys.exit(main())
