"""What a user can put right, in one sentence: what was given, what is needed, what to do."""

from __future__ import annotations


class RetalkError(Exception):
    """Something the user can put right; its text is shown as it is."""


class CheckpointError(RetalkError):
    """A file of weights that is missing, damaged, hostile or meant for another network."""

    def __init__(self, words: str, network: str = "") -> None:
        """network: the key of the one that the file seems to hold, if any"""
        super().__init__(words)
        self.network = network
