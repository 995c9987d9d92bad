"""An OCSP responder whose every answer a test decides: what it says, until when, who signs it."""

import datetime
import http.server
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

TYPE = "application/ocsp-response"


def _load(path, read):
    return read(path.read_bytes())


class Authority:
    def __init__(self, factory):
        self.certificate = _load(factory.ca, x509.load_pem_x509_certificate)
        self.key = serialization.load_pem_private_key(factory.ca_key.read_bytes(), None)


class Responder:
    """say: good, revoked, unknown, or a function of the request's DER that returns (status, type, body)."""

    def __init__(self, port, authority, signer=None, life=3600, age=1):
        self.authority, self.signer = authority, signer or authority
        self.say, self.life, self.age = "good", life, age
        self.questions, self.known = [], {}
        handler = type("Handler", (http.server.BaseHTTPRequestHandler,), {
            "do_POST": lambda request: self._answer(request), "log_message": lambda *a: None,
            "protocol_version": "HTTP/1.1"})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def know(self, chain):
        leaf = x509.load_pem_x509_certificate(chain.read_bytes())
        self.known[leaf.serial_number] = leaf
        return leaf

    def question(self, leaf):
        return ocsp.OCSPRequestBuilder().add_certificate(
            leaf, self.authority.certificate, hashes.SHA1()).build().public_bytes(serialization.Encoding.DER)

    def _answer(self, request):
        question = request.rfile.read(int(request.headers["Content-Length"]))
        self.questions.append((request.path, dict(request.headers), question))
        status, kind, body = self.say(question) if callable(self.say) else (200, TYPE, self.der(question))
        request.send_response(status)
        request.send_header("Content-Type", kind)
        if body is None:  # what never ends
            request.end_headers()
            try:
                while True:
                    request.wfile.write(b"x" * 4096)
            except OSError:
                request.close_connection = True
                return
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def der(self, question):
        asked = ocsp.load_der_ocsp_request(question)
        now = datetime.datetime.utcnow()
        status = {"good": ocsp.OCSPCertStatus.GOOD, "revoked": ocsp.OCSPCertStatus.REVOKED,
                  "unknown": ocsp.OCSPCertStatus.UNKNOWN}[self.say if isinstance(self.say, str) else "good"]
        revoked = status is ocsp.OCSPCertStatus.REVOKED
        builder = ocsp.OCSPResponseBuilder().add_response(
            self.known[asked.serial_number], self.authority.certificate, asked.hash_algorithm,
            status, now - datetime.timedelta(seconds=self.age),
            now + datetime.timedelta(seconds=self.life), now if revoked else None,
            x509.ReasonFlags.key_compromise if revoked else None
        ).responder_id(ocsp.OCSPResponderEncoding.HASH, self.signer.certificate)
        return builder.sign(self.signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
