"""The client whose methods are awaited: `AsyncGraft`, its discussions and their messages.

Each line below names what the core does and how it is run here; what it does, and its parameters, stand in `calls/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeAlias

import httpx

from proxy.client.attributes import Shown
from proxy.client.calls.account import AccountCalls
from proxy.client.calls.discussion import DiscussionCalls
from proxy.client.calls.message import MessageCalls
from proxy.client.records import Wire
from proxy.client.sessions import AsyncHttpSession, options
from proxy.client.steps import awaited
from proxy.client.views import DiscussionView, MessageView

_OfMessage: TypeAlias = MessageCalls["AsyncDiscussion", "AsyncMessage"]
_OfDiscussion: TypeAlias = DiscussionCalls["AsyncDiscussion", "AsyncMessage"]
_OfAccount: TypeAlias = AccountCalls["AsyncDiscussion", "AsyncMessage"]


class AsyncMessage(MessageView):
    """One message of a discussion. It comes from a discussion's methods, never from a program."""

    __slots__ = ("calls", "session")  # so that a misspelt attribute is an error and not lost

    def __init__(self, graft: AsyncGraft, told: Wire) -> None:
        self.session = graft.session
        self.calls = _OfMessage(graft, told)

    @property
    def told(self) -> Wire:
        return self.calls.told

    refresh = awaited(_OfMessage.refresh)
    set_metadata_item = awaited(_OfMessage.set_metadata_item)
    annotate = awaited(_OfMessage.annotate)
    delete = awaited(_OfMessage.delete)
    get_path = awaited(_OfMessage.get_path)
    get_children = awaited(_OfMessage.get_children)
    get_siblings = awaited(_OfMessage.get_siblings)
    get_subtree = awaited(_OfMessage.get_subtree)
    get_route = awaited(_OfMessage.get_route)
    get_all_images = awaited(_OfMessage.get_all_images)
    get_active_images = awaited(_OfMessage.get_active_images)
    toggle_image_activation = awaited(_OfMessage.toggle_image_activation)
    add_image = awaited(_OfMessage.add_image)
    get_receipt = awaited(_OfMessage.get_receipt)
    move = awaited(_OfMessage.move)
    undo = awaited(_OfMessage.undo)
    regenerate = awaited(_OfMessage.regenerate)
    get_zone = awaited(_OfMessage.get_zone)
    set_zone = awaited(_OfMessage.set_zone)
    append_to_zone = awaited(_OfMessage.append_to_zone)
    clear_zone = awaited(_OfMessage.clear_zone)


class AsyncDiscussion(DiscussionView):
    """One tree of messages, with what is kept beside it. What a method has done is durable when it returns."""

    __slots__ = ("calls", "session", "temporary")  # so that a misspelt attribute is an error and not lost

    title = Shown[str | None]("title")
    system_prompt = Shown[str | None]("system_prompt")
    participants = Shown[Mapping[str, str]]("participants")
    max_context_size = Shown[int | None]("max_context_tokens")
    personality = Shown[str | None]("personality")

    def __init__(self, graft: AsyncGraft, told: Wire, *, temporary: bool = False) -> None:
        self.session = graft.session
        self.calls = _OfDiscussion(graft, told)
        self.temporary = temporary

    @property
    def told(self) -> Wire:
        return self.calls.told

    @staticmethod
    async def create_new(graft: AsyncGraft, **fields: Any) -> AsyncDiscussion:
        """The same as `graft.create_discussion`."""
        return await graft.create_discussion(**fields)

    @staticmethod
    async def import_from_json_str(text: str, graft: AsyncGraft, *, name: str | None = None) -> AsyncDiscussion:
        """The same as `graft.import_from_json_str`."""
        return await graft.import_from_json_str(text, name=name)

    async def close(self) -> None:
        """Delete a temporary discussion; others stay as they are."""
        if self.temporary:
            self.temporary = False
            await self.delete()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    list_artefacts = awaited(_OfDiscussion.list_artefacts)
    add_artefact = awaited(_OfDiscussion.add_artefact)
    get_artefact = awaited(_OfDiscussion.get_artefact)
    update_artefact = awaited(_OfDiscussion.update_artefact)
    remove_artefact = awaited(_OfDiscussion.remove_artefact)
    change_artefact = awaited(_OfDiscussion.change_artefact)
    get_artefact_history = awaited(_OfDiscussion.get_artefact_history)
    diff_artefact = awaited(_OfDiscussion.diff_artefact)
    revert_artefact = awaited(_OfDiscussion.revert_artefact)
    load_artefact_into_data_zone = awaited(_OfDiscussion.load_artefact_into_data_zone)
    unload_artefact_from_data_zone = awaited(_OfDiscussion.unload_artefact_from_data_zone)
    export_artefact = awaited(_OfDiscussion.export_artefact)
    import_artefact = awaited(_OfDiscussion.import_artefact)
    list_zones = awaited(_OfDiscussion.list_zones)
    get_zone = awaited(_OfDiscussion.get_zone)
    set_zone = awaited(_OfDiscussion.set_zone)
    append_to_zone = awaited(_OfDiscussion.append_to_zone)
    clear_zone = awaited(_OfDiscussion.clear_zone)
    get_user_data_zone = awaited(_OfDiscussion.get_user_data_zone)
    get_discussion_data_zone = awaited(_OfDiscussion.get_discussion_data_zone)
    get_personality_data_zone = awaited(_OfDiscussion.get_personality_data_zone)
    set_personality_data_zone = awaited(_OfDiscussion.set_personality_data_zone)
    get_memory = awaited(_OfDiscussion.get_memory)
    get_scratchpad = awaited(_OfDiscussion.get_scratchpad)
    set_scratchpad = awaited(_OfDiscussion.set_scratchpad)
    append_to_scratchpad = awaited(_OfDiscussion.append_to_scratchpad)
    clear_scratchpad = awaited(_OfDiscussion.clear_scratchpad)
    preview_route = awaited(_OfDiscussion.preview_route)
    get_full_data_zone = awaited(_OfDiscussion.get_full_data_zone)
    get_composed = awaited(_OfDiscussion.get_composed)
    get_context_status = awaited(_OfDiscussion.get_context_status)
    count_discussion_tokens = awaited(_OfDiscussion.count_discussion_tokens)
    get_context = awaited(_OfDiscussion.get_context)
    summarize_and_prune = awaited(_OfDiscussion.summarize_and_prune)
    list_summaries = awaited(_OfDiscussion.list_summaries)
    get_summary = awaited(_OfDiscussion.get_summary)
    remove_summary = awaited(_OfDiscussion.remove_summary)
    restore_summary = awaited(_OfDiscussion.restore_summary)
    get_pruning_summary = awaited(_OfDiscussion.get_pruning_summary)
    get_pruning_point_id = awaited(_OfDiscussion.get_pruning_point_id)
    add_discussion_image = awaited(_OfDiscussion.add_discussion_image)
    get_images = awaited(_OfDiscussion.get_images)
    get_active_images = awaited(_OfDiscussion.get_active_images)
    toggle_image_activation = awaited(_OfDiscussion.toggle_image_activation)
    remove_image = awaited(_OfDiscussion.remove_image)
    get_image = awaited(_OfDiscussion.get_image)
    memorize = awaited(_OfDiscussion.memorize)
    list_memories = awaited(_OfDiscussion.list_memories)
    add_memory = awaited(_OfDiscussion.add_memory)
    search_memories = awaited(_OfDiscussion.search_memories)
    load_memory_into_context = awaited(_OfDiscussion.load_memory_into_context)
    unload_memory_from_context = awaited(_OfDiscussion.unload_memory_from_context)
    add_message = awaited(_OfDiscussion.add_message)
    add_branch = awaited(_OfDiscussion.add_branch)
    chat = awaited(_OfDiscussion.chat)
    regenerate_branch = awaited(_OfDiscussion.regenerate_branch)
    get_message = awaited(_OfDiscussion.get_message)
    get_messages = awaited(_OfDiscussion.get_messages)
    get_all_messages_flat = awaited(_OfDiscussion.get_all_messages_flat)
    get_structure = awaited(_OfDiscussion.get_structure)
    list_branches = awaited(_OfDiscussion.list_branches)
    get_active_branch_id = awaited(_OfDiscussion.get_active_branch_id)
    switch_to_branch = awaited(_OfDiscussion.switch_to_branch)
    delete_branch = awaited(_OfDiscussion.delete_branch)
    refresh = awaited(_OfDiscussion.refresh)
    update = awaited(_OfDiscussion.update)
    put = awaited(_OfDiscussion.put)
    set_metadata_item = awaited(_OfDiscussion.set_metadata_item)
    delete = awaited(_OfDiscussion.delete)
    auto_title = awaited(_OfDiscussion.auto_title)
    clone_without_messages = awaited(_OfDiscussion.clone_without_messages)
    search = awaited(_OfDiscussion.search)
    export = awaited(_OfDiscussion.export)
    export_to_json_str = awaited(_OfDiscussion.export_to_json_str)
    get_shadow_report = awaited(_OfDiscussion.get_shadow_report)


class AsyncGraft:
    """One server, as one user: the way to all their discussions."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:4800",
        api_key: str | None = None,
        *,
        user: str | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """Name a server; nothing is sent yet.

        Args:
            api_key: A key of `graft keys add`; a server without keys needs none.
            user: Whom an `app` key speaks for.
            http: A connection with settings of its own, in place of the other arguments.
        """
        self.session = AsyncHttpSession(http or httpx.AsyncClient(**options(url, api_key, user)))
        self.calls = _OfAccount(self)

    def discussion(self, told: Wire, *, temporary: bool = False) -> AsyncDiscussion:
        """The object of a tree that the server has told."""
        return AsyncDiscussion(self, told, temporary=temporary)

    def message(self, told: Wire) -> AsyncMessage:
        """The object of a node that the server has told."""
        return AsyncMessage(self, told)

    async def close(self) -> None:
        """Let go of the connection."""
        await self.session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    create_discussion = awaited(_OfAccount.create_discussion)
    get_discussion = awaited(_OfAccount.get_discussion)
    find_discussion = awaited(_OfAccount.find_discussion)
    list_discussions = awaited(_OfAccount.list_discussions)
    delete_discussion = awaited(_OfAccount.delete_discussion)
    search = awaited(_OfAccount.search)
    import_from_json_str = awaited(_OfAccount.import_from_json_str)
    get_zone = awaited(_OfAccount.get_zone)
    set_zone = awaited(_OfAccount.set_zone)
    append_to_zone = awaited(_OfAccount.append_to_zone)
    clear_zone = awaited(_OfAccount.clear_zone)
    list_personalities = awaited(_OfAccount.list_personalities)
    create_personality = awaited(_OfAccount.create_personality)
    get_personality = awaited(_OfAccount.get_personality)
    change_personality = awaited(_OfAccount.change_personality)
    delete_personality = awaited(_OfAccount.delete_personality)
    count_asides = awaited(_OfAccount.count_asides)
    get_account = awaited(_OfAccount.get_account)
    export_account = awaited(_OfAccount.export_account)
    delete_account = awaited(_OfAccount.delete_account)
    list_memories = awaited(_OfAccount.list_memories)
    add_memory = awaited(_OfAccount.add_memory)
    search_memories = awaited(_OfAccount.search_memories)
    get_memory = awaited(_OfAccount.get_memory)
    change_memory = awaited(_OfAccount.change_memory)
    delete_memory = awaited(_OfAccount.delete_memory)
