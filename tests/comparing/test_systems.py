"""Every network that draws lips is a system by itself, with its own paste and with the common one."""

from __future__ import annotations

from pathlib import Path

import pytest
from retalk_nodes.retalk_core.comparing.systems import (
    choose_systems,
    known_systems,
    restorer_systems,
    why_lacking,
    with_own_voice,
)
from retalk_nodes.retalk_core.compute.provider import LocalNetworks
from retalk_nodes.retalk_core.errors import OptionError
from retalk_nodes.retalk_core.stages.lips import syncers
from retalk_nodes.retalk_core.weights.files import ModelFiles


def test_all_networks_that_draw_lips_are_there_twice() -> None:
    names = {each.name for each in choose_systems()}
    for word in syncers.SYNCERS:
        assert {f"{word}-own", f"{word}-common"} <= names
    assert known_systems() == (*syncers.SYNCERS, "embedded")


def test_a_system_is_drawn_by_the_network_of_its_name() -> None:
    for system in choose_systems(parts=False):
        word = system.name.rpartition("-")[0]
        if word:
            assert system.options is not None and system.options.chosen_stages.lips == word
            assert system.options.engine == "retalk" and system.options.codec == "ffv1"
            assert system.options.mark == "off"
            assert system.options.records is not None and system.options.records.folder is None


def test_the_common_paste_is_the_same_for_all() -> None:
    common = [each for each in choose_systems(parts=False) if each.name.endswith("-common")]
    for system in common:
        assert system.options is not None
        stages = system.options.chosen_stages
        assert stages.restore == "off" and stages.keep_upper and stages.colour_match == 1


def test_other_networks_show_their_whole_box_as_their_own_paste() -> None:
    own = [each for each in choose_systems(parts=False) if each.name.endswith("-own")]
    pastes = {each.name: each.options.chosen_stages.paste for each in own if each.options is not None}
    assert pastes.pop("lnet-own") == "face" and len(pastes) == len(syncers.SYNCERS) - 1
    assert set(pastes.values()) == {"box"}


def test_parts_leave_out_what_they_say() -> None:
    stages = {
        each.name: each.options.chosen_stages
        for each in choose_systems(("lnet",))
        if "part" in each.roles and each.options is not None
    }
    found = {name: (each.neutralise, each.enhance) for name, each in stages.items()}
    assert found == {
        **{"part-l": (False, False), "part-le": (False, True), "part-dl": (True, False)},
        "lnet-common": (True, True),
    }
    assert not any(role == "part" for each in choose_systems(("wav2lip",)) for role in each.roles)


def test_words_that_are_none_are_refused() -> None:
    with pytest.raises(OptionError, match="no system gan"):
        choose_systems(("lnet", "gan"))


def test_what_lacks_a_file_says_which(tmp_path: Path) -> None:
    nothing = LocalNetworks(ModelFiles([tmp_path]))
    (gfpgan, gpen) = restorer_systems()
    assert "GFPGAN" in why_lacking(gfpgan, nothing) and "GPEN" in why_lacking(gpen, nothing)
    embedded = choose_systems(("embedded",))[0]
    assert why_lacking(embedded, nothing) == ""


def test_no_frame_lends_its_own_mouth_where_there_is_a_truth_or_it_is_said() -> None:
    for system in choose_systems():
        own = with_own_voice(system)
        assert own.options is not None
        shot = own.options.engine == "retalk" and own.options.chosen_stages.one_shot
        assert shot != ("flatter" in own.note), system.name
