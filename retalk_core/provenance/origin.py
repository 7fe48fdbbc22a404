"""What a file is: its signature, its marks, its own words, and what this machine remembers of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..errors import InputError
from ..files import sha256_of
from ..marks.found import PUBLIC_KEY, MarkFound
from ..media.clip import Clip
from ..media.container import check_file, is_cover, reading
from ..media.reader import open_clip, prefetch
from ..media.sound import Decoder, SoundSource
from ..types import Progress, silent
from .credentials import Credentials, read_credentials
from .ledger import Entry, Ledger
from .statement import TAG, Statement, id_word, read_statement

if TYPE_CHECKING:
    from collections.abc import Callable

FaceShare = tuple[float, float, float, float]  # left, top, right, bottom in shares of a frame
_T = TypeVar("_T")

ANY_RATE = 25.0  # frames per second, where a clip has none
PIECE = 60  # seconds of sound that are searched at once, so that memory doesn't grow with its length


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that was looked for in a file, in pictures or in a sound."""

    credentials: Credentials | None = None  # None: what was given is no file
    picture: MarkFound | None = None  # None: there are no pictures
    sound: MarkFound | None = None
    perth: float | None = None  # how surely the sound carries Perth's mark; None: not looked for
    said: Statement | None = None  # by the file's own words, which nobody signed
    exact: Entry | None = None  # the dub that this machine remembers of the very same file
    entries: tuple[Entry, ...] = ()  # dubs that this machine remembers whose ids agree with what was found
    notes: tuple[str, ...] = ()  # what could not be looked for, and why
    face: FaceShare | None = None  # where a face is in the middle of a clip whose whole frames are marked

    @property
    def statement(self) -> Statement | None:
        """What ReTalk said of the file; signed words count before others, and broken ones not at all."""
        signed = self.credentials
        if signed is not None and signed.statement is not None and signed.state != "broken":
            return signed.statement
        return self.exact.statement if self.exact is not None else self.said

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that were found, or the beginnings of them that marks carry, the longest first."""
        found = {carried_word(mark) for mark in (self.picture, self.sound)}
        if self.statement is not None:
            found.add(self.statement.id)
        return tuple(sorted(filter(None, found), key=lambda word: (-len(word), word)))

    @property
    def is_dub(self) -> bool:
        """Whether anything of ReTalk's was found: a mark, a statement, or the file among those remembered."""
        marked = any(mark is not None and mark.present for mark in (self.picture, self.sound))
        return marked or self.statement is not None


def carried_word(mark: MarkFound | None) -> str:
    """The part of an id that a mark carries, in words; "" where none could be read."""
    return "" if mark is None or not mark.present or mark.id is None else id_word(mark.id, mark.bits)


def examine_file(
    path: Path,
    folder: Path,
    anchors: bytes = b"",
    *,
    sound: SoundSource | None = None,
    key: bytes = PUBLIC_KEY,
    progress: Progress = silent,
) -> Evidence:
    """Look for all there is in a video, a picture or a sound.

    folder:  of the records
    anchors: authorities whose signatures are trusted, PEM
    sound:   to be looked at in place of the file's own
    key:     of the marks; with the public one those are found that anybody may lay
    raises:  InputError where the file holds neither pictures nor sound
    """
    check_file(path)
    has_pictures, has_sound, said = _contents(path)
    notes: list[str] = []
    clip = open_clip(path) if has_pictures else None
    ledger = Ledger(folder)
    exact = _remembered(lambda: ledger.of_file(sha256_of(path)), notes)
    heard = sound or (path if has_sound else None)
    found = examine_parts(clip, heard, folder, key=key, progress=progress)
    credentials = read_credentials(path, anchors, folder)
    if credentials.state == "unread":
        notes.append(credentials.problem)
    evidence = replace(found, credentials=credentials, said=said, exact=exact, notes=(*notes, *found.notes))
    return _with_entries(evidence, ledger)


def examine_parts(
    clip: Clip | None,
    sound: SoundSource | None,
    folder: Path,
    *,
    key: bytes = PUBLIC_KEY,
    progress: Progress = silent,
) -> Evidence:
    """Look for the marks in pictures and in a sound that needn't be files."""
    picture = None if clip is None else find_in_clip(clip, key, progress)
    over_frames = picture is not None and picture.where == "frame"
    face = _face_in(clip) if clip is not None and over_frames else None
    heard = None if sound is None else find_in_sound(sound, key, progress)
    perth = None if sound is None else find_perth_in(sound)
    notes = tuple(
        f"{what}: {mark.words}"
        for what, mark in (("pictures", picture), ("sound", heard))
        if mark is not None and mark.words and not mark.present
    )
    found = Evidence(picture=picture, face=face, sound=heard, perth=perth, notes=notes)
    return _with_entries(found, Ledger(folder))


def find_in_clip(clip: Clip, key: bytes = PUBLIC_KEY, progress: Progress = silent) -> MarkFound:
    """The mark in a clip's pictures."""
    from ..marks.picture import find_picture_mark

    times = [float(time) for time in clip.times]
    rate = len(clip) / float(clip.end) if clip.end else ANY_RATE
    with closing(_pixels(clip, progress)) as frames:  # a search ends as soon as it knows
        found = find_picture_mark(frames, rate, key=key, times=times)
    progress(len(clip), len(clip))
    return replace(found, heat=_carried(found))


def find_in_sound(source: SoundSource, key: bytes = PUBLIC_KEY, progress: Progress = silent) -> MarkFound:
    """The mark in a sound, in the piece where it is plainest; a search ends with the first number read."""
    from ..marks.sound import find_sound_mark

    found: list[MarkFound] = []
    with Decoder(source) as decoder:
        for piece in _pieces(decoder):
            progress(len(found), None)
            found.append(find_sound_mark(piece, decoder.rate, key=key))
            if found[-1].id is not None:
                break
    return _of_several(max(found, key=lambda mark: mark.score - mark.threshold), len(found))


def find_perth_in(source: SoundSource) -> float | None:
    """How surely a sound carries Perth's mark in any piece, 0 to 1; None where that can't be looked for."""
    from ..marks.perth import PERTH_PRESENT, load_perth, perth_presence

    if load_perth() is None:
        return None
    most: float | None = None
    with Decoder(source) as decoder:
        for piece in _pieces(decoder):
            presence = perth_presence(piece, decoder.rate)
            most = presence if most is None else max(most, presence or 0.0)
            if (most or 0.0) >= PERTH_PRESENT:
                break
    return most


def _of_several(mark: MarkFound, looks: int) -> MarkFound:
    """The best of several looks: each of them is a chance to be wrong, so that it must be surer."""
    if looks == 1:
        return mark
    from scipy.stats import norm

    needed = float(norm.isf(norm.sf(mark.threshold) / looks))
    present = mark.present and mark.score >= needed
    return replace(mark, threshold=needed, present=present, id=mark.id if present else None)


def _pieces(decoder: Decoder) -> Iterator[np.ndarray]:
    """A sound in one channel (n,), about a minute at a time; a short rest stays with the piece before it."""
    most, held, count = PIECE * decoder.rate, [], 0
    for chunk in decoder.heard(decoder.rate):
        held.append(chunk[0])
        count += chunk.shape[1]
        if count >= 2 * most:
            joined = np.concatenate(held)
            yield joined[:most]
            held, count = [joined[most:]], count - most
    yield np.concatenate(held)


def _pixels(clip: Clip, progress: Progress) -> Generator[np.ndarray, None, None]:
    """A clip's pictures; how many were taken is told."""
    for done, frame in enumerate(prefetch(clip.frames())):
        progress(done, len(clip))
        yield frame.pixels


def _carried(mark: MarkFound) -> np.ndarray | None:
    """A mark's map, not a number where nothing is carried."""
    from ..marks.cells.plane import face_plane

    if mark.where != "face" or mark.heat is None:
        return mark.heat
    return np.where(face_plane().carries, mark.heat, np.float32(np.nan))


def _face_in(clip: Clip) -> FaceShare | None:
    """Where the largest face is in the frame in a clip's middle."""
    from ..faces.detect import load_face_networks, look

    frame = next(iter(clip.frames([len(clip) // 2])))
    faces = look(load_face_networks(), frame.pixels)
    if not faces:
        return None
    largest = max((face.box for face in faces), key=lambda box: float((box[2:] - box[:2]).prod()))
    left, top, right, bottom = (largest / np.tile(frame.pixels.shape[1::-1], 2)).tolist()
    return left, top, right, bottom


def _contents(path: Path) -> tuple[bool, bool, Statement | None]:
    """Whether a file holds pictures and sound, and what it says of itself. Raises InputError."""
    with reading(path) as container:
        pictures = any(
            stream.codec_context is not None and not is_cover(stream) for stream in container.streams.video
        )
        sound = any(stream.codec_context is not None for stream in container.streams.audio)
        words = {name.lower(): text for name, text in container.metadata.items()}
    if not pictures and not sound:
        raise InputError(f"{path} holds neither pictures nor sound: give a video, a picture or a sound.")
    return pictures, sound, read_statement(words.get(TAG, ""))


def _with_entries(evidence: Evidence, ledger: Ledger) -> Evidence:
    """The same, with what this machine remembers of the ids that were found."""
    notes = list(evidence.notes)
    entries: dict[str, Entry] = {}
    for word in evidence.ids:
        for entry in _remembered(lambda word=word: ledger.entries(word), notes) or ():  # type: ignore[misc]
            entries.setdefault(entry.key, entry)
    return replace(evidence, entries=tuple(entries.values()), notes=tuple(dict.fromkeys(notes)))


def _remembered(ask: Callable[[], _T], notes: list[str]) -> _T | None:
    """What the ledger answers; where it can't be asked a note says so."""
    try:
        return ask()
    except InputError as error:
        notes.append(str(error))
        return None
