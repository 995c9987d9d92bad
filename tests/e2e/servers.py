"""Backends whose every byte a test decides, each in a process of its own.

What a backend saw is appended to a file, one JSON object a line, for the test to read.
"""

import base64
import contextlib
import json
import os
import signal
import socket
import ssl
import struct
import threading
import traceback

CLOSE = object()


class Request:
    def __init__(self, head, body, peer, connection):
        lines = head.split(b"\r\n")
        self.method, self.target, self.version = lines[0].decode("latin-1").split(" ")
        self.headers = [(n.decode("latin-1"), v.strip().decode("latin-1"))
                        for n, _, v in (line.partition(b":") for line in lines[1:])]
        self.body = body
        self.peer = tuple(peer)
        self.connection = connection
        self.raw_head = head
        self.trailers = []

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def header(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def record(self):
        return {"raw_head": self.raw_head.decode("latin-1"), "peer": self.peer,
                "body": base64.b64encode(self.body).decode(), "connection": self.connection,
                "trailers": self.trailers}

    @classmethod
    def from_record(cls, record):
        one = cls(record["raw_head"].encode("latin-1"), base64.b64decode(record["body"]),
                  record["peer"], record["connection"])
        one.trailers = [tuple(field) for field in record["trailers"]]
        return one


class Connection:
    """A backend's end of one accepted connection."""

    def __init__(self, sock, number, note):
        self.sock, self.number, self.note = sock, number, note
        self.buffer = b""
        self.trailers = []  # of the last chunked body

    def send(self, data):
        self.sock.sendall(data)

    def read_head(self):
        """Up to and with the empty line; b"" when the peer closed before the first byte."""
        while b"\r\n\r\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                if self.buffer:
                    raise ConnectionError("head cut")
                return b""
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def read_exact(self, n):
        parts, have = [self.buffer[:n]], min(n, len(self.buffer))
        self.buffer = self.buffer[n:]
        while have < n:
            data = self.sock.recv(min(n - have, 1 << 18))
            if not data:
                raise ConnectionError("body cut")
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def read_line(self):
        while b"\r\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("line cut")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def read_chunked(self):
        parts, self.trailers = [], []
        while size := int(self.read_line().split(b";")[0], 16):
            parts.append(self.read_exact(size))
            self.read_exact(2)
        while line := self.read_line():
            self.trailers.append(tuple(line.decode("latin-1").split(": ", 1)))
        return b"".join(parts)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Backend:
    """serve(conn) runs in a thread of the backend's process for each connection."""

    def __init__(self, serve, folder, name, host="127.0.0.1", where=None, port=0):
        self.serve, self.where, self.host = serve, where, host
        self.log_path = folder / f"{name}.jsonl"
        self.log_path.touch()
        self.port = port
        self.pid = None
        self.killed = 0
        self.start()

    def start(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with self.where.net() if self.where else contextlib.nullcontext():
            listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(1024)
        self.port = listener.getsockname()[1]
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                self._accept(listener)
            finally:
                os._exit(1)
        listener.close()

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def stop(self):
        """Kills the process: its connections are reset or closed by the kernel."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None
            self.killed += 1

    def _accept(self, listener):
        log = os.open(self.log_path, os.O_WRONLY | os.O_APPEND)

        def write(kind, value):
            os.write(log, (json.dumps({kind: value}) + "\n").encode())

        os.write(log, b"\n")  # behind what one that was killed had begun
        number = 0
        while True:
            sock, peer = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number += 1
            write("connection", [number, peer])
            threading.Thread(target=self._run, args=(sock, number, write), daemon=True).start()

    def _run(self, sock, number, write):
        conn = Connection(sock, number, lambda text: write("note", text))
        conn.record = lambda request: write("request", request.record())
        try:
            self.serve(conn)
        except (ConnectionError, BrokenPipeError):
            pass
        except Exception:
            write("error", traceback.format_exc())
        finally:
            with contextlib.suppress(OSError):
                sock.close()

    def _events(self, kind):
        """Whoever was killed may have left half a line."""
        events, torn = [], 0
        for line in self.log_path.read_text().splitlines():
            try:
                events.append(json.loads(line or "{}"))
            except json.JSONDecodeError:
                torn += 1
        assert torn <= self.killed, self.log_path
        return [v[kind] for v in events if kind in v]

    def requests(self):
        return [Request.from_record(r) for r in self._events("request")]

    def connections(self):
        return len(self._events("connection"))

    def notes(self):
        return self._events("note")

    def errors(self):
        return self._events("error")


def http_server(answer):
    """A serve function: keep-alive HTTP/1.1 around answer(request)."""
    def serve(conn):
        while True:
            head = conn.read_head()
            if not head:
                return
            request = Request(head[:-4], b"", conn.sock.getpeername()[:2], conn.number)
            if "100-continue" in (request.header("expect") or "").lower():
                conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            if (request.header("transfer-encoding") or "").lower() == "chunked":
                request.body = conn.read_chunked()
                request.trailers = conn.trailers
            elif request.header("content-length"):
                request.body = conn.read_exact(int(request.header("content-length")))
            conn.record(request)
            result = answer(request)
            if result is CLOSE:
                return
            if not isinstance(result, bytes):
                result = _render(request, *result)
            conn.send(result)
            if (request.header("connection") or "").lower() == "close":
                return
    return serve


def _render(request, status, headers, body):
    headers = list(headers.items() if isinstance(headers, dict) else headers)
    names = {n.lower() for n, _ in headers}
    if status not in (204, 304) and not names & {"content-length", "transfer-encoding"}:
        headers.append(("Content-Length", str(len(body))))
    head = f"HTTP/1.1 {status} Status\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n"
    return head.encode("latin-1") + (b"" if request.method == "HEAD" else body)


def tls_server(serve, cert, **options):
    """The same behind TLS; a note a handshake: version, ALPN, SNI, whether a session was resumed.

    goodbye=False ends connections without a close_notify; inject: bytes sent in clear first.
    """
    shared = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shared.load_cert_chain(cert.chain, cert.key)
    shared.set_alpn_protocols(["h2", "http/1.1"])
    if options.get("version") == "1.2":
        shared.maximum_version = ssl.TLSVersion.TLSv1_2
    names = threading.local()
    shared.sni_callback = lambda sock, name, ctx: setattr(names, "sni", name)

    def run(conn):
        if options.get("inject"):
            conn.send(options["inject"])
        names.sni = None
        try:
            conn.sock = shared.wrap_socket(conn.sock, server_side=True, suppress_ragged_eofs=True)
        except (ssl.SSLError, OSError) as e:
            conn.note(f"handshake failed: {e}")
            return
        conn.note([conn.sock.version(), conn.sock.selected_alpn_protocol(), names.sni,
                   conn.sock.session_reused])
        try:
            serve(conn)
        except ssl.SSLError:
            return
        if options.get("goodbye", True):
            with contextlib.suppress(OSError):
                conn.sock.unwrap()
    return run


class Factory:
    """The fixture `backend`."""

    CLOSE = CLOSE

    def __init__(self, folder):
        self.folder = folder
        self.made = []

    def raw(self, serve, host="127.0.0.1", where=None, port=0):
        self.made.append(Backend(serve, self.folder, f"backend{len(self.made)}", host, where, port))
        return self.made[-1]

    def http(self, answer, **kwargs):
        return self.raw(http_server(answer), **kwargs)

    def https(self, answer, cert, **options):
        return self.raw(tls_server(http_server(answer), cert, **options))

    def stop(self):
        for backend in self.made:
            backend.stop()

    def check(self):
        errors = [e for b in self.made for e in b.errors()]
        assert not errors, "a backend's function failed:\n" + "\n".join(errors)
