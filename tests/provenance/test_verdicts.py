"""Each finding has its own words, and finding nothing is never called real."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from retalk_nodes.retalk_core.marks.found import MarkFound
from retalk_nodes.retalk_core.provenance.credentials import Credentials, State
from retalk_nodes.retalk_core.provenance.ledger import Entry
from retalk_nodes.retalk_core.provenance.origin import Evidence
from retalk_nodes.retalk_core.provenance.statement import Statement
from retalk_nodes.retalk_core.provenance.verdicts import origin_facts, origin_lines, verdicts

NO_MARK = MarkFound(present=False, id=None, bits=24, score=0.3, threshold=5.0)
PICTURE = MarkFound(present=True, id=0x012345, bits=24, score=20.0, threshold=5.0, heat=np.ones((8, 8)))
SOUND = MarkFound(present=True, id=0x0123, bits=16, score=12.0, threshold=6.0)
UNSIGNED = Credentials("none")


def kinds(found: Evidence) -> list[str]:
    return [each.kind for each in verdicts(found)]


@pytest.fixture
def entry(statement: Statement) -> Entry:
    return Entry("key", statement, 0.0, 86_400.0, 1)


def test_finding_nothing_is_not_called_real() -> None:
    found = Evidence(UNSIGNED, NO_MARK, NO_MARK)
    assert kinds(found) == ["nothing found"] and not found.is_dub and found.ids == ()
    assert "does not mean that it is real" in "\n".join(origin_lines(found))
    assert origin_facts(found)["retalk"] is False


def test_another_programs_mark_has_its_word_and_is_none_of_ours() -> None:
    found = Evidence(UNSIGNED, NO_MARK, NO_MARK, perth=0.98)
    assert kinds(found) == ["synthetic sound"] and not found.is_dub
    assert origin_facts(found)["perth"] == 0.98
    assert kinds(replace(found, perth=0.2)) == ["nothing found"]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("trusted", "signed and trusted"),
        ("unknown", "signed, unknown signer"),
        ("local", "signed, unknown signer"),
        ("expired", "signed, expired"),
        ("broken", "signature broken"),
    ],
)
def test_every_state_of_a_signature_has_its_word(state: State, kind: str, statement: Statement) -> None:
    signed = Credentials(state, "Studio", statement=statement, problem="why")
    found = Evidence(signed, NO_MARK, NO_MARK)
    assert kinds(found) == [kind]
    assert found.is_dub is (state != "broken")  # what broken words say counts for nothing
    assert found.ids == ((statement.id,) if state != "broken" else ())


def test_a_signature_that_could_not_be_read_is_told_and_is_no_finding() -> None:
    found = Evidence(Credentials("unread", problem="no library"), NO_MARK, notes=("no library",))
    assert kinds(found) == ["nothing found"] and any("no library" in line for line in origin_lines(found))


def test_marks_in_both_in_one_or_in_a_sound_alone() -> None:
    assert kinds(Evidence(UNSIGNED, PICTURE, SOUND)) == ["mark found"]
    assert kinds(Evidence(UNSIGNED, PICTURE, None)) == ["mark found"]  # a silent clip
    assert kinds(Evidence(UNSIGNED, None, SOUND)) == ["mark found"]  # a sound file
    assert kinds(Evidence(UNSIGNED, PICTURE, NO_MARK)) == ["picture only"]
    assert kinds(Evidence(UNSIGNED, NO_MARK, SOUND)) == ["sound only"]


def test_nothing_was_replaced_in_a_file_that_is_known_byte_for_byte(entry: Entry) -> None:
    for parts in ((PICTURE, NO_MARK), (NO_MARK, SOUND)):
        assert kinds(Evidence(UNSIGNED, *parts, exact=entry)) == ["mark found", "known file"]


def test_an_id_is_told_as_far_as_it_is_known(entry: Entry) -> None:
    found = Evidence(UNSIGNED, PICTURE, SOUND)
    assert found.ids == ("012345", "0123")
    (told,) = verdicts(found)
    assert "id 012345…" in told.words and "doesn't know" in told.words
    (told,) = verdicts(replace(found, entries=(entry,)))
    assert f"dub {entry.id} of 1970-01-02" in told.words
    unreadable = replace(PICTURE, id=None)
    (told,) = verdicts(Evidence(UNSIGNED, unreadable, None))
    assert "can't be read" in told.words


def test_a_region_that_lacks_the_mark_is_told_where_the_rest_has_it() -> None:
    heat = np.ones((20, 20))
    heat[8:16, 6:14] = 0.02
    changed = Evidence(picture=replace(PICTURE, heat=heat))
    assert kinds(changed) == ["mark found", "region unmarked"]
    assert kinds(replace(changed, face=(0.3, 0.35, 0.7, 0.8))) == ["mark found", "face region unmarked"]
    assert kinds(replace(changed, face=(0.0, 0.0, 0.2, 0.2))) == ["mark found", "region unmarked"]
    for other in (np.full((20, 20), 0.4), np.zeros((20, 20)), np.full((20, 20), np.nan), None):
        assert kinds(Evidence(picture=replace(PICTURE, heat=other))) == ["mark found"]


def test_parts_of_different_dubs_do_not_pass_as_one(statement: Statement) -> None:
    other = replace(SOUND, id=0x9999)
    assert kinds(Evidence(UNSIGNED, PICTURE, other)) == ["mark found", "marks disagree"]
    signed = Credentials("trusted", "Studio", statement=replace(statement, id="f" * 16))
    assert kinds(Evidence(signed, PICTURE, SOUND)) == ["signed and trusted", "mark found", "marks disagree"]
    assert kinds(Evidence(replace(signed, statement=statement), PICTURE, SOUND)) == [
        "signed and trusted",
        "mark found",
    ]


def test_unsigned_words_and_a_known_file_are_told_apart(statement: Statement, entry: Entry) -> None:
    said = Evidence(UNSIGNED, NO_MARK, NO_MARK, said=statement)
    assert kinds(said) == ["unsigned words"] and said.ids == (statement.id,)
    known = replace(said, exact=entry)
    assert kinds(known) == ["known file", "unsigned words"]
    signed = replace(known, credentials=Credentials("trusted", "Studio", statement=statement))
    assert kinds(signed) == ["signed and trusted", "known file"]


def test_a_camera_s_signature_makes_no_dub() -> None:
    signed = Credentials("trusted", "Camera", generator="Camera 1", sources=("digitalCapture",))
    found = Evidence(signed, NO_MARK, NO_MARK)
    assert kinds(found) == ["signed and trusted"] and not found.is_dub
    assert "trained network" not in verdicts(found)[0].words
    other = Evidence(replace(signed, sources=("trainedAlgorithmicMedia",)))
    assert "trained network" in verdicts(other)[0].words


def test_programs_are_told_the_same(entry: Entry) -> None:
    signed = Credentials("local", "ReTalk", statement=entry.statement)
    found = Evidence(signed, PICTURE, SOUND, entries=(entry,), notes=("a note",))
    facts = json.loads(json.dumps(origin_facts(found)))
    assert facts["retalk"] is True and facts["ids"] == [entry.id, "012345", "0123"]
    assert facts["picture"] == {
        **{
            "present": True,
            "id": "012345",
            "bits": 24,
            "score": 20.0,
            "threshold": 5.0,
            "where": "",
            "words": "",
        }
    }
    assert facts["signature"]["state"] == "local" and facts["statement"]["id"] == entry.id
    assert [each["kind"] for each in facts["verdicts"]] == kinds(found) and facts["notes"] == ["a note"]
