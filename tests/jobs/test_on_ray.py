"""Ray runs tasks on other machines; here two workers of one play them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from retalk_nodes.retalk_core.cli.main import FAILED, main
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.jobs import on_ray
from retalk_nodes.retalk_core.jobs.executors import Task, Workload
from retalk_nodes.retalk_core.jobs.on_ray import RayTasks


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A cluster of this machine alone, with two CPUs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
        ray = pytest.importorskip("ray", reason="Ray is not installed")  # it looks at these when imported
        about = ray.init(
            "local",
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=100_000_000,
            logging_level="ERROR",
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
        )
        yield about.address_info["address"]
        ray.shutdown()


@pytest.fixture
def noted(
    noting: Callable[..., Workload], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Workload]:
    """Workload that notes what it does, for Ray's workers."""
    monkeypatch.setattr(on_ray, "PACK", tmp_path)
    return noting


def test_each_task_is_done_once_and_those_with_nothing_to_do_come_back(
    cluster: str, noted: Callable[..., Workload], notes: Callable[[str], list[str]]
) -> None:
    taken: list[int] = []

    def tasks() -> Iterator[Task]:
        for number in range(24):
            taken.append(number)
            yield Task(number, f"{number}", None if number % 4 == 0 else {"number": number}, "kept")

    said: list[str] = []
    running = RayTasks(cluster, said.append).run(noted(), tasks())
    first = [next(running) for _ in range(2)]
    assert len(taken) <= on_ray.AHEAD * 2 + 4  # taken as they are done
    found = {each.task.number: each for each in (*first, *running)}
    assert sorted(found) == list(range(24)) and not any(each.lost for each in found.values())
    assert all((found[number].told is None) == (number % 4 == 0) for number in found)
    assert len(notes("done")) == 18 and said == []
    assert len({line.split()[2] for line in notes("begun")}) <= 4  # processes, each for many tasks


@pytest.mark.skipif(os.name == "nt", reason="processes are ended by signals")
def test_a_worker_that_is_killed_is_replaced_and_its_task_done_anew(
    cluster: str, noted: Callable[..., Workload], notes: Callable[[str], list[str]]
) -> None:
    tasks = (Task(number, f"{number}", {"number": number, "pause": 1.0}) for number in range(6))
    running = RayTasks(cluster).run(noted(), tasks)
    first = next(running)
    os.kill(working(notes), signal.SIGKILL)
    found = [first, *running]
    assert sorted(each.told["number"] for each in found if each.told) == list(range(6))
    assert len(notes("done")) == 6 and len(notes("begun")) == 7


def working(notes: Callable[[str], list[str]]) -> int:
    """The process that has begun a task and not done it."""
    for _ in range(200):
        done = {line.split()[1] for line in notes("done")}
        for line in notes("begun"):
            if line.split()[1] not in done:
                return int(line.split()[2])
        time.sleep(0.05)
    pytest.fail("no task is begun")


def test_what_a_worker_cannot_do_is_told_in_words(cluster: str, noted: Callable[..., Workload]) -> None:
    (found,) = RayTasks(cluster).run(Workload("nowhere:Nothing"), [Task(0, "", {"number": 0})])
    assert found.told is None and "a worker could not do it (ModuleNotFoundError" in found.lost


def test_a_job_that_fits_no_node_is_told(cluster: str) -> None:
    said: list[str] = []
    running = RayTasks(cluster, said.append).run(Workload("a:b", cpus=99), iter(()))
    assert list(running) == []
    assert len(said) == 1 and "99 CPUs" in said[0] and "the largest node has 2 CPUs" in said[0]


def test_where_there_is_no_ray_a_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match="pip install 'ray"):
        RayTasks("auto")
    for more, told in (((), "pip install 'ray"), (("--workers", "2"), "--workers are of this machine")):
        assert main(["batch", "jobs.csv", "--results", str(tmp_path), "--ray", "auto", "-q", *more]) == FAILED
        assert told in capsys.readouterr().err


def test_a_cluster_that_does_not_answer_is_told_even_where_ray_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=refuse))
    with pytest.raises(InputError, match=r"No Ray cluster answers at here:1 \(ConnectionError"):
        RayTasks("here:1")


def test_nothing_of_ray_or_torch_is_imported_to_plan_a_table(root: Path, tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("clip,voice,output\na,b,c.mp4\n")
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1])['load_pack']();"
        "from retalk_nodes.retalk_core.cli.main import main; main(['batch', 'jobs.csv', '--dry-run', '-q']);"
        "print(sorted({'ray', 'torch', 'cv2', 'numpy', 'fsspec', 's3fs'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, str(root / "__main__.py")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
