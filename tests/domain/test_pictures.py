"""What a picture is by its bytes, and what is none."""

from __future__ import annotations

import base64

import pytest

from proxy.domain.message import Message, said
from proxy.domain.picture import PICTURE_MAX, decoded, media_type_of, pictures_in, said_picture
from proxy.errors import InvalidRequest, RequestTooLarge
from tests.doubles.pictures import GIF, KINDS, PNG, data_url


@pytest.mark.parametrize("kind", KINDS)
def test_a_pictures_kind_is_told_by_its_bytes(kind: str) -> None:
    found = decoded(KINDS[kind])
    assert (found.media_type, found.data) == (kind, base64.b64decode(KINDS[kind]))
    assert decoded(found.link) == found
    assert decoded(KINDS[kind], kind) == found


@pytest.mark.parametrize("claim", ["image/jpg", "image/pjpeg", "IMAGE/JPEG"])
def test_other_names_of_a_kind_are_known(claim: str) -> None:
    assert decoded(KINDS["image/jpeg"], claim).media_type == "image/jpeg"


def test_white_space_in_base64_is_nothing() -> None:
    assert decoded(f" {PNG[:40]}\r\n{PNG[40:]}\n") == decoded(PNG)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{PNG}!", "no base64"),
        (PNG[:-1], "no base64"),
        (PNG.replace("+", "-"), "no base64"),
        ("Größe", "no base64"),
        ("", "no PNG"),
        (base64.b64encode(b"<svg/>").decode(), "no PNG"),
        (base64.b64encode(b"RIFF....WAVE").decode(), "no PNG"),
        (base64.b64encode(b"\x89PNG\r\n\x1a\nand no more than that").decode(), "no PNG"),
        (data_url(GIF), "claimed to be 'image/png'"),
        (data_url(PNG, "text/html"), "claimed to be 'text/html'"),
        (f"data:image/png,{PNG}", "needs `;base64,`"),
        (f"data:image/png;base64{PNG}", "needs `;base64,`"),
        ("data:", "needs `;base64,`"),
    ],
)
def test_what_is_no_picture_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        decoded(text)


def test_a_png_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'image/gif'"):
        decoded(GIF, "image/png")


def test_a_picture_is_no_larger_than_models_take() -> None:
    largest = b"\xff\xd8\xff".ljust(PICTURE_MAX, b"\0")
    assert decoded(base64.b64encode(largest).decode()).data == largest
    for more in (1, 30_000_000):
        with pytest.raises(RequestTooLarge):
            decoded(base64.b64encode(largest.ljust(PICTURE_MAX + more, b"\0")).decode())


def test_unknown_bytes_have_no_kind() -> None:
    assert [media_type_of(data) for data in (b"", b"\x89PNG", b"GIF90a", b"RIFF")] == [None] * 4


def test_pictures_in_a_message_are_counted_in_their_order() -> None:
    first, second = ({"type": "image_url", "image_url": {"url": url}} for url in (data_url(), "https://a.example/b"))
    message = Message({"role": "user", "content": [first, {"type": "text", "text": "and"}, second]})
    assert pictures_in(message) == [first, second]
    assert pictures_in(said("user", "none")) == []
    one, other = (said_picture(part, "x", active=True) for part in pictures_in(message))
    assert (one.media_type, one.bytes, one.link) == ("image/png", len(base64.b64decode(PNG)), data_url())
    assert (other.media_type, other.bytes, other.link) == (None, 0, "https://a.example/b")


@pytest.mark.parametrize("told", [None, 7, {}, {"url": 7}, {"url": "data:image/png;base64,???"}, "https://a.example/b"])
def test_whatever_stands_in_a_message_is_told(told: object) -> None:
    found = said_picture({"type": "image_url", "image_url": told}, "x", active=False)
    assert (found.media_type, found.active) == (None, False)
