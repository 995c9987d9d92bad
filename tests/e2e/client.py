"""Clients that see every byte: a raw TCP or TLS connection and a strict HTTP/1.1 reader.

Own code on purpose: a library would repair or hide what the tests look for.
"""

import socket
import ssl
import struct
import urllib.parse

HEAD_MAX = 1 << 20


class ProtocolError(AssertionError):
    """The peer sent what HTTP/1.1 does not allow."""


class Response:
    def __init__(self, raw_head):
        self.raw_head = raw_head
        self.interim = []
        self.body = b""
        self.trailers = []
        lines = raw_head.split(b"\r\n")
        version, _, rest = lines[0].partition(b" ")
        status, _, reason = rest.partition(b" ")
        if version not in (b"HTTP/1.1", b"HTTP/1.0") or len(status) != 3 or not status.isdigit():
            raise ProtocolError(f"status line {lines[0]!r}")
        self.version = version.decode()
        self.status = int(status)
        self.reason = reason.decode("latin-1")
        self.headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip() or b"\n" in line or b"\r" in line:
                raise ProtocolError(f"header line {line!r}")
            self.headers.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def header(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def tokens(self, name):
        return [t.strip().lower() for v in self.all(name) for t in v.split(",") if t.strip()]

    @property
    def chunked(self):
        return self.tokens("transfer-encoding") == ["chunked"]

    @property
    def keep_alive(self):
        return self.version == "HTTP/1.1" and "close" not in self.tokens("connection")

    def __repr__(self):
        return f"<Response {self.status} {self.headers} {len(self.body)} bytes>"


def tls_context(ca=None, minimum=None, maximum=None, alpn=None, ciphers=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = True
        context.load_verify_locations(ca)
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    if alpn:
        context.set_alpn_protocols(alpn)
    if ciphers:
        context.set_ciphers(ciphers)
    return context


class RawClient:
    """One connection. tls: wrap it at once; sni: the name sent (None: none); session: resume it."""

    def __init__(self, addr, port, tls=False, sni=None, timeout=10, context=None, session=None,
                 source=None, **tls_options):
        plain = socket.create_connection((addr, port), timeout=timeout, source_address=source)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = plain
        self.tls = None
        self.buffer = b""
        if tls:
            context = context or tls_context(**tls_options)
            try:
                self.tls = self.sock = context.wrap_socket(plain, server_hostname=sni,
                                                           session=session)
            except BaseException:
                plain.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    @property
    def local(self):
        return self.sock.getsockname()[:2]

    def send(self, data):
        self.sock.sendall(data)

    def shutdown_write(self):
        self.sock.shutdown(socket.SHUT_WR)

    def _fill(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def recv(self, n):
        """Exactly n bytes, or fewer when the peer closed."""
        parts, have = [self.buffer[:n]], min(n, len(self.buffer))
        self.buffer = self.buffer[n:]
        while have < n:
            data = self.sock.recv(min(n - have, 1 << 18))
            if not data:
                break
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def read_until(self, mark, limit=HEAD_MAX):
        while mark not in self.buffer:
            if len(self.buffer) > limit:
                raise ProtocolError(f"no {mark!r} within {limit} bytes")
            if not self._fill():
                raise ConnectionError(f"closed after {self.buffer[:200]!r}")
        head, _, self.buffer = self.buffer.partition(mark)
        return head + mark

    def eof(self, timeout=5):
        """True when the peer closed and had nothing more to say."""
        if self.buffer:
            return False
        self.sock.settimeout(timeout)
        try:
            return self.sock.recv(1) == b""
        except (ConnectionResetError, ssl.SSLEOFError):
            return True
        except TimeoutError:
            return False

    def response(self, head=False, timeout=None):
        """Reads one answer; head: it answers a HEAD request, so no body follows."""
        if timeout is not None:
            self.sock.settimeout(timeout)
        interim = []
        while True:
            response = Response(self.read_until(b"\r\n\r\n")[:-4])
            if response.status >= 200 or response.status == 101:
                break
            interim.append(response)
        response.interim = interim
        if not head and response.status not in (101, 204, 304):
            response.body = self._body(response)
        return response

    def _body(self, response):
        lengths = set(response.all("content-length"))
        if response.all("transfer-encoding"):
            if lengths or not response.chunked:
                raise ProtocolError(f"ambiguous framing: {response.headers}")
            return self._chunked(response.trailers)
        if lengths:
            if len(lengths) != 1 or not lengths.copy().pop().isdigit():
                raise ProtocolError(f"content-length {lengths}")
            length = int(lengths.pop())
            body = self.recv(length)
            if len(body) != length:
                raise ConnectionError(f"body cut: {len(body)} of {length} bytes")
            return body
        parts = [self.buffer]
        self.buffer = b""
        while data := self.sock.recv(1 << 18):
            parts.append(data)
        return b"".join(parts)

    def _chunked(self, trailers):
        parts = []
        while True:
            line = self.read_until(b"\r\n")[:-2].split(b";")[0]
            if not line or line.strip(b"0123456789abcdefABCDEF"):
                raise ProtocolError(f"chunk size {line!r}")
            size = int(line, 16)
            if size == 0:
                while (line := self.read_until(b"\r\n")) != b"\r\n":
                    name, _, value = line[:-2].decode("latin-1").partition(": ")
                    trailers.append((name, value))
                return b"".join(parts)
            data = self.recv(size)
            if len(data) != size or self.recv(2) != b"\r\n":
                raise ConnectionError("chunk cut")
            parts.append(data)

    def request(self, method, path, host="a.example", headers=(), body=None, timeout=None):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{n}: {v}" for n, v in headers]
        if body is not None and not any(n.lower() == "transfer-encoding" for n, _ in headers):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b""))
        return self.response(head=method == "HEAD", timeout=timeout)


def fetch(url, method="GET", host=None, sni=None, headers=(), body=None, timeout=10, **options):
    """One request on a connection of its own. host: the Host field, where not the URL's."""
    parts = urllib.parse.urlsplit(url)
    tls = parts.scheme == "https"
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    name = host or parts.netloc
    with RawClient(parts.hostname, parts.port or (443 if tls else 80), tls=tls,
                   sni=sni or (name.split(":")[0] if tls and host else None), timeout=timeout,
                   **options) as c:
        return c.request(method, path or "/", host=name, headers=headers, body=body)
