"""An honest stand-in for the service: both its APIs, on this machine, without a key or a bill.

Everything it answers says that it is simulated, in the text and in the field ``simulated``.
Prompts steer it: ``shape:NAME`` (see `SHAPES`), ``outcome:failed | incomplete | stuck |
requires_action | unknown_status``, ``seconds:N`` (simulated).
"""

from __future__ import annotations

from pplx_jupyter.simulator.answers import SHAPES
from pplx_jupyter.simulator.faults import KINDS
from pplx_jupyter.simulator.runs import Bill
from pplx_jupyter.simulator.server import Simulator, serve

__all__ = ["KINDS", "SHAPES", "Bill", "Simulator", "serve"]
