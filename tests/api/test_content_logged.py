"""What is said is written to the log where the operator asked for it, and nowhere else."""

import logging

import pytest

from tests.api.house import Person, open_house

TOLD = "The marmalade is under the stairs."


@pytest.mark.parametrize("asked_for", [False, True])
def test_bodies_are_logged_only_where_that_is_asked_for(caplog, asked_for):
    caplog.set_level(logging.DEBUG)
    with open_house(server={"log_content": asked_for}) as house:
        person = Person(house, {}, "local")
        person.say(TOLD)
        house.client.get("/health")
    contents = [record for record in caplog.records if record.name == "graft.content"]
    warned = [record for record in caplog.records if "server.log_content is on" in record.getMessage()]
    if not asked_for:
        assert (contents, warned) == ([], [])
        assert not [record for record in caplog.records if "marmalade" in str(record.__dict__)]
        return
    assert [(record.getMessage(), TOLD in record.content) for record in contents] == [
        ("was asked", True),
        ("was answered", True),
    ]
    assert [record.levelname for record in warned] == ["WARNING"]


def test_only_the_beginning_of_a_large_body_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    with open_house(server={"log_content": True}) as house:
        Person(house, {}, "local").say("many words " * 20_000)
    asked = next(record for record in caplog.records if record.getMessage() == "was asked")
    assert len(asked.content) == 64 * 1024
