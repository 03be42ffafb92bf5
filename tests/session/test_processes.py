"""Real processes: ended, forked, interrupted. Nothing is lost, and nothing is bought twice."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from pplx_jupyter.job import Job

if TYPE_CHECKING:
    from pplx_jupyter.simulator import Simulator

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals and forks")]
Ask = Any

GRACE = 2.5
"""What ends sooner has not waited for the three seconds that a submit gets."""

LEAVING = """
backend = sys.argv[4]
job = research("Why?", name="sky", backend=backend, session=make())
"""


@pytest.mark.parametrize("backend", ["sonar", "agent"])
def test_a_script_that_ends_sends_what_it_asked(still: Simulator, spawn: Any, ask: Ask, backend: str) -> None:
    still.add_fault("latency=0.5@post")
    child = spawn(LEAVING, still, backend)
    assert child.end() == 0
    row = ask(still).session.ledger.jobs()[0]
    assert (row.state, row.remote_id) == ("queued", still.bill.jobs[0]["id"]), "with the id that came back"
    assert child.err == (
        f"pplx_jupyter: still under way: sky ({row.id}). Nothing is lost: run this again, or pplx-jupyter jobs, to collect.\n"
    )


UNDER_WAY = """
job = research("Why?", session=make())
while job.status == "submitting":
    time.sleep(0.01)
print(time.time(), flush=True)
"""


def test_a_script_with_a_job_under_way_ends_at_once(still: Simulator, spawn: Any) -> None:
    still.add_fault("hold@get")
    child = spawn(UNDER_WAY, still)
    asked = float(child.line())
    assert child.end() == 0
    assert time.time() - asked < GRACE
    assert "still under way" in child.err


NAMES_HANG = """
looking = threading.Event()
def hangs(*args, **rest):
    looking.set()
    time.sleep(60)
socket.getaddrinfo = hangs
session = make()
job = attach(sys.argv[4], session=session) if sys.argv[4:] else research("Why?", session=session)
session.watch()
print(looking.wait(20), flush=True)
print(time.time(), flush=True)
"""


def end_of(child: Any) -> tuple[float, float]:
    """Give when the script ended, and when its process did; a look-up hangs by then."""
    assert child.line() == "True", child.err
    ended = float(child.line())
    assert child.end() == 0, child.err
    return ended, time.time()


def test_it_ends_at_once_even_while_a_name_hangs(spawn: Any, ask: Ask) -> None:
    url = "http://service.test"
    asker = ask(url)
    job = asker.submit("Why?")
    asker.session.ledger.write(job.id, {"state": "running", "remote_id": "r1", "accepted_at": time.time()})
    child = spawn(NAMES_HANG, url, job.id)
    script, process = end_of(child)
    assert process - script < GRACE
    assert child.err == "", "it was not this script's question"


def test_a_submit_that_hangs_gets_three_seconds_and_is_named(spawn: Any, ask: Ask) -> None:
    url = "http://service.test"
    child = spawn(NAMES_HANG, url)
    script, process = end_of(child)
    assert GRACE < process - script < 30, "the look-up hangs for a minute"
    row = ask(url).session.ledger.jobs()[0]
    assert f"still under way: {row.id}." in child.err


FORKED = """
session = make()
research("Before?", session=session).wait(20)
child = os.fork()
if child == 0:
    try:
        found = research("In the child?", session=session).wait(20)
        os._exit(0 if found.text and threading.current_thread() is threading.main_thread() else 3)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(4)
after = research("In the parent?", session=session).wait(20)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), bool(after.text), flush=True)
"""


def test_a_fork_has_a_loop_of_its_own(sim: Simulator, spawn: Any) -> None:
    child = spawn(FORKED, sim)
    assert child.line() == "0 True", child.end() or child.err
    assert child.end() == 0
    assert sorted(job["prompt"] for job in sim.bill.jobs) == ["Before?", "In the child?", "In the parent?"]


FORKED_WITH_LOCKS = """
session = make()
session.ledger, session.key
held = threading.Event()
def holds():
    with session._lock, session.bell._changed:
        held.set()
        time.sleep(5)
threading.Thread(target=holds, daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(35)
    research("In the child?", session=session).wait(30)
    os._exit(0)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), flush=True)
session.quiet_exit = True
"""


def test_a_fork_while_a_thread_holds_the_locks(sim: Simulator, spawn: Any) -> None:
    child = spawn(FORKED_WITH_LOCKS, sim)
    assert child.line() == "0", child.end() or child.err


FORKED_WITH_JOBS = """
session = make()
def left(prompt):
    job = research(prompt, name=prompt[:-1], session=session)
    while not job.remote_id:
        time.sleep(0.01)
left("parent?")
child = os.fork()
if child == 0:
    left("child?")
    sys.exit()
os.waitpid(child, 0)
"""


def test_a_fork_names_its_own_jobs_at_its_end(still: Simulator, spawn: Any) -> None:
    child = spawn(FORKED_WITH_JOBS, still)
    assert child.end() == 0, child.err
    assert child.err.count("still under way: ") == 2
    assert re.findall(r"(\w+) \(", child.err) == ["child", "parent"]


INTERRUPTED = """
from pplx_jupyter.waiting import Waiting
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
how = sys.argv[4]
session = make()
job = research("Why?", session=session)
while not job.remote_id:
    time.sleep(0.01)
left, looks = Waiting._left, []
def look(waiting):
    looks.append(left(waiting))
    if len(looks) == 2:
        print("waiting", flush=True)  # well into it
    return looks[-1]
Waiting._left = look
async def awaiting():
    await job
async def nesting():
    job.wait(nested=True)
try:
    if how == "plain":
        job.wait()
    elif how == "kernel":
        loop = asyncio.new_event_loop()
        loop.run_until_complete(nesting())
    else:
        asyncio.run(awaiting() if how == "await" else nesting())
except KeyboardInterrupt:
    print("interrupted", flush=True)
if how == "kernel":
    loop.run_until_complete(asyncio.sleep(0.05))
    assert not asyncio.all_tasks(loop), "the waiting goes on unseen"
print(job.status, repr(job.row.cancel), flush=True)
print(bool(job.wait(20).text), flush=True)
"""


@pytest.mark.parametrize("how", ["plain", "await", "nested", "kernel"])
def test_an_interrupt_ends_the_waiting_and_not_the_job(still: Simulator, spawn: Any, how: str) -> None:
    child = spawn(INTERRUPTED, still, how)
    assert child.line() == "waiting"
    child.process.send_signal(signal.SIGINT)
    assert child.line() == "interrupted", "the job goes on for ever: nothing else ends the waiting"
    assert child.line() == "queued ''"
    still.advance(1000)
    assert child.line() == "True"
    assert child.end() == 0, child.err
    assert "never retrieved" not in child.err
    assert len(still.bill.jobs) == 1


NESTED = """
session = make()
job = research("Why?", session=session)
while not job.remote_id:
    time.sleep(0.01)
ticks = []
async def tick():
    while True:
        ticks.append(time.monotonic())
        if len(ticks) == 10:
            print("ten", flush=True)
        await asyncio.sleep(0.02)
async def cell():
    ticker = asyncio.create_task(tick())
    await asyncio.sleep(0)
    before = len(ticks)
    answer = job.wait(20, nested=True)
    during = len(ticks) - before
    try:
        research("stuck?", session=session).wait(0.2, nested=True)
    except TimeoutError as error:
        print(type(error).__name__, flush=True)
    ticker.cancel()
    other = await research("After? seconds:0", session=session)
    print(bool(answer.text), during >= 9, bool(other.text), flush=True)
asyncio.run(cell())
print(bool(research("Later? seconds:0", session=session).wait(20).text), flush=True)
session.quiet_exit = True
"""


def test_nested_waiting_lets_other_tasks_go_on(still: Simulator, spawn: Any) -> None:
    child = spawn(NESTED, still)
    assert child.line() == "ten", child.end() or child.err
    still.advance(1000)
    assert child.line() == "WaitTimeout"
    assert child.line() == "True True True"
    assert child.line() == "True", "and the background loop has not been harmed by the patch"
    assert child.end() == 0, child.err
    assert "never retrieved" not in child.err


MANY = """
session = make()
session.quiet_exit = True
jobs = [research(f"Question {n}?", backend=sys.argv[4], session=session) for n in range(8)]
print(sum(bool(job.wait(30).text) for job in jobs), flush=True)
"""


@pytest.mark.parametrize("backend", ["sonar", "agent"])
def test_three_processes_with_the_same_questions_buy_each_once(
    sim: Simulator, tmp_path: Any, backend: str, spawn: Any
) -> None:
    sim.add_fault("latency=0.05@post")
    children = [spawn(MANY, sim, backend) for _ in range(3)]
    for child in children:
        assert child.line() == "8", child.end() or child.err
    assert len(sim.bill.jobs) == 8
    assert sorted(job["prompt"] for job in sim.bill.jobs) == sorted(f"Question {n}?" for n in range(8))


def test_the_answer_of_a_closed_kernel_is_collected(still: Simulator, spawn: Any, ask: Ask) -> None:
    child = spawn(UNDER_WAY, still)
    child.line()
    child.end()
    still.advance(1000)
    asker = ask(still)
    asker.session.watch()
    (row,) = asker.session.ledger.jobs()
    assert asker.end(Job(asker.session, row.id)) == "completed", "nobody asked for it"
    assert len(still.bill.jobs) == 1


def test_loading_the_session_loads_nothing_heavy(spawn: Any) -> None:
    script = "session = make()\nsession.submit(Request(prompt='q'))\nprint([m for m in ('httpx', 'nh3', 'markdown', 'ipywidgets', 'IPython') if m in sys.modules])"
    child = spawn(script, "http://service.test")
    assert child.line() == "[]"
    child.end()
