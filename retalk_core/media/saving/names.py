"""Names for saved files, with the words that ComfyUI's own nodes for saving know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

DATE = re.compile(r"%date(?::([^%]*))?%")
VALUE = re.compile(r"%([^%.:]+)\.([^%]+)%")
PARTS = re.compile(r"yyyy|yy|dd?|MM?|hh?|mm?|ss?")
PLAIN_DATE = "yyyyMMddhhmmss"
UNFIT = re.compile(r'[/?<>\\:*|"\x00-\x1f\x7f]')  # for a file's name


def spelled_out(prefix: str, now: datetime, prompt: Mapping[str, Any]) -> str:
    """A prefix with %date:yyyy-MM-dd% and %Node.widget% in words.

    prompt: a workflow in API form; a node goes by its title or its class
    Words that mean nothing stay as they are.
    """
    dated = DATE.sub(lambda found: _date(found[1] or PLAIN_DATE, now), prefix)
    return VALUE.sub(lambda found: _value(found, prompt), dated)


def _date(form: str, now: datetime) -> str:
    parts = {"d": now.day, "M": now.month, "h": now.hour, "m": now.minute, "s": now.second}

    def part(found: re.Match[str]) -> str:
        word = found[0]
        if word.startswith("y"):
            return f"{now.year:04}"[-len(word) :]
        return f"{parts[word[0]]:0{len(word)}}"

    return PARTS.sub(part, form)


def _value(found: re.Match[str], prompt: Mapping[str, Any]) -> str:
    title, widget = found[1], found[2]
    for node in prompt.values():
        names = (node.get("_meta", {}).get("title"), node.get("class_type"))
        value = node.get("inputs", {}).get(widget)
        if title in names and value is not None and not isinstance(value, list):
            return UNFIT.sub("_", str(value))
    return found[0]
