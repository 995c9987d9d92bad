"""The full form of `dir` targets: index, try, precompressed neighbours, lists, several ranges."""

import gzip
import os
import re

import pytest
from h2_client import H2Client

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
site * {
    route /plain/ -> dir @dir@/root
    route /index/ -> dir @dir@/root { index first.html second.html }
    route /list/ -> dir @dir@/root { index first.html ; listing on }
    route /app/ -> dir @dir@/root { try $path.html $path/ /app.html }
    route /page/ -> dir @dir@/root { listing on ; try /pages/ /never.html }
    route /pre/ -> dir @dir@/root { precompressed on }
    route /both/ -> dir @dir@/root { precompressed gzip ; compress on }
    route /br/ -> dir @dir@/root { precompressed br }
    route /srv/ -> dir @dir@/root { try $path.html /none }
}
"""
TEXT = b"body { color: black }\n" * 200


@pytest.fixture
def site(sluice, box):
    for name, content in {
            "root/index.html": "front", "root/a/second.html": "second", "root/b/first.html": "first",
            "root/b/second.html": "not this", "root/c/index.html/x": "a folder", "root/app.html": "app",
            "root/users.html": "users", "root/team/index.html": "team", "root/pages/index.html": "pages",
            "root/x.css": TEXT, "root/plain.css": TEXT, "root/stale.css": TEXT, "root/dir.css": TEXT,
            "root/d/file": "12345", "root/d/.hidden": "x", "root/d/<b>&\"'.txt": "", "root/d/a:b": "",
            "root/d/sub/x": "", "root/.env": "secret", "secret": "secret",
            "root/y.bin": bytes(range(256)) * 400}.items():
        box.write(name, content)
    root = box.path("root")
    (root / "d/out").symlink_to("../../secret")
    (root / "d/in").symlink_to("file")
    (root / "d/gone").symlink_to("nothing")
    os.mkfifo(root / "d/pipe")
    (root / "empty").mkdir()
    (root / "dir.css.gz").mkdir()
    os.mkfifo(root / "plain.css.gz")
    box.write("root/x.css.gz", gzip.compress(TEXT))
    box.write("root/x.css.br", "brotli")
    box.write("root/x.css.zst", "zstandard")
    box.write("root/stale.css.gz", "stale")
    os.utime(root / "stale.css.gz", (1, 1))
    return sluice(CONF)


def body(site, path, **options):
    response = site.get(path, **options)
    return response.status, response.body


# --- index and try --------------------------------------------------------------------------------

@pytest.mark.parametrize("path,expected", [
    ("/plain/", (200, b"front")), ("/index/a/", (200, b"second")), ("/index/b/", (200, b"first")),
    ("/index/", 404), ("/plain/a/", 404), ("/plain/c/", 404), ("/plain/empty/", 404)])
def test_the_first_index_that_is_there(site, path, expected):
    for _ in range(3):
        got = body(site, path)
        assert got == expected if isinstance(expected, tuple) else got[0] == expected


@pytest.mark.parametrize("path,expected", [
    ("/app/users", b"users"), ("/app/users/", b"users"), ("/app/users.html", b"users"),
    ("/app/team/", b"team"), ("/app/a/", b"app"), ("/app/nothing", b"app"),
    ("/app/deep/er/x?q=1", b"app"), ("/app/", b"front"), ("/app/empty/", b"app"),
    ("/app/d/pipe", b"app"), ("/app/d/out", b"app"), ("/app/x.css/", b"app"), ("/page/none", b"pages"),
    ("/srv/users", b"users")])
def test_what_is_tried_when_the_file_is_not_there(site, path, expected):
    for _ in range(3):
        assert body(site, path) == (200, expected)


def test_a_file_that_appears_is_found(site):
    assert body(site, "/app/new") == (200, b"app")
    site.box.write("root/new", "new")
    assert body(site, "/app/new") == (200, b"new")
    site.box.path("root/new").unlink()
    assert body(site, "/app/new") == (200, b"app")


def test_what_is_hidden_is_not_tried_for(site):
    for path in ("/app/.env", "/app/.git/config", "/srv/nothing", "/srv/", "/srv/empty/"):
        response = site.get(path)
        assert response.status == (200 if path == "/srv/" else 404) and b"secret" not in response.body


def test_a_folder_is_redirected_before_anything_is_tried(site):
    response = site.get("/app/team?x=1")
    assert response.status == 301 and response.header("location").endswith("/team/?x=1")


def test_other_methods(site):
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        response = site.get("/app/nothing", method=method)
        assert (response.status, response.header("allow")) == (405, "GET, HEAD"), method
    head = site.get("/app/nothing", method="HEAD")
    assert (head.status, head.header("content-length"), head.body) == (200, "3", b"")


# --- neighbours -----------------------------------------------------------------------------------

@pytest.mark.parametrize("accept,coding,expected", [
    ("gzip", "gzip", gzip.compress(TEXT)), ("br", "br", b"brotli"), ("zstd", "zstd", b"zstandard"),
    ("gzip, br, zstd", "br", b"brotli"), ("gzip, zstd", "zstd", b"zstandard"),
    ("gzip, br;q=0.5", "gzip", None), ("*", "br", b"brotli"), ("br;q=0, *", "zstd", b"zstandard"),
    ("identity", None, TEXT), ("gzip;q=0", None, TEXT), (None, None, TEXT), ("deflate", None, TEXT)])
def test_the_neighbour_that_the_client_likes_best(site, accept, coding, expected):
    headers = [("Accept-Encoding", accept)] if accept else []
    for _ in range(3):
        response = site.get("/pre/x.css", headers=headers)
        assert response.status == 200
        assert response.header("content-encoding") == coding
        assert response.header("vary") == "Accept-Encoding"
        assert response.header("content-type") == "text/css; charset=utf-8"
        if expected and coding != "gzip":
            assert response.body == expected
        if coding == "gzip":
            assert gzip.decompress(response.body) == TEXT


@pytest.mark.parametrize("name", ["stale.css", "dir.css", "plain.css", "users.html"])
def test_a_neighbour_that_will_not_do_is_left_alone(site, name):
    response = site.get(f"/pre/{name}", headers=[("Accept-Encoding", "gzip, br")])
    assert response.status == 200 and response.header("content-encoding") is None
    assert response.body == site.box.path("root", ).joinpath(name).read_bytes()


def test_each_coding_has_its_own_etag(site):
    with site.client() as c:
        tags = {}
        for coding in ("gzip", "br", "identity"):
            accept = [("Accept-Encoding", coding)]
            tags[coding] = c.request("GET", "/pre/x.css", headers=accept).header("etag")
            again = c.request("GET", "/pre/x.css", headers=[*accept, ("If-None-Match", tags[coding])])
            assert (again.status, again.header("vary")) == (304, "Accept-Encoding")
        assert len(set(tags.values())) == 3 and not any(t.startswith("W/") for t in tags.values())
        other = c.request("GET", "/pre/x.css", headers=[("Accept-Encoding", "br"), ("If-None-Match", tags["gzip"])])
        assert other.status == 200
        part = c.request("GET", "/pre/x.css", headers=[("Accept-Encoding", "br"), ("Range", "bytes=1-2")])
        assert (part.status, part.header("content-encoding"), part.body) == (206, "br", b"ro")


def test_a_changed_neighbour_is_sent_from_the_next_request_on(site):
    with site.client() as c:
        def get():
            return c.request("GET", "/br/x.css", headers=[("Accept-Encoding", "br")])
        for i in range(50):
            site.box.write("aside", f"version {i}")
            os.replace(site.box.path("aside"), site.box.path("root/x.css.br"))
            for _ in range(3):
                assert get().body == f"version {i}".encode()
        site.box.write("root/x.css", "new" + TEXT.decode())
        assert get().header("content-encoding") is None  # the neighbour is older now
        site.box.path("root/x.css.br").touch()
        assert get().header("content-encoding") == "br"
        site.box.path("root/x.css.br").unlink()
        assert get().header("content-encoding") is None


def test_where_there_is_none_it_is_compressed_on_the_way(site):
    accept = [("Accept-Encoding", "gzip")]
    ready = site.get("/both/x.css", headers=accept)
    made = site.get("/both/stale.css", headers=accept)
    assert ready.header("etag").startswith('"') and made.header("etag").startswith('W/"')
    for response in (ready, made):
        assert response.header("content-encoding") == "gzip"
        assert response.all("vary") == ["Accept-Encoding"]
        assert gzip.decompress(response.body) == TEXT
    assert site.stats()["compressed"] == 1


def test_a_neighbour_is_a_file_of_its_own_too(site):
    response = site.get("/pre/x.css.gz", headers=[("Accept-Encoding", "gzip")])
    assert response.header("content-encoding") is None
    assert gzip.decompress(response.body) == TEXT
    assert site.get("/pre/x.css", headers=[("Accept-Encoding", "gzip")]).header("content-encoding") == "gzip"
    assert site.get("/pre/x.css.gz").header("content-encoding") is None


# --- lists ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("tls", [False, True])
def test_a_list_of_a_folder(site, tls):
    response = site.get("/list/d/", tls=tls, port=site.ports["port_tls"] if tls else None)
    page = response.body.decode()
    assert response.status == 200 and response.header("content-type") == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.header("content-security-policy")
    assert re.findall(r'href="([^"]*)"', page) == [
        "../", "./sub/", "./%3Cb%3E%26%22%27.txt", "./a%3Ab", "./file", "./in"]
    assert "<b>" not in page and "secret" not in page and "hidden" not in page
    assert "<td>5</td>" in page


def test_which_folders_are_listed(site):
    assert "Name" in site.get("/list/").body.decode()
    assert "../" not in site.get("/list/").body.decode()
    assert site.get("/list/empty/").status == 200
    assert site.get("/list/b/").body == b"first"
    assert site.get("/list/none/").status == 404
    assert site.get("/list/x.css/").status == 404
    assert site.get("/list/d").status == 301
    assert site.get("/plain/d/").status == 404
    head = site.get("/list/d/", method="HEAD")
    assert head.status == 200 and head.body == b"" and int(head.header("content-length")) > 500


def test_a_list_is_never_old(site):
    with site.client() as c:
        for i in range(5):
            site.box.write(f"root/empty/file{i}", "")
            page = c.request("GET", "/list/empty/").body.decode()
            assert page.count("file") == 2 * (i + 1)


def test_a_large_folder_is_cut(site):
    for i in range(1200):
        (site.box.path("root/empty") / f"{i:05}").touch()
    page = site.get("/list/empty/").body.decode()
    assert page.count("<a ") == 1001 and "There is more" in page


def test_a_folder_that_may_not_be_read(site):
    site.box.path("root/empty").chmod(0o711)
    assert site.get("/list/empty/").status == (403 if os.getuid() == 0 else 200)


# --- ranges ---------------------------------------------------------------------------------------

def parts_of(response):
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w+)", response.header("content-type"))[1].encode()
    assert int(response.header("content-length") or len(response.body)) == len(response.body)
    assert response.body.startswith(b"--" + boundary + b"\r\n")
    assert response.body.endswith(b"\r\n--" + boundary + b"--\r\n")
    parts = (b"\r\n" + response.body).split(b"\r\n--" + boundary)
    assert parts[0] == b"" and parts[-1] == b"--\r\n"
    found = []
    for part in parts[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        assert b"Content-Type: application/octet-stream" in head
        found.append((re.search(rb"Content-Range: bytes (\S+)", head)[1].decode(), content))
    return found


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("wanted,spans", [
    ("bytes=0-9,12-19,1000-1999", [(0, 10), (12, 20), (1000, 2000)]),
    ("bytes=-10, 0-0", [(102390, 102400), (0, 1)]),
    ("bytes=0-39999,50000-", [(0, 40000), (50000, 102400)]),
    (",".join(["bytes=0-99"] + [f"{n}-{n + 9}" for n in range(5000, 80000, 5000)]),
     [(0, 100)] + [(n, n + 10) for n in range(5000, 80000, 5000)])])
def test_several_ranges(site, wanted, spans, tls):
    whole = bytes(range(256)) * 400
    with site.client(site.ports["port_tls"] if tls else None, tls=tls, sni="a.example" if tls else None) as c:
        for _ in range(3):
            response = c.request("GET", "/plain/y.bin", headers=[("Range", wanted)])
            assert response.status == 206 and response.header("content-range") is None
            assert parts_of(response) == [(f"{a}-{b - 1}/102400", whole[a:b]) for a, b in spans]
        assert c.request("GET", "/plain/users.html").body == b"users"


@pytest.mark.parametrize("wanted,status,length", [
    ("bytes=0-9,5-19", 206, 20), ("bytes=0-,0-,0-,0-", 206, 102400), ("bytes=200000-,300000-", 416, 0),
    (",".join(["bytes=0-0"] + ["0-0"] * 16), 200, 102400), ("bytes=0-9,x", 200, 102400)])
def test_ranges_that_become_one_or_none(site, wanted, status, length):
    response = site.get("/plain/y.bin", headers=[("Range", wanted)])
    assert (response.status, len(response.body)) == (status, length)
    assert not (response.header("content-type") or "").startswith("multipart")


def test_the_same_over_http2(site):
    whole = bytes(range(256)) * 400
    with H2Client("127.0.0.1", site.ports["port_tls"]) as c:
        for window in range(3):
            stream = c.request("/plain/y.bin", headers=[("range", "bytes=0-39999,50000-")])
            assert stream.status == 206
            assert int(stream.header("content-length")) == len(stream.body)
            assert whole[:40000] in stream.body and stream.body.count(b"content-range") == 0
            assert stream.body.count(b"Content-Range: bytes ") == 2
            assert stream.body.rstrip().endswith(whole[50000:].rstrip() + b"\r\n--" + stream.header(
                "content-type").partition("boundary=")[2].encode() + b"--")
            page = c.request("/list/d/")
            assert page.status == 200 and b"./a%3Ab" in page.body
            ready = c.request("/pre/x.css", headers=[("accept-encoding", "br")])
            assert (ready.header("content-encoding"), ready.body) == ("br", b"brotli")


def test_ranges_of_a_large_file_and_a_condition(site):
    content = os.urandom(3 << 20)
    site.box.write("root/large", content)
    with site.client() as c:
        etag = c.request("HEAD", "/plain/large").header("etag")
        ranges = ("Range", "bytes=1-1000000,2000000-3000000")
        for _ in range(3):
            response = c.request("GET", "/plain/large", headers=[ranges, ("If-Range", etag)])
            assert [p[1] for p in parts_of(response)] == [content[1:1000001], content[2000000:3000001]]
        assert c.request("GET", "/plain/large", headers=[ranges, ("If-Range", '"x"')]).body == content
        assert c.request("GET", "/plain/large", headers=[ranges, ("If-Match", '"x"')]).status == 412
