"""The file server of `dir` targets: what is served, how, and what is never reached."""

import os

import pytest

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls
certificate default @cert@
site * {
    route /files/ -> dir @dir@/root
    route /two/ -> dir @dir@/root/sub
}
"""


@pytest.fixture
def site(sluice, box):
    for name, content in {"root/index.html": "front", "root/a b.txt": "blank", "root/x.css": "p{}",
                          "root/sub/index.html": "sub", "root/sub/y.bin": bytes(range(256)) * 400,
                          "root/.hidden": "secret", "root/.git/config": "secret",
                          "root/.well-known/security.txt": "contact", "root/empty": "",
                          "root/noindex/z": "z", "secret": "secret"}.items():
        box.write(name, content)
    root = box.path("root")
    (root / "out").symlink_to("../secret")
    (root / "absolute").symlink_to(box.path("secret"))
    (root / "inside").symlink_to("x.css")
    (root / "folder-out").symlink_to("..")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return sluice(CONF)


@pytest.mark.parametrize("path,body", [
    ("/files/", b"front"), ("/files/index.html", b"front"), ("/files/sub/", b"sub"),
    ("/files/a%20b.txt", b"blank"), ("/files/inside", b"p{}"), ("/files/empty", b""),
    ("/files//x.css", b"p{}"), ("/files/sub/../x.css", b"p{}"), ("/files/sub/%2e%2e/x.css", b"p{}"),
    ("/files/.well-known/security.txt", b"contact"), ("/files/x.css?v=1", b"p{}")])
@pytest.mark.parametrize("tls", [False, True])
def test_what_is_served(site, path, body, tls):
    response = site.get(path, tls=tls, port=site.ports["port_tls"] if tls else None)
    assert (response.status, response.body) == (200, body)


@pytest.mark.parametrize("path", [
    "/files/none", "/files/.hidden", "/files/.git/config", "/files/%2ehidden", "/files/out",
    "/files/absolute", "/files/folder-out/secret", "/files/loop", "/files/pipe", "/files/noindex/",
    "/files/sub%2fy.bin", "/files/..%2fsecret", "/files/%2e%2e%2fsecret", "/files/x.css/",
    "/files/sub%5c..%5c..%5csecret", "/files/" + "n" * 300])
def test_what_is_not_there(site, path):
    response = site.get(path)
    assert response.status == 404 and b"secret" not in response.body


@pytest.mark.parametrize("path", ["/files/../../etc/passwd", "/..", "/files/%00", "/%2e%2e/%2e%2e/x"])
def test_what_is_malformed(site, path):
    assert site.get(path).status == 400


def test_a_file_that_may_not_be_read_is_403(site):
    site.box.write("root/private", "secret", mode=0o600)
    assert site.get("/files/private").status == (403 if os.getuid() == 0 else 200)


def test_a_folder_without_slash_is_redirected(site):
    response = site.get("/files/sub?q=1")
    assert response.status == 301
    assert response.header("location").endswith("/sub/?q=1")
    assert "//" not in response.header("location").replace("://", "")


def test_other_methods_are_405(site):
    response = site.get("/files/x.css", method="POST", body=b"x")
    assert response.status == 405
    assert {m.strip() for m in response.header("allow").split(",")} >= {"GET", "HEAD"}


def test_types_and_conditions(site):
    with site.client() as c:
        first = c.request("GET", "/files/x.css")
        assert first.header("content-type").startswith("text/css")
        assert c.request("HEAD", "/files/x.css").header("content-length") == "3"
        for name, value in (("If-None-Match", first.header("etag")),
                            ("If-Modified-Since", first.header("last-modified"))):
            assert c.request("GET", "/files/x.css", headers=[(name, value)]).status == 304
        assert c.request("GET", "/files/x.css", headers=[("If-None-Match", '"other"')]).status == 200


@pytest.mark.parametrize("wanted,status,part", [
    ("bytes=0-0", 206, slice(0, 1)), ("bytes=100-199", 206, slice(100, 200)),
    ("bytes=102300-", 206, slice(102300, 102400)), ("bytes=-10", 206, slice(102390, 102400)),
    ("bytes=0-999999", 206, slice(0, 102400)), ("bytes=5-4", 200, slice(0, 102400)),
    ("lines=1-2", 200, slice(0, 102400)), ("bytes=102400-", 416, None)])
@pytest.mark.parametrize("tls", [False, True])
def test_one_range(site, wanted, status, part, tls):
    whole = bytes(range(256)) * 400
    response = site.get("/two/y.bin", headers=[("Range", wanted)], tls=tls,
                        port=site.ports["port_tls"] if tls else None)
    assert response.status == status
    if part:
        assert response.body == whole[part]
    if status == 206:
        assert response.header("content-range") == f"bytes {part.start}-{part.stop - 1}/102400"


@pytest.mark.parametrize("tls", [False, True])
def test_a_large_file_is_whole(site, tls):
    content = os.urandom(5 << 20)
    site.box.write("root/large", content)
    with site.client(site.ports["port_tls"] if tls else None, tls=tls, sni="a.example" if tls else None) as c:
        for _ in range(2):
            assert c.request("GET", "/files/large").body == content


def test_a_small_file_comes_in_one_piece_with_its_head(site):
    with site.client() as c:
        c.send(b"GET /files/x.css HTTP/1.1\r\nHost: a\r\n\r\n")
        assert c.sock.recv(65536).endswith(b"\r\n\r\np{}")


def test_a_file_that_shrinks_is_seen_to_be_cut_off(site):
    site.box.write("root/shrinks", b"x" * (64 << 20))
    with site.client() as c:
        c.send(b"GET /files/shrinks HTTP/1.1\r\nHost: a\r\n\r\n")
        c.read_until(b"\r\n\r\n")
        os.truncate(site.box.path("root/shrinks"), 1000)
        assert len(c.recv(64 << 20)) < 64 << 20
