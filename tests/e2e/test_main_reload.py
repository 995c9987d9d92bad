"""Reload: all or nothing, and nobody who is being served notices."""

import hashlib

import appliance
import pytest
from appliance import EDGE
from lab import wait_for
from load import Load

RELOADS = 50
PLAIN = """\
listen 127.0.0.1:@port@ tls
listen 127.0.0.1:@port_plain@ plain
certificate default @cert@
site * {
    route / -> http://127.0.0.1:@port_back@
}
"""


@pytest.fixture
def text_backend(backend):
    return backend.http(lambda r: (200, {}, b"whole-answer"))


def test_sighup_50_times_under_load(sluice, tools, text_backend):
    s = sluice(PLAIN, port_back=text_backend.port)
    with Load(tools.load, "127.0.0.1", s.port, tls="a.example", host="a.example",
              text="whole-answer", connections=50, seconds=60) as load:
        for number in range(RELOADS):
            s.write(PLAIN + f"site s{number}.example -> status 204\n")
            s.sighup()
            assert s.get("/", host=f"s{number}.example", tls=True).status == 204
        result = load.finish(early=True)
    assert result["failed"] == 0, result
    assert result["connects"] == 50, result
    assert s.stats()["reloads"] >= RELOADS


@pytest.mark.root
def test_sighup_with_container_and_forward_under_load(lab, sluice, tools):
    s = appliance.start(sluice, lab)
    with Load(tools.load, EDGE, 443, where=lab.wan, tls="a.example", host="a.example",
              path="/text/whole-answer", text="whole-answer", connections=50, seconds=60) as load, \
            Load(tools.load, EDGE, 2222, where=lab.wan, host="a.example",
                 path="/text/forwarded", text="forwarded", connections=20, seconds=60) as forwarded:
        for number in range(10):
            s.write(appliance.CONF + f"forward tcp {3000 + number} -> web:8080\n")
            s.sighup()
        results = load.finish(early=True), forwarded.finish(early=True)
    assert [r["failed"] for r in results] == [0, 0], results
    assert [r["connects"] for r in results] == [50, 20], results


@pytest.mark.root
def test_new_connections_to_a_forward_while_the_rules_change(lab, sluice, tools):
    s = appliance.start(sluice, lab)
    with Load(tools.load, EDGE, 2222, where=lab.wan, path="/text/anew", text="anew",
              connections=2, seconds=60, per_connection=10) as load:
        for number in range(20):
            s.write(appliance.CONF.replace("wan wan0\n", "") if number % 2 == 0 else appliance.CONF)
            s.sighup()
        result = load.finish(early=True)
    assert result["failed"] == 0 and result["connects"] > 20, result


def test_a_broken_file_at_sighup_harms_nothing(sluice, tools, text_backend):
    s = sluice(PLAIN, port_back=text_backend.port)
    with Load(tools.load, "127.0.0.1", s.port, tls="a.example", host="a.example",
              text="whole-answer", connections=20, seconds=60) as load:
        generation = s.status()["generation"]
        s.write(PLAIN.replace("route / ->", "rout / ->"))
        s.sighup(ok=False)
        line = next(n for n, l in enumerate(s.text.splitlines(), 1) if "rout / ->" in l)
        s.wait_log(f"file={s.conf_path} line={line} col=5")
        assert "did you mean" in s.log
        assert s.status()["generation"] == generation
        out = s.reload(ok=False)
        assert f"{s.conf_path}:{line}:5: " in out
        s.write(PLAIN)
        s.reload()
        result = load.finish(early=True)
    assert result["failed"] == 0, result


def test_a_reload_that_a_listener_refuses_changes_nothing(sluice, backend, text_backend):
    s = sluice(PLAIN, port_back=text_backend.port)
    taken = backend.raw(lambda c: None)
    s.write(PLAIN + f"listen 127.0.0.1:{taken.port} plain\nsite new.example -> status 204\n")
    out = s.reload(ok=False)
    assert str(taken.port) in out
    assert s.get("/", host="new.example", tls=True).body == b"whole-answer"


def test_listeners_come_and_go(sluice, text_backend):
    s = sluice(PLAIN, port_back=text_backend.port)
    keep = s.client(s.ports["port_plain"])
    assert keep.request("GET", "/").body == b"whole-answer"
    s.write(PLAIN.replace("@port_plain@", "@port_other@"))
    s.reload()
    assert s.get("/", port=s.ports["port_other"]).status == 200
    wait_for(lambda: _refused(s, s.ports["port_plain"]), 5, "the dropped listener to close")
    assert keep.request("GET", "/").body == b"whole-answer", "an open connection was cut"
    keep.close()


def _refused(s, port):
    try:
        s.client(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_dir_routes_come_and_go(sluice, box):
    box.write("first/page.txt", "one")
    box.write("second/page.txt", "two")
    conf = "listen 127.0.0.1:@port@ plain\nsite * {\n    route /a/ -> dir @dir@/first\n}\n"
    s = sluice(conf)
    assert s.get("/a/page.txt").body == b"one"
    s.write(conf.replace("}\n", "    route /b/ -> dir @dir@/second\n}\n"))
    s.reload()
    assert s.get("/b/page.txt").body == b"two"
    s.write(conf)
    s.reload()
    assert s.get("/b/page.txt").status == 404
    assert s.get("/a/page.txt").body == b"one"


def test_an_open_download_survives_its_route_s_reload(sluice, backend, box):
    size = 32 << 20
    data = bytes(range(256)) * (size // 256)
    box.write("files/large", data)
    conf = "listen 127.0.0.1:@port@ tls\ncertificate default @cert@\n" \
           "site * {\n    route /f/ -> dir @dir@/files\n}\n"
    s = sluice(conf)
    with s.client(tls=True, sni="a.example", timeout=30) as c:
        c.send(b"GET /f/large HTTP/1.1\r\nHost: a.example\r\n\r\n")
        c.read_until(b"\r\n\r\n")
        total = hashlib.sha256(c.recv(1 << 16))
        for number in range(3):
            s.write(conf + f"site s{number}.example -> status 204\n")
            s.reload()
        total.update(c.recv(size - (1 << 16)))
    assert total.hexdigest() == hashlib.sha256(data).hexdigest()
