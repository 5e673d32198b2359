"""What a program does with discussions, as people describe it: made, talked in, branched, kept beside, taken along. Both clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.client import GraftError, NotFound
from tests.doubles.running import UpstreamDouble

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def said(messages: list[Any]) -> list[str]:
    return [message.content for message in messages]


def test_a_garden_is_planned(me: Any, upstream: UpstreamDouble) -> None:
    """One session from the first word to a copy."""
    garden = me.create_discussion(
        title="A new garden",
        system_prompt="You know plants.",
        discussion_metadata={"season": "spring"},
        participants={"Nora": "user", "Gardener": "assistant"},
        user_data_zone="I live by the sea.",
        discussion_data_zone="The garden lies in the shade.",
    )
    upstream.say("Ferns and hostas.", "Bellflowers.", "Moss.")
    first = garden.chat("What grows there?", sender="Nora", model="gpt-test", temperature=0)
    assert first.text == first.ai_message.content == "Ferns and hostas."
    assert first.user_message.sender == "Nora"
    sent = upstream.bodies()[0]
    assert sent["temperature"] == 0
    system = "\n".join(str(message["content"]) for message in sent["messages"] if message["role"] == "system")
    for text in ("You know plants.", "I live by the sea.", "The garden lies in the shade."):
        assert text in system

    second = garden.chat("Which of them flower?")
    assert second.user_message.parent_id == first.ai_message.id
    third = garden.chat("And what covers the ground?", parent_id=first.ai_message.id)
    assert said(garden.get_messages()) == [
        "What grows there?",
        "Ferns and hostas.",
        "And what covers the ground?",
        "Moss.",
    ]
    garden.switch_to_branch(second.ai_message.id)
    assert said(garden.get_messages())[-1] == "Bellflowers."
    assert sorted(garden.list_branches()) == sorted([second.ai_message.id, third.ai_message.id])
    upstream.say("Astilbes.")
    again = garden.regenerate_branch()
    assert {one.content for one in again.get_siblings()} == {"Bellflowers.", "Astilbes."}

    garden.add_artefact("Plants", "fern\n", tags=["list"])
    assert garden.update_artefact("Plants", "fern\nhosta\n").version == 2
    garden.load_artefact_into_data_zone("Plants")
    upstream.say("Two.")
    garden.chat("How many do I have?")
    assert "hosta" in json.dumps(upstream.bodies()[-1])

    text = garden.export("lollms_text")
    assert text.startswith("!@>system:\nYou know plants.")
    assert "!@>Nora:\nWhat grows there?" in text
    chat = garden.export("openai_chat")
    assert [message["role"] for message in chat[:3]] == ["system", "user", "assistant"]
    twin = garden.clone_without_messages("twin")
    assert (twin.metadata, twin.get_messages()) == ({"season": "spring"}, [])
    assert twin.get_discussion_data_zone() == "The garden lies in the shade."
    copy = me.import_from_json_str(garden.export_to_json_str(), name="copy")
    assert said(copy.get_all_messages_flat()) == said(garden.get_all_messages_flat())
    assert copy.get_artefact("Plants", 1).content == "fern\n"
    assert "hosta" in copy.get_full_data_zone()
    assert {one.name for one in me.list_discussions()} >= {"twin", "copy"}
    assert garden.delete_branch(third.user_message.id) == 2
    assert me.delete_discussion(twin.id) == 0
    with pytest.raises(NotFound):
        me.get_discussion(twin.id)


def test_messages_are_added_by_hand_and_know_what_stands_around_them(me: Any) -> None:
    talk = me.create_discussion(participants={"Nora": "user"})
    first = talk.add_message("Nora", "Why is the sky blue?", images=[PNG], metadata={"mood": "curious"})
    assert (first.role, first.sender, first.metadata) == ("user", "Nora", {"mood": "curious"})
    assert first.parts[1]["image_url"]["url"] == f"data:image/png;base64,{PNG}"
    reply = talk.add_message("assistant", "Air scatters.", sources=[{"title": "Optics"}], scratchpad="looked it up")
    assert (reply.parent_id, reply.role) == (first.id, "assistant")
    assert (reply.sources, reply.scratchpad) == ([{"title": "Optics"}], "looked it up")
    talk.add_message("user", "Another matter.", parent_id="root")
    assert said(reply.get_path()) == ["Why is the sky blue?", "Air scatters."]
    assert said(first.get_children()) == ["Air scatters."]
    assert said(first.get_subtree()) == ["Why is the sky blue?", "Air scatters."]
    reply.set_metadata_item("stars", 5)
    reply.annotate(labels=["keep"])
    found = talk.get_message(reply.id)
    assert (found.metadata["stars"], found.labels) == (5, ["keep"])
    moved = reply.move("root", why="a test")
    assert (moved.from_parent_id, moved.message.parent_id) == (first.id, None)
    with pytest.raises(GraftError, match="below"):
        first.move(first.id)
    branch = talk.add_branch([{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}], first.id)
    assert said(branch[1].get_path()) == ["Why is the sky blue?", "one", "two"]
    assert len(talk.get_structure()) == 5
    assert reply.delete() == 1


def test_functions_of_the_program_are_run_until_the_model_calls_none(me: Any, upstream: UpstreamDouble) -> None:
    talk = me.create_discussion()
    upstream.script({"do": "tools"})
    upstream.say("Cold there, warm here.")
    asked: list[str] = []

    def weather(city: str) -> dict[str, Any]:
        asked.append(city)
        if city == "Lima":
            raise OSError("no line to Lima")
        return {"degrees": -3}

    result = talk.chat("How warm is it?", model="gpt-test", tools=[WEATHER], functions={"weather": weather})
    assert asked == ["Oslo", "Lima"]
    assert result.text == "Cold there, warm here."
    assert [call["function"]["name"] for call in result.tool_calls] == ["weather", "weather"]
    lines = ['weather({"city": "Oslo"}) -> {"degrees": -3}', 'weather({"city": "Lima"}) -> Error: no line to Lima']
    assert result.final_scratchpad.splitlines() == lines
    assert [message.role for message in talk.get_messages()] == ["user", "assistant", "tool", "tool", "assistant"]
    assert talk.get_message(result.ai_message.id).scratchpad == result.final_scratchpad
    assert upstream.bodies()[1]["tools"] == [WEATHER]


def test_calls_of_unknown_functions_are_left_to_the_program(me: Any, upstream: UpstreamDouble) -> None:
    talk = me.create_discussion()
    upstream.script({"do": "tools"})
    result = talk.chat("How warm is it?", model="gpt-test", tools=[WEATHER])
    assert [call["function"]["name"] for call in result.ai_message.tool_calls] == ["weather", "weather"]
    assert result.final_scratchpad is None


def test_words_come_one_by_one_to_a_callback(me: Any, upstream: UpstreamDouble) -> None:
    talk = me.create_discussion()
    words: list[str] = []
    upstream.say("Five or six metres.")
    result = talk.chat("How deep is it?", model="gpt-test", streaming_callback=words.append)
    assert len(words) > 1
    assert "".join(words) == result.text == result.ai_message.content == "Five or six metres."
    assert result.user_message.content == "How deep is it?"
    upstream.script({"do": "error", "after": 2})
    with pytest.raises(GraftError):
        talk.chat("And now?", streaming_callback=words.append)
    upstream.script({"do": "status", "code": 503})
    with pytest.raises(GraftError) as caught:
        talk.chat("And then?", streaming_callback=words.append)
    assert caught.value.status == 503


def test_the_router_places_a_turn_where_it_belongs(me: Any) -> None:
    talk = me.create_discussion()
    locks = talk.chat("How deep is the lock at the canal in Panama?", model="gpt-test", parent_id="root")
    talk.chat("How do I feed a sourdough starter?", model="gpt-test", parent_id="root")
    asked = [{"role": "user", "content": "Back to the lock at the canal in Panama: how deep is the lock?"}]
    assert talk.preview_route(asked)["decision"]["parent_id"] == locks.ai_message.id
    back = talk.chat(asked[0]["content"], model="gpt-test", placed=True)
    assert (back.route, back.user_message.parent_id) == ("return", locks.ai_message.id)
    decision = back.ai_message.get_route()["decision"]
    assert decision["route"] == "return"
    assert all(feature["words"] and feature["weight"] for feature in decision["features"])
    assert decision["features"]
    assert back.ai_message.get_receipt()["model"] == "gpt-test"
    undone = back.ai_message.undo()
    assert undone.from_parent_id == locks.ai_message.id


def test_what_is_kept_of_a_discussion_can_be_changed(me: Any) -> None:
    talk = me.create_discussion("talk", title="One", discussion_metadata={"a": 1}, max_context_size=4096)
    talk.update(title="Two", participants={"Nora": "user"}, metadata={"a": None, "b": 2})
    talk.set_metadata_item("c", [3])
    assert (talk.title, talk.participants, talk.metadata) == ("Two", {"Nora": "user"}, {"b": 2, "c": [3]})
    assert talk.discussion_metadata == talk.metadata
    again = me.find_discussion("talk")
    assert (again.id, again.title, again.max_context_size) == (talk.id, "Two", 4096)
    assert again.updated_at >= again.created_at > 0
    talk.update(title="Three")
    again.refresh()
    assert again.title == "Three"
    with pytest.raises(NotFound):
        me.find_discussion("nowhere")


def test_zones_and_notes_are_read_replaced_appended_to_and_cleared(me: Any) -> None:
    talk = me.create_discussion()
    me.set_zone("user", "I bake.")
    me.append_to_zone("user", "With rye.")
    talk.set_zone("discussion", "On Sundays.")
    talk.append_to_zone("discussion", "At noon.")
    talk.append_to_zone("memory", "It rose.")
    assert talk.get_user_data_zone() == me.get_zone("user").text == "I bake.\nWith rye."
    assert (talk.get_discussion_data_zone(), talk.get_memory()) == ("On Sundays.\nAt noon.", "It rose.")
    talk.clear_zone("discussion")
    me.clear_zone("memory")
    assert (talk.get_discussion_data_zone(), talk.get_memory()) == ("", "")
    talk.set_scratchpad("one")
    talk.append_to_scratchpad("two")
    assert talk.get_scratchpad() == "one\ntwo"
    talk.clear_scratchpad()
    assert talk.get_scratchpad() == ""
    node = talk.add_message("user", "Why?")
    node.set_zone("Here only.")
    assert node.append_to_zone("And below.").text == node.get_zone().text == "Here only.\nAnd below."
    assert node.clear_zone().text == ""


def test_a_discussion_is_titled_by_a_model_or_by_first_words(me: Any, upstream: UpstreamDouble) -> None:
    talk = me.create_discussion()
    talk.add_message("user", "How deep is the lock at Gatun? I wonder.")
    assert talk.auto_title() == talk.title == "How deep is the lock at Gatun?"
    upstream.say('{"title": "Depths of locks"}')
    assert talk.auto_title(model="gpt-test") == "Depths of locks"
    talk.refresh()
    assert talk.title == "Depths of locks"


def test_personalities_are_made_named_and_changed(me: Any, upstream: UpstreamDouble) -> None:
    me.create_personality("tutor", system_prompt="You teach.", zone="Ask back.")
    assert me.change_personality("tutor", zone="Ask twice.").zone == "Ask twice."
    assert [one.name for one in me.list_personalities()] == ["tutor"]
    talk = me.create_discussion(personality="tutor")
    assert (talk.personality, talk.get_personality_data_zone()) == ("tutor", "Ask twice.")
    talk.chat("Why?", model="gpt-test")
    assert "You teach." in json.dumps(upstream.bodies()[0])
    assert me.get_personality("tutor").system_prompt == "You teach."
    me.delete_personality("tutor")
    assert me.list_personalities() == []


def test_artefacts_are_known_by_their_titles(me: Any) -> None:
    talk = me.create_discussion()
    talk.add_artefact("List", "one\n", type="notes", tags=["a"], note="first")
    talk.update_artefact("List", "one\ntwo\n", note="second")
    assert talk.get_artefact("List").content == "one\ntwo\n"
    assert talk.get_artefact("List", 1).content == "one\n"
    assert [version.note for version in talk.get_artefact_history("List")] == ["first", "second"]
    assert "+two" in talk.diff_artefact("List", 1)
    assert talk.revert_artefact("List", 1).version == 3
    talk.change_artefact("List", new_title="Notes", tags=["b"])
    assert [(one.title, one.tags) for one in talk.list_artefacts(tag="b")] == [("Notes", ["b"])]
    assert talk.list_artefacts(type="other") == []
    assert talk.load_artefact_into_data_zone("Notes", version=2).told["loads"][0]["version"] == 2
    assert talk.unload_artefact_from_data_zone("Notes").told["loads"] == []
    other = me.create_discussion()
    assert other.import_artefact(talk.export_artefact("Notes"), title="Theirs").versions == 3
    talk.remove_artefact("Notes", 2)
    assert talk.get_artefact("Notes").versions == 2
    talk.remove_artefact("Notes")
    with pytest.raises(NotFound):
        talk.get_artefact("Notes")


def test_words_are_found_in_titles_and_messages(me: Any) -> None:
    talk = me.create_discussion(title="Locks of the canal")
    talk.add_message("user", "How deep is a lock?")
    me.create_discussion().add_message("user", "A locksmith came.")
    found = me.search("lock")
    assert [one.title for one in found.discussions] == ["Locks of the canal"]
    assert sorted(said(found.messages)) == ["A locksmith came.", "How deep is a lock?"]
    assert said(talk.search("lock").messages) == ["How deep is a lock?"]


def test_a_temporary_discussion_is_gone_when_it_is_closed(me: Any) -> None:
    talk = me.create_discussion(temporary=True)
    talk.add_message("user", "Not for long.")
    talk.close()
    with pytest.raises(NotFound):
        me.get_discussion(talk.id)
    kept = me.create_discussion()
    kept.close()
    assert me.get_discussion(kept.id).id == kept.id


@pytest.mark.parametrize("text", ['{"graft":2', '{"branches": 7}', "not JSON", '{"other": 1}'])
def test_a_broken_file_changes_nothing(me: Any, text: str) -> None:
    with pytest.raises(GraftError) as caught:
        me.import_from_json_str(text)
    assert caught.value.status == 400
    assert me.list_discussions() == []


def test_what_was_not_remembered_is_counted(me: Any) -> None:
    talk = me.create_discussion()
    assert talk.chat("/graft where", model="gpt-test").ai_message is None
    assert me.count_asides() == {"command where": 1}
    assert talk.get_shadow_report()["turns"] == 0


def test_memories_are_made_found_loaded_and_deleted(me: Any, upstream: UpstreamDouble) -> None:
    talk = me.create_discussion()
    talk.chat("My crust stays pale, what can I do?", model="gpt-test")
    made = talk.memorize(extractive=True)
    assert made.method == "extractive"
    assert len(made.node_ids) == 2
    talk.add_memory("Oven", "It reaches 230 degrees only.", facts=["230 degrees"])
    assert [one.title for one in talk.list_memories()] == [made.title, "Oven"]
    assert "Oven" in [one.title for one in talk.search_memories("How hot does the oven get?")]
    assert talk.load_memory_into_context("Oven").told["loads"]
    talk.chat("How hot?")
    assert "230 degrees only" in json.dumps(upstream.bodies()[-1])
    assert talk.unload_memory_from_context("Oven").told["loads"] == []
    assert me.change_memory(made.id, title="Pale crust").title == "Pale crust"
    assert me.get_memory("Pale crust").id == made.id
    me.delete_memory(made.id)
    me.add_memory("Everywhere", "I bake with rye.")
    assert [one.title for one in me.list_memories()] == ["Oven", "Everywhere"]
    assert me.search_memories("rye")[0].title == "Everywhere"
    with pytest.raises(NotFound):
        talk.load_memory_into_context("Pale crust")


def test_pictures_are_added_listed_and_switched(me: Any) -> None:
    talk = me.create_discussion()
    assert talk.add_discussion_image(PNG).media_type == "image/png"
    talk.add_discussion_image("https://e.example/lock.jpg", active=False)
    assert [image.active for image in talk.get_images()] == [True, False]
    assert talk.toggle_image_activation(0).active is False
    assert talk.toggle_image_activation(1, True).active is True
    [active] = talk.get_active_images()
    assert active.url == "https://e.example/lock.jpg"
    assert talk.get_image(talk.get_images()[0].id).data == PNG
    talk.remove_image(0)
    assert len(talk.get_images()) == 1
    message = talk.add_message("user", "Look.", images=[PNG])
    assert [image.media_type for image in message.get_all_images()] == ["image/png"]
    message.toggle_image_activation(0, False)
    assert message.get_active_images() == []
    assert message.add_image(PNG).active


def test_what_is_sent_is_told_and_older_turns_are_told_in_short(me: Any, upstream: UpstreamDouble) -> None:
    talk = me.create_discussion(system_prompt="Be brief.", discussion_data_zone="We rehearse.")
    assert "We rehearse." in talk.get_full_data_zone()
    for number in range(6):
        talk.chat(f"Question {number}: " + "why is that so? " * 20, model="gpt-test")
    status = talk.get_context_status(model="gpt-test")
    assert status["current_tokens"] == talk.count_discussion_tokens(model="gpt-test") > 100
    assert any(
        "Question 0" in str(one["content"]) for one in talk.get_context(user_message="And now?", model="gpt-test")
    )
    assert talk.summarize_and_prune(1_000_000, model="gpt-test") is None
    upstream.say('{"summary": "They asked why."}')
    made = talk.summarize_and_prune(100, preserve_last_n=2, model="gpt-test")
    assert made.text == talk.get_pruning_summary() == "They asked why."
    assert talk.get_pruning_point_id() == made.node_id
    sent = talk.get_context(user_message="And now?", model="gpt-test")
    assert not any("Question 0" in str(one["content"]) for one in sent)
    assert any("They asked why." in str(one["content"]) for one in sent)
    assert len(talk.get_messages()) == 12
    assert talk.remove_summary(made.id).removed_at is not None
    assert talk.get_pruning_summary() is None
    assert talk.restore_summary(made.id).removed_at is None
    assert talk.get_summary(made.id).text == "They asked why."
    assert [one.id for one in talk.list_summaries()] == [made.id]
