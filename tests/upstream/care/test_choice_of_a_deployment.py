"""Which deployment a conversation is sent to."""

from collections import Counter

import pytest

from proxy.upstream.care.choice import ranked
from proxy.upstream.models import Models, models_from_list


def deployments(*params):
    entries = [
        {"model_name": "m", "litellm_params": {"model": f"openai/d{i}", "api_base": "http://127.0.0.1:1", **one}}
        for i, one in enumerate(params)
    ]
    return models_from_list(entries, {}).deployments("m")


def chat(number, *more):
    return [{"role": "system", "content": "Be kind."}, {"role": "user", "content": f"Question {number}"}, *more]


def shares(models, chats=3000):
    first = Counter(ranked(models, chat(number))[0].id for number in range(chats))
    return [first[one.id] / chats for one in models]


def test_deployments_of_one_name_have_names_of_their_own():
    assert [one.id for one in deployments({}, {}, {})] == ["m", "m#2", "m#3"]


def test_a_conversation_stays_with_its_deployment_as_it_grows():
    models = deployments({}, {}, {})
    for number in range(50):
        grown = chat(number, {"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And then?"})
        assert ranked(models, chat(number)) == ranked(models, grown)


def test_all_bear_the_same_load_where_none_says_otherwise():
    assert shares(deployments({}, {}, {}, {})) == pytest.approx([0.25] * 4, abs=0.04)


@pytest.mark.parametrize("by", ["weight", "rpm", "tpm"])
def test_the_load_is_shared_as_the_configuration_says(by):
    assert shares(deployments({by: 6}, {by: 3}, {by: 1})) == pytest.approx([0.6, 0.3, 0.1], abs=0.04)


def test_weight_is_worth_more_than_a_rate():
    assert shares(deployments({"weight": 1, "rpm": 9}, {"weight": 1, "rpm": 1})) == pytest.approx([0.5, 0.5], abs=0.04)


def test_one_without_a_share_comes_last_and_is_still_there():
    models = deployments({"weight": 1}, {"weight": 0}, {"weight": 1})
    assert all(ranked(models, chat(number))[-1].id == "m#2" for number in range(100))


def test_an_order_puts_some_before_others():
    models = deployments({"order": 2, "weight": 100}, {"order": 1}, {})
    assert [one.id for one in ranked(models, chat(1))] == ["m#2", "m", "m#3"]


def test_a_deployment_that_goes_moves_only_its_own_conversations():
    models = deployments({}, {}, {}, {})
    left = [one for one in models if one.id != "m#3"]
    for number in range(300):
        before = ranked(models, chat(number))
        assert ranked(left, chat(number)) == [one for one in before if one.id != "m#3"]


def test_messages_without_text_choose_too():
    assert len(ranked(deployments({}, {}), [])) == 2
    assert len(ranked(deployments({}, {}), [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}])) == 2


def test_the_first_of_a_name_speaks_for_it():
    models = Models(deployments({}, {}))
    assert models.get("m").id == "m"
    assert [one.id for one in models.all()] == ["m", "m#2"]
    assert models.names() == ["m"]
