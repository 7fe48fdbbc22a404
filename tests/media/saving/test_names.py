"""Words in a saved file's name mean what they mean in ComfyUI's own nodes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from retalk_nodes.retalk_core.media.saving.names import spelled_out

NOW = datetime(2026, 3, 4, 5, 6, 7)
PROMPT: dict[str, Any] = {
    "1": {"class_type": "LoadVideo", "inputs": {"file": "a/b.mp4"}, "_meta": {"title": "My Clip"}},
    "2": {"class_type": "ReTalkDubVideo", "inputs": {"video": ["1", 0], "preset": "paper"}},
}


@pytest.mark.parametrize(
    ("prefix", "meant"),
    [
        ("video/%date:yyyy-MM-dd%/dub", "video/2026-03-04/dub"),
        ("%date:yy.M.d h-m-s%", "26.3.4 5-6-7"),
        ("%date%", "20260304050607"),
        ("%date:hhmmss%_%width%", "050607_%width%"),
        ("%My Clip.file%", "a_b.mp4"),
        ("%LoadVideo.file%/%ReTalkDubVideo.preset%", "a_b.mp4/paper"),
        ("%ReTalkDubVideo.video%", "%ReTalkDubVideo.video%"),
        ("%Nobody.file%", "%Nobody.file%"),
        ("100 % plain", "100 % plain"),
    ],
)
def test_words_are_spelled_out(prefix: str, meant: str) -> None:
    assert spelled_out(prefix, NOW, PROMPT) == meant
