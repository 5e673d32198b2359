"""Two people with something of every kind, each piece of which holds its owner's marker: what the other must never see."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.doubles.pictures import PNG

KINDS = ("tree_id", "node_id", "artefact_id", "memory_id", "image_id", "summary_id", "completion_id", "name")


@dataclass
class Somebody:
    """A user, the ids of what they have, and the marker that all of it holds."""

    name: str
    key: str
    marker: str
    http: httpx.Client = field(repr=False)
    ids: dict[str, list[str]] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def plant(self) -> None:
        """Something of every kind, as new. What was planted before may be gone by now, or not."""
        mine = self.marker
        tree = self._ok("POST", "/api/trees", {"title": f"{mine} tree", "system_prompt": mine})["id"]
        persona = self._ok("POST", "/api/personalities", {"name": f"{self.name}-{tree[2:10]}", "zone": mine})["name"]
        said = [{"role": "user", "content": f"{mine} asks"}, {"role": "assistant", "content": f"{mine} hears"}]
        added = self._ok("POST", f"/api/trees/{tree}/branches", {"parent_id": None, "messages": said})
        nodes = [node["id"] for node in added["data"]]
        self._ok("PUT", "/api/zones/user", {"text": mine})
        self._ok("PUT", f"/api/trees/{tree}/zones/discussion", {"text": mine})
        self._ok("PUT", f"/api/nodes/{nodes[0]}/zone", {"text": mine})
        self._ok("PUT", f"/api/trees/{tree}/scratchpad", {"text": mine})
        artefact = self._ok("POST", f"/api/trees/{tree}/artefacts", {"title": f"{mine} letter", "text": mine})["id"]
        self._ok("POST", f"/api/artefacts/{artefact}/versions", {"text": f"{mine} again"})
        memory = self._ok("POST", "/api/memories", {"title": mine, "content": mine, "tree_id": tree})["id"]
        image = self._ok("POST", f"/api/trees/{tree}/images", {"data": PNG})["id"]
        chat = {"model": "native", "store": True, "messages": [{"role": "user", "content": f"{mine} chats"}]}
        completion = self._ok("POST", "/v1/chat/completions", chat)["id"]
        found = [tree], nodes, [artefact], [memory], [image], ["s_none"], [completion], [persona, "user", "discussion"]
        self.ids = dict(zip(KINDS, found, strict=True))

    def has_lost(self) -> bool:
        """Whether a request has deleted what was planted last."""
        gone = (f"/api/trees/{self.ids['tree_id'][0]}", f"/api/nodes/{self.ids['node_id'][1]}")
        return any(self.http.get(path, headers=self.headers).status_code == 404 for path in gone)

    def any_id(self, kind: str, chance: random.Random) -> str:
        """One id of a kind, or now and then one of another kind."""
        return chance.choice(self.ids[kind if kind in self.ids and chance.random() < 0.9 else chance.choice(KINDS)])

    def _ok(self, method: str, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.request(method, path, json=body, headers=self.headers)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json()
