"""The file server of `dir` targets: what is served, how, and what is never reached."""

import os
import socket
import stat
import subprocess
import threading
import time

import pytest
from client import tls_context
from lab import wait_for

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
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(root / "socket"))
    if os.geteuid() == 0:
        os.mknod(root / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # endless zeros
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
    "/files/absolute", "/files/folder-out/secret", "/files/loop", "/files/pipe", "/files/socket", "/files/noindex/",
    "/files/sub%2fy.bin", "/files/..%2fsecret", "/files/%2e%2e%2fsecret", "/files/x.css/",
    "/files/sub%5c..%5c..%5csecret", "/files/" + "n" * 300])
def test_what_is_not_there(site, path):
    response = site.get(path)
    assert response.status == 404 and b"secret" not in response.body


def test_a_device_is_not_read(site):
    """403 where the file system has no devices (nodev): that is the kernel's own refusal."""
    assert site.get("/files/device").status in (403, 404)


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
    assert response.header("allow") == "GET, HEAD"


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


# --- files that change: what was answered from memory once is never answered again ----------------

def replace(box, name, content):
    box.write("aside", content)
    os.replace(box.path("aside"), box.path(name))


@pytest.mark.parametrize("tls", [False, True])
def test_a_replaced_file_is_sent_from_the_next_request_on(site, tls):
    port = site.ports["port_tls"] if tls else None
    with site.client(port, tls=tls, sni="a.example" if tls else None) as c:
        for i in range(400):
            replace(site.box, "root/x.css", f"version {i}")
            for _ in range(i % 4):
                assert c.request("GET", "/files/x.css").body == f"version {i}".encode()


def test_a_replaced_file_is_sent_under_load(site):
    """Whoever asks after the rename has returned gets that version or a later one."""
    replace(site.box, "root/x.css", "0")
    renamed, stop, wrong, asked = [0], threading.Event(), [], [0]

    def ask():
        with site.client() as c:
            while not stop.is_set():
                least = renamed[0]
                got = int(c.request("GET", "/files/x.css").body)
                asked[0] += 1
                if got < least:
                    wrong.append((least, got))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for i in range(1, 1500):
        replace(site.box, "root/x.css", str(i))
        renamed[0] = i
    wait_for(lambda: asked[0] > 2000 or wrong, what="2000 answers")
    stop.set()
    for t in threads:
        t.join()
    assert not wrong


def test_every_change_of_a_file_is_seen_by_the_next_request(site):
    path = site.box.path("root/sub/index.html")
    with site.client() as c:
        def get(name="/files/sub/"):
            for _ in range(3):
                last = c.request("GET", name)
            return last
        assert get().body == b"sub"
        with open(path, "r+b") as f:
            f.write(b"SUB")
            f.flush()
            assert c.request("GET", "/files/sub/").body == b"SUB"
            f.truncate(1)
            assert c.request("GET", "/files/sub/").body == b"S"
        first = get()
        os.utime(path, (1, 1))
        again = c.request("GET", "/files/sub/", headers=[("If-None-Match", first.header("etag"))])
        assert again.status == 200
        assert again.header("last-modified") == "Thu, 01 Jan 1970 00:00:01 GMT"
        get()
        path.unlink()
        assert c.request("GET", "/files/sub/").status == 404
        path.write_text("back")
        assert get().body == b"back"


def test_a_folder_that_is_moved_or_closed_is_gone_at_once(site):
    root = site.box.path("root")
    with site.client() as c:
        for _ in range(3):
            assert c.request("GET", "/files/sub/").status == 200
        (root / "sub").rename(root / "elsewhere")
        assert c.request("GET", "/files/sub/").status == 404
        for _ in range(3):
            assert c.request("GET", "/files/elsewhere/").body == b"sub"
        (root / "elsewhere").chmod(0o000)
        assert c.request("GET", "/files/elsewhere/").status == (403 if os.getuid() == 0 else 200)
        (root / "elsewhere").chmod(0o755)
        (root / "elsewhere/index.html").chmod(0o000)
        assert c.request("GET", "/files/elsewhere/").status == (403 if os.getuid() == 0 else 200)


def test_a_link_that_leads_elsewhere_is_followed_at_once(site):
    root = site.box.path("root")
    with site.client() as c:
        for i in range(50):
            (root / f"v{i}").mkdir()
            (root / f"v{i}/page").write_text(str(i))
            (root / "new").symlink_to(f"v{i}")
            os.replace(root / "new", root / "current")
            for _ in range(3):
                assert c.request("GET", "/files/current/page").body == str(i).encode()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("size", [0, 1, 16000, 16384, 40960, 100000, 131072, 131073, 400000])
def test_a_file_of_any_size_is_the_same_every_time(site, size, tls):
    content = os.urandom(size)
    site.box.write("root/any", content)
    with site.client(site.ports["port_tls"] if tls else None, tls=tls, sni="a.example" if tls else None) as c:
        for _ in range(4):
            assert c.request("GET", "/files/any").body == content
            head = c.request("HEAD", "/files/any")
            assert (head.body, head.header("content-length")) == (b"", str(size))
        if size > 1:
            part = c.request("GET", "/files/any", headers=[("Range", f"bytes=1-{size - 2}")])
            assert part.body == content[1:size - 1] or size == 2


def test_requests_in_one_go_are_answered_in_order(site):
    with site.client() as c:
        for _ in range(3):
            c.send(b"".join(f"GET /files/{n} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                            for n in ("x.css", "index.html", "sub/", "none")))
            assert [c.response().body for _ in range(3)] == [b"p{}", b"front", b"sub"]
            assert c.response().status == 404


@pytest.mark.parametrize("tls", [False, True])
def test_a_client_that_reads_late_gets_everything(site, box, tls):
    """Answers stand behind one another, the socket is full, and a file ends where a record does."""
    sizes = [16384 - 300, 16384 - 200, 16384, 16384 + 100, 70000]
    for size in sizes:
        box.write(f"root/{size}.bin", bytes([size % 251]) * size)
    with site.client(port=site.ports["port_tls"] if tls else None, tls=tls, timeout=30) as c:
        for _ in range(2):  # the second time they are in memory
            c.send(b"".join(f"GET /files/{sizes[i % 5]}.bin HTTP/1.1\r\nHost: a\r\n\r\n".encode() for i in range(500)))
            time.sleep(0.3)  # until the socket is full
            for i in range(500):
                size = sizes[i % 5]
                assert c.response().body == bytes([size % 251]) * size


@pytest.mark.parametrize("size", [(3 << 20) + 11, 131072])
def test_records_that_the_kernel_did_not_take_come_in_order(site, size):
    """A client with a small window, which takes now less than a record, now more than a batch of them."""
    content = os.urandom(size)
    site.box.write("root/any", content)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(("127.0.0.1", site.ports["port_tls"]))
    with tls_context().wrap_socket(plain, server_hostname="a.example") as c:
        c.settimeout(30)
        for _ in range(2):  # the second time the small one is in memory
            c.sendall(b"GET /files/any HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
            time.sleep(0.1)  # until the socket is full
            got = b""
            while got.count(b"\r\n\r\n") < 1 or len(got) < 2 * size:
                got += c.recv(90000 if len(got) % 7 else 500)
            while len(got) < 2 * (size + got.index(b"\r\n\r\n") + 4):
                got += c.recv(65536)
            head = got.index(b"\r\n\r\n") + 4
            assert got[head:head + size] == content
            assert got[2 * head + size:] == content


@pytest.mark.parametrize("options", [("-tls1_3",), ("-tls1_2",), ("-tls1_3", "-maxfraglen", "512"),
                                     ("-tls1_2", "-maxfraglen", "4096")])
def test_records_of_every_version_and_size_are_whole(site, options):
    """RFC 6066 section 4: a client may ask for records of 512 bytes."""
    content = os.urandom(1 << 20)
    site.box.write("root/any", content)
    client = subprocess.Popen(["openssl", "s_client", "-quiet", "-connect",
                               f"127.0.0.1:{site.ports['port_tls']}", "-servername", "a.example", *options],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with client:
        client.stdin.write(b"GET /files/any HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        client.stdin.flush()
        got = client.stdout.read()
    assert got.partition(b"\r\n\r\n")[2] == content
