"""Stand between a network and torch's functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch.overrides import TorchFunctionMode

Function = Callable[..., Any]


class Interception(TorchFunctionMode):
    """A context in which whatever is asked of torch goes through `call`, which changes nothing here."""

    def call(self, function: Function, args: tuple[Any, ...], given: dict[str, Any]) -> Any:  # noqa: ANN401
        """Answer for one of torch's functions; `given` are its keywords."""
        return function(*args, **given)

    def __torch_function__(
        self,
        function: Function,
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        return self.call(function, args, dict(kwargs or {}))
