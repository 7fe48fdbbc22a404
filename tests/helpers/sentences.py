"""Finds every sentence of the sources that may reach the canvas: other languages must have words for it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Rooms whose words are for other readers: a terminal, who trains, who judges folders.
ELSEWHERE = (
    "retalk_core/cli",
    "retalk_core/comparing",
    "retalk_core/study",
    "retalk_core/jobs",
    "retalk_core/training",
    "retalk_core/judging/corpus",
    "retalk_core/judging/selfcheck.py",
    "retalk_core/weights/trial.py",
    "retalk_core/dub/program.py",  # a program's own words
    "retalk_core/visemes/text/espeak.py",  # tables of sounds
    "retalk_core/visemes/text/languages.py",
    "retalk_core/visemes/text/letters.py",
    "retalk_core/visemes/text/spellings.py",
    "retalk_core/visemes/targets.py",
    "retalk_core/provenance/manifest.py",  # what a finished file says of itself
    "retalk_core/reports/charts.py",  # drawn into pictures
    "models/training/dnet.py",  # names of tensors
    "models/training/lnet.py",
    "models/training/enet.py",
    "nodes/vocabulary.py",  # English for English
    "nodes/language.py",
)
# Functions whose words are for a terminal, for a file, or for nobody.
ELSEWHERE_IN = {
    "retalk_core/weights/commands.py": ("verify", "_verify_one", "_machine", "convert", "fetch", "_chosen"),
    "retalk_core/judging/tell.py": ("corpus_lines",),
    "retalk_core/dub/pipeline.py": ("_writer",),
    "retalk_core/compute/batches.py": ("lacks_memory",),
    "retalk_core/reports/track.py": ("draw_track",),
    "retalk_core/resume/key.py": ("_digest",),
}
# Names, addresses and keys that look like words.
NO_WORDS = {
    "lips {}",
    "lower half",
    "log-mel spectrogram, 55 to 7600 Hz, in [-4, 4]",
    "log-mel spectrogram of the voice at one loudness, 125 to 7600 Hz, in [0, 1]",
    "{} on {}",
    "BSD-3-Clause (torchvision)",
    "JSON is wanted.",
    "Library/Application Support",
    "Load{}",
    "ReTalkLoad{}",
    "RetinaFace (MobileNet)",
    "RetinaFace (ResNet-50)",
    "file:{}",
    "file{}",
    "by the field's name",
    # Of a command that was stopped.
    "but is neither signed nor remembered",
    "only the look at it was stopped",
}
MISTAKES = (
    "ValueError",
    "KeyError",
    "TypeError",
    "AttributeError",
    "NotImplementedError",
    "KeyboardInterrupt",
)
# Calls that take options' and schemas' words, which nodeDefs.json has, or patterns, names and commands.
NO_WORDS_IN = ("option", "Option", "Loader", "node_schema", "ContextVar", "getattr", "warning", "system")
PATTERNS = ("compile", "search", "fullmatch", "execute", "executescript")
NO_WORDS_AS = ("source", "tip")  # arguments: a paper, and what a schema says
TOLD_BY_SCHEMAS = re.compile(r".*_TIP|SHOWN")
NOT_ENGLISH = re.compile(r"(?:CREATE|INSERT|SELECT|DELETE) |\^")
TEXT = (ast.Constant, ast.JoinedStr)
WORD = r"(?:[A-Za-z][a-z']+|a)"
PHRASE = re.compile(rf"{WORD}[,;:]? .*?{WORD}|{WORD}[:,;]? ?\{{\}}|\{{\}} {WORD}")


@cache
def sentences(root: Path) -> dict[str, str]:
    """Where each is said, by the sentence with {} for what is filled in."""
    found: dict[str, str] = {}
    for floor in ("nodes", "retalk_core", "models"):
        for path in sorted((root / floor).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith(ELSEWHERE):
                for line, text in _said(ast.parse(path.read_text("utf-8")), ELSEWHERE_IN.get(name, ())):
                    for each in set(text.strip().split("\n")) - NO_WORDS:
                        found.setdefault(each, f"{name}:{line}")
    return found


def all_texts(root: Path) -> set[str]:
    """Every text of the sources, as `sentences` has them, single words and names too."""
    trees = (
        ast.parse(path.read_text("utf-8"))
        for floor in ("nodes", "retalk_core", "models")
        for path in (root / floor).rglob("*.py")
    )
    texts = (_template(each) for tree in trees for each in ast.walk(tree) if isinstance(each, TEXT))
    return {line.strip() for text in texts for line in text.split("\n")}


def _said(tree: ast.AST, left_out: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    silent = set(_silent(tree, left_out))
    for node in ast.walk(tree):
        if node not in silent and isinstance(node, TEXT):
            text = _template(node)
            if PHRASE.search(text) and not NOT_ENGLISH.match(text):
                yield node.lineno, text


def _silent(tree: ast.AST, left_out: tuple[str, ...]) -> Iterator[ast.AST]:
    """Texts that nobody reads: docstrings, patterns, keys, what is compared, and words of the schemas."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _docstring(node)
        if _is_silent(node, left_out):
            yield from ast.walk(node)
        elif isinstance(node, ast.Subscript):
            yield from ast.walk(node.slice if _called(node) != "Literal" else node)
        elif isinstance(node, ast.Compare):
            yield from ast.walk(node)
        elif isinstance(node, ast.Dict):
            yield from (each for key in node.keys if key is not None for each in ast.walk(key))
        elif isinstance(node, ast.JoinedStr):
            yield from (each for value in node.values for each in _inside(value))


def _is_silent(node: ast.AST, left_out: tuple[str, ...]) -> bool:
    """Whether nothing in it is read on the canvas: a programming mistake, a pattern, a schema's words."""
    if isinstance(node, ast.FunctionDef):
        return node.name in ("define_schema", *left_out)
    if isinstance(node, ast.Raise):
        return _called(node.exc) in MISTAKES if isinstance(node.exc, ast.Call) else False
    if isinstance(node, ast.Call):
        return _called(node).endswith((*NO_WORDS_IN, *PATTERNS, "Input", "Output"))
    if isinstance(node, ast.Assign):
        return TOLD_BY_SCHEMAS.fullmatch(getattr(node.targets[0], "id", "")) is not None
    return isinstance(node, ast.keyword) and node.arg in NO_WORDS_AS


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    for each in node.body:
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
            yield each.value


def _inside(value: ast.expr) -> Iterator[ast.AST]:
    """The pieces of a text that is told as a whole; what is filled in may be a text of its own."""
    if isinstance(value, ast.Constant):
        yield value
    elif isinstance(value, ast.FormattedValue) and value.format_spec is not None:
        yield from ast.walk(value.format_spec)


def _called(node: ast.Call | ast.Subscript) -> str:
    named = node.func if isinstance(node, ast.Call) else node.value
    return getattr(named, "attr", getattr(named, "id", ""))


def _template(node: ast.Constant | ast.JoinedStr) -> str:
    """A text with {} for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        parts = (each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)
        return "".join(map(str, parts))
    return re.sub(r"\{:[^{}]*\}", "{}", node.value) if isinstance(node.value, str) else ""
