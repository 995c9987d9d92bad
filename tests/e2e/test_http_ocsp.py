"""OCSP stapling: fetched, checked, refreshed, kept, and never handed out when it must not be."""

import pathlib
import re
import subprocess
import time

import pytest
from certificates import Factory
from daemon import free_port
from lab import run, wait_for
from ocsp_responder import TYPE, Authority, Responder

CONF = """\
listen 127.0.0.1:@port@ tls
certificate default @pair@
site * -> status 204
"""


@pytest.fixture
def house(sluice, certs, box):
    """make(say, …) → (sluice, responder): one certificate, whose responder a test decides. `before`
    is called before the daemon starts, which asks at once, and again ten seconds after a failure."""
    def make(extra="", extensions="", start=True, conf=CONF, chain=None, before=None, **options):
        port = free_port()
        cert = certs.make("a.example", extra=f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{port}/ocsp?x=1\n{extensions}")
        if chain:
            cert.chain.write_text(chain(cert.chain.read_text()))
        say = options.pop("say", "good")
        responder = Responder(port, Authority(certs), **options) if start else None
        if responder:
            responder.say = say
            responder.know(cert.chain)
            box.defer(lambda: responder.server.socket.fileno() >= 0 and responder.stop())
        if before:
            before(port, cert)
        s = sluice(conf + extra, pair=cert.pair)
        s.ocsp_port, s.pair = port, cert
        return s, responder
    return make


def status(s, *options):
    """What openssl says of the answer in a handshake."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{s.port}", "-servername", "a.example",
                           "-status", *options], input=b"", capture_output=True, timeout=20)
    return done.stdout.decode(errors="replace")


def stapled(s, *options):
    return "Cert Status: good" in status(s, *options)


def certificate(s):
    return s.status()["certificates"][0]


def wait_stapled(s):
    wait_for(lambda: certificate(s)["ocsp"] == "stapled", what="an OCSP answer")
    wait_for(lambda: stapled(s), what="a stapled handshake")


def wait_failed(s, why):
    wait_for(lambda: certificate(s)["ocsp"] == "failed", what="the failure")
    assert why in certificate(s)["ocsp_why"], certificate(s)
    assert not stapled(s)


def test_a_real_responder_is_asked_and_stapled(house, certs, box):
    def listens(port):
        table = pathlib.Path("/proc/net/tcp").read_text() + pathlib.Path("/proc/net/tcp6").read_text()
        return re.search(rf":{port:04X} 0+:0000 0A ", table)

    def respond(port, cert):
        serial = run("openssl", "x509", "-in", cert.chain, "-noout", "-serial").stdout.strip().partition("=")[2]
        index = box.write("index.txt", f"V\t400101000000Z\t\t{serial}\tunknown\t/CN=a.example\n")
        responder = subprocess.Popen(
            ["openssl", "ocsp", "-port", f"{port}", "-index", index, "-CA", certs.ca, "-rsigner", certs.ca,
             "-rkey", certs.ca_key, "-nmin", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        box.defer(lambda: (responder.kill(), responder.wait()))
        wait_for(lambda: listens(port), 20, "the responder listens")

    s, _ = house(start=False, before=respond)
    wait_for(lambda: certificate(s)["ocsp"] == "stapled", 40, "an OCSP answer")
    text = status(s, "-CAfile", str(certs.ca))
    assert "OCSP Response Status: successful" in text and "Cert Status: good" in text, text
    assert certificate(s)["ocsp_until"] > time.time() * 1000 + 3000000


def test_each_thread_and_both_versions_have_it(house):
    s, responder = house()
    wait_stapled(s)
    assert all(stapled(s, option) for option in ("-tls1_2", "-tls1_3") for _ in range(8))
    # By TLS 1.3 the client is done before the server has read its last message.
    wait_for(lambda: s.stats()["tls_stapled"] >= 16, what="all of them to be counted")
    path, headers, _ = responder.questions[0]
    assert path == "/ocsp?x=1" and headers["Content-Type"] == "application/ocsp-request"
    assert headers["Host"] == f"127.0.0.1:{s.ocsp_port}"
    assert len(responder.questions) == 1
    assert re.search(r"default +ECDSA +\S+ \S+ +stapled +20", s.ctl("status").stdout)


def test_who_does_not_ask_gets_none(house):
    s, _ = house()
    wait_stapled(s)
    before = s.stats()["tls_stapled"]
    assert s.get("/", tls=True).status == 204
    assert s.stats()["tls_stapled"] == before


def test_it_is_refreshed_at_half_of_its_life(house):
    s, responder = house(life=11, age=0)
    wait_stapled(s)
    first = certificate(s)["ocsp_until"]
    wait_for(lambda: certificate(s)["ocsp_until"] > first, 12, "a later answer")
    assert len(responder.questions) == 2
    assert stapled(s)


def test_a_responder_that_is_down_leaves_the_answer_until_its_end(house):
    s, responder = house(life=11, age=0)
    wait_stapled(s)
    responder.stop()
    wait_for(lambda: certificate(s)["ocsp"] == "failed", 12, "a failed question")
    assert stapled(s)
    assert "refuses connections" in certificate(s)["ocsp_why"]
    wait_for(lambda: not stapled(s), 12, "the end of the answer's life")
    assert s.get("/", tls=True).status == 204


def test_a_reload_and_a_new_process_keep_it(house):
    s, responder = house()
    wait_stapled(s)
    s.reload()
    assert stapled(s) and len(responder.questions) == 1
    responder.stop()
    wait_for((s.state_path / "ocsp.answers").exists, what="the file")
    s.kill("proxy")
    wait_stapled(s)
    s.stop()
    s.start()
    wait_stapled(s)
    assert len(responder.questions) == 1


def test_an_upgrade_keeps_it(house):
    s, responder = house()
    wait_stapled(s)
    wait_for((s.state_path / "ocsp.answers").exists, what="the file")
    responder.stop()
    old = s.children()["proxy"]
    s.ctl("upgrade")
    wait_for(lambda: s.children()["proxy"] != old, 15, "the new proxy")
    wait_stapled(s)
    assert len(responder.questions) == 1


def test_a_damaged_file_is_not_believed(house):
    s, responder = house()
    wait_stapled(s)
    path = s.state_path / "ocsp.answers"
    wait_for(path.exists, what="the file")
    s.stop()
    damaged = bytearray(path.read_bytes())
    damaged[-20] ^= 1
    path.write_bytes(damaged)
    s.start()
    wait_stapled(s)
    assert len(responder.questions) == 2


@pytest.mark.parametrize("say,why", [
    (lambda q: (200, TYPE, b"\x30\x03\x0a\x01"), "no OCSP"),
    (lambda q: (200, TYPE, b"\x30\x03\x0a\x01\x03"), "trylater"),
    (lambda q: (200, TYPE, b""), "no OCSP"),
    (lambda q: (200, "text/html", b"<html>"), "another type"),
    (lambda q: (500, TYPE, b""), "another status"),
    (lambda q: (200, TYPE, b"0" * 16385), "too large"),
    (lambda q: (200, TYPE, None), "too large"),
    ("unknown", "does not know")], ids=["garbage", "try-later", "empty", "html", "500", "oversized", "endless", "unknown"])
def test_what_is_no_good_answer_is_not_stapled(house, say, why):
    s, _ = house(say=say)
    wait_failed(s, why)
    assert s.stats()["ocsp_failed"] >= 1
    assert s.get("/", tls=True).status == 204


def test_another_authority_cannot_answer(house, certs, box):
    folder = box.path("other")
    folder.mkdir()
    s, _ = house(signer=Authority(Factory(folder)))
    wait_failed(s, "not signed by the issuer")


@pytest.mark.parametrize("life,age,why", [(-10, 3600, "expired"), (7200, -3600, "future")])
def test_an_answer_of_another_time_is_refused(house, life, age, why):
    s, _ = house(life=life, age=age)
    wait_failed(s, why)


def test_an_answer_about_another_certificate_is_refused(house, certs):
    other = Responder(free_port(), Authority(certs))
    wrong = other.der(other.question(other.know(certs.default().chain)))
    other.stop()
    s, _ = house(say=lambda q: (200, TYPE, wrong))
    wait_for(lambda: certificate(s)["ocsp_why"] == "the responder's answer is about another certificate", 25, "the refusal")
    assert not stapled(s)


def test_revoked_is_an_error_and_ends_the_stapling(house):
    s, responder = house(life=11, age=0)
    wait_stapled(s)
    responder.say = "revoked"
    wait_for(lambda: certificate(s)["ocsp"] == "revoked", 12, "the news")
    wait_for(lambda: "Cert Status" not in status(s), what="no answer any more")
    assert certificate(s)["notes"] == ["is revoked, says its OCSP responder"]
    assert re.search(r' error \S+ "certificate is revoked', s.log)
    assert s.get("/", tls=True).status == 204


MUST_STAPLE = "tlsfeature=status_request\n"


def test_must_staple_without_an_answer_is_warned_of(house):
    s, responder = house(say=lambda q: (500, TYPE, b""), extensions=MUST_STAPLE)
    wait_failed(s, "another status")
    assert certificate(s)["notes"] == ["demands an OCSP answer (must-staple), and there is none"]
    assert "must-staple" in s.log
    responder.say = "good"
    wait_for(lambda: certificate(s)["ocsp"] == "stapled", 25, "the next question")
    assert certificate(s)["notes"] == []


def test_it_can_be_off(house):
    s, responder = house("ocsp off\n", extensions=MUST_STAPLE)
    assert certificate(s)["ocsp"] == "off" and not stapled(s)
    assert certificate(s)["notes"] == ["demands an OCSP answer (must-staple), and `ocsp off` forbids it"]
    s.write(CONF)
    s.reload()
    wait_stapled(s)
    s.write(CONF + "ocsp off\n")
    s.reload()
    assert not stapled(s) and certificate(s)["ocsp"] == "off"
    assert len(responder.questions) == 1


def test_a_chain_without_the_issuer_is_told(house):
    s, responder = house(chain=lambda text: text.split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
    assert certificate(s)["ocsp"] == "no issuer"
    assert not responder.questions


def test_a_certificate_without_a_responder_is_left_alone(sluice, certs):
    s = sluice(CONF, pair=certs.make("a.example").pair)
    assert certificate(s)["ocsp"] == "none"


def test_of_two_certificates_each_has_its_own(house, certs):
    s, responder = house()
    rsa = certs.make("a.example", key="rsa", extra=f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{s.ocsp_port}/\n")
    responder.know(rsa.chain)
    s.write(CONF + f"certificate default {rsa.pair}\n")
    s.reload()
    wait_for(lambda: [c["ocsp"] for c in s.status()["certificates"]] == ["stapled"] * 2, what="both answers")
    texts = [status(s, "-sigalgs", kind) for kind in ("ECDSA+SHA256", "rsa_pss_rsae_sha256")]
    serials = [re.search(r"Serial Number: (\w+)", text)[1] for text in texts]
    assert len(set(serials)) == 2 and all("Cert Status: good" in text for text in texts)
