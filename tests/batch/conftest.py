from __future__ import annotations

from tests.asking import ask, hurry, make_session, make_sim, nothing_of_the_environment, sim, still, until

__all__ = ["ask", "hurry", "make_session", "make_sim", "nothing_of_the_environment", "sim", "still", "until"]
