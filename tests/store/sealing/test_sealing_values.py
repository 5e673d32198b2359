"""One value sealed: it opens where it stands and nowhere else, and says nothing."""

import base64
from pathlib import Path

import pytest

from proxy.errors import ConfigError, StoreError
from proxy.store.sealing.cipher import Cipher, Sealed
from proxy.store.sealing.keys import Source, StorageKey, new_key, read_key, read_keys

OLD, NEW = StorageKey.of(b"o" * 32), StorageKey.of(b"n" * 32)
PLACE, ROW = "nodes.content", "n_1"


def test_a_value_opens_where_it_was_sealed():
    cipher = Cipher([NEW])
    for text in ("Boats?", "Ünicode ✓", "x" * 100_000):
        assert cipher.open(PLACE, cipher.seal(PLACE, text, ROW), ROW) == text
    assert cipher.open_bytes(PLACE, cipher.seal_bytes(PLACE, b"\0\1", ROW), ROW) == b"\0\1"


def test_the_same_text_is_sealed_differently_each_time():
    cipher = Cipher([NEW])
    assert cipher.seal(PLACE, "Boats?", ROW) != cipher.seal(PLACE, "Boats?", ROW)


@pytest.mark.parametrize(("place", "row"), [("nodes.sender", ROW), (PLACE, "n_2"), (PLACE, ("n_1", ""))])
def test_a_value_of_another_column_or_row_is_refused(place: str, row: str | tuple[str, ...]):
    cipher = Cipher([NEW])
    with pytest.raises(Sealed, match="cannot be opened"):
        cipher.open(place, cipher.seal(PLACE, "Boats?", ROW), row)
    with pytest.raises(Sealed, match="cannot be opened"):
        cipher.open_bytes(place, cipher.seal_bytes(PLACE, b"Boats?", ROW), row)


def test_parts_of_a_row_cannot_be_shifted():
    cipher = Cipher([NEW])
    with pytest.raises(Sealed):
        cipher.open(PLACE, cipher.seal(PLACE, "Boats?", ("a", "bc")), ("ab", "c"))


@pytest.mark.parametrize("at", [1, 12, 30, -1])
def test_a_changed_value_is_refused(at: int):
    cipher = Cipher([NEW])
    sealed = cipher.seal(PLACE, "Boats?", ROW)
    letter = "A" if sealed[at] != "A" else "B"
    changed = sealed[:at] + letter + (sealed[at + 1 :] if at > 0 else "")
    with pytest.raises(Sealed):
        cipher.open(PLACE, changed, ROW)


@pytest.mark.parametrize("stored", ["Boats?", "~", "~~~~~~~~~~~~", '~"', '{"role": "user"}'])
def test_what_is_not_sealed_is_refused_unless_plain_is_among_the_keys(stored: str):
    with pytest.raises(Sealed):
        Cipher([NEW]).open(PLACE, stored, ROW)
    assert Cipher([NEW, None]).open(PLACE, stored, ROW) == stored


def test_older_keys_open_and_the_first_one_seals():
    before = Cipher([OLD]).seal(PLACE, "Boats?", ROW)
    both = Cipher([NEW, OLD])
    assert both.open(PLACE, before, ROW) == "Boats?"
    assert Cipher([NEW]).open(PLACE, both.seal(PLACE, "Sails?", ROW), ROW) == "Sails?"
    with pytest.raises(Sealed):
        Cipher([NEW]).open(PLACE, before, ROW)


def test_a_text_that_looks_sealed_is_sealed_like_any_other():
    cipher = Cipher([NEW, None])
    planted = cipher.seal(PLACE, "Boats?", ROW)
    assert cipher.open(PLACE, cipher.seal(PLACE, planted, ROW), ROW) == planted


def test_what_is_empty_stays_empty():
    cipher = Cipher([NEW])
    for text in ("", "{}", "[]"):
        assert cipher.seal(PLACE, text, ROW) == text == cipher.open(PLACE, text, ROW)


def test_a_mark_is_the_same_each_time_and_another_for_another_user_or_kind():
    cipher = Cipher([NEW])
    mark = cipher.mark("tree", "main", "ada", NEW.id)
    assert mark == Cipher([NEW, OLD]).mark("tree", "main", "ada", NEW.id)
    others = [("tree", "main", "bob"), ("chat", "main", "ada"), ("tree", "Main", "ada")]
    assert mark not in [cipher.mark(*other, NEW.id) for other in others]
    assert cipher.unmark("tree", mark, "ada") == "main"
    for kind, user in (("tree", "bob"), ("chat", "ada")):
        with pytest.raises(Sealed):
            cipher.unmark(kind, mark, user)


def test_nothing_of_a_key_is_shown():
    secret = new_key()
    key = StorageKey.of(bytes.fromhex(secret))
    for told in (repr(key), str(key), key.id, repr(Cipher([key]).opens)):
        assert not any(secret[i : i + 8] in told for i in range(0, 56, 8))


@pytest.mark.parametrize("form", ["hex", "base64", "urlsafe", "unpadded", "with a line break"])
def test_a_key_is_read_in_each_form(form: str, tmp_path: Path):
    raw = bytes(range(200, 232))
    texts = {
        "hex": raw.hex().upper(),
        "base64": base64.b64encode(raw).decode(),
        "urlsafe": base64.urlsafe_b64encode(raw).decode(),
        "unpadded": base64.b64encode(raw).decode().rstrip("="),
        "with a line break": raw.hex() + "\n",
    }
    file = tmp_path / "key"
    file.write_text(texts[form])
    file.chmod(0o600)
    read = [read_key(Source(file=str(file)), {}), read_key(Source(variable="KEY"), {"KEY": texts[form]})]
    assert [key.id for key in read if key] == [StorageKey.of(raw).id] * 2


@pytest.mark.parametrize("text", ["", "short", "g" * 64, "ab" * 31, "ab" * 33, "ключ" * 16])
def test_what_is_no_key_is_refused_and_not_shown(text: str, tmp_path: Path):
    file = tmp_path / "key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as refused:
        read_key(Source(file=str(file)), {})
    assert "holds no key" in str(refused.value)
    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_file_that_others_may_use_is_refused(mode: int, tmp_path: Path):
    file = tmp_path / "key"
    file.write_text(new_key())
    file.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_key(Source(file=str(file)), {})


def test_a_key_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="KEY, which is not set"):
        read_key(Source(variable="KEY"), {})
    with pytest.raises(ConfigError, match="cannot be read"):
        read_key(Source(file=str(tmp_path / "none")), {})


def test_a_key_is_named_once():
    env = {"A": "ab" * 32, "B": "AB" * 32}
    with pytest.raises(ConfigError, match="twice"):
        read_keys([Source(variable="A"), Source(variable="B")], env)
    with pytest.raises(ConfigError, match="plain twice"):
        read_keys([Source(), Source()], env)


def test_errors_tell_the_place_and_not_the_value():
    with pytest.raises(StoreError) as refused:
        Cipher([NEW]).open(PLACE, "a readable secret", ROW)
    assert "nodes.content" in str(refused.value)
    assert "secret" not in str(refused.value)
