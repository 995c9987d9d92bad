"""TLS: which certificate a name gets, versions, tickets for all threads, what is refused."""

import contextlib
import shutil
import socket
import ssl
import statistics
import subprocess
import threading
import time

import client
import pytest
from lab import wait_for

NAMES = """\
listen 127.0.0.1:@port@ tls@words@
certificate www @www@
certificate wild @wild@
site www.example {
    certificate www
    route / -> status 201
}
site *.b.example {
    certificate wild
    route / -> status 202
}
"""


@pytest.fixture
def names(sluice, certs):
    www, wild = certs.make("www.example"), certs.make("*.b.example", key="rsa")

    def make(extra="", words="", **variables):
        return sluice(NAMES + extra, www=www.pair, wild=wild.pair, words=words, **variables)
    return make


def served(s, sni, **options):
    """The first name of the certificate that this TLS name is answered with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(s.certs.ca)
    with s.client(tls=True, sni=sni, context=context, **options) as c:
        return c.tls.getpeercert()["subjectAltName"][0][1]


@pytest.mark.parametrize("sni,name", [
    ("www.example", "www.example"), ("WWW.Example", "www.example"), ("x.b.example", "*.b.example"),
    ("x.y.b.example", "*.b.example")])
def test_the_certificate_of_the_site_that_matches_the_name(names, sni, name):
    assert served(names(), sni) == name


@pytest.mark.parametrize("sni", ["other.example", "b.example", None])
def test_a_name_without_certificate_is_unrecognized(names, sni):
    s = names()
    with pytest.raises(ssl.SSLError) as refused:
        s.client(tls=True, sni=sni)
    assert "UNRECOGNIZED_NAME" in str(refused.value).upper()
    wait_for(lambda: s.stats()["tls_failed"] == 1, what="the failure to be counted")


@pytest.mark.parametrize("sni", ["other.example", None])
def test_the_default_certificate_serves_the_rest(names, sni):
    s = names("certificate default @cert@\n")
    assert served(s, sni) == "a.example"


@pytest.mark.parametrize("sni", ["other.example", None])
def test_unknown_names_can_be_refused(names, sni):
    s = names("certificate default @cert@\nunknown-name refuse\n")
    with pytest.raises(ssl.SSLError) as refused:
        s.client(tls=True, sni=sni)
    assert "UNRECOGNIZED_NAME" in str(refused.value).upper()
    assert served(s, "www.example") == "www.example"


def test_two_certificates_of_one_name(sluice, certs):
    ecdsa, rsa = certs.make("ec.example"), certs.make("rsa.example", key="rsa")
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @one@\ncertificate default @two@\n"
               "site * -> status 204\n", one=rsa.pair, two=ecdsa.pair)

    def subject(signatures):
        out = subprocess.run([shutil.which("openssl"), "s_client", "-connect", f"127.0.0.1:{s.port}",
                              "-sigalgs", signatures], input=b"", capture_output=True, timeout=20)
        return out.stdout.decode().split("subject=")[1].split("\n")[0]
    assert "ec.example" in subject("ECDSA+SHA256:rsa_pss_rsae_sha256")
    assert "ec.example" in subject("ECDSA+SHA256")
    assert "rsa.example" in subject("rsa_pss_rsae_sha256")


def test_two_certificates_of_one_type_are_refused(sluice, certs):
    one, two = certs.make("one.example"), certs.make("two.example")
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n")
    s.write(f"listen 127.0.0.1:@port@ tls\ncertificate default {one.pair}\n"
            f"certificate default {two.pair}\nsite * -> status 204\n")
    assert ":3:1: both certificates \"default\" have an ECDSA key" in s.reload(ok=False)
    assert ":3:1: both certificates \"default\" have an ECDSA key" in s.ctl("check", s.conf_path, check=False).stderr
    assert s.get("/", tls=True).status == 204


def test_a_profile_is_changed_by_a_reload(sluice):
    conf = "listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n"
    s = sluice(conf)
    old = {"tls": True, "maximum": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE-ECDSA-AES128-SHA256"}
    with pytest.raises(ssl.SSLError):
        s.client(**old)
    s.write(conf + "tls compat\n")
    s.reload()
    with s.client(**old) as c:
        assert c.request("GET", "/").status == 204
    s.write(conf)
    s.reload()
    with pytest.raises(ssl.SSLError):
        s.client(**old)


def test_what_will_not_do_is_warned_of(sluice, certs):
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @pair@\nsite www.example other.example -> status 204\n",
               pair=certs.make("www.example").pair)
    wait_for(lambda: 'name=default why="does not name other.example"' in s.log, what="the warning")
    assert "does not name www.example" not in s.log
    assert "expires" not in s.log
    for _ in range(2):
        wait_for(lambda: "does not name other.example" in s.ctl("status").stdout, what="the note")
        [one] = s.ctl("status", json=True)["certificates"]
        assert (one["name"], one["key"], one["notes"]) == (
            "default", "ECDSA", ["does not name other.example"])
        s.kill("control")


def test_a_host_with_another_certificate_is_421(names):
    s = names("certificate default @cert@\nsite a.example -> status 203\n")
    with s.client(tls=True, sni="www.example") as c:
        assert c.request("GET", "/", host="www.example").status == 201
        assert c.request("GET", "/", host="x.b.example").status == 421
        assert c.request("GET", "/", host="a.example").status == 421
        assert c.request("GET", "/", host="nobody.example").status == 421
        assert c.request("GET", "/", host="www.example").status == 201


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("sni", ["www.example", "x.b.example"])
def test_versions_that_are_spoken(names, version, sni):
    s = names()
    with s.client(tls=True, sni=sni, minimum=version, maximum=version) as c:
        assert c.request("GET", "/", host=sni).status in (201, 202)


def test_tls_1_1_is_refused(names):
    s = names()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        s.client(tls=True, sni="www.example", minimum=ssl.TLSVersion.TLSv1_1,
                 maximum=ssl.TLSVersion.TLSv1_1, ciphers="DEFAULT@SECLEVEL=0")


@pytest.mark.parametrize("words,offer,picked", [
    ("", ["h2", "http/1.1"], "http/1.1"), ("", ["http/1.1"], "http/1.1"),
    (" http2", ["http/1.1", "h2"], "h2"), (" http2", ["http/1.1"], "http/1.1")])
def test_alpn(names, words, offer, picked):
    s = names(words=words)
    with s.client(tls=True, sni="www.example", alpn=offer) as c:
        assert c.tls.selected_alpn_protocol() == picked


@pytest.mark.parametrize("words,offer", [("", ["h2"]), ("", ["spdy/3"]), (" http2", ["h2c"])])
def test_no_protocol_in_common_is_refused(names, words, offer):
    s = names(words=words)
    with pytest.raises(ssl.SSLError) as refused:
        s.client(tls=True, sni="www.example", alpn=offer)
    assert "no application protocol" in str(refused.value).lower()


def test_a_reload_takes_http2_away(names):
    s = names(words=" http2")
    s.variables.update(words="")
    s.write(NAMES)
    s.reload()
    with s.client(tls=True, sni="www.example", alpn=["h2", "http/1.1"]) as c:
        assert c.tls.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tickets_resume_100_of_100_across_threads_reload_and_restart(sluice, version):
    conf = "threads 2\nlisten 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n"
    s = sluice(conf)
    context = client.tls_context(minimum=version, maximum=version)
    resumed = 0
    with s.client(tls=True, sni="a.example", context=context) as c:
        assert c.request("GET", "/").status == 204
        session = c.tls.session
    for i in range(100):
        if i == 33:
            s.write(conf + "site other.example -> status 404\n")
            s.reload()
        if i == 66:
            s.kill("proxy")
        with s.client(tls=True, sni="a.example", context=context, session=session) as c:
            assert c.request("GET", "/").status == 204
            resumed += c.tls.session_reused
            session = c.tls.session
    assert resumed == 100


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_resumed_connection_still_belongs_to_its_site(names, version):
    s = names()
    context = client.tls_context(minimum=version, maximum=version)
    session = None
    for _ in range(3):
        with s.client(tls=True, sni="www.example", context=context, session=session) as c:
            assert c.tls.session_reused == (session is not None)
            assert c.request("GET", "/", host="www.example").status == 201
            assert c.request("GET", "/", host="x.b.example").status == 421
            session = c.tls.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_of_one_name_does_not_make_a_connection_of_it(names, version):
    s = names()
    context = client.tls_context(minimum=version, maximum=version)
    with s.client(tls=True, sni="www.example", context=context) as c:
        assert c.request("GET", "/", host="www.example").status == 201
        session = c.tls.session
    with s.client(tls=True, sni="x.b.example", context=context, session=session) as c:
        assert c.request("GET", "/", host="x.b.example").status == 202
        assert c.request("GET", "/", host="www.example").status == 421


def test_a_request_in_clear_on_a_port_for_tls_is_told_so(sluice):
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n")
    with s.client() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000)
        answer = c.response()
        assert answer.status == 400 and b"https://" in answer.body
        assert c.eof()
    with s.client() as c:
        c.send(b"\x00rubbish\r\n\r\n")
        assert c.eof()
    with s.client(tls=True) as c:
        assert c.request("GET", "/").status == 204


def test_one_ticket_a_handshake(sluice):
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n")
    seen = []
    context = client.tls_context()
    context._msg_callback = lambda conn, direction, version, content, kind, data: seen.append(
        (direction, getattr(kind, "name", "")))
    with s.client(tls=True, sni="a.example", context=context) as c:
        assert c.request("GET", "/").status == 204
    assert seen.count(("read", "NEWSESSION_TICKET")) == 1


def test_a_request_behind_a_new_key_in_two_pieces(sluice, box):
    """openssl sends a KeyUpdate and a request; the first bytes come alone, the rest in one."""
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n")
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(("127.0.0.1", s.port)) as out:
        user = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}", "-crlf"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        box.defer(lambda: (user.kill(), user.wait()))
        come, _ = listener.accept()
        seen = []

        def back():
            with contextlib.suppress(OSError):
                while data := out.recv(65536):
                    come.sendall(data)

        def read():
            while data := user.stdout.read(65536):
                seen.append(data)
        threading.Thread(target=back, daemon=True).start()
        threading.Thread(target=read, daemon=True).start()
        come.settimeout(0.2)

        def handshake():
            with contextlib.suppress(TimeoutError):
                out.sendall(come.recv(65536))
            return s.stats()["tls_handshakes"] == 1
        wait_for(handshake, 10, "the handshake's end")
        come.settimeout(10)
        held = b""
        for line in (b"k\n", b"GET / HTTP/1.1\n", b"Host: a.example\n", b"\n"):
            user.stdin.write(line)
            held += come.recv(65536)
        out.sendall(held[:10])
        time.sleep(0.2)
        out.sendall(held[10:])
        wait_for(lambda: b"HTTP/1.1 204" in b"".join(seen), 10, "the answer")
        user.kill()
        come.close()


def test_a_ticket_allows_no_early_data(sluice):
    """RFC 8446 section 4.6.1: a ticket that does has an extension that says how much."""
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n")
    tickets = []
    context = client.tls_context()
    context._msg_callback = lambda conn, direction, version, content, kind, data: (
        getattr(kind, "name", "") == "NEWSESSION_TICKET" and tickets.append(bytes(data)))
    with s.client(tls=True, sni="a.example", context=context) as c:
        assert c.request("GET", "/").status == 204
    ticket, = tickets
    at = 4 + 8  # behind the message's head, the lifetime and what is added to the age
    at += 1 + ticket[at]
    at += 2 + int.from_bytes(ticket[at:at + 2], "big")
    assert ticket[at:] == b"\0\0", "no extensions"


def test_a_client_with_nagle_s_algorithm_does_not_wait_for_a_delayed_acknowledgement(sluice):
    """Its request leaves when its Finished is acknowledged: by what we send, or 40 ms later."""
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n")
    context, times = client.tls_context(), []
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", s.port), timeout=10) as plain:
            begun = time.monotonic()
            with context.wrap_socket(plain, server_hostname="a.example") as c:
                c.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                assert c.recv(1000).startswith(b"HTTP/1.1 204")
            times.append(time.monotonic() - begun)
    assert statistics.median(times) < 0.035, times


def test_a_new_certificate_is_served_after_a_reload(sluice, certs):
    first, second = certs.make("one.example"), certs.make("two.example")
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @chain@ @key@\nsite * -> status 204\n",
               chain=first.chain, key=first.key)
    kept = s.client(tls=True, sni="x.example")
    assert kept.request("GET", "/").status == 204
    assert served(s, "x.example") == "one.example"
    s.variables.update(chain=second.chain, key=second.key)
    s.write("listen 127.0.0.1:@port@ tls\ncertificate default @chain@ @key@\nsite * -> status 205\n")
    s.reload()
    assert served(s, "x.example") == "two.example"
    assert kept.request("GET", "/").status == 205
    kept.close()


def test_a_key_of_another_certificate_is_refused(sluice, certs, box):
    one, two = certs.make("one.example"), certs.make("two.example")
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n")
    s.write(f"listen 127.0.0.1:@port@ tls\ncertificate default {one.chain} {two.key}\nsite * -> status 204\n")
    assert "match" in s.reload(ok=False)
    assert s.get("/", tls=True).status == 204


def test_renegotiation_is_refused(sluice):
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n")
    openssl = shutil.which("openssl")
    process = subprocess.Popen([openssl, "s_client", "-connect", f"127.0.0.1:{s.port}", "-tls1_2",
                                "-servername", "a.example"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = process.communicate(b"R\n", timeout=20)
    assert b"no renegotiation" in out.lower() or b"handshake failure" in out.lower(), out[-500:]
    assert s.get("/", tls=True).status == 204


# client certificates

CLIENTS = """\
listen 127.0.0.1:@port@ tls
listen 127.0.0.1:@portplain@ plain
certificate default @cert@
site staff.example {
    client-certificates require @staff@
    route / -> status 201
}
site door.example {
    client-certificates optional @staff@
    route / -> status 202
}
site public.example www.public.example -> status 203
"""


@pytest.fixture
def staffed(sluice, certs):
    staff, strangers = certs.authority("staff"), certs.authority("strangers")
    s = sluice(CLIENTS, staff=staff.ca)
    s.jo = staff.make("jo", usage="clientAuth")
    s.stranger = strangers.make("mallory", usage="clientAuth")
    s.strangers = strangers
    return s


def with_certificate(cert, **options):
    context = client.tls_context(**options)
    if cert:
        context.load_cert_chain(cert.chain, cert.key)
    return context


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def answer(s, sni, cert, version, host=None):
    """The status, or None: refused in the handshake."""
    context = with_certificate(cert, minimum=version, maximum=version)
    try:
        with s.client(tls=True, sni=sni, context=context) as c:
            return c.request("GET", "/", host=host or sni).status
    except (ssl.SSLError, ConnectionError, client.ProtocolError, EOFError, IndexError):
        return None


@pytest.mark.parametrize("version", VERSIONS)
def test_client_certificates(staffed, version):
    s = staffed
    assert answer(s, "staff.example", s.jo, version) == 201
    assert answer(s, "staff.example", None, version) is None
    assert answer(s, "staff.example", s.stranger, version) is None
    assert answer(s, "door.example", s.jo, version) == 202
    assert answer(s, "door.example", None, version) == 202
    assert answer(s, "door.example", s.stranger, version) is None
    assert answer(s, "public.example", None, version) == 203
    assert answer(s, "public.example", s.stranger, version) == 203


@pytest.mark.parametrize("version", VERSIONS)
def test_a_host_that_demands_another_client_is_421(staffed, version):
    s = staffed
    for sni, host in [("public.example", "staff.example"), ("public.example", "door.example"),
                      ("door.example", "staff.example"), ("staff.example", "door.example"),
                      ("staff.example", "public.example"), (None, "staff.example")]:
        assert answer(s, sni, s.jo, version, host=host) == 421, (sni, host)
    assert answer(s, "public.example", None, version, host="www.public.example") == 203


def test_a_site_that_requires_a_certificate_is_not_served_in_clear(staffed):
    with client.RawClient("127.0.0.1", staffed.ports["portplain"]) as c:
        assert c.request("GET", "/", host="staff.example").status == 421
        assert c.request("GET", "/", host="door.example").status == 202


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_no_way_around_the_certificate(staffed, version):
    s = staffed
    context = client.tls_context(minimum=version, maximum=version)
    with s.client(tls=True, sni="public.example", context=context) as c:
        assert c.request("GET", "/", host="public.example").status == 203
        session = c.tls.session
    with s.client(tls=True, sni="public.example", context=context, session=session) as c:
        assert c.tls.session_reused
    with pytest.raises((ssl.SSLError, ConnectionError, client.ProtocolError, EOFError, IndexError)):
        with s.client(tls=True, sni="staff.example", context=context, session=session) as c:
            c.request("GET", "/", host="staff.example")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_reload_changes_who_may_enter(staffed, version):
    s = staffed
    context = with_certificate(s.jo, minimum=version, maximum=version)
    kept = s.client(tls=True, sni="staff.example", context=context)
    assert kept.request("GET", "/", host="staff.example").status == 201
    session = kept.tls.session
    s.variables.update(staff=s.strangers.ca)
    s.write(CLIENTS)
    s.reload()
    assert kept.request("GET", "/", host="staff.example").status == 421
    kept.close()
    assert answer(s, "staff.example", s.jo, version) is None
    assert answer(s, "staff.example", s.stranger, version) == 201
    with pytest.raises((ssl.SSLError, ConnectionError, client.ProtocolError, EOFError, IndexError)):
        with s.client(tls=True, sni="staff.example", context=context, session=session) as c:
            c.request("GET", "/", host="staff.example")


def test_a_file_that_holds_no_authority_is_refused(staffed):
    s = staffed
    s.variables.update(staff=s.jo.key)
    s.write(CLIENTS)
    assert ":5:5: the file holds no certificate in PEM" in s.reload(ok=False)
    assert ":5:5: the file holds no certificate in PEM" in s.ctl("check", s.conf_path, check=False).stderr


def test_certificates_change_under_load_without_a_lost_connection(sluice, certs, box):
    pairs = [certs.make("one.example"), certs.make("two.example", key="rsa")]
    chain, key = box.path("live.pem"), box.path("live.key")

    def put(pair):
        key.write_bytes(pair.key.read_bytes())
        chain.write_bytes(pair.chain.read_bytes())
    put(pairs[0])
    s = sluice("threads 2\nlisten 127.0.0.1:@port@ tls\ncertificate default @chain@ @key@\n"
               "site * -> status 204\n", chain=chain, key=key)
    stop, failures, done = threading.Event(), [], [0] * 4

    def load(n):
        kept = s.client(tls=True, sni="x.example")
        while not stop.is_set():
            try:
                with s.client(tls=True, sni="x.example") as c:
                    assert c.request("GET", "/").status == 204
                assert kept.request("GET", "/").status == 204
                done[n] += 1
            except Exception as e:  # whatever it is, it is one too many
                failures.append(repr(e))
        kept.close()
    threads = [threading.Thread(target=load, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    try:
        for i in range(1, 9):
            before = list(done)
            put(pairs[i % 2])
            s.reload()
            assert served(s, "x.example") == ["one.example", "two.example"][i % 2]
            wait_for(lambda: all(a > b for a, b in zip(done, before)), what="load on the new one")
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert failures == []
