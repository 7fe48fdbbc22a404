"""Metrics are found by themselves, and each is taken wherever what it looks at is there."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.metrics import registry
from retalk_nodes.retalk_core.metrics.registry import measure, metric, metrics, ratio

EVERYTHING = {
    "opening": np.sin(np.arange(60) / 3),
    "loudness": np.sin(np.arange(60) / 3),
    "sharpness": np.full(4, 0.2),
    "source_sharpness": np.full(4, 0.1),
    "flicker": np.full(3, 0.3),
    "source_flicker": np.full(3, 0.2),
    "errors_outside": np.full(2, 1e-4),
    "sync_distances": np.abs(np.arange(31) - 15.0),
    "cpbd": np.full(2, 0.3),
    "warping": np.full(3, 0.3),
    "source_warping": np.full(3, 0.2),
    "identities": np.linspace(0.8, 1, 21),
    "mouth_steps": np.full(3, 0.02),
    "lower_l1": np.full(3, 0.05),
    "lower_ssim": np.full(3, 0.9),
    "lower_lpips": np.full(3, 0.1),
    "likeness_outside": np.full(3, 0.99),
    "seams": np.full(3, 0.4),
    "naturalness": np.full(3, 5.0),
    "closure_gaps": np.array([0.0, 0.01, 0.1]),
    "vowel_gaps": np.array([0.1, 0.0]),
    "bite_gaps": np.array([0.04]),
    "rounded_widths": np.array([0.5, 0.6]),
    "spread_widths": np.array([0.7, 0.55]),
    "mouth_features": np.eye(10, 3),
    "real_mouth_features": np.eye(10, 3),
    "features": np.eye(2100, 3),
    "real_features": np.eye(2100, 3),
}


@pytest.mark.parametrize("name", metrics())
def test_every_metric_says_what_it_is(name: str) -> None:
    each = metrics()[name]
    assert each.name == name and each.needs and each.compute.__doc__
    assert each.words.format(15) != each.words, "the value has no place in the words"


@pytest.mark.parametrize("name", metrics())
def test_what_a_metric_looks_at_is_known_to_who_measures(name: str) -> None:
    for need in metrics()[name].needs:
        assert need in (measure.__doc__ or ""), f"{need} is not listed where things are measured"


def test_whatever_was_seen_is_judged() -> None:
    expected = {
        "lip_sharpness": pytest.approx(2),
        "lip_flicker": pytest.approx(1.5),
        "loss_outside": pytest.approx(40),
        "lag_frames": 0,
        "opening_loudness": pytest.approx(1),
    }
    values = measure(EVERYTHING)
    assert set(values) >= set(expected)
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize("lacking", EVERYTHING)
def test_what_wasnt_seen_is_not_judged(lacking: str) -> None:
    seen = {name: values for name, values in EVERYTHING.items() if name != lacking}
    left_out = {name for name, each in metrics().items() if lacking in each.needs}
    assert left_out and set(measure(seen)) == set(metrics()) - left_out


def test_a_name_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_METRICS", dict(metrics()))

    @metric("brightness", better="near 0", words="brighter by {:.1f}")
    def brightness(sharpness: np.ndarray) -> float:
        """A toy."""
        return float(sharpness.mean())

    assert registry._METRICS["brightness"].needs == ("sharpness",)
    with pytest.raises(ValueError, match="two metrics are called brightness"):
        metric("brightness", better="higher", words="{}")(brightness)


@pytest.mark.parametrize("empty", [[], [0.0, 0.0]])
def test_nothing_has_no_ratio(empty: list[float]) -> None:
    some = np.array([1.0, 3.0])
    assert ratio(np.array(empty), some) is None and ratio(some, np.array(empty)) is None
    assert ratio(some, some) == 1
