"""ReTalk: give a talking-head clip a voice, and its lips follow."""

__version__ = "0.1.0"
