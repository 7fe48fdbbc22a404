"""Find a network's tensors in whatever they were wrapped in, and their names without what was put before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

# What training programs call the mapping that holds a network, the likeliest first.
WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "params_ema",
    "params",
    "model_ema",
    "model",
    "network",
    "net",
    "generator",
    "weights",
)
# What stands before every name where a network was saved inside another module.
PREFIXES = ("module.", "_orig_mod.", "state_dict.", "model.", "net.", "network.", "params_ema.", "params.")
DEPTH = 3  # containers within containers that are looked into


def find_tensors(
    contents: Mapping[Any, Any], containers: Sequence[str] = (), own: Collection[str] = ()
) -> dict[str, Any]:
    """The mapping that holds a network's tensors, its names without a common prefix.

    containers: keys that a network's official file has around its tensors, the first one present
    own:        names that only that network has; no prefix is taken away where one of them stands
    returns:    the contents themselves where nothing is wrapped

    A container that is known is opened even where tensors lie beside it; any other only where none do.
    """
    held: Mapping[Any, Any] = contents
    for _ in range(DEPTH):
        inner = _container(held, containers)
        if inner is None:
            break
        held = inner
    levels = list(without_prefixes(held, containers))
    return next((names for names in levels if any(each in names for each in own)), levels[-1])


def _container(held: Mapping[Any, Any], containers: Sequence[str]) -> Mapping[Any, Any] | None:
    """What lies one level deeper, where a network's tensors are looked for next."""
    known = [held[key] for key in containers if isinstance(held.get(key), Mapping)]
    if known:
        return known[0]
    if _has_tensors(held):
        return None
    usual = [held[key] for key in WRAPPERS if isinstance(held.get(key), Mapping)]
    if usual:
        return usual[0]
    inside = [part for part in held.values() if isinstance(part, Mapping)]
    direct = [part for part in inside if _has_tensors(part)]
    return next((parts[0] for parts in (direct, inside) if len(parts) == 1), None)


def _has_tensors(held: Mapping[Any, Any]) -> bool:
    return any(isinstance(value, Tensor) for value in held.values())


def without_prefixes(held: Mapping[Any, Any], containers: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The same values by name, then under names without what stands before all the tensors', one by one."""
    named = {str(key): value for key, value in held.items()}
    prefixes = (*(f"{key}." for key in containers), *PREFIXES)
    yield named
    for _ in range(DEPTH):
        tensors = [key for key, value in named.items() if isinstance(value, Tensor)]
        found = [each for each in prefixes if tensors and all(key.startswith(each) for key in tensors)]
        if not found:
            return
        named = {key.removeprefix(found[0]): value for key, value in named.items()}
        yield named


def all_parts(contents: Mapping[Any, Any]) -> Iterator[Mapping[Any, Any]]:
    """The contents and every mapping within, each once: a file may hold one in itself."""
    seen: set[int] = set()
    level: list[Mapping[Any, Any]] = [contents]
    for _ in range(DEPTH + 1):
        fresh = {id(part): part for part in level if id(part) not in seen}
        seen |= fresh.keys()
        yield from fresh.values()
        level = [each for part in fresh.values() for each in part.values() if isinstance(each, Mapping)]
