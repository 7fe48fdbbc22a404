"""What was marked, signed or remembered is found in files, pictures and sound, and other things aren't."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scenes
from retalk_nodes.retalk_core.cli.demo import SHIPPED_VOICE
from retalk_nodes.retalk_core.errors import InputError
from retalk_nodes.retalk_core.marks import perth
from retalk_nodes.retalk_core.marks.found import PUBLIC_KEY
from retalk_nodes.retalk_core.marks.identity import id_prefix
from retalk_nodes.retalk_core.marks.lay import FrameMarker
from retalk_nodes.retalk_core.marks.sound_lay import marked_sound
from retalk_nodes.retalk_core.media.reader import open_clip
from retalk_nodes.retalk_core.media.sound import Decoder, SoundArray, SoundStream
from retalk_nodes.retalk_core.media.writer import VideoWriter
from retalk_nodes.retalk_core.provenance import origin as module
from retalk_nodes.retalk_core.provenance.certificate import Certificate
from retalk_nodes.retalk_core.provenance.ledger import Ledger
from retalk_nodes.retalk_core.provenance.origin import examine_file, examine_parts
from retalk_nodes.retalk_core.provenance.signing import sign
from retalk_nodes.retalk_core.provenance.statement import TAG, Statement, id_word
from retalk_nodes.retalk_core.provenance.verdicts import verdicts
from signable import flip_a_byte, make_file, remux

NUMBER = 0x0123456789ABCDEF  # that of the statement
RATE = 25


def kinds(found: module.Evidence) -> list[str]:
    return [each.kind for each in verdicts(found)]


@pytest.fixture(scope="module")
def voice() -> SoundArray:
    """Half a minute of speech: this voice rests much, and a mark lies in what is heard."""
    with Decoder(SHIPPED_VOICE) as decoder:
        spoken = np.concatenate(list(decoder.heard(decoder.rate)), axis=1)
        return SoundArray(np.tile(spoken, 4), decoder.rate)


@pytest.fixture(scope="module")
def marked_voice(voice: SoundArray) -> SoundArray:
    chunks = marked_sound([voice.samples], voice.rate, NUMBER, key=PUBLIC_KEY)
    return SoundArray(np.concatenate(list(chunks), axis=1), voice.rate)


def write_dub(path: Path, sound: SoundArray | None, statement: Statement, *, marked: bool) -> Path:
    """A talking portrait of four seconds."""
    marker, pictures = FrameMarker(PUBLIC_KEY, NUMBER), scenes.talking(100, 256)
    heard = None if sound is None else SoundStream(sound, 0, 28)
    words = {TAG: statement.to_json()}
    with VideoWriter(path, (256, 256), rate=Fraction(RATE), sound=heard, metadata=words) as writer:
        for index, picture in enumerate(pictures):
            shown = marker.mark(picture, index / RATE) if marked else picture
            writer.write(shown, Fraction(index, RATE), Fraction(1, RATE))
    return path


@pytest.fixture(scope="module")
def dub(tmp_path_factory: pytest.TempPathFactory, statement: Statement, marked_voice: SoundArray) -> Path:
    """A file with both marks and the statement's tag."""
    path = tmp_path_factory.mktemp("dubs") / "dub.mp4"
    return write_dub(path, marked_voice, statement, marked=True)


def test_all_that_a_dub_carries_is_found_in_its_file(
    dub: Path, tmp_path: Path, statement: Statement, certificate: Certificate
) -> None:
    Ledger(tmp_path).record(statement)
    found = examine_file(dub, tmp_path)
    assert kinds(found) == ["mark found", "unsigned words"] and found.is_dub
    assert found.picture is not None and found.picture.id == id_prefix(NUMBER, found.picture.bits)
    assert found.sound is not None and found.sound.id == id_prefix(NUMBER, found.sound.bits)
    assert found.ids[0] == statement.id and all(statement.id.startswith(word) for word in found.ids)
    assert [entry.id for entry in found.entries] == [statement.id] and found.exact is None
    signed = tmp_path / "signed.mp4"
    signed.write_bytes(dub.read_bytes())
    sign(signed, statement, certificate)
    assert kinds(examine_file(signed, tmp_path)) == ["signed, unknown signer", "mark found"]
    flip_a_byte(signed)
    assert kinds(examine_file(signed, tmp_path))[:2] == ["signature broken", "mark found"]


def test_marks_outlive_what_signatures_and_words_do_not(
    dub: Path, tmp_path: Path, statement: Statement
) -> None:
    """Another encoder, another container, no metadata."""
    clip, path = open_clip(dub), tmp_path / "again.mkv"
    with VideoWriter(
        path, clip.size, rate=Fraction(RATE), quality=26, sound=SoundStream(dub, 0, 28)
    ) as writer:
        for frame in clip.frames():
            writer.write(frame.pixels, frame.time, Fraction(1, RATE))
    found = examine_file(path, tmp_path)
    assert kinds(found) == ["mark found"] and found.said is None
    assert found.ids[0] == statement.id[: len(found.ids[0])]
    assert "doesn't know" in verdicts(found)[0].words


def test_sound_alone_and_pictures_alone_are_told(
    tmp_path: Path, statement: Statement, voice: SoundArray, marked_voice: SoundArray
) -> None:
    plain = remux(write_dub(tmp_path / "a.mp4", marked_voice, statement, marked=False), tmp_path / "b.mp4")
    assert kinds(examine_file(plain, tmp_path))[0] == "sound only"
    other = write_dub(tmp_path / "c.mp4", voice, statement, marked=True)
    assert kinds(examine_file(other, tmp_path))[0] == "picture only"
    assert kinds(examine_parts(None, marked_voice, tmp_path)) == ["mark found"]
    silent = write_dub(tmp_path / "d.mp4", None, statement, marked=True)
    assert kinds(examine_parts(open_clip(silent), None, tmp_path)) == ["mark found"]


def test_nothing_is_found_in_what_is_no_dub(tmp_path: Path, voice: SoundArray) -> None:
    path = scenes.write_clip(tmp_path / "clip.mp4", scenes.talking(50, 256), codec="libx264")
    found = examine_file(path, tmp_path, sound=voice)
    assert kinds(found) == ["nothing found"] and not found.is_dub and found.ids == ()


def test_another_s_key_finds_nothing(dub: Path, tmp_path: Path) -> None:
    found = examine_file(dub, tmp_path, key=b"another key")
    assert kinds(found) == ["unsigned words"]


def test_a_file_that_was_made_here_is_known_byte_for_byte(tmp_path: Path, statement: Statement) -> None:
    from retalk_nodes.retalk_core.files import sha256_of

    path = make_file(tmp_path / "clip.png")
    assert kinds(examine_file(path, tmp_path)) == ["nothing found"]
    Ledger(tmp_path).record(statement, [sha256_of(path)])
    found = examine_file(path, tmp_path)
    assert kinds(found) == ["known file"] and found.ids == (statement.id,)
    path.write_bytes(path.read_bytes() + b" ")
    assert kinds(examine_file(path, tmp_path)) == ["nothing found"]


def test_too_little_to_look_at_is_told(tmp_path: Path) -> None:
    found = examine_file(make_file(tmp_path / "clip.png"), tmp_path)
    assert any("too little" in note for note in found.notes)


def test_a_ledger_that_cannot_be_used_takes_nothing_else_along(tmp_path: Path, statement: Statement) -> None:
    Ledger(tmp_path).path.write_bytes(b"no ledger" * 200)
    found = examine_file(make_file(tmp_path / "clip.png"), tmp_path)
    assert kinds(found) == ["nothing found"] and any("can't be used" in note for note in found.notes)


def test_what_is_no_medium_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("words")
    for path in (tmp_path / "words.txt", tmp_path / "missing.mp4", tmp_path):
        with pytest.raises(InputError):
            examine_file(path, tmp_path)


def test_a_long_sound_is_searched_piece_by_piece(
    voice: SoundArray, marked_voice: SoundArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE", 20)
    both = SoundArray(np.concatenate([voice.samples, marked_voice.samples], axis=1), voice.rate)
    with Decoder(both) as decoder:
        pieces = list(module._pieces(decoder))
    whole = round(both.samples.shape[1] / both.rate)
    assert [round(len(piece) / both.rate) for piece in pieces] == [20, whole - 20]
    one, several = module.find_in_sound(marked_voice), module.find_in_sound(both)
    assert one.present and several.present and id_word(several.id or 0, several.bits) == "0123"
    assert several.threshold > one.threshold  # each further look is another chance to be wrong


def test_perths_mark_is_looked_for_in_every_piece(voice: SoundArray, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []

    def presence(samples: np.ndarray, rate: int) -> float | None:
        heard.append(round(len(samples) / rate))
        return (None, 0.1, 0.9, 0.0)[len(heard) - 1]

    monkeypatch.setattr(module, "PIECE", 2)
    monkeypatch.setattr(perth, "load_perth", lambda: object())
    monkeypatch.setattr(perth, "perth_presence", presence)
    assert module.find_perth_in(voice) == 0.9
    assert len(heard) == 3  # it is sure by then
    monkeypatch.setattr(perth, "load_perth", lambda: None)
    assert module.find_perth_in(voice) is None


def test_a_search_tells_how_far_it_is_and_can_be_stopped(dub: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine_file(dub, tmp_path, progress=stop)
