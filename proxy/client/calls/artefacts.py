"""A discussion's artefacts, by title: titled texts in versions, loaded into what is sent."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.client import endpoints as api
from proxy.client.calls.common import every, told_only
from proxy.client.errors import NotFound
from proxy.client.records import Artefact, Version, Wire
from proxy.client.steps import Steps


class ArtefactCalls:
    """The calls of one discussion that concern its artefacts."""

    told: Wire

    @property
    def id(self) -> str:
        return str(self.told["id"])

    def list_artefacts(self, *, type: str | None = None, tag: str | None = None) -> Steps[list[Artefact]]:
        """By title, without contents."""
        found = yield from every(api.LIST_ARTEFACTS, {"type": type, "tag": tag}, tree_id=self.id)
        return [Artefact.of(one) for one in found]

    def add_artefact(
        self, title: str, content: str, *, type: str | None = None, tags: Sequence[str] = (), note: str | None = None
    ) -> Steps[Artefact]:
        """Its content becomes version 1. It is not sent with anything until it is loaded."""
        body = {"title": title, "text": content, "tags": list(tags), **told_only(type=type, note=note)}
        return Artefact.of((yield api.ADD_ARTEFACT(tree_id=self.id, json=body)).json)

    def get_artefact(self, title: str, version: int | None = None) -> Steps[Artefact]:
        """With the content of a version, the newest without a number. Raises NotFound."""
        wire = yield from self._found(title)
        number = "newest" if version is None else str(version)
        text = (yield api.GET_VERSION(artefact_id=wire["id"], version=number)).json
        told = {name: wire[name] for name in ("id", "title", "type", "tags", "versions")}
        return Artefact(told=wire, version=text["version"], content=text["text"], **told)

    def update_artefact(self, title: str, content: str, *, note: str | None = None) -> Steps[Artefact]:
        """Add a version; those before stay. Raises NotFound."""
        wire = yield from self._found(title)
        yield api.ADD_VERSION(artefact_id=wire["id"], json={"text": content, **told_only(note=note)})
        return (yield from self._again(wire))

    def remove_artefact(self, title: str, version: int | None = None) -> Steps[None]:
        """Remove one version, or without a number all of it. Raises NotFound."""
        wire = yield from self._found(title)
        if version is None:
            yield api.REMOVE_ARTEFACT(artefact_id=wire["id"])
        else:
            yield api.REMOVE_VERSION(artefact_id=wire["id"], version=str(version))

    def change_artefact(
        self,
        title: str,
        *,
        new_title: str | None = None,
        type: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Steps[Artefact]:
        """Rename it, or change its type or tags. Raises NotFound."""
        wire = yield from self._found(title)
        changes = told_only(title=new_title, type=type, tags=None if tags is None else list(tags))
        return Artefact.of((yield api.CHANGE_ARTEFACT(artefact_id=wire["id"], json=changes)).json)

    def get_artefact_history(self, title: str) -> Steps[list[Version]]:
        """Its versions, oldest first. Raises NotFound."""
        wire = yield from self._found(title)
        found = yield from every(api.LIST_VERSIONS, cursor="newer_than", artefact_id=wire["id"])
        return [Version.of(one) for one in found]

    def diff_artefact(self, title: str, old: int, new: int | None = None) -> Steps[str]:
        """Two versions compared, as a unified diff; with the newest without a second number. Raises NotFound."""
        wire = yield from self._found(title)
        return str((yield api.DIFF(artefact_id=wire["id"], query={"from": old, "to": new})).json["diff"])

    def revert_artefact(self, title: str, version: int, *, note: str | None = None) -> Steps[Artefact]:
        """Bring a version back as the newest. Raises NotFound."""
        wire = yield from self._found(title)
        yield api.REVERT(artefact_id=wire["id"], json={"version": version, **told_only(note=note)})
        return (yield from self._again(wire))

    def load_artefact_into_data_zone(
        self, title: str, *, node_id: str | None = None, version: int | None = None
    ) -> Steps[Artefact]:
        """Send it with the discussion, or for a node's subtree alone; the newest version of each time, or one."""
        wire = yield from self._found(title)
        body = {"node_id": node_id, "version": version}
        return Artefact.of((yield api.LOAD_ARTEFACT(artefact_id=wire["id"], json=body)).json)

    def unload_artefact_from_data_zone(self, title: str, *, node_id: str | None = None) -> Steps[Artefact]:
        """Send it no more from where it was loaded."""
        wire = yield from self._found(title)
        return Artefact.of((yield api.UNLOAD_ARTEFACT(artefact_id=wire["id"], json={"node_id": node_id})).json)

    def export_artefact(self, title: str) -> Steps[str]:
        """All its versions as JSON. Raises NotFound."""
        wire = yield from self._found(title)
        return (yield api.EXPORT_ARTEFACT(artefact_id=wire["id"])).content.decode()

    def import_artefact(self, text: str, *, title: str | None = None) -> Steps[Artefact]:
        """An exported artefact, under another title if one is given."""
        reply = yield api.IMPORT_ARTEFACT(tree_id=self.id, query={"title": title}, content=text.encode())
        return Artefact.of(reply.json)

    def _found(self, title: str) -> Steps[Wire]:
        for one in (yield from every(api.LIST_ARTEFACTS, tree_id=self.id)):
            if one["title"] == title:
                return one
        raise NotFound(404, f"The discussion has no artefact {title!r}.")

    def _again(self, wire: Wire) -> Steps[Artefact]:
        return Artefact.of((yield api.GET_ARTEFACT(artefact_id=wire["id"])).json)
