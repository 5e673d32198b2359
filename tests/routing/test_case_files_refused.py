"""Files that are no cases are refused in words."""

from pathlib import Path

import pytest

from proxy.errors import InvalidRequest
from proxy.routing.bench.cases import read_cases


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xfe\x00\xc1", "not text in UTF-8"),
        (b"no JSON\n", "Line 1 of 'some.jsonl' is not a case"),
        (b'{"id": "one"}\n', "Line 1 of 'some.jsonl' is not a case"),
        (b"{}\n", "is not a case: it has neither 'history' nor 'history_file'"),
        (b'{"history": [], "id": "one"}\n', "is not a case: it has no 'kind'"),
        (b'{"history": [{"id": "a"}]}\n', "is not a case: it has no 'parent'"),
        (b"[1]\n", "is not a case: it is no JSON object"),
    ],
)
def test_a_file_of_something_else_is_refused_in_words(tmp_path: Path, data: bytes, why: str):
    file = tmp_path / "some.jsonl"
    file.write_bytes(data)
    with pytest.raises(InvalidRequest, match=why):
        read_cases(file)
