"""A run that was stopped is the run that wasn't, and two processes are one with twice the portions."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from retalk_nodes.retalk_core.errors import InputError, OptionError
from retalk_nodes.retalk_core.training.checkpoints import BEST, load_state, saved_steps
from retalk_nodes.retalk_core.training.engine import TrainingEngine
from retalk_nodes.retalk_core.training.journal import LOG, read_log
from retalk_nodes.retalk_core.training.loop import MOST_LOST, Learnt, learn
from retalk_nodes.retalk_core.training.settings import Pace
from retalk_nodes.retalk_core.training.tasks.base import LearntBatch, Player, Stage, TrainingTask, collate
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

PACE = Pace(
    steps=6,
    batch=2,
    device="cpu",
    average=0.9,
    save_every=3,
    tell_every=2,
    validate_every=3,
    draw_every=3,
)


class Lines(TrainingTask):
    """Learns a line; then a rival joins."""

    kind: ClassVar[str] = "lnet"
    score: ClassVar[str] = "distance"

    def __init__(self, pace: Pace = PACE, switch: int = 4, broken: int = -1) -> None:
        torch.manual_seed(3)
        self.pace, self.draws, self.memory, self.judges = pace, "line", {"looks": 0.0}, {}
        middle = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.3), nn.Tanh(), nn.Linear(4, 1))
        rival = nn.utils.spectral_norm(nn.Linear(1, 1))
        self.networks: dict[str, nn.Module] = {"line": middle, "rival": rival}
        self.broken = broken
        line = Player("line", 1e-2, drop_at=3, drop=0.5)
        self.stages = (Stage("alone", switch, (line,)), Stage("both", None, (Player("rival", 1e-2), line)))

    def draw(self, chance: np.random.Generator) -> dict[str, Tensor]:
        x = chance.standard_normal(3, np.float32)
        return {"x": torch.from_numpy(x), "y": torch.tensor([float(x.sum())])}

    def losses(self, player: str, batch: LearntBatch, stage: str, step: int) -> dict[str, Tensor]:
        drawn = self.networks["line"](batch["x"])
        if player == "rival":
            return {"telling": (self.networks["rival"](drawn.detach()) - 1).square().mean()}
        distance = (drawn - batch["y"]).square().mean()
        if step >= self.broken >= 0:
            distance = distance * math.nan
        return {"distance": distance, "size": drawn.abs().mean()}

    def weights(self, player: str, stage: str) -> Mapping[str, float]:
        return {"distance": 1.0, "size": 0.01, "telling": 1.0}

    def validate(self, network: nn.Module) -> dict[str, float]:
        self.memory["looks"] += 1
        batch = collate([self.draw(np.random.default_rng(i)) for i in range(4)])
        return {"distance": float((network(batch["x"]) - batch["y"]).abs().mean())}

    def strip(self, network: nn.Module) -> np.ndarray:
        return np.full((4, 4, 3), 7, np.uint8)


def run(
    folder: Path,
    pace: Pace = PACE,
    task: Callable[[Pace], TrainingTask] = Lines,
    told: list[str] | None = None,
) -> Learnt:
    return learn(
        task(pace),
        TrainingEngine("cpu"),
        folder,
        {"pace": vars(pace)},
        tell=(told if told is not None else []).append,
    )


def tensors(folder: Path, step: int) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / f"step_{step:09d}.safetensors")


def test_six_steps_are_three_and_three_bit_for_bit(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    run(tmp_path / "parts", replace(PACE, steps=3))
    again = run(tmp_path / "parts")

    assert again.begun == 3 and again.steps == 6
    whole, parts = (tensors(tmp_path / name, 6) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys() and all(torch.equal(whole[key], parts[key]) for key in whole)
    assert any(key.startswith("optimiser/line/0/exp_avg") for key in whole)
    one, other = (load_state(tmp_path / name / "step_000000006.safetensors") for name in ("whole", "parts"))
    assert (
        one.memory == other.memory
        and one.optimisers["line"]["param_groups"] == other.optimisers["line"]["param_groups"]
    )


def test_the_mean_differs_from_the_weights_and_stages_begin_anew(tmp_path: Path) -> None:
    run(tmp_path)
    state = load_state(tmp_path / "step_000000006.safetensors")
    assert state.stage == "both" and set(state.optimisers) == {"line", "rival"}
    assert not torch.equal(state.mean["0.weight"], state.networks["line"]["0.weight"])
    assert int(state.optimisers["line"]["state"][0]["step"]) == 2  # since the second stage began
    assert state.optimisers["line"]["param_groups"][0]["lr"] == 5e-3


def test_the_log_has_every_term_and_no_line_twice(tmp_path: Path) -> None:
    run(tmp_path, replace(PACE, steps=3))
    (tmp_path / LOG).open("a").write('{"step": 5, "torn')
    run(tmp_path)

    lines = read_log(tmp_path / LOG)
    told = [line for line in lines if "losses" in line]
    assert [line["step"] for line in told] == [2, 3, 4, 6] and "torn" not in (tmp_path / LOG).read_text()
    assert set(told[-1]["losses"]) == {"line.distance", "line.size", "rival.telling"}
    assert [line["step"] for line in lines if "validation" in line] == [3, 6]
    assert {path.name for path in (tmp_path / "strips").iterdir()} == {
        "step_000000003.png",
        "step_000000006.png",
    }
    assert (tmp_path / BEST).exists()


def test_portions_are_one_large_portion(tmp_path: Path) -> None:
    """Up to what batch norm sees, which is a portion."""

    class Plain(Lines):
        def __init__(self, pace: Pace) -> None:
            super().__init__(pace)
            self.networks["line"] = nn.Linear(3, 1)

    run(tmp_path / "one", replace(PACE, batch=4), Plain)
    run(tmp_path / "two", replace(PACE, accumulate=2), Plain)
    one, two = tensors(tmp_path / "one", 6), tensors(tmp_path / "two", 6)
    for key in one:
        torch.testing.assert_close(one[key], two[key], rtol=1e-5, atol=1e-6)


def test_several_loading_processes_change_nothing(tmp_path: Path) -> None:
    run(tmp_path / "alone", replace(PACE, steps=2, save_every=1))
    run(tmp_path / "helped", replace(PACE, steps=2, save_every=1, workers=2))
    one, two = tensors(tmp_path / "alone", 2), tensors(tmp_path / "helped", 2)
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_two_processes_are_one_with_twice_the_portions(tmp_path: Path, root: Path) -> None:
    pytest.importorskip("accelerate")
    script = tmp_path / "joined.py"
    script.write_text(
        f"import sys; sys.path[:0] = [{str(root / 'tests')!r}, {str(root / 'tests' / 'training')!r}]\n"
        "import conftest, torch\n"
        "from dataclasses import replace; from pathlib import Path\n"
        "from test_loop import Lines, PACE\n"
        "from retalk_nodes.retalk_core.training.engine import open_engine\n"
        "from retalk_nodes.retalk_core.training.loop import learn\n"
        "pace = replace(PACE, save_every=1)\n"
        "engine = open_engine('cpu', 'fp32'); assert engine.world == 2\n"
        f"learn(Lines(pace), engine, Path({str(tmp_path / 'two')!r}), {{'pace': vars(pace)}})\n"
    )
    words = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(script),
    ]
    done = subprocess.run(
        words, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    run(tmp_path / "one", replace(PACE, accumulate=2, save_every=1))
    one, two = (
        load_state(tmp_path / "one/step_000000006.safetensors"),
        load_state(tmp_path / "two/step_000000006.safetensors"),
    )
    noted = set()
    for name, network in one.networks.items():
        for key, value in network.items():
            noted |= {key.rpartition(".")[2]}
            torch.testing.assert_close(two.networks[name][key], value, rtol=1e-5, atol=1e-6, msg=key)
    assert {"running_mean", "running_var", "num_batches_tracked", "weight_u"} <= noted


def test_a_loss_that_is_no_number_ends_the_run_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The loss distance was no number in 10 steps in a row") as told:
        run(tmp_path, replace(PACE, steps=40), lambda pace: Lines(pace, broken=4))
    assert "it goes on from step" in str(told.value) and MOST_LOST == 10
    assert all(
        torch.isfinite(value).all() for value in tensors(tmp_path, saved_steps(tmp_path)[-1][0]).values()
    )


def test_other_settings_do_not_go_on(tmp_path: Path) -> None:
    run(tmp_path, replace(PACE, steps=3))
    run(tmp_path, replace(PACE, steps=4, tell_every=1))
    with pytest.raises(OptionError, match=r"other settings \(pace.batch\)"):
        run(tmp_path, replace(PACE, batch=3))


def test_a_damaged_state_is_told_and_the_one_before_is_taken(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "step_000000006.safetensors").write_bytes(b"nothing")
    told: list[str] = []
    assert run(tmp_path, told=told).begun == 3
    assert "holds no run to go on from" in told[0]


@pytest.mark.parametrize("lacking", ["groups", "step", "memory", "networks"])
def test_a_state_that_lacks_something_is_told_and_the_one_before_is_taken(
    tmp_path: Path, lacking: str
) -> None:
    run(tmp_path)
    path = tmp_path / "step_000000006.safetensors"
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["retalk_run"])
    held = tensors(tmp_path, 6)
    if lacking == "networks":
        held = {"optimiser/nobody/0/exp_avg": torch.zeros(1)}
    else:
        del header[lacking]
    save_file(held, path, {"retalk_run": json.dumps(header)})
    told: list[str] = []
    assert run(tmp_path, told=told).begun == 3
    assert "holds no run to go on from (KeyError)" in told[0]


def test_a_run_of_another_kind_is_not_gone_on_with(tmp_path: Path) -> None:
    class Others(Lines):
        def __init__(self, pace: Pace) -> None:
            super().__init__(pace)
            self.networks["third"] = nn.Linear(1, 1)

    run(tmp_path, replace(PACE, steps=3))
    with pytest.raises(OptionError, match=r"a run of another kind \(lnet, alone\): choose another folder"):
        run(tmp_path, PACE, Others)


def test_a_stop_says_from_where_it_goes_on(tmp_path: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="it goes on from step 3"):
        learn(Lines(), TrainingEngine("cpu"), tmp_path, {"pace": vars(PACE)}, progress=stop)


def test_patience_and_minutes_end_a_run(tmp_path: Path) -> None:
    class Worse(Lines):
        def validate(self, network: nn.Module) -> dict[str, float]:
            return {"distance": 1.0}

    pace = replace(PACE, steps=100, validate_every=2, patience=2)
    assert run(tmp_path / "patience", pace, Worse).steps == 6
    assert run(tmp_path / "minutes", replace(PACE, steps=10**6, minutes=1e-9)).steps == 1
    assert json.loads((tmp_path / "patience" / LOG).read_text().splitlines()[-1])["step"] == 6


def test_a_full_disk_is_told_and_leaves_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from retalk_nodes.retalk_core.training import checkpoints

    run(tmp_path, replace(PACE, steps=3))

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(InputError, match=r"can't be written .*No space left on device"):
        run(tmp_path)
    assert saved_steps(tmp_path)[-1][0] == 3 and load_state(saved_steps(tmp_path)[-1][1]).step == 3
