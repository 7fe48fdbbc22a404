"""Write a repository's address, and with it icon and banner, into pyproject.toml before it is published.

    python scripts/fill_in_registry.py https://github.com/OWNER/NAME v1.2.3

The address is only known where the project is published, so it is not in the file. Refuses a tag that is not
the version. The registry shows icon and banner from GitHub's raw files of that tag.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]


def main(words: Sequence[str]) -> None:
    if len(words) != 2:
        sys.exit(__doc__)
    path = ROOT / "pyproject.toml"
    try:
        path.write_text(filled_in(path.read_text(encoding="utf-8"), *words), encoding="utf-8")
    except ValueError as error:
        sys.exit(f"fill_in_registry: {error}")


def filled_in(text: str, address: str, tag: str) -> str:
    """pyproject.toml's text with the addresses that a tag of a repository gives. Raises ValueError."""
    where = urlsplit(address.rstrip("/").removesuffix(".git"))
    if where.hostname != "github.com" or where.path.count("/") != 2:
        raise ValueError(f"{address} is no repository's address, such as https://github.com/OWNER/NAME.")
    version = re.search(r'^version = "([^"]+)"', text, re.MULTILINE)
    if version is None or tag.removeprefix("v") != version[1]:
        raise ValueError(f"The tag is {tag}, but the version is {version[1] if version else 'not there'}.")
    base, raw = where.geturl(), f"https://raw.githubusercontent.com{where.path}/{tag}/docs"
    urls = (
        f'[project.urls]\nRepository = "{base}"\nDocumentation = "{base}#readme"\n'
        f'"Bug Tracker" = "{base}/issues"\n\n[tool.comfy]\n'
        f'Icon = "{raw}/icon.png"\nBanner = "{raw}/banner.png"\n'
    )
    text, count = re.subn(r"^\[tool\.comfy\]\n", urls, text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError("pyproject.toml has no section [tool.comfy].")
    return text


if __name__ == "__main__":
    main(sys.argv[1:])
