"""A key names all that a result depends on."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from elsewhere import run_elsewhere
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.resume import key as keys_module
from retalk_nodes.retalk_core.resume.key import store_key
from retalk_nodes.retalk_core.resume.store import KEY


@dataclass(frozen=True)
class Options:
    strength: float = 1.0
    sound: Path | None = None


VALUES = [
    *(None, True, 1, 1.0, "1", b"1", Fraction(1), 0.1 + 0.2, 0.3),
    *([1, 2], [2, 1], [[1], 2], {1, 2}, {"a": 1}, {"a": 2}, {"b": 1}, [], {}, ""),
    *(Options(), Options(0.5), torch.device("cpu"), torch.device("cuda:0"), torch.float16),
    *(np.arange(3), np.arange(3.0), np.arange(3)[:, None], np.arange(4), torch.arange(3, dtype=torch.int32)),
]


def test_different_values_have_different_keys() -> None:
    keys = [store_key({"part": value}) for value in VALUES]
    assert len(set(keys)) == len(VALUES)
    assert all(KEY.fullmatch(key) for key in keys)


def test_the_same_content_has_the_same_key_in_any_order() -> None:
    one = {"a": [1, {"x": 2, "y": 3}], "b": {"p", "q"}, "c": np.arange(6).reshape(2, 3)}
    other = {"c": torch.arange(6).reshape(2, 3), "b": {"q", "p"}, "a": (1, {"y": 3, "x": 2})}
    assert store_key(one) == store_key(other)


def test_a_key_is_the_same_in_another_process() -> None:
    module = "retalk_nodes.retalk_core.resume.key"
    code = f"from {module} import store_key; print(store_key({{'a': {{'x', 'y', 'z'}}, 'b': 0.1}}))"
    assert run_elsewhere(code).strip() == store_key({"a": {"x", "y", "z"}, "b": 0.1})


def test_files_count_by_their_content_wherever_they_are(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"content")
    (tmp_path / "two").write_bytes(b"content")
    same = [store_key({"clip": tmp_path / name}) for name in ("one", "two")]
    assert same[0] == same[1]
    within = store_key({"options": Options(sound=tmp_path / "one")})
    (tmp_path / "one").write_bytes(b"contents")
    assert store_key({"clip": tmp_path / "one"}) != same[0]
    assert store_key({"options": Options(sound=tmp_path / "one")}) != within


def test_another_version_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = store_key({"a": 1})
    monkeypatch.setattr(keys_module, "__version__", "99")
    assert store_key({"a": 1}) != before


def test_what_has_no_content_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a function has no content"):
        store_key({"a": test_what_has_no_content_has_no_key})
    with pytest.raises(ValueError, match="Python objects"):
        store_key({"a": np.array([object()])})
    with pytest.raises(InputError, match=r"missing can't be read \(No such file"):
        store_key({"a": tmp_path / "missing"})
