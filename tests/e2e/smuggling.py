"""Requests made to be read two ways: every odd byte at every place around what decides a framing.

A case is (name, bytes). Its body holds a request for /smuggled. Who reads the framing as sent, or refuses
it, never meets that request; who repairs, skips or merges what is odd does.
"""

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"
HIDING = b"0\r\n\r\n" + SMUGGLED
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
BODIES = (HIDING, SMUGGLED, b"hello")

ODD = [bytes([b]) for b in (*range(0x21), 0x7F, 0x80, 0x85, 0xA0, 0xAD, 0xFF)]
ODD += [b"\r\n", b"\r\n ", b"\n ", b"\r\r\n", b"\0\n", b"  ", b" \t"]
SIGNS = [bytes([c]) for c in b"\"'(),-./:;<=>@[\\]_{|}!#$%*+x"]

# Where a byte is put into "Name: value" and its surroundings.
PLACES = [
    ("before the name", b"%sName: value\r\n"),
    ("in the name", b"Na%sme: value\r\n"),
    ("behind the name", b"Name%s: value\r\n"),
    ("behind the colon", b"Name:%svalue\r\n"),
    ("behind the blank", b"Name: %svalue\r\n"),
    ("in the value", b"Name: val%sue\r\n"),
    ("behind the value", b"Name: value%s\r\n"),
    ("as a line before", b"X: y%sName: value\r\n"),
    ("in the line's end", b"Name: value\r%s\n"),
]

ENCODINGS = [
    b"chunked, identity", b"identity, chunked", b"chunked,chunked", b"gzip, chunked", b"chunked, gzip",
    b",chunked", b"chunked,", b"chunked;q=1", b"chunked; x", b'"chunked"', b"'chunked'", b"chunk", b"chunkedd",
    b"xchunked", b"identity", b"cow", b"cow chunked", b"chunked cow", b"=?UTF-8?B?Y2h1bmtlZA==?=", b"",
    b"CHUNKED\x0b", b"chunked\r\nTransfer-Encoding: chunked", b"identity\r\nTransfer-Encoding: chunked",
    b"chunked\r\nTransfer-Encoding: identity", b"chunked\r\nContent-Length: 0",
]
LENGTHS = [
    b"+%d", b"-%d", b"0%d", b"0x%d", b"%d.0", b"%de0", b"%d,", b",%d", b"%d, 0", b"0, %d", b"%d;", b'"%d"', b"%d 0",
    b"0 %d", b"%d_0", b"184467440737095516%d", b"%d\r\nContent-Length: 0", b"0\r\nContent-Length: %d",
    b"%d\r\ncontent-length: 1", b"(%d)", b"%d#", b"%d%%20", b"\xd9%d", b"%dh",
]
NAMES = [
    b"Transfer_Encoding", b"Transfer.Encoding", b"Transfer Encoding", b"Transfer-%45ncoding", b"TransferEncoding",
    b"Transfer--Encoding", b"Transfer\\Encoding", b"Transf\x82r-Encoding", b"Content-Encoding", b"HTTP_TRANSFER_ENCODING",
    b"X-Transfer-Encoding", b"Transfer-Encoding x", b":Transfer-Encoding", b"Transfer-Encoding:", b"Content_Length",
    b"Content Length", b"ContentLength", b"Content-Length x", b"Content-Lenght",
]
# Lines of chunked framing, each behind a good head; %s is the odd byte.
CHUNK_PLACES = [
    ("before a size", b"%s5\r\nhello\r\n0\r\n\r\n"),
    ("behind a size", b"5%s\r\nhello\r\n0\r\n\r\n"),
    ("in a size line's end", b"5\r%s\nhello\r\n0\r\n\r\n"),
    ("behind the data", b"5\r\nhello%s\r\n0\r\n\r\n"),
    ("in the data's end", b"5\r\nhello\r%s\n0\r\n\r\n"),
    ("before the last size", b"5\r\nhello\r\n%s0\r\n\r\n"),
    ("behind the last size", b"5\r\nhello\r\n0%s\r\n\r\n"),
    ("in the last line's end", b"5\r\nhello\r\n0\r\n\r%s\n"),
    ("as a trailer's name", b"5\r\nhello\r\n0\r\nX%sY: z\r\n\r\n"),
]


def _post(lines, body, version=b"1.1"):
    return b"POST /outer HTTP/" + version + b"\r\nHost: a.example\r\n" + lines + b"\r\n" + body


def _length(body):
    return b"Content-Length: %d\r\n" % len(body)


def _around(name, value):
    """The field with each odd byte at each place."""
    for place, pattern in PLACES:
        line = pattern.replace(b"Na%sme", name[:8] + b"%s" + name[8:]).replace(b"Name", name)
        line = line.replace(b"val%sue", value[:1] + b"%s" + value[1:]).replace(b"value", value)
        for odd in ODD:
            # An empty line ends the head, for every reader.
            if not (place == "before the name" and odd.startswith(b"\r\n")):
                yield f"{name.decode()}, {odd!r} {place}", line.replace(b"%s", odd)


def _fields():
    """One field as it should be, the other one odd."""
    for name, line in _around(b"Transfer-Encoding", b"chunked"):
        yield name, _post(_length(HIDING) + line, HIDING)
    # Its length ends right before the hidden request.
    for name, line in _around(b"Content-Length", b"%d" % len(b"2a\r\n")):
        yield name, _post(b"Transfer-Encoding: chunked\r\n" + line, CHUNKED)


def _values():
    length = _length(HIDING)
    for value in ENCODINGS:
        line = b"Transfer-Encoding: " + value + b"\r\n"
        for version in (b"1.1", b"1.0"):
            yield f"{value!r} behind a length, {version}", _post(length + line, HIDING, version)
            yield f"{value!r} before a length, {version}", _post(line + length, HIDING, version)
    for value in LENGTHS:
        line = b"Content-Length: " + value % len(HIDING) + b"\r\n"
        yield f"{value!r} alone", _post(line, HIDING)
        yield f"{value!r} and chunked", _post(line + b"Transfer-Encoding: chunked\r\n", HIDING)


def _names():
    length = _length(HIDING)
    for name in NAMES:
        line = name + b": chunked\r\n"
        yield f"{name!r} behind a length", _post(length + line, HIDING)
        yield f"{name!r} before a length", _post(line + length, HIDING)
        yield f"{name!r} listed", _post(length + b"Connection: " + name + b"\r\n" + line, HIDING)


def _chunks():
    for place, pattern in CHUNK_PLACES:
        for odd in ODD + SIGNS:
            yield f"{odd!r} {place}", _post(b"Transfer-Encoding: chunked\r\n", pattern.replace(b"%s", odd))


def cases():
    """Each request once, under the first of its names."""
    return [(name, request) for request, name in _requests().items()]


def _requests():
    requests = {}
    for name, request in (*_fields(), *_values(), *_names(), *_chunks()):
        requests.setdefault(request, name)
    return requests
