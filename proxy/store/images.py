"""Images: hung on trees and on nodes, their bytes stored once; and images in messages, which stay there and can be switched off."""

from __future__ import annotations

import base64
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from proxy.domain.picture import Hung, Picture, pictures_in, said_picture
from proxy.domain.tree import Node, NodeId, Tree, TreeId, UserId, new_id
from proxy.domain.zone import Image, Piece, Standing
from proxy.errors import InvalidRequest, NotFound
from proxy.store.reading import node
from proxy.store.rows import plain, to_json
from proxy.store.sealing.values import opened, opened_bytes, sealed
from proxy.store.shelf import blobs
from proxy.store.trees import tree_of

MOST: Final = 100
"""Images that hang in one place."""
NO_NODE: Final = ""

_COLUMNS: Final = "i.id, i.media_type, i.url, i.active, coalesce(b.size, 0), i.tree_id, i.node_id, i.created_at"
_FROM: Final = "images i LEFT JOIN blobs b ON b.user_id = i.user_id AND b.hash = i.hash"

ON_TREE: Final = f"""
    SELECT {_COLUMNS} FROM {_FROM}
    WHERE i.user_id = ? AND i.tree_id = ? AND i.node_id = '' AND i.active = 1 ORDER BY i.position
"""
ON_PATH: Final = f"""
    SELECT {_COLUMNS} FROM json_each(?) p CROSS JOIN images i ON i.user_id = ? AND i.tree_id = ? AND i.node_id = p.value
    LEFT JOIN blobs b ON b.user_id = i.user_id AND b.hash = i.hash
    WHERE i.active = 1 ORDER BY p.key, i.position
"""
OFF_ON_PATH: Final = """
    SELECT o.node_id, o.number FROM json_each(?) p
    CROSS JOIN images_off o ON o.user_id = ? AND o.tree_id = ? AND o.node_id = p.value
"""


def add(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, node_id: NodeId | None, brought: Picture) -> Hung:
    """Hang an image on a tree, or on one of its nodes.

    Raises NotFound, and InvalidRequest where there are `MOST` already.
    """
    place = (user_id, tree_id, node_id or NO_NODE)
    count, last = db.execute(
        "SELECT count(*), coalesce(max(position), 0) FROM images WHERE user_id = ? AND tree_id = ? AND node_id = ?",
        place,
    ).fetchone()
    if count >= MOST:
        raise InvalidRequest(f"There are {MOST} images here already. Delete one first.")
    mark = None
    if brought.data is not None and brought.media_type is not None:
        mark = blobs.keep(db, user_id, brought.media_type, brought.data)
    id_ = new_id("i")
    url = sealed(db, "images.url", plain(brought.url), id_)
    db.execute(
        "INSERT INTO images (id, user_id, tree_id, node_id, hash, url, media_type, active, position, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (id_, *place, mark, url, brought.media_type, brought.active, last + 1, time.time()),
    )
    return get(db, user_id, id_)


def of_tree(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> list[Hung]:
    """What hangs on a tree, in the order in which it came; without bytes. Raises NotFound."""
    tree_of(db, user_id, tree_id)
    return _placed(db, user_id, tree_id, NO_NODE)


def of_node(db: sqlite3.Connection, user_id: UserId, node_id: NodeId) -> list[Hung]:
    """What is in a node's message, then what hangs on the node; without bytes. Raises NotFound."""
    there = node(db, user_id, node_id)
    found = [replace(one, image=replace(one.image, data_b64=None)) for one in _said(db, user_id, there)]
    return [*found, *_placed(db, user_id, there.tree_id, node_id)]


def get(db: sqlite3.Connection, user_id: UserId, id_: str) -> Hung:
    """One image with its bytes; that with the number 2 in a message is called by its node's id and `.2`. Raises NotFound."""
    if (named := _in_message(id_)) is not None:
        node_id, number = named
        try:
            there = _said(db, user_id, node(db, user_id, node_id))
        except NotFound as exc:
            raise _no_image(id_) from exc
        if number >= len(there):
            raise _no_image(id_)
        return there[number]
    row = db.execute(f"SELECT {_COLUMNS} FROM {_FROM} WHERE i.user_id = ? AND i.id = ?", (user_id, id_)).fetchone()
    if row is None:
        raise _no_image(id_)
    hung = _hung(db, row)
    return replace(hung, image=_filled(db, user_id, hung.image))


def switch(db: sqlite3.Connection, user_id: UserId, id_: str, active: bool) -> Hung:
    """Send an image from now on, or send it no more. Raises NotFound."""
    hung = get(db, user_id, id_)
    if hung.number is None:
        db.execute("UPDATE images SET active = ? WHERE user_id = ? AND id = ?", (active, user_id, id_))
    elif active:
        sql = "DELETE FROM images_off WHERE user_id = ? AND tree_id = ? AND node_id = ? AND number = ?"
        db.execute(sql, (user_id, hung.tree_id, hung.node_id, hung.number))
    else:
        sql = "INSERT INTO images_off (user_id, tree_id, node_id, number) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        db.execute(sql, (user_id, hung.tree_id, hung.node_id, hung.number))
    return replace(hung, image=replace(hung.image, active=active))


def delete(db: sqlite3.Connection, user_id: UserId, id_: str) -> None:
    """Raises NotFound, and InvalidRequest for an image in a message: what was said stays as it was said."""
    if get(db, user_id, id_).number is not None:
        raise InvalidRequest("A message is never changed. Switch the image off, or delete the node.", param="image_id")
    _forget(db, user_id, "id = ?", (id_,))


def forget_tree(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId) -> None:
    """Take away what hangs on a tree and on its nodes."""
    _forget(db, user_id, "tree_id = ?", (tree_id,))
    db.execute("DELETE FROM images_off WHERE user_id = ? AND tree_id = ?", (user_id, tree_id))


def forget_nodes(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, ids: Sequence[NodeId]) -> None:
    """Take away what hangs on nodes of a tree."""
    which, values = "tree_id = ? AND node_id IN (SELECT value FROM json_each(?))", (tree_id, to_json(ids))
    _forget(db, user_id, which, values)
    db.execute(f"DELETE FROM images_off WHERE user_id = ? AND {which}", (user_id, *values))


def copy(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, twin_id: TreeId) -> None:
    """Hang on one tree what hangs on another; the bytes are shared."""
    told = "hash, media_type, active, position, created_at"
    rows = db.execute(
        f"SELECT id, url, {told} FROM images WHERE user_id = ? AND tree_id = ? AND node_id = ?",
        (user_id, tree_id, NO_NODE),
    ).fetchall()
    for id_, url, *rest in rows:
        twin = new_id("i")
        address = sealed(db, "images.url", opened(db, "images.url", url, id_), twin)
        db.execute(
            f"INSERT INTO images (id, user_id, tree_id, node_id, url, {told}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (twin, user_id, twin_id, NO_NODE, address, *rest),
        )


def pieces(db: sqlite3.Connection, tree: Tree, path: Sequence[NodeId]) -> list[Piece]:
    """The active images of a tree and of the nodes on a path; without bytes."""
    rows = db.execute(ON_TREE, (tree.user_id, tree.id)).fetchall()
    if path:
        rows += db.execute(ON_PATH, (to_json(path), tree.user_id, tree.id)).fetchall()
    found = [_hung(db, row) for row in rows]
    return [
        Piece("node" if hung.node_id else "discussion", f"image:{hung.image.id}", "", hung.node_id, (hung.image,))
        for hung in found
    ]


def inactive(db: sqlite3.Connection, tree: Tree, path: Sequence[NodeId]) -> dict[NodeId, frozenset[int]]:
    """The images in messages of a path that are switched off."""
    off: dict[NodeId, frozenset[int]] = {}
    for node_id, number in db.execute(OFF_ON_PATH, (to_json(path), tree.user_id, tree.id)) if path else ():
        off[node_id] = off.get(node_id, frozenset()) | {number}
    return off


def lacks_bytes(standing: Standing) -> bool:
    """Whether bytes are to be sent that were not read yet."""
    return any(_is_bare(image) for piece in standing.pieces for image in piece.images)


def with_bytes(db: sqlite3.Connection, user_id: UserId, standing: Standing) -> Standing:
    """The same with the bytes of its images; one that was deleted meanwhile is left out."""
    told = []
    for piece in standing.pieces:
        images = tuple(_filled(db, user_id, image) for image in piece.images)
        told.append(replace(piece, images=tuple(image for image in images if not _is_bare(image))))
    return replace(standing, pieces=tuple(told))


def _is_bare(image: Image) -> bool:
    return image.url is None and image.data_b64 is None


def _filled(db: sqlite3.Connection, user_id: UserId, image: Image) -> Image:
    if not _is_bare(image):
        return image
    sql = "SELECT b.bytes, b.hash FROM images i JOIN blobs b ON b.user_id = i.user_id AND b.hash = i.hash WHERE i.user_id = ? AND i.id = ?"
    row = db.execute(sql, (user_id, image.id)).fetchone()
    if row is None:
        return image
    data = opened_bytes(db, "blobs.bytes", row[0], (user_id, row[1]))
    return replace(image, data_b64=base64.b64encode(data).decode())


def _placed(db: sqlite3.Connection, user_id: UserId, tree_id: TreeId, node_id: str) -> list[Hung]:
    sql = f"SELECT {_COLUMNS} FROM {_FROM} WHERE i.user_id = ? AND i.tree_id = ? AND i.node_id = ? ORDER BY i.position"
    return [_hung(db, row) for row in db.execute(sql, (user_id, tree_id, node_id))]


def _said(db: sqlite3.Connection, user_id: UserId, there: Node) -> list[Hung]:
    """The images in a message, with their bytes."""
    sql = "SELECT number FROM images_off WHERE user_id = ? AND tree_id = ? AND node_id = ?"
    off = {number for (number,) in db.execute(sql, (user_id, there.tree_id, there.id))}
    return [
        Hung(
            said_picture(part, f"{there.id}.{number}", active=number not in off),
            there.tree_id,
            there.id,
            number,
            there.created_at,
        )
        for number, part in enumerate(pictures_in(there.message))
    ]


def _in_message(id_: str) -> tuple[NodeId, int] | None:
    """The node and the number that the id of an image in a message names."""
    node_id, dot, number = id_.rpartition(".")
    return (NodeId(node_id), int(number)) if dot and number.isdecimal() and len(number) < 7 else None


def _forget(db: sqlite3.Connection, user_id: UserId, which: str, values: tuple[str, ...]) -> None:
    gone = db.execute(f"DELETE FROM images WHERE user_id = ? AND {which} RETURNING hash", (user_id, *values)).fetchall()
    blobs.drop_unused(db, user_id, [mark for (mark,) in gone if mark is not None])


def _hung(db: sqlite3.Connection, row: tuple[Any, ...]) -> Hung:
    id_, media_type, url, active, size, tree_id, node_id, created_at = row
    address = opened(db, "images.url", url, id_)
    return Hung(Image(id_, media_type, None, address, bool(active), size), tree_id, node_id or None, None, created_at)


def _no_image(id_: str) -> NotFound:
    return NotFound(f"The image {id_!r} does not exist here.", param="image_id")
