"""One working request for every endpoint and verb, and where an id stands in it. The isolation matrix is made from these.

Whoever adds an endpoint adds its recipe here; `test_isolation_matrix.py` fails until it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.pictures import PNG

OPEN = {"/health", "/ready", "/metrics"}
"""Routes without anything of anybody (that of the figures has a rule of its own, see tests/operations); those of the API's description, below `/api/docs`, are open too."""

MESSAGES = [{"role": "user", "content": "Why is that?"}]
FILE = {
    "graft": 1,
    "tree": {"id": "t_of_the_file", "name": "copy", "created_at": 1.0, "updated_at": 2.0},
    "nodes": [
        {"id": "n_of_the_file", "parent": None, "message": MESSAGES[0], "state": "whole", "created_at": 1.0},
        {
            "id": "n_below_it",
            "parent": None,
            "message": {"role": "assistant", "content": "It is not."},
            "state": "whole",
            "created_at": 2.0,
            "metadata": {"graft": {"superseded_by": "n_of_the_file"}},
        },
    ],
    "end": {"zones": 0, "nodes": 2},
}


@dataclass(frozen=True)
class Recipe:
    """A request that works for whoever owns the ids in it: `{tree}`, `{turn}`, `{reply}`, `{other}` and `{persona}` stand for their own."""

    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    """What stands for the path's parameters, where their names do not say it."""
    slots: tuple[str, ...] = ()
    """Where else an id can stand: `body.NAME`, `query.NAME`, `header.NAME`. The path's parameters need no mention."""
    refused: int | None = None
    """The status of an endpoint that the offline model does not have."""


CHAT = {"model": "mirror", "messages": MESSAGES}
NAMED = ("header.x-openwebui-user-message-id", "header.x-openwebui-user-message-parent-id")
PLACED = (
    "header.x-graft-parent",
    "header.x-graft-tree",
    "header.x-graft-personality",
    "header.x-openwebui-chat-id",
    "header.idempotency-key",
    *NAMED,
)
PAGED = ("query.after",)

RECIPES: Mapping[str, Recipe] = {
    "POST /v1/chat/completions": Recipe(CHAT, slots=(*PLACED, "body.metadata.graft_parent")),
    "GET /v1/chat/completions": Recipe(slots=("query.after", "query.metadata[chat]", "query.model")),
    "GET /v1/chat/completions/{completion_id:str}": Recipe(),
    "POST /v1/chat/completions/{completion_id:str}": Recipe({"metadata": {"mine": "now"}}),
    "DELETE /v1/chat/completions/{completion_id:str}": Recipe(),
    "GET /v1/chat/completions/{completion_id:str}/messages": Recipe(slots=PAGED),
    "POST /v1/embeddings": Recipe({"model": "mirror", "input": "Mine?"}, refused=400),
    "POST /v1/completions": Recipe({"model": "mirror", "prompt": "Mine?"}),
    "GET /v1/models": Recipe(),
    "GET /v1/models/{model:path}": Recipe(path={"model": "mirror"}),
    "POST /api/trees": Recipe({"name": "new"}, slots=("body.name", "body.personality")),
    "POST /api/trees/{tree_id:str}/clone": Recipe({"name": "twin"}, slots=("body.name",)),
    "POST /api/trees/{tree_id:str}/title": Recipe({"node_id": "{reply}"}, slots=("body.node_id",)),
    "GET /api/trees": Recipe(slots=PAGED),
    "GET /api/trees/{tree_id:str}": Recipe(),
    "PATCH /api/trees/{tree_id:str}": Recipe({"title": "Theirs now"}, slots=("body.personality",)),
    "DELETE /api/trees/{tree_id:str}": Recipe(),
    "GET /api/search": Recipe(query={"q": "secret"}, slots=("query.q", "query.tree_id", *PAGED)),
    "GET /api/trees/{tree_id:str}/active": Recipe(slots=("query.conversation",)),
    "PUT /api/trees/{tree_id:str}/active": Recipe({"node_id": "{reply}"}, slots=("body.node_id", "body.conversation")),
    "GET /api/trees/{tree_id:str}/structure": Recipe(slots=PAGED),
    "GET /api/trees/{tree_id:str}/children": Recipe(slots=PAGED),
    "POST /api/trees/{tree_id:str}/nodes": Recipe(
        {"parent_id": "{reply}", "role": "user", "content": "Mine?"}, slots=("body.parent_id",)
    ),
    "POST /api/trees/{tree_id:str}/branches": Recipe(
        {"parent_id": "{reply}", "messages": MESSAGES}, slots=("body.parent_id",)
    ),
    "GET /api/trees/{tree_id:str}/shadow": Recipe(slots=("query.before",)),
    "GET /api/trees/{tree_id:str}/export": Recipe(slots=("query.node_id",)),
    "POST /api/trees/import": Recipe(
        FILE,
        slots=(
            "query.tree",
            "query.parent_id",
            "body.tree.id",
            "body.tree.name",
            "body.nodes.0.id",
            "body.nodes.0.conversation",
            "body.nodes.1.metadata.graft.superseded_by",
        ),
    ),
    "POST /api/trees/{tree_id:str}/chat": Recipe(
        {"content": "Mine?", "parent_id": "{reply}", "model": "mirror"}, slots=("body.parent_id",)
    ),
    "GET /api/nodes/{node_id:str}": Recipe(),
    "PATCH /api/nodes/{node_id:str}": Recipe({"labels": ["mine"]}),
    "DELETE /api/nodes/{node_id:str}": Recipe(),
    "GET /api/nodes/{node_id:str}/path": Recipe(),
    "GET /api/nodes/{node_id:str}/children": Recipe(slots=PAGED),
    "GET /api/nodes/{node_id:str}/siblings": Recipe(slots=PAGED),
    "GET /api/nodes/{node_id:str}/subtree": Recipe(slots=PAGED),
    "POST /api/nodes/{node_id:str}/regenerate": Recipe({"model": "mirror"}),
    "POST /api/nodes/{node_id:str}/move": Recipe(
        {"parent_id": "{other}", "answer_again": True, "model": "mirror"},
        path={"node_id": "{turn}"},
        slots=("body.parent_id",),
    ),
    "POST /api/nodes/{node_id:str}/undo": Recipe({}, path={"node_id": "{placed}"}),
    "GET /api/nodes/{node_id:str}/route": Recipe(),
    "GET /api/nodes/{node_id:str}/receipt": Recipe(),
    "GET /api/nodes/{node_id:str}/context": Recipe(query={"content": "Mine?"}, slots=("query.personality",)),
    "GET /api/trees/{tree_id:str}/status": Recipe(slots=("query.node_id", "query.personality")),
    "POST /api/nodes/{node_id:str}/prune": Recipe({"max_tokens": 1, "model": "mirror"}),
    "POST /api/trees/{tree_id:str}/prune": Recipe({"max_tokens": 1, "preserve_last_n": 1}),
    "GET /api/nodes/{node_id:str}/summaries": Recipe(),
    "GET /api/summaries/{summary_id:str}": Recipe(),
    "DELETE /api/summaries/{summary_id:str}": Recipe(),
    "PATCH /api/summaries/{summary_id:str}": Recipe({"used": False}),
    "POST /api/route": Recipe(
        {"messages": MESSAGES, "tree_id": "{tree}", "cursor": "{reply}"},
        slots=("body.tree_id", "body.cursor", "body.conversation", "body.personality"),
    ),
    "GET /api/asides": Recipe(),
    "GET /api/me": Recipe(),
    "GET /api/me/export": Recipe(),
    "DELETE /api/me": Recipe(query={"confirm": "{user}"}, slots=("query.confirm",)),
    "GET /api/trees/{tree_id:str}/scratchpad": Recipe(),
    "PUT /api/trees/{tree_id:str}/scratchpad": Recipe({"text": "Theirs."}),
    "POST /api/trees/{tree_id:str}/scratchpad": Recipe({"text": "Theirs."}),
    "DELETE /api/trees/{tree_id:str}/scratchpad": Recipe(),
    "GET /api/trees/{tree_id:str}/artefacts": Recipe(slots=PAGED),
    "POST /api/trees/{tree_id:str}/artefacts": Recipe({"title": "Letter", "text": "Dear."}),
    "POST /api/trees/{tree_id:str}/artefacts/import": Recipe(
        {"graft_artefact": 1, "title": "Brought", "versions": [{"text": "One."}, {"text": "Two."}]}
    ),
    "GET /api/artefacts/{artefact_id:str}": Recipe(),
    "PATCH /api/artefacts/{artefact_id:str}": Recipe({"title": "Theirs now"}),
    "DELETE /api/artefacts/{artefact_id:str}": Recipe(),
    "POST /api/artefacts/{artefact_id:str}/load": Recipe({"node_id": "{reply}", "version": 1}, slots=("body.node_id",)),
    "POST /api/artefacts/{artefact_id:str}/unload": Recipe({"node_id": "{turn}"}, slots=("body.node_id",)),
    "GET /api/artefacts/{artefact_id:str}/versions": Recipe(),
    "POST /api/artefacts/{artefact_id:str}/versions": Recipe({"text": "Theirs."}),
    "GET /api/artefacts/{artefact_id:str}/versions/{version:str}": Recipe(path={"version": "newest"}),
    "DELETE /api/artefacts/{artefact_id:str}/versions/{version:str}": Recipe(path={"version": "1"}),
    "GET /api/artefacts/{artefact_id:str}/diff": Recipe(query={"from": "1"}),
    "POST /api/artefacts/{artefact_id:str}/revert": Recipe({"version": 1}),
    "GET /api/artefacts/{artefact_id:str}/export": Recipe(),
    "POST /api/nodes/{node_id:str}/memorize": Recipe({"extractive": True}),
    "GET /api/memories": Recipe(slots=("query.tree_id", *PAGED)),
    "POST /api/memories": Recipe(
        {"title": "Mine", "content": "Ours.", "tree_id": "{tree}", "node_ids": ["{reply}"]},
        slots=("body.tree_id", "body.node_ids.0"),
    ),
    "GET /api/memories/search": Recipe(query={"q": "secret", "tree_id": "{tree}"}, slots=("query.tree_id",)),
    "GET /api/memories/{memory_id:str}": Recipe(),
    "PATCH /api/memories/{memory_id:str}": Recipe({"title": "Theirs now"}, slots=("body.tree_id",)),
    "DELETE /api/memories/{memory_id:str}": Recipe(),
    "POST /api/memories/{memory_id:str}/load": Recipe({"node_id": "{reply}"}, slots=("body.node_id", "body.tree_id")),
    "POST /api/memories/{memory_id:str}/unload": Recipe({"node_id": "{turn}"}, slots=("body.node_id", "body.tree_id")),
    "GET /api/zones/{name:str}": Recipe(path={"name": "user"}),
    "PUT /api/zones/{name:str}": Recipe({"text": "Theirs."}, path={"name": "user"}),
    "POST /api/zones/{name:str}": Recipe({"text": "Theirs."}, path={"name": "memory"}),
    "DELETE /api/zones/{name:str}": Recipe(path={"name": "user"}),
    "GET /api/trees/{tree_id:str}/zones": Recipe(),
    "GET /api/trees/{tree_id:str}/zones/{name:str}": Recipe(path={"name": "discussion"}),
    "PUT /api/trees/{tree_id:str}/zones/{name:str}": Recipe({"text": "Theirs."}, path={"name": "discussion"}),
    "POST /api/trees/{tree_id:str}/zones/{name:str}": Recipe({"text": "Theirs."}, path={"name": "discussion"}),
    "DELETE /api/trees/{tree_id:str}/zones/{name:str}": Recipe(path={"name": "discussion"}),
    "GET /api/trees/{tree_id:str}/composed": Recipe(
        query={"node_id": "{reply}", "personality": "{persona}"}, slots=("query.node_id", "query.personality")
    ),
    "GET /api/nodes/{node_id:str}/zone": Recipe(),
    "PUT /api/nodes/{node_id:str}/zone": Recipe({"text": "Theirs."}),
    "POST /api/nodes/{node_id:str}/zone": Recipe({"text": "Theirs."}),
    "DELETE /api/nodes/{node_id:str}/zone": Recipe(),
    "GET /api/trees/{tree_id:str}/images": Recipe(),
    "POST /api/trees/{tree_id:str}/images": Recipe({"data": PNG}),
    "GET /api/nodes/{node_id:str}/images": Recipe(),
    "POST /api/nodes/{node_id:str}/images": Recipe({"url": "https://pictures.example/mine.png"}),
    "GET /api/images/{image_id:str}": Recipe(),
    "PATCH /api/images/{image_id:str}": Recipe({"active": False}),
    "DELETE /api/images/{image_id:str}": Recipe(),
    "GET /api/personalities": Recipe(),
    "POST /api/personalities": Recipe({"name": "new"}, slots=("body.name",)),
    "GET /api/personalities/{name:str}": Recipe(path={"name": "{persona}"}),
    "PATCH /api/personalities/{name:str}": Recipe({"zone": "Theirs."}, path={"name": "{persona}"}),
    "DELETE /api/personalities/{name:str}": Recipe(path={"name": "{persona}"}),
}
