from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from pplx_jupyter.ledger.sqlite import SqliteLedger

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import json, sys, time
from pplx_jupyter.ledger import Draft, open_ledger
from pplx_jupyter.reuse import decide
path, who, questions = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
ledger = open_ledger(path)
made = []
for question in questions:
    draft = Draft(fingerprint=question, request={"prompt": question}, base_url="http://service.test",
                  account="me", backend="sonar", name=who)
    row, decision = ledger.intend(draft, decide, allowed=True)
    made.append([row.id, decision.what == "new"])
print(json.dumps(made))
"""


def run_at_once(path: Path, questions: list[list[str]]) -> list[list[tuple[str, bool]]]:
    """Let one process for each list of questions write its intents, all starting together."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path), str(n), json.dumps(each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n, each in enumerate(questions)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        found.append([(row, created) for row, created in json.loads(out)])
    return found


def test_eight_processes_with_one_question_make_one_row(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.sqlite"
    made = run_at_once(path, [["same"]] * 8)
    assert len({row for each in made for row, _ in each}) == 1
    assert sum(created for each in made for _, created in each) == 1
    assert len(SqliteLedger(path).jobs(limit=100)) == 1


def test_four_processes_with_their_own_questions_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    made = run_at_once(path, [[f"{n}-{m}" for m in range(25)] for n in range(4)])
    assert all(created for each in made for _, created in each)
    ledger = SqliteLedger(path)
    rows = ledger.changed(0)
    assert len(rows) == 100
    assert len({row.seq for row in rows}) == 100, "no two changes have one number"
    assert {row.fingerprint for row in rows} == {f"{n}-{m}" for n in range(4) for m in range(25)}
