"""Bad inputs end in words: a part of benchmarks/bad_inputs.py, chosen by a seed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CASES, SEED = 120, 6
CPU_SECONDS = 40.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="cases are forked, which this system can't do")
def test_bad_inputs_end_in_words(root: Path) -> None:
    pytest.importorskip("skimage", reason="scikit-image lends the portrait")
    script = root / "benchmarks" / "bad_inputs.py"
    words = [sys.executable, str(script), "--sample", str(CASES), "--seed", str(SEED)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    told = re.search(rf"{CASES} cases, 0 faulty; .* (\d+) CPU s", done.stdout)
    assert told and float(told[1]) < CPU_SECONDS, done.stdout
