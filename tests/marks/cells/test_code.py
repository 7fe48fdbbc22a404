"""A number survives noise, and what is no number is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from retalk_nodes.retalk_core.marks.cells.code import (
    coded_bits,
    decode_number,
    encode_number,
    most_agreement,
)


@pytest.mark.parametrize(("bits", "check"), [(32, 12), (16, 8)])
def test_a_number_comes_back(bits: int, check: int) -> None:
    for number in (0, 1, (1 << bits) - 1, 0x2B5D_1C0F >> (32 - bits)):
        signs = encode_number(number, bits, check)
        assert len(signs) == coded_bits(bits, check) and set(np.unique(signs)) <= {-1.0, 1.0}
        assert decode_number(signs, bits, check)[0] == number


def test_a_tenth_of_all_signs_may_be_wrong() -> None:
    rng, read = np.random.default_rng(0), 0
    for _ in range(20):
        number = int(rng.integers(0, 1 << 32))
        signs = encode_number(number, 32, 12)
        wrong = rng.permutation(len(signs))[: len(signs) // 10]
        signs[wrong] *= -1
        read += decode_number(signs + 0.3 * rng.standard_normal(len(signs)), 32, 12)[0] == number
    assert read >= 19


def test_noise_is_hardly_ever_a_number() -> None:
    rng = np.random.default_rng(1)
    found = [decode_number(rng.standard_normal(coded_bits(16, 8)), 16, 8)[0] for _ in range(200)]
    assert sum(number is not None for number in found) <= 6  # 200 / 256 are expected


def test_what_was_read_is_the_best_of_all_words() -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        sent = encode_number(int(rng.integers(0, 1 << 16)), 16, 8)
        soft = sent + 2.0 * rng.standard_normal(len(sent))
        assert soft @ decode_number(soft, 16, 8)[1] >= soft @ sent - 1e-9


def test_no_word_agrees_more_than_the_bound() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        soft = rng.standard_normal(coded_bits(32, 12))
        best = float(soft @ decode_number(soft, 32, 12)[1])
        assert best <= most_agreement(soft) + 1e-3 and most_agreement(soft) < np.abs(soft).sum()
    sent = encode_number(0x2B5D_1C0F, 32, 12)
    assert most_agreement(sent) == pytest.approx(len(sent))


def test_a_number_comes_back_by_one_of_the_likeliest_readings() -> None:
    rng, right = np.random.default_rng(3), {1: 0, 8: 0}
    for _ in range(40):
        number = int(rng.integers(0, 1 << 32))
        soft = encode_number(number, 32, 12) + 1.6 * rng.standard_normal(coded_bits(32, 12))
        for tried in right:
            read, signs = decode_number(soft, 32, 12, tried)
            assert read is None or np.array_equal(signs, encode_number(read, 32, 12))
            right[tried] += read == number
    assert right[8] > right[1] > 0
