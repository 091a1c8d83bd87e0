"""Answers that break RFC 9112, and what is to become of them."""

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"

LENIENT: dict[str, tuple[bytes, str]] = {
    "bare LF": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", ""),
    "a lone bare LF": (b"HTTP/1.1 200 OK\r\nConnection: close\n\nok", ""),
    "Transfer-Encoding twice": (
        OK
        + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "Transfer-Encoding is given 2 times",
    ),
    "Transfer-Encoding and length": (
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "the latter is ignored",
    ),
    "identity": (OK + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", ""),
    "blanks in a name": (OK + b"X Frame Options: DENY\r\nContent-Length: 2\r\n\r\nok", "X Frame"),
    "a blank before the colon": (OK + b"Content-Length : 2\r\n\r\nok", "an invalid name"),
    "an empty name": (OK + b": x\r\nContent-Length: 2\r\n\r\nok", "an invalid name"),
    "no colon": (OK + b"Foo\r\nContent-Length: 2\r\n\r\nok", "without a colon"),
    "a folded line": (OK + b"X-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok", ""),
    "a plus": (OK + b"Content-Length: +2\r\n\r\nok", 'Content-Length is "+2"; read as 2'),
    "a unit": (OK + b"Content-Length: 2.0\r\n\r\nok", "read as 2"),
    "a list of lengths": (OK + b"Content-Length: 2, 2\r\n\r\nok", "read as 2"),
    "the length twice": (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", ""),
    "a length without end": (OK + b"Content-Length: %s\r\n\r\nok" % (b"9" * 30), ""),
    "a blank after a chunk's size": (OK + CHUNKED + b"2  \r\nok\r\n0\r\n\r\n", ""),
    "a chunk's extension": (OK + CHUNKED + b"2;a=b\r\nok\r\n0\r\n\r\n", ""),
    "chunks with bare LF": (OK + CHUNKED + b"2\nok\n0\n\n", ""),
    "a trailer": (OK + CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\n\r\n", ""),
    "a control character": (OK + b"X-Build: a\x01b\r\nContent-Length: 2\r\n\r\nok", ""),
    "UTF-8": (OK + "X-Team: Größe 東京\r\nContent-Length: 2\r\n\r\nok".encode(), ""),
    "an early hint": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"\r\nok", ""),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nok", ""),
    "HTTP/2 as text": (b"HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok", ""),
    "lower case": (b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", ""),
    "no blank after the status": (b"HTTP/1.1 200OK\r\nContent-Length: 2\r\n\r\nok", ""),
    "more than was announced": (OK + b"Content-Length: 2\r\n\r\nokEXTRA", ""),
    "large headers": (
        OK + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 1000) for n in range(120)) + b"\r\nok",
        "",
    ),
}
"""What curl 7.88 accepts, each tried; and what the note says of it."""

REFUSED: dict[str, bytes] = {
    "an unknown transfer coding": OK + b"Transfer-Encoding: weird\r\nContent-Length: 2\r\n\r\nok",
    "a negative length": OK + b"Content-Length: -2\r\n\r\nok",
    "no length": OK + b"Content-Length: abc\r\n\r\nok",
    "an empty length": OK + b"Content-Length: \r\n\r\nok",
    "a quoted length": OK + b'Content-Length: "2"\r\n\r\nok',
    "lengths that differ": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a chunk's size with 0x": OK + CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n",
    "a chunk without its end": OK + CHUNKED + b"2\r\nok0\r\n\r\n",
    "no last chunk": OK + CHUNKED + b"2\r\nok\r\n",
    "a last chunk that is cut": OK + CHUNKED + b"2\r\nok\r\n0\r\n",
    "HTTP/0.9": b"ok hello",
    "HTTP/3 as text": b"HTTP/3 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status with a zero": b"HTTP/1.1 020 OK\r\nContent-Length: 2\r\n\r\nok",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "ICY": b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a length that is too long": OK + b"Content-Length: 9\r\n\r\nok",
    "a greeting": b"220 mail ESMTP\r\n",
}
"""What curl 7.88 refuses, each tried."""
