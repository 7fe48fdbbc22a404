"""The others beside a followed face: who they are, where they are, and who is before whom."""

from __future__ import annotations

import numpy as np
from painted import painted
from retalk_nodes.retalk_core.faces.detect import Detection
from retalk_nodes.retalk_core.faces.mesh import Mesh
from retalk_nodes.retalk_core.faces.people.company import MOST_PEOPLE, Company, is_on, is_same, remember
from retalk_nodes.retalk_core.faces.people.likeness import Person, look_at
from scenes import drawn_mesh

SIZE = (200, 320)
OURS, OTHER = drawn_mesh(60, (110, 80)), drawn_mesh(60, (225, 80))


def met(company: Company, mesh: np.ndarray, person: int, seconds: float, *, doubtful: bool = False) -> None:
    company.meet(painted([(mesh, person)], SIZE), Mesh(mesh, 0.9), seconds, doubtful)


def test_someone_who_goes_on_is_one_person() -> None:
    company = Company()
    for i in range(5):
        met(company, OTHER - (4 * i, 0, 0), 2, i / 25)

    assert len(company.others) == 1
    assert company.beside_of(OURS, 0.2) == company.others
    assert company.beside_of(OURS, 9.0) == []  # long ago


def test_someone_who_was_lost_is_known_again_elsewhere() -> None:
    company = Company()
    met(company, OTHER, 2, 0.0)
    company.others[0].points = None
    met(company, OTHER - (60, 10, 0), 2, 0.4)
    met(company, OURS, 3, 0.4)

    assert len(company.others) == 2


def test_a_mouth_behind_someone_is_hidden_and_one_before_is_free() -> None:
    beside = OURS + np.array((40, 0, 0))
    for front, hidden in ((2, True), (1, False)):
        faces = [(OURS, 1), (beside, 2)]
        picture = painted(faces if front == 2 else faces[::-1], SIZE)
        look, company = look_at(picture, OURS), Company()
        company.meet(picture, Mesh(beside, 0.9), 0.0)

        neighbours, is_hidden = company.beside(OURS, look, Person(look), 0.0)

        assert is_hidden is hidden
        assert [each.before for each in neighbours] == [hidden]


def test_two_meshes_on_one_face_are_the_one_it_is_like() -> None:
    company = Company()
    met(company, OURS, 1, 0.0)
    met(company, OTHER, 2, 0.0)
    picture = painted([(OTHER, 2)], SIZE)  # the first has gone; its mesh jumps onto the second
    company.go_on(picture, 0.04, OURS, lambda pixels, points: Mesh(OTHER, 0.9))

    followed = [other for other in company.others if other.points is not None]
    assert len(followed) == 1 and followed[0].person is not None
    assert followed[0].person.unlikeness(look_at(picture, OTHER)) < 0.1


def test_who_was_taken_for_another_while_lost_comes_back() -> None:
    person = Person(look_at(painted([(OURS, 1)], SIZE), OURS))
    company = Company()
    met(company, OTHER, 2, 0.0, doubtful=True)
    met(company, OURS, 1, 0.0, doubtful=True)

    np.testing.assert_array_equal(company.returned(person), OURS)
    assert len(company.others) == 1 and company.returned(person) is None


def test_a_detection_and_a_mesh_on_one_face_are_told() -> None:
    points = [33, 263, 4, 13, 234, 454]
    face = Detection(0.9, np.array((70, 40, 150, 120)), OURS[points, :2].astype(float))

    assert is_same(face, OURS) and not is_same(face, OTHER)
    assert is_on(OURS, OURS + 2) and not is_on(OURS, OURS + np.array((30, 0, 0)))


def test_people_are_counted_once_and_never_without_end() -> None:
    everyone: list[Person] = []
    people = [Person(look_at(painted([(OURS, i)], SIZE), OURS)) for i in range(MOST_PEOPLE + 9)]
    remember(everyone, [people[0], people[1], people[0]])
    assert len(everyone) == 2
    remember(everyone, people)
    assert len(everyone) <= MOST_PEOPLE

    company = Company()
    for i in range(MOST_PEOPLE + 9):
        company.notice(np.array((i * 50, 0, i * 50 + 40, 40)), 0.0)
    assert len(company.others) == MOST_PEOPLE
