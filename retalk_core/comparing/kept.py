"""What a comparison has made so far: of each file is noted what it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..files import write_file


def stamp(path: Path) -> dict[str, Any]:
    """What tells a file from one that took its place, wherever its folder lies."""
    state = path.stat()
    return {"name": path.name, "size": state.st_size, "changed": state.st_mtime_ns}


class Kept:
    """Notes of what files were made from; a file whose note fits is not made again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "notes"

    def find(self, name: str, path: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """What was noted of a file that was made from just this; None where it is to be made."""
        try:
            noted = json.loads(self._note(name).read_text("utf-8"))
            fits = noted["key"] == json.loads(json.dumps(key)) and noted["file"] == stamp(path)
            return dict(noted["found"]) if fits else None
        except (OSError, ValueError, KeyError, TypeError):  # not there, or half of it
            return None

    def keep(self, name: str, path: Path, key: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
        """Note what a file was made from, and what there is to say of it. Raises InputError.

        Gives that back as it will be found: pairs, for example, are lists then.
        """
        note = self._note(name)
        note.parent.mkdir(parents=True, exist_ok=True)
        noted = json.dumps({"key": key, "file": stamp(path), "found": found}, ensure_ascii=False)
        write_file(note, f"{noted}\n".encode())
        return dict(json.loads(noted)["found"])

    def make(self, name: str, path: Path, key: Mapping[str, Any], write: Callable[[], None]) -> bool:
        """Write a file, unless it lies there, made from just this; says whether it was written."""
        if self.find(name, path, key) is not None:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
        self.keep(name, path, key, {})
        return True

    def look(self, name: str, path: Path, look: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """What is known of a file that others made; it is looked at once."""
        found = self.find(name, path, {})
        return self.keep(name, path, {}, look()) if found is None else found

    def _note(self, name: str) -> Path:
        return self._folder / f"{name}.json"
