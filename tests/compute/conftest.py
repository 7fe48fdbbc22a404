"""A machine with an accelerator, as far as the tests of computing need one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from retalk_nodes.retalk_core.compute import provider as module


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine with one CUDA device, as far as can be seen before anything computes there."""
    card = SimpleNamespace(name="Card 4000", capability=(8, 6), free=10**12)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: card.name)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: card.capability)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: card.capability >= (8, 0))
    monkeypatch.setattr(module, "free_memory", lambda device: card.free)
    monkeypatch.setattr(module, "device_of", lambda network: torch.device(network.places[-1], 0))
    return card
