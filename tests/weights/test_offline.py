"""Networks of other packages are built without a look at the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import socket, sys

def refuse(*_, **__):
    raise AssertionError("reached for the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
sys.path.insert(0, sys.argv[1])
import conftest
from retalk_nodes.models.faces import parsing, retinaface
from retalk_nodes.models.restorers import gfpgan, gpen

assert not {"facexlib", "spandrel"} & set(sys.modules), "imported before it was needed"
for network in (gfpgan.GFPGAN, gpen.GPEN, parsing.ParseNet, parsing.BiSeNet, retinaface.RetinaFace):
    assert all(tensor.device.type == "cpu" for tensor in network().state_dict().values())
"""


def test_building_a_network_never_opens_a_connection(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(root / "tests")], capture_output=True, text=True, timeout=300
    )

    assert done.returncode == 0, done.stderr
