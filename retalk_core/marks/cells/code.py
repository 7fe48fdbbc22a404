"""Error correction for the few bits that a mark carries: a tail-biting convolutional code, read softly.

Source: H. H. Ma and J. K. Wolf, On tail biting convolutional codes, 1986
"""

from __future__ import annotations

import binascii
import functools

import numpy as np

MEMORY = 8  # bits that the encoder remembers
POLYNOMIALS = (0o463, 0o535, 0o733, 0o745)  # the best of rate 1/4 with this memory
CODE_RATE = len(POLYNOMIALS)  # coded bits for each bit


def coded_bits(bits: int, check: int) -> int:
    """How many signs `encode_number` gives for a number of so many bits and a check of so many."""
    return CODE_RATE * (bits + check)


def encode_number(number: int, bits: int, check: int) -> np.ndarray:
    """A number of some bits and its check, coded: (CODE_RATE * (bits + check),) signs, 1 or -1."""
    return _signs(_unpacked((number << check) | _checked(number, bits, check), bits + check))


def decode_number(soft: np.ndarray, bits: int, check: int, tried: int = 1) -> tuple[int | None, np.ndarray]:
    """The likeliest number, and the signs (n,) that stand for what was read.

    soft:    (CODE_RATE * (bits + check),) any unit; the sign says which bit, the size how surely
    tried:   how many of the likeliest readings are checked until one passes; each can pass by chance
    returns: None for the number where none passes, and the signs of the likeliest reading
    """
    readings = _viterbi(soft.reshape(-1, CODE_RATE), tried)
    for read in readings:
        word = int("".join(map(str, read)), 2)
        number = word >> check
        if _checked(number, bits, check) == word & ((1 << check) - 1):
            return number, _signs(read)
    return None, _signs(readings[0])


def most_agreement(soft: np.ndarray) -> float:
    """What no word exceeds with soft values (n,), as a sum: the best path, wherever it begins and ends.

    It takes a twentieth of the time of reading, so that noise needn't be read.
    """
    gains = np.einsum("sbr,nr->nsb", _trellis(), soft.reshape(-1, CODE_RATE))
    states, before = _steps()
    metric = np.zeros(len(states))
    for gain in gains:
        zero, one = (metric[way] + gain[way, states & 1] for way in before)
        metric = np.maximum(zero, one)
    return float(metric.max())


def _checked(number: int, bits: int, check: int) -> int:
    """The first bits of CRC-16/CCITT of a number."""
    return binascii.crc_hqx(number.to_bytes((bits + 7) // 8, "big"), 0xFFFF) >> (16 - check)


def _unpacked(word: int, count: int) -> np.ndarray:
    return np.array([word >> place & 1 for place in reversed(range(count))], np.int64)


def _signs(word: np.ndarray) -> np.ndarray:
    """Code a word (n,) of 0 and 1: the encoder starts in the state in which it ends."""
    state = 0
    for bit in word[-MEMORY:]:
        state = (state << 1 | int(bit)) & ((1 << MEMORY) - 1)
    outputs, signs = _trellis(), []
    for bit in word:
        signs.append(outputs[state, int(bit)])
        state = (state << 1 | int(bit)) & ((1 << MEMORY) - 1)
    return np.concatenate(signs)


@functools.lru_cache(maxsize=1)
def _trellis() -> np.ndarray:
    """What leaves the encoder in each state for each bit: (states, 2, CODE_RATE) signs."""
    register = np.arange(1 << MEMORY)[:, None] << 1 | np.arange(2)  # (states, 2); the newest bit is the last
    tapped = register[..., None] & np.array(POLYNOMIALS)
    parity = np.zeros_like(tapped)
    for place in range(MEMORY + 1):
        parity ^= tapped >> place & 1
    return (1 - 2 * parity).astype(np.float64)


@functools.lru_cache(maxsize=1)
def _steps() -> tuple[np.ndarray, np.ndarray]:
    """All states, and the two from which each is reached: the oldest bit, now forgotten, was 0 or 1."""
    states = np.arange(1 << MEMORY)
    return states, np.stack([states >> 1, states >> 1 | len(states) >> 1])


def _viterbi(soft: np.ndarray, count: int) -> list[np.ndarray]:
    """The bits (n,) of the best paths around the trellis that end where they began; soft (n, CODE_RATE).

    All beginnings are followed at once, so that the best path of all is found; the others are the best of
    other beginnings.
    """
    gains = np.einsum("sbr,nr->nsb", _trellis(), soft).astype(np.float32)
    states, before = _steps()
    metric = np.where(np.eye(len(states), dtype=bool), np.float32(0), -np.inf)  # (states, beginnings)
    oldest = np.empty((len(soft), len(states), len(states)), bool)
    for step, gain in enumerate(gains):
        zero, one = (metric[way] + gain[way, states & 1, None] for way in before)
        np.greater(one, zero, out=oldest[step])
        metric = np.maximum(zero, one)
    likeliest = np.argsort(-np.diagonal(metric), kind="stable")[:count]
    return [_path(oldest[:, :, begun], before, int(begun)) for begun in likeliest]


def _path(oldest: np.ndarray, before: np.ndarray, begun: int) -> np.ndarray:
    """The bits (n,) of the path that ends where it began."""
    bits, state = np.empty(len(oldest), np.int64), begun
    for step in reversed(range(len(oldest))):
        bits[step] = state & 1
        state = int(before[int(oldest[step, state]), state])
    return bits
