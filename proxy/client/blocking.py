"""The blocking client: `Graft`, its discussions and their messages.

Each line below names what the core does and how it is run here; what it does, and its parameters, stand in `calls/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeAlias

import httpx

from proxy.client.attributes import Field, Live, zone
from proxy.client.calls.account import AccountCalls
from proxy.client.calls.discussion import DiscussionCalls
from proxy.client.calls.message import MessageCalls
from proxy.client.records import Wire
from proxy.client.sessions import HttpSession, options
from proxy.client.steps import sync
from proxy.client.views import DiscussionView, MessageView

_OfMessage: TypeAlias = MessageCalls["Discussion", "Message"]
_OfDiscussion: TypeAlias = DiscussionCalls["Discussion", "Message"]
_OfAccount: TypeAlias = AccountCalls["Discussion", "Message"]


class Message(MessageView):
    """One message of a discussion. It comes from a discussion's methods, never from a program."""

    __slots__ = ("calls", "session")  # so that a misspelt attribute is an error and not lost

    images = Live(_OfMessage.get_all_images)
    active_images = Live(_OfMessage.get_active_images)

    def __init__(self, graft: Graft, told: Wire) -> None:
        self.session = graft.session
        self.calls = _OfMessage(graft, told)

    @property
    def told(self) -> Wire:
        return self.calls.told

    refresh = sync(_OfMessage.refresh)
    set_metadata_item = sync(_OfMessage.set_metadata_item)
    annotate = sync(_OfMessage.annotate)
    delete = sync(_OfMessage.delete)
    get_path = sync(_OfMessage.get_path)
    get_children = sync(_OfMessage.get_children)
    get_siblings = sync(_OfMessage.get_siblings)
    get_subtree = sync(_OfMessage.get_subtree)
    get_route = sync(_OfMessage.get_route)
    get_all_images = sync(_OfMessage.get_all_images)
    get_active_images = sync(_OfMessage.get_active_images)
    toggle_image_activation = sync(_OfMessage.toggle_image_activation)
    add_image = sync(_OfMessage.add_image)
    get_receipt = sync(_OfMessage.get_receipt)
    move = sync(_OfMessage.move)
    undo = sync(_OfMessage.undo)
    regenerate = sync(_OfMessage.regenerate)
    get_zone = sync(_OfMessage.get_zone)
    set_zone = sync(_OfMessage.set_zone)
    append_to_zone = sync(_OfMessage.append_to_zone)
    clear_zone = sync(_OfMessage.clear_zone)


class Discussion(DiscussionView):
    """One tree of messages, with what is kept beside it. What a method has done is durable when it returns."""

    __slots__ = ("calls", "session", "temporary")  # so that a misspelt attribute is an error and not lost

    title = Field[str | None]("title")
    system_prompt = Field[str | None]("system_prompt")
    participants = Field[Mapping[str, str]]("participants")
    max_context_size = Field[int | None]("max_context_tokens")
    personality = Field[str | None]("personality")
    user_data_zone = zone("user", _OfDiscussion.get_user_data_zone)
    discussion_data_zone = zone("discussion", _OfDiscussion.get_discussion_data_zone)
    personality_data_zone = Live(_OfDiscussion.get_personality_data_zone, _OfDiscussion.set_personality_data_zone)
    memory = zone("memory", _OfDiscussion.get_memory)
    scratchpad = Live(_OfDiscussion.get_scratchpad, _OfDiscussion.set_scratchpad)
    active_branch_id = Live(_OfDiscussion.get_active_branch_id)
    images = Live(_OfDiscussion.get_images)
    active_images = Live(_OfDiscussion.get_active_images)
    pruning_summary = Live(_OfDiscussion.get_pruning_summary)
    pruning_point_id = Live(_OfDiscussion.get_pruning_point_id)

    def __init__(self, graft: Graft, told: Wire, *, temporary: bool = False) -> None:
        self.session = graft.session
        self.calls = _OfDiscussion(graft, told)
        self.temporary = temporary

    @property
    def told(self) -> Wire:
        return self.calls.told

    @staticmethod
    def create_new(graft: Graft, **fields: Any) -> Discussion:
        """The same as `graft.create_discussion`."""
        return graft.create_discussion(**fields)

    @staticmethod
    def import_from_json_str(text: str, graft: Graft, *, name: str | None = None) -> Discussion:
        """The same as `graft.import_from_json_str`."""
        return graft.import_from_json_str(text, name=name)

    def close(self) -> None:
        """Delete a temporary discussion; others stay as they are."""
        if self.temporary:
            self.temporary = False
            self.delete()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    list_artefacts = sync(_OfDiscussion.list_artefacts)
    add_artefact = sync(_OfDiscussion.add_artefact)
    get_artefact = sync(_OfDiscussion.get_artefact)
    update_artefact = sync(_OfDiscussion.update_artefact)
    remove_artefact = sync(_OfDiscussion.remove_artefact)
    change_artefact = sync(_OfDiscussion.change_artefact)
    get_artefact_history = sync(_OfDiscussion.get_artefact_history)
    diff_artefact = sync(_OfDiscussion.diff_artefact)
    revert_artefact = sync(_OfDiscussion.revert_artefact)
    load_artefact_into_data_zone = sync(_OfDiscussion.load_artefact_into_data_zone)
    unload_artefact_from_data_zone = sync(_OfDiscussion.unload_artefact_from_data_zone)
    export_artefact = sync(_OfDiscussion.export_artefact)
    import_artefact = sync(_OfDiscussion.import_artefact)
    list_zones = sync(_OfDiscussion.list_zones)
    get_zone = sync(_OfDiscussion.get_zone)
    set_zone = sync(_OfDiscussion.set_zone)
    append_to_zone = sync(_OfDiscussion.append_to_zone)
    clear_zone = sync(_OfDiscussion.clear_zone)
    get_user_data_zone = sync(_OfDiscussion.get_user_data_zone)
    get_discussion_data_zone = sync(_OfDiscussion.get_discussion_data_zone)
    get_personality_data_zone = sync(_OfDiscussion.get_personality_data_zone)
    set_personality_data_zone = sync(_OfDiscussion.set_personality_data_zone)
    get_memory = sync(_OfDiscussion.get_memory)
    get_scratchpad = sync(_OfDiscussion.get_scratchpad)
    set_scratchpad = sync(_OfDiscussion.set_scratchpad)
    append_to_scratchpad = sync(_OfDiscussion.append_to_scratchpad)
    clear_scratchpad = sync(_OfDiscussion.clear_scratchpad)
    preview_route = sync(_OfDiscussion.preview_route)
    get_full_data_zone = sync(_OfDiscussion.get_full_data_zone)
    get_composed = sync(_OfDiscussion.get_composed)
    get_context_status = sync(_OfDiscussion.get_context_status)
    count_discussion_tokens = sync(_OfDiscussion.count_discussion_tokens)
    get_context = sync(_OfDiscussion.get_context)
    summarize_and_prune = sync(_OfDiscussion.summarize_and_prune)
    list_summaries = sync(_OfDiscussion.list_summaries)
    get_summary = sync(_OfDiscussion.get_summary)
    remove_summary = sync(_OfDiscussion.remove_summary)
    restore_summary = sync(_OfDiscussion.restore_summary)
    get_pruning_summary = sync(_OfDiscussion.get_pruning_summary)
    get_pruning_point_id = sync(_OfDiscussion.get_pruning_point_id)
    add_discussion_image = sync(_OfDiscussion.add_discussion_image)
    get_images = sync(_OfDiscussion.get_images)
    get_active_images = sync(_OfDiscussion.get_active_images)
    toggle_image_activation = sync(_OfDiscussion.toggle_image_activation)
    remove_image = sync(_OfDiscussion.remove_image)
    get_image = sync(_OfDiscussion.get_image)
    memorize = sync(_OfDiscussion.memorize)
    list_memories = sync(_OfDiscussion.list_memories)
    add_memory = sync(_OfDiscussion.add_memory)
    search_memories = sync(_OfDiscussion.search_memories)
    load_memory_into_context = sync(_OfDiscussion.load_memory_into_context)
    unload_memory_from_context = sync(_OfDiscussion.unload_memory_from_context)
    add_message = sync(_OfDiscussion.add_message)
    add_branch = sync(_OfDiscussion.add_branch)
    chat = sync(_OfDiscussion.chat)
    regenerate_branch = sync(_OfDiscussion.regenerate_branch)
    get_message = sync(_OfDiscussion.get_message)
    get_messages = sync(_OfDiscussion.get_messages)
    get_all_messages_flat = sync(_OfDiscussion.get_all_messages_flat)
    get_structure = sync(_OfDiscussion.get_structure)
    list_branches = sync(_OfDiscussion.list_branches)
    get_active_branch_id = sync(_OfDiscussion.get_active_branch_id)
    switch_to_branch = sync(_OfDiscussion.switch_to_branch)
    delete_branch = sync(_OfDiscussion.delete_branch)
    refresh = sync(_OfDiscussion.refresh)
    update = sync(_OfDiscussion.update)
    put = sync(_OfDiscussion.put)
    set_metadata_item = sync(_OfDiscussion.set_metadata_item)
    delete = sync(_OfDiscussion.delete)
    auto_title = sync(_OfDiscussion.auto_title)
    clone_without_messages = sync(_OfDiscussion.clone_without_messages)
    search = sync(_OfDiscussion.search)
    export = sync(_OfDiscussion.export)
    export_to_json_str = sync(_OfDiscussion.export_to_json_str)
    get_shadow_report = sync(_OfDiscussion.get_shadow_report)


class Graft:
    """One server, as one user: the way to all their discussions."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:4800",
        api_key: str | None = None,
        *,
        user: str | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        """Name a server; nothing is sent yet.

        Args:
            api_key: A key of `graft keys add`; a server without keys needs none.
            user: Whom an `app` key speaks for.
            http: A connection with settings of its own, in place of the other arguments.
        """
        self.session = HttpSession(http or httpx.Client(**options(url, api_key, user)))
        self.calls = _OfAccount(self)

    def discussion(self, told: Wire, *, temporary: bool = False) -> Discussion:
        """The object of a tree that the server has told."""
        return Discussion(self, told, temporary=temporary)

    def message(self, told: Wire) -> Message:
        """The object of a node that the server has told."""
        return Message(self, told)

    def close(self) -> None:
        """Let go of the connection."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    create_discussion = sync(_OfAccount.create_discussion)
    get_discussion = sync(_OfAccount.get_discussion)
    find_discussion = sync(_OfAccount.find_discussion)
    list_discussions = sync(_OfAccount.list_discussions)
    delete_discussion = sync(_OfAccount.delete_discussion)
    search = sync(_OfAccount.search)
    import_from_json_str = sync(_OfAccount.import_from_json_str)
    get_zone = sync(_OfAccount.get_zone)
    set_zone = sync(_OfAccount.set_zone)
    append_to_zone = sync(_OfAccount.append_to_zone)
    clear_zone = sync(_OfAccount.clear_zone)
    list_personalities = sync(_OfAccount.list_personalities)
    create_personality = sync(_OfAccount.create_personality)
    get_personality = sync(_OfAccount.get_personality)
    change_personality = sync(_OfAccount.change_personality)
    delete_personality = sync(_OfAccount.delete_personality)
    count_asides = sync(_OfAccount.count_asides)
    get_account = sync(_OfAccount.get_account)
    export_account = sync(_OfAccount.export_account)
    delete_account = sync(_OfAccount.delete_account)
    list_memories = sync(_OfAccount.list_memories)
    add_memory = sync(_OfAccount.add_memory)
    search_memories = sync(_OfAccount.search_memories)
    get_memory = sync(_OfAccount.get_memory)
    change_memory = sync(_OfAccount.change_memory)
    delete_memory = sync(_OfAccount.delete_memory)
