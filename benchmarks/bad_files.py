"""Files that are no clip, no voice, no weights, no folder, or odd ones; and names that are odd."""

from __future__ import annotations

import io
import os
import pickle
import socket
import stat
import struct
import wave
import zipfile
import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import this_pack  # noqa: F401 - before what it makes importable
from retalk_nodes.retalk_core.cli.demo import portrait
from retalk_nodes.retalk_core.media.sound import SoundArray, SoundStream
from retalk_nodes.retalk_core.media.writer import VideoWriter

Make = Callable[[Path], None]  # makes what a case is given, at a path in its folder
FRAMES, SIDE, RATE = 6, 96, 16_000
DEEP = b"[" * 100_000
STORE = "0123456789abcdef" * 2  # as stores in a work folder are called


def good_files(folder: Path) -> dict[str, bytes]:
    """A clip of a few frames with a face in it, one without, a picture, and a voice; by their names."""
    face = cv2.resize(portrait()[:240, 102:342], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    coarse = np.random.default_rng(3).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    scenery = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    time = np.arange(RATE // 4) / RATE
    buzz = 0.2 * np.sin(2 * np.pi * 140 * time) * np.sin(2 * np.pi * 6 * time)
    sound = SoundStream(SoundArray(buzz[None].astype(np.float32), RATE), 0, Fraction(FRAMES, 25))
    for name, picture, count in (("face.mp4", face, FRAMES), ("scenery.mp4", scenery, 2)):
        with VideoWriter(folder / name, (SIDE, SIDE), rate=Fraction(25), sound=sound) as writer:
            for i in range(count):
                writer.write(np.roll(picture, i % 3, axis=1), Fraction(i, 25), Fraction(1, 25))
    (folder / "still.png").write_bytes(png(face))
    (folder / "voice.wav").write_bytes(wav((buzz * 32767).astype("<i2").tobytes()))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


def wav(data: bytes, channels: int = 1, rate: int = RATE) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(data)
    return written.getvalue()


def _patched(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def _huge_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _zipped(names: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in names.items():
            archive.writestr(name, data)
    return written.getvalue()


def _safetensors(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header


MPD = b"""<?xml version="1.0"?><MPD type="static"><Period><AdaptationSet mimeType="video/mp4"><Representation>
<BaseURL>face.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"""
SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n"


def contents(good: Mapping[str, bytes]) -> dict[str, bytes]:
    """Damaged and odd contents, by the names of their files."""
    clip, voice, still = good["face.mp4"], good["voice.wav"], good["still.png"]
    noise = np.random.default_rng(0).bytes(4000)
    found = {f"cut{part}.mp4": clip[: len(clip) * part // 100] for part in (1, 10, 50, 90, 99)}
    found |= {f"cut{part}.wav": voice[: len(voice) * part // 100] for part in (0, 1, 50)}
    found |= {f"cut{part}.png": still[: len(still) * part // 100] for part in (1, 50, 99)}
    return found | {
        "zero.mp4": b"",
        "null.mp4": bytes(5000),
        "text.mp4": b"Dear reader, this is a letter.\n" * 40,
        "page.pth": b"<!DOCTYPE html><html><body>404</body></html>",
        "noise.mp4": noise,
        "noise.wav": noise,
        "noise.pth": noise,
        "box.mp4": _patched(clip, 0, b"\xff\xff\xff\xff"),
        "moov.mp4": clip.replace(b"stsz", b"stsz\xff\xff\xff\xff", 1),
        "tick.mp4": clip.replace(b"mdhd", b"mdhd" + bytes(16), 1),
        "shuffled.mp4": clip[len(clip) // 2 :] + clip[: len(clip) // 2],
        "huge.png": _huge_png(100_000, 100_000),
        "wide.png": _huge_png(1_000_000, 10),
        "most.png": _huge_png(2**31 - 1, 2**31 - 1),
        "huge.ppm": b"P6 99999 99999 255\n\x00",
        "minus.ppm": b"P6 -5 -5 255\n\x00",
        "huge.y4m": b"YUV4MPEG2 W99999 H99999 F25:1\nFRAME\n",
        "none.y4m": b"YUV4MPEG2 W0 H0 F0:0\nFRAME\n",
        "tiny.png": png(np.zeros((1, 1, 3), np.uint8)),
        "thin.png": png(np.zeros((3000, 1, 3), np.uint8)),
        "only.gif": b"GIF89a\xff\xff\xff\xff\x00\x00\x00;",
        "tag.mp3": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f",
        "head.flac": b"fLaC\x00\x00\x00\x22" + bytes(34),
        "page.ogg": b"OggS" + bytes(60),
        "long.wav": _patched(voice, 40, b"\xff\xff\xff\xff"),
        "rate0.wav": _patched(voice, 24, bytes(4)),
        "rate.wav": _patched(voice, 24, b"\xff\xff\xff\xff"),
        "channels0.wav": _patched(voice, 22, bytes(2)),
        "channels.wav": _patched(voice, 22, b"\xff\xff"),
        "bits.wav": _patched(voice, 34, b"\xff\xff"),
        "none.wav": wav(b""),
        "sample.wav": wav(b"\x01\x02"),
        "nan.wav": _patched(voice[:44], 20, b"\x03\x00") + b"\x00\x00\xc0\x7f" * 900,
        "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nface.mp4\n#EXT-X-ENDLIST\n",
        "list.m3u": b"face.mp4\n",
        "list.ffconcat": b"ffconcat version 1.0\nfile face.mp4\n",
        "list.wav": b"ffconcat version 1.0\nfile voice.wav\n",
        "list.sdp": SDP,
        "list.mpd": MPD,
        "list.pls": b"[playlist]\nFile1=face.mp4\n",
        "list.asx": b"<asx version='3'><entry><ref href='face.mp4'/></entry></asx>",
        "lines.srt": b"1\n00:00:00,000 --> 00:00:01,000\nHello\n",
        "drawn.svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        "deep.json": DEEP,
        "deep.mp4": DEEP,
        "deep.safetensors": _safetensors(DEEP),
        "long.safetensors": _safetensors(b"{}", 2**62),
        "empty.safetensors": _safetensors(b"{}"),
        "archive.pth": _zipped({"a/data.pkl": b"\x80\x02cos\nsystem\n.", "a/version": b"3\n"}),
        "open.pth": b"PK\x03\x04" + noise,
        "zip.mp4": _zipped({"face.mp4": clip}),
        "pickle.pth": pickle.dumps({"weight": [1, 2]}),
        "deep.pth": b"\x80\x02" + b"]" * 100_000 + b".",
        "\xe4 ş 💥.mp4": clip,
        "two\nlines.mp4": clip,
        "\x1b[31mred.mp4": clip,
        os.fsdecode(b"\xff\xfe.mp4"): clip,
        "still%03d.png": still,
        "file:clip.mp4": clip,
        "-o.mp4": clip,
        " .mp4": clip,
        "n" * 251 + ".mp4": clip,
    }


def _folder(path: Path) -> None:
    path.mkdir()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)  # names of sockets are short: the case's folder is where this runs


def _device(number: int) -> Make:
    def make(path: Path) -> None:
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, number))
        except OSError:  # only root may; a pipe is refused for the same reason
            os.mkfifo(path)

    return make


def _link(target: str) -> Make:
    return lambda path: path.symlink_to(target)


def _deep_store(path: Path) -> None:
    (path / STORE).mkdir(parents=True)
    (path / STORE / "retalk_job.json").write_bytes(DEEP)


def _deep_record(path: Path) -> None:
    path.mkdir()
    (path / "retalk_files.json").write_bytes(DEEP)
    (path / "LNet.pth").write_bytes(b"<html>")


def _odd_record(path: Path) -> None:
    path.mkdir()
    (path / "LNet.pth").write_bytes(b"<html>")
    stamp = [(path / "LNet.pth").stat().st_size, (path / "LNet.pth").stat().st_mtime_ns]
    record = f'{{"{path / "LNet.pth"}": {{"stamp": {stamp}, "first": 3, "found": {{"key": []}}}}}}'
    (path / "retalk_files.json").write_text(record)


def _pipes_inside(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "LNet.pth")
    os.mkfifo(path / "retalk_files.json")


NO_FILES: dict[str, Make] = {  # what isn't made by writing to it
    "missing.mp4": lambda path: None,
    "no/such/clip.mp4": lambda path: None,
    "m" * 300 + ".mp4": lambda path: None,
    "folder.mp4": _folder,
    "pipe.mp4": _fifo,
    "pipe.pth": _fifo,
    "socket.mp4": _socket,
    "null": _device(3),
    "endless.mp4": _device(5),
    "full": _device(7),
    "dangling.mp4": _link("nowhere.mp4"),
    "loop.mp4": _link("loop.mp4"),
    "to_pipe.mp4": _link("pipe"),
    "to_null.png": _link("/dev/null"),
    "to_self.mp4": _link("/proc/self/mem"),
    "deep_store": _deep_store,
    "deep_record": _deep_record,
    "odd_record": _odd_record,
    "pipes": _pipes_inside,
}
