"""Who may come in: access by address."""

import pytest

ACCESS = """\
listen 127.0.0.1:@port@ plain
access deny 127.0.0.9
access allow all
site a.example {
    route /open/ -> status 204
    route /office/ -> status 204 { access allow 127.0.0.2 127.0.1.0/24 }
    route /back/ -> http://127.0.0.1:@port_back@ { access deny all }
}
site b.example { access deny 127.0.0.2 ; route /x -> status 204 }
"""


def ask(s, path, source, host="a.example"):
    return s.get(path, host=host, source=(source, 0)).status


@pytest.mark.parametrize("path,source,status", [
    ("/open/", "127.0.0.1", 204), ("/open/", "127.0.0.9", 403), ("/office/", "127.0.0.2", 204),
    ("/office/", "127.0.1.77", 204), ("/office/", "127.0.0.1", 403), ("/office/../open/", "127.0.0.1", 204),
    ("/open/../office/", "127.0.0.1", 403), ("/open/%2e%2e/office/", "127.0.0.1", 403),
    ("/office", "127.0.0.1", 403), ("/office", "127.0.0.2", 301), ("/none", "127.0.0.9", 403)])
def test_the_rules_of_the_place_that_the_path_leads_to(sluice, backend, path, source, status):
    s = sluice(ACCESS, port_back=backend.http(lambda r: (200, {}, b"")).port)
    assert ask(s, path, source) == status


def test_rules_of_a_site_replace_the_outer_ones_and_hold_for_paths_without_a_route(sluice, backend):
    origin = backend.http(lambda r: (200, {}, b""))
    s = sluice(ACCESS, port_back=origin.port)
    assert ask(s, "/x", "127.0.0.9", "b.example") == 204
    assert ask(s, "/x", "127.0.0.2", "b.example") == 403
    assert ask(s, "/none", "127.0.0.2", "b.example") == 403
    assert ask(s, "/none", "127.0.0.1", "b.example") == 404
    assert ask(s, "/", "127.0.0.9", "c.example") == 403
    assert ask(s, "/back/", "127.0.0.1") == 403
    assert s.stats()["access_denied"] == 4
    assert not origin.requests()


def test_a_denied_upload_is_not_read(sluice, backend):
    s = sluice(ACCESS, port_back=backend.http(lambda r: (200, {}, b"")).port)
    with s.client() as c:
        c.send(b"POST /back/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n"
               b"Expect: 100-continue\r\n\r\n")
        r = c.response()
        assert (r.status, r.interim, r.keep_alive) == (403, [], False)


def test_a_reload_changes_the_rules_for_the_next_request(sluice, backend):
    s = sluice(ACCESS, port_back=backend.http(lambda r: (200, {}, b"")).port)
    with s.client() as c:
        assert c.request("GET", "/open/", host="a.example").status == 204
        s.write(ACCESS.replace("access allow all", "access deny all"))
        s.reload()
        assert c.request("GET", "/open/", host="a.example").status == 403
