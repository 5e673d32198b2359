import pytest
from openai.types.chat import completion_create_params as documented

from proxy.errors import InvalidRequest
from proxy.upstream.fields import CHAT_FIELDS, OURS, split


def test_the_allowed_fields_are_those_that_openai_documents():
    shapes = (documented.CompletionCreateParamsNonStreaming, documented.CompletionCreateParamsStreaming)
    names = {name for shape in shapes for parent in shape.__orig_bases__ for name in parent.__annotations__}
    assert {name for shape in shapes for name in shape.__annotations__} | names == CHAT_FIELDS


def test_documented_fields_pass_unopened_and_others_are_named():
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"api_base": "in a schema it is data"}}}
    passed, dropped = split({"temperature": 1, "response_format": schema, "top_k": 5, "api_base": "http://x.test"})
    assert passed == {"temperature": 1, "response_format": schema}
    assert passed["response_format"] is schema
    assert dropped == ["api_base", "top_k"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_graft_sets_itself_is_neither_passed_nor_named(name):
    assert split({name: "anything"}) == ({}, [])


@pytest.mark.parametrize("tools", [None, "mcp", 5, [], ["mcp"], [{"type": "function"}], [{"type": "custom"}]])
def test_other_tools_and_what_is_no_list_of_tools_are_the_providers_business(tools):
    assert split({"tools": tools}) == ({"tools": tools}, [])


def test_an_mcp_tool_is_refused_by_its_place():
    with pytest.raises(InvalidRequest, match="'mcp'") as caught:
        split({"tools": [{"type": "function"}, {"type": "mcp", "server_url": "http://x.test"}]})
    assert (caught.value.param, caught.value.code) == ("tools[1].type", "unsupported_tool_type")
