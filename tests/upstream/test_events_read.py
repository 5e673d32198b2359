"""Server-sent events of odd servers, in pieces of any size."""

import pytest

from proxy.upstream.events import EventReader

A, B = b'{"a":"\xc3\xa9\xf0\x9f\x91\x8b"}', b'{"b":2}'

STREAMS = {
    "as OpenAI sends it": b"data: %s\n\ndata: %s\n\ndata: [DONE]\n\n",
    "lines end as on Windows": b"data: %s\r\n\r\ndata: %s\r\n\r\ndata: [DONE]\r\n\r\n",
    "lines end as on an old Mac": b"data: %s\r\rdata: %s\r\rdata: [DONE]\r\r",
    "line ends mixed": b"data: %s\r\n\ndata: %s\n\r\ndata: [DONE]\r\r\n",
    "comments between and within": b": hello\n\n: keep-alive\ndata: %s\n: x\n\n:\n\ndata: %s\n\ndata: [DONE]\n\n",
    "named and numbered events": b"event: delta\nid: 7\ndata: %s\nretry: 10\n\nevent:\ndata: %s\n\ndata: [DONE]\n\n",
    "no space behind the colon": b"data:%s\n\ndata:%s\n\ndata:[DONE]\n\n",
    "a byte order mark": b"\xef\xbb\xbfdata: %s\n\ndata: %s\n\ndata: [DONE]\n\n",
    "no empty line at the end": b"data: %s\n\ndata: %s\n\ndata: [DONE]",
    "one line end at the end": b"data: %s\n\ndata: %s\n\ndata: [DONE]\r\n",
    "no empty lines at all": b"data: %s\ndata: %s\ndata: [DONE]\n",
    "many empty lines": b"\n\n\ndata: %s\n\n\n\ndata: %s\n\n\ndata: [DONE]\n\n\n\n",
    "unknown fields": b"foo: bar\nnonsense\ndata: %s\n\ndataset: 1\ndata: %s\n\ndata: [DONE]\n\n",
}


def read(*pieces):
    reader = EventReader()
    payloads = [payload for piece in pieces for payload in reader.feed(piece)]
    return payloads + reader.end()


@pytest.mark.parametrize("name", STREAMS)
def test_an_odd_stream_holds_the_same_payloads_wherever_it_is_cut(name):
    stream = STREAMS[name] % (A, B)
    expected = [A, B, b"[DONE]"]
    assert read(stream) == expected
    assert read(*(stream[i : i + 1] for i in range(len(stream)))) == expected
    for cut in range(1, len(stream)):
        assert read(stream[:cut], stream[cut:]) == expected


def test_json_over_several_data_lines_is_one_payload():
    assert read(b'data: {"a":\ndata:  1,\ndata: "b": 2}\n\n') == [b'{"a":  1, "b": 2}']


def test_a_payload_is_told_as_soon_as_its_empty_line_is_there():
    reader = EventReader()
    assert reader.feed(b"data: %s\n" % A) == []
    assert reader.feed(b"\n") == [A]
    assert reader.feed(b"data: %s\r\n\r" % B) == []  # a line feed may belong to the carriage return
    assert reader.feed(b"\n") == [B]


ODD_PIECES = [
    b"data: %s\n\ndata: %s\n\n" % (A, B),
    b"data: %s\n\n\ndata: %s\n\n" % (A, B),
    b"data: %s\n\n: data: \n\ndata: %s\n\n" % (A, B),
    b"data: %s\n\nevent: x\ndata: %s\n\n" % (A, B),
    b"data: %s\ndata: %s\n\n" % (A, B),
    b"data: %s\n\ndata: \n\ndata: %s\n\n" % (A, B),
    b"data: \n\n",
    b"data: \ndata: %s\n\n" % A,
    b"data: %s\n\ndata: {" % A,
]


@pytest.mark.parametrize("piece", ODD_PIECES)
def test_whole_events_in_one_piece_are_read_as_they_are_byte_by_byte(piece):
    at_once, slowly = EventReader(), EventReader()
    for reader in (at_once, slowly):
        assert reader.feed(b"data: 1\n\n") == [b"1"]
    told = at_once.feed(piece) + at_once.end()
    assert told == [data for at in range(len(piece)) for data in slowly.feed(piece[at : at + 1])] + slowly.end()


def test_what_is_no_event_is_no_payload():
    assert read(b"<html>\n\nBad gateway\n\n</html>") == []
    assert read(b"") == []
    assert read(b"\xef\xbb") == []
