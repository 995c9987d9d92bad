"""An HTTP/2 client of one connection, by python3-h2: what the test says is sent, what comes is kept.

It takes what the server sends only when the test waits for it, so that windows stay closed when
the test wants them closed.
"""

import socket

import client
import h2.config
import h2.connection
import h2.events


class Stream:
    def __init__(self):
        self.interim = []
        self.status = None
        self.headers = []
        self.body = b""
        self.trailers = None
        self.ended = False
        self.reset = None

    def header(self, name):
        return dict(self.headers).get(name)

    @property
    def over(self):
        return self.ended or self.reset is not None


class H2Client:
    """validate=False: requests that python3-h2 would refuse to send are sent as they are."""

    def __init__(self, addr, port, sni="a.example", timeout=10, validate=True, window=None,
                 source=None, acknowledge=True):
        context = client.tls_context(alpn=["h2"])
        plain = socket.create_connection((addr, port), timeout=timeout, source_address=source)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(plain, server_hostname=sni)
        assert self.sock.selected_alpn_protocol() == "h2"
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=validate,
            normalize_outbound_headers=validate, validate_inbound_headers=True))
        self.acknowledge = acknowledge  # whether bytes taken open the windows again
        self.streams = {}
        self.goaway = None
        self.closed = False
        self.settings = {}
        self.conn.initiate_connection()
        if window is not None:
            self.conn.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def flush(self):
        data = self.conn.data_to_send()
        if data:
            self.sock.sendall(data)

    def start(self, path="/", method="GET", authority="a.example", headers=(), end=True,
              pseudo=None):
        """A request's head. Returns the stream's number."""
        number = self.conn.get_next_available_stream_id()
        head = pseudo if pseudo is not None else [
            (":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
        self.streams[number] = Stream()
        self.conn.send_headers(number, list(head) + list(headers), end_stream=end)
        self.flush()
        return number

    def send(self, number, data, end=False):
        """All of it, waiting for windows; False when the stream ended before."""
        while data:
            room = min(self.conn.local_flow_control_window(number),
                       self.conn.max_outbound_frame_size, len(data))
            if room == 0:
                if not self.turn() or self.streams[number].over:
                    return False
                continue
            self.conn.send_data(number, data[:room])
            data = data[room:]
            self.flush()
        if end:
            self.conn.end_stream(number)
            self.flush()
        return True

    def send_trailers(self, number, fields):
        self.conn.send_headers(number, fields, end_stream=True)
        self.flush()

    def turn(self):
        """Takes one read's worth. False: the server closed."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return False
        for event in self.conn.receive_data(data):
            self._take(event)
        self.flush()
        return True

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.InformationalResponseReceived):
            stream.interim.append(dict(event.headers))
        elif isinstance(event, h2.events.ResponseReceived):
            stream.headers = event.headers
            stream.status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            if self.acknowledge:
                self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event
        elif isinstance(event, h2.events.RemoteSettingsChanged):
            self.settings.update({k: v.new_value for k, v in event.changed_settings.items()})

    def wait(self, number):
        """Until the stream is over; returns it."""
        stream = self.streams[number]
        while not stream.over and self.turn():
            pass
        assert stream.over, f"closed before the answer to {number}: {self.goaway}"
        return stream

    def wait_for(self, condition):
        while not condition():
            assert self.turn(), f"closed: {self.goaway}"

    def request(self, path="/", method="GET", body=None, **options):
        number = self.start(path, method, end=body is None, **options)
        if body is not None:
            self.send(number, body, end=True)
        return self.wait(number)

    def read_end(self):
        """Everything until the server closes."""
        while self.turn():
            pass
        return self.goaway
