"""A hundred short dubs by one process, by two, by Ray with two nodes on this machine; and what a kill costs.

    python benchmarks/many.py [--jobs 100] [--how one,processes,ray] [--workers 2] [--kill worker|node]

Each job dubs one second of the clip that ships, with the embedded engine. Told are seconds until the first
result, jobs a minute from then on, and whether every result is whole and was made once. With --kill, a worker
or (with ray) a whole node is ended by SIGKILL when a third of the jobs is done.
"""

from __future__ import annotations

import argparse
import csv
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["RETALK_RECORDS"] = tempfile.mkdtemp(prefix="retalk-records-")
os.environ.update(RAY_worker_niceness="0", RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))

import this_pack  # noqa: F401
from retalk_nodes.retalk_core.cli.demo import SHIPPED_CLIP, SHIPPED_VOICE
from retalk_nodes.retalk_core.jobs import processes
from retalk_nodes.retalk_core.jobs.batch import Batch, run_batch
from retalk_nodes.retalk_core.jobs.executors import Executor, OneByOne
from retalk_nodes.retalk_core.jobs.on_ray import RayTasks
from retalk_nodes.retalk_core.jobs.results.journal import opened_journal
from retalk_nodes.retalk_core.jobs.results.outcome import JobOutcome
from retalk_nodes.retalk_core.media.reader import open_clip

PORT = 20_000 + os.getpid() % 9_000
RAY = Path(sys.executable).with_name("ray")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--jobs", type=int, default=100)
    words.add_argument("--how", default="one,processes,ray")
    words.add_argument("--workers", type=int, default=2)
    words.add_argument("--kill", choices=("worker", "node"))
    args = words.parse_args()
    for how in args.how.split(","):
        with tempfile.TemporaryDirectory() as name, executor_of(how, args.workers) as (executor, victims):
            kill = None if args.kill is None else lambda: victims(args.kill)
            measure(how, args.jobs, Path(name), executor, kill)


def measure(how: str, count: int, folder: Path, executor: Executor, kill: Callable[[], int] | None) -> None:
    """Do the jobs and tell how long they took."""
    table = folder / "jobs.csv"
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("clip", "voice", "output", "start", "duration"))
        for number in range(count):
            start = f"{number % 40 / 20:.2f}"  # no two neighbours are the same dub
            rows.writerow((SHIPPED_CLIP, SHIPPED_VOICE, f"out/{number}.mp4", start, "1"))
    batch = Batch(table=str(table), common={"engine": "embedded"})
    begun, moments, found = time.monotonic(), list[float](), list[JobOutcome]()
    with opened_journal(folder / "results") as journal:
        for outcome in run_batch(batch, executor, journal):
            found.append(outcome)
            moments.append(time.monotonic() - begun)
            if kill is not None and len(found) == count // 3:
                print(f"  killed process {kill()} after {len(found)} results", flush=True)
    rate = 60 * (len(moments) - 1) / (moments[-1] - moments[0])
    spent, computed = (
        sum(each.told.get(name, 0) for each in found) / len(found) for name in ("spent", "cpu")
    )
    print(
        f"{how}: the first after {moments[0]:.1f} s, then {rate:.1f} jobs a minute, {moments[-1]:.0f} s in "
        f"all; {spent:.2f} s and {computed:.2f} CPU-s in a job; {told(found, folder, count)}",
        flush=True,
    )


def told(found: list[JobOutcome], folder: Path, count: int) -> str:
    """Whether all results are there, whole, and made once."""
    whole = sum(is_whole(folder / "out" / f"{number}.mp4") for number in range(count))
    names = [each.output for each in found]
    made = [path.name for path in (folder / "out").iterdir()]
    left = [name for name in made if not name.endswith(".mp4") or name.startswith(".")]
    states = dict(Counter(each.status for each in found))
    hosts = len({each.told.get("host") for each in found})
    return (
        f"{whole} of {count} whole, {len(names) - len(set(names))} told twice, {len(left)} half files, "
        f"{states}, {hosts} processes"
    )


def is_whole(path: Path) -> bool:
    try:
        clip = open_clip(path)
        return sum(1 for _ in clip.frames()) == len(clip.times) > 20
    except Exception:  # whatever is wrong with it
        return False


# Who does the work, and who is killed


@contextmanager
def executor_of(how: str, workers: int) -> Iterator[tuple[Executor, Callable[[str], int]]]:
    if how == "one":
        yield OneByOne(), lambda what: sys.exit("there is nobody to kill but this process")
    elif how == "processes":
        yield processes.Processes(workers), lambda what: killed(child_of(os.getpid(), "jobs.worker"))
    else:
        with cluster(workers) as raylets:
            yield (
                RayTasks(f"127.0.0.1:{PORT}"),
                lambda what: killed(raylets[-1] if what == "node" else child_of(raylets[-1], "ray::retalk")),
            )


@contextmanager
def cluster(nodes: int) -> Iterator[list[int]]:
    """Nodes of one CPU each, on loopback; gives the processes that are the nodes."""
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp")
    common = ("--disable-usage-stats", "--num-cpus", "1", "--object-store-memory", "100000000")
    first = ("--head", "--port", str(PORT), "--include-dashboard=false", "--temp-dir", folder)
    raylets = list[int]()
    try:
        for number in range(nodes):
            where = first if number == 0 else ("--address", f"127.0.0.1:{PORT}")
            words = [str(RAY), "start", *where, "--node-ip-address", "127.0.0.1", *common]
            for _ in range(3):  # a node that isn't up in 30 s gives up
                if subprocess.run(words, capture_output=True, check=False).returncode == 0:
                    break
            raylets += sorted(set(processes_named("raylet/raylet", f":{PORT}")) - set(raylets))
        yield raylets
    finally:
        for process in (*raylets, *processes_named(folder)):
            end(process)


def processes_named(*words: str) -> list[int]:
    """Processes of this machine whose command lines hold some words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if all(word in line for word in words) and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def child_of(parent: int, word: str) -> int:
    """A process that another one has started, and that does a job; it is waited for."""
    for _ in range(300):
        for process in sorted(processes_named(word), reverse=True):
            with suppress(OSError):
                status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                if int(status[1]) == parent:
                    return process
        time.sleep(0.1)
    sys.exit(f"nobody with {word!r} works for process {parent}")


def killed(process: int) -> int:
    os.kill(process, signal.SIGKILL)
    return process


def end(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)


if __name__ == "__main__":
    main()
