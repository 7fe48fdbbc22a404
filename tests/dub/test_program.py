"""The one call for programs: plain values in, a report out, and words for what can't be."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import retalk_nodes
from elsewhere import elsewhere
from retalk_nodes.retalk_core.compute.options import Computing
from retalk_nodes.retalk_core.dub import program
from retalk_nodes.retalk_core.dub.options import DubOptions
from retalk_nodes.retalk_core.fields import options_of
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import SoundArray
from retalk_nodes.retalk_core.stages.options import Stages
from scenes import RATE, babble

QUICK = {"engine": "embedded", "phones": False, "check": False}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[DubOptions]:
    """The options of each call; nothing is dubbed."""
    seen: list[DubOptions] = []

    class Nothing:
        report = None

    def note(clip: object, voice: object, output: Path, options: DubOptions, *_: object) -> Nothing:
        seen.append(options)
        return Nothing()

    monkeypatch.setattr(program, "dub", note)
    monkeypatch.setattr(program, "open_clip", lambda path: path)
    return seen


def test_a_clip_is_dubbed_and_the_report_comes_back(
    small_clip: Path, voice_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    report = retalk_nodes.dub(str(small_clip), str(voice_file), str(output), longer="cut_voice", **QUICK)
    assert report.engine == "embedded" and report.frames_out == len(open_clip(output)) == 6


def test_the_voice_may_be_samples_and_progress_is_told(small_clip: Path, tmp_path: Path) -> None:
    stages = []

    def progress(stage: str) -> Any:  # noqa: ANN401 - what is told how far it is
        stages.append(stage)
        return lambda done, total: None

    voice = SoundArray(babble(0.24)[None], RATE)
    retalk_nodes.dub(small_clip, voice, tmp_path / "out.mkv", codec="ffv1", progress=progress, **QUICK)
    assert stages == ["listen", "track", "dub"]


@pytest.mark.parametrize(
    ("given", "name", "wanted"),
    [
        ({"start": 1}, "start", Fraction(1)),
        ({"start": 0.1}, "start", Fraction(1, 10)),
        ({"start": "1:02.5"}, "start", Fraction(125, 2)),
        ({"duration": Fraction(1, 3)}, "duration", Fraction(1, 3)),
        ({"duration": None}, "duration", None),
        ({"edit_only": "1-2, 3-4"}, "edit_only", ((1, 2), (3, 4))),
        ({"edit_only": [(0.5, "0:01")]}, "edit_only", ((Fraction(1, 2), 1),)),
        ({"constant_rate": 29.97}, "constant_rate", Fraction(30000, 1001)),
        ({"constant_rate": "25"}, "constant_rate", Fraction(25)),
        ({"work_dir": "kept"}, "work_dir", Path("kept")),
        ({"restore": "off"}, "stages", Stages(restore="off")),
        ({"preset": "original", "one_shot": True}, "stages", Stages.of("original", one_shot=True)),
        ({"expression": "grim.png"}, "stages", Stages(expression=Path("grim.png"))),
        ({"precision": "fp32"}, "stages", None),
    ],
    ids=str,
)
def test_values_are_taken_as_programs_have_them(
    asked: list[DubOptions], given: dict[str, Any], name: str, wanted: object
) -> None:
    retalk_nodes.dub("clip.mp4", "voice.wav", "out.mp4", **given)
    assert getattr(asked[0], name) == wanted


@pytest.mark.parametrize("holder", program.OPTION_KINDS)
def test_every_option_can_be_given_by_its_name(holder: type) -> None:
    for each in options_of(holder):
        assert program._by_holder({each.name: each.default})[holder] == {each.name: each.default}


def test_no_name_belongs_to_two_kinds_of_options() -> None:
    names = [each.name for holder in (DubOptions, Stages, Computing) for each in options_of(holder)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"presset": "fast"}, "There is no option presset: preset is meant, perhaps."),
        ({"nonsense_altogether": 1}, "There is no option nonsense_altogether. There are action_units, "),
        ({"preset": "slow"}, "preset is 'slow', but must be one of fast, paper, original."),
        ({"start": "soon"}, "'soon' is not a time."),
        ({"device": "abacus"}, "'abacus' is no device."),
        (
            {"stages": Stages(), "restore": "off"},
            "restore and stages were both given",
        ),
    ],
    ids=str,
)
def test_what_cant_be_is_said_in_words(asked: list[DubOptions], given: dict[str, Any], words: str) -> None:
    with pytest.raises(retalk_nodes.RetalkError) as error:
        retalk_nodes.dub("clip.mp4", "voice.wav", "out.mp4", **given)
    assert words in str(error.value) and asked == []


def test_a_missing_clip_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(retalk_nodes.RetalkError, match=r"nowhere\.mp4"):
        retalk_nodes.dub(tmp_path / "nowhere.mp4", "voice.wav", tmp_path / "out.mp4")


def test_importing_the_call_loads_nothing() -> None:
    code = (
        "from retalk_nodes import RetalkError, dub\n"
        "print(sorted({'torch', 'cv2', 'librosa', 'numpy', 'scipy', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run(elsewhere(code), check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_dub_by_the_preview_waits_for_no_library_that_only_networks_need() -> None:
    code = (
        "import retalk_nodes.retalk_core.dub.pipeline\n"
        "slow = {'torchvision', 'torch._dynamo', 'sympy', 'scipy.signal', 'scipy.stats', 'librosa'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(elsewhere(code), check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
