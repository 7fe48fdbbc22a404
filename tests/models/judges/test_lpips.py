"""LPIPS is what the package lpips gives with the same AlexNet."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from retalk_nodes.models.catalog import NETWORKS, catalog
from retalk_nodes.models.checkpoint import load_network
from retalk_nodes.models.judges import lpips as ours
from torchvision.models import alexnet


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AlexNet with weights of no meaning, as torchvision keeps it."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "alexnet-owt-7be5be79.pth"
    torch.save(alexnet(weights=None).state_dict(), path)
    return path


def test_distances_are_the_packages_own(file: Path) -> None:
    theirs = pytest.importorskip("lpips", reason="lpips isn't installed").LPIPS(
        net="alex", pnet_rand=True, verbose=False
    )
    trunk = alexnet(weights=None)
    trunk.load_state_dict(torch.load(file, weights_only=True))
    for number in range(1, 6):  # each slice holds some of AlexNet's layers under their own numbers
        for name, layer in getattr(theirs.net, f"slice{number}").named_children():
            layer.load_state_dict(trunk.features[int(name)].state_dict())
    network = load_network(catalog["lpips"], file)
    pictures = torch.rand(2, 2, 3, 144, 144, generator=torch.Generator().manual_seed(1))

    with torch.inference_mode():
        given = network(*pictures)
        expected = theirs.eval()(*pictures, normalize=True).flatten()

    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-6)
    assert float(network(pictures[0], pictures[0]).max()) == 0


def test_the_sample_is_told_apart(file: Path) -> None:
    network = load_network(catalog["lpips"], file)
    assert float(network(*NETWORKS["lpips"].build.draw_sample())) > 0


def test_without_the_package_it_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="lpips isn't installed"):
        ours.Lpips()
