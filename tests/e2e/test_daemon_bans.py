"""Bans: what the proxy learns the kernel enforces, for forwarded ports too, until it is lifted."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading

import appliance
import h2_frames
import pytest
from appliance import EDGE
from lab import wait_for

pytestmark = pytest.mark.root
OFFENDER, OTHER, NEVER, TRUSTED, ADMIN = (f"203.0.113.{n}" for n in (2, 3, 4, 5, 6))
CONF = f"""\
listen 80 plain
rate-limit 1/h burst 3
ban after 5 violations in 1m for 1h
ban never {NEVER} 2001:db8:99::/64
trusted {TRUSTED}
site * -> status 204
"""


@pytest.fixture
def wan(lab):
    for address in (OTHER, NEVER, TRUSTED, ADMIN):
        lab.wan.add_address(f"{address}/24")
    lab.wan.add_address("2001:db8:113:1::2/64")
    lab.edge.run("ip", "route", "add", "2001:db8:113:1::/64", "dev", "wan0")
    return lab.wan


def reaches(wan, port=80, source=OFFENDER, to=EDGE):
    """Whether a SYN is answered."""
    try:
        wan.client(to, port, timeout=1, source=(source, 0)).close()
    except (TimeoutError, socket.timeout):
        return False
    return True


def offend(wan, source=OFFENDER, n=10):
    """The statuses of n requests on one connection, as far as they are answered."""
    seen = []
    with wan.client(EDGE, 80, timeout=2, source=(source, 0)) as c:
        for _ in range(n):
            try:
                seen.append(c.request("GET", "/", host="a").status)
            except (TimeoutError, socket.timeout):
                break
    return seen


def banned(s):
    return {b["address"]: b for b in s.ctl("ban", "ls", json=True)}


def test_who_offends_is_dropped_by_the_kernel_until_an_operator_lifts_it(lab, sluice, wan):
    s = sluice(CONF, where=lab.edge)
    assert "router" in s.children()
    seen = offend(wan)
    assert seen[:3] == [204] * 3 and set(seen[3:]) == {429} and len(seen) >= 8
    wait_for(lambda: OFFENDER in banned(s), what="the ban")
    assert not reaches(wan)
    assert reaches(wan, source=OTHER)
    ban = banned(s)[OFFENDER]
    assert ban["why"] == "requests above rate-limit" and 3500e3 < ban["until"] - ban["since"] <= 3600e3
    assert re.search(rf"{OFFENDER} +/32 +\S+ \S+ +\S+ \S+ +requests above rate-limit", s.ctl("ban", "ls").stdout)
    stats = s.stats()
    assert (stats["bans"], stats["bans_active"]) == (1, 1) and stats["violations"] >= 5
    s.ctl("ban", "rm", OFFENDER)
    assert reaches(wan) and banned(s) == {}
    assert s.ctl("ban", "rm", OFFENDER, check=False).stderr == f"sluice: {OFFENDER} is not banned\n"


def test_without_forwarding_nothing_else_of_the_kernel_is_touched(lab, sluice, wan):
    before = lab.edge.sysctl("net.ipv4.ip_forward")
    s = sluice("listen 80 plain\nban never 198.51.100.0/24\nsite * -> status 204\n", where=lab.edge)
    assert re.findall(r"chain (\S+)", lab.edge.nft()) == ["early"]
    assert lab.edge.sysctl("net.ipv4.ip_forward") == before
    s.write("listen 80 plain\nsite * -> status 204\n")
    s.reload()
    wait_for(lambda: "sluice" not in lab.edge.nft(), what="the table to be gone")
    wait_for(lambda: "router" not in s.children(), what="the router to end")
    said = s.ctl("ban", "ls", check=False)
    assert said.returncode == 1 and "the router process does not run" in said.stderr


def test_those_whom_no_ban_may_meet_go_on(lab, sluice, wan):
    s = sluice(CONF, where=lab.edge)
    for source in (NEVER, TRUSTED):
        assert len(offend(wan, source, 20)) == 20
        assert reaches(wan, source=source)
    assert banned(s) == {}
    with lab.edge.net():
        ssh = socket.create_server((EDGE, 22))
    peer = wan.client(EDGE, 22, source=(ADMIN, 0))
    for address, why in (("127.0.0.1", "no client's"), ("::1", "no client's"), ("0.0.0.0", "no client's"),
                         (EDGE, "of this host"), ("2001:db8:113::77", "of this host"), (NEVER, "ban never"),
                         ("2001:db8:99::7", "ban never"), (TRUSTED, "trusted"), (ADMIN, "by SSH"),
                         ("0.0.0.0/0", "networks can't be banned"), ("::/0", "networks can't be banned"),
                         ("nobody", "one address")):
        said = s.ctl("ban", "add", address, check=False)
        assert said.returncode == 1 and why in said.stderr, (address, said.stderr)
    assert banned(s) == {}
    peer.close()
    ssh.close()
    assert s.ctl("ban", "add", OTHER, "for", "1y", check=False).returncode == 1
    assert s.ctl("ban", "add", OTHER, "of", "1h", check=False).returncode == 2


def test_ipv6_is_banned_by_its_64(lab, sluice, wan):
    s = sluice(CONF.replace("listen 80 plain", "listen 80 plain\nlisten [2001:db8:113::1]:81 plain"), where=lab.edge)

    def six(port=80):
        return reaches(wan, port, "2001:db8:113:1::2", "2001:db8:113::1")
    assert six()
    s.ctl("ban", "add", "2001:db8:113:1::abcd", "for", "7d")
    assert not six() and not six(81)
    assert banned(s)["2001:db8:113:1::"]["covers"] == "/64"
    s.ctl("ban", "clear")
    assert six() and banned(s) == {}


@pytest.mark.usefixtures("unowned")
def test_bans_outlive_processes_replacements_and_the_daemon(lab, sluice, wan):
    s = sluice(CONF, where=lab.edge)
    s.ctl("ban", "add", OFFENDER, "for", "2h")
    s.kill("router")
    assert not reaches(wan)
    wait_for(lambda: OFFENDER in banned(s), what="the new router's list")
    until = banned(s)[OFFENDER]["until"]
    lab.edge.run("nft", "flush", "ruleset")
    wait_for(lambda: OFFENDER in lab.edge.nft(), what="the table to be put back")
    assert not reaches(wan)
    s.write("wan wan0\nbridge lxcbr0 10.0.3.1/24\n" + CONF)
    s.reload()
    assert not reaches(wan) and "chain filter_fwd" in lab.edge.nft()
    left = re.search(rf"{OFFENDER}\S* .*expires (\S+)", lab.edge.nft())
    assert left and left[1].startswith("1h59m")
    s.stop()
    assert not reaches(wan)
    s.start()
    assert not reaches(wan)
    assert abs(banned(s)[OFFENDER]["until"] - until) < 10000
    assert s.stats()["ruleset_reinstalled"] == 0
    s.ctl("ban", "clear")
    assert reaches(wan)


def test_a_ban_ends_by_itself_and_a_longer_one_replaces_a_shorter(lab, sluice, wan):
    s = sluice(CONF, where=lab.edge)
    s.ctl("ban", "add", OTHER, "for", "1s")
    s.ctl("ban", "add", OFFENDER, "for", "1s")
    s.ctl("ban", "add", OFFENDER, "for", "1h")
    s.ctl("ban", "add", OFFENDER, "for", "1s")
    wait_for(lambda: OTHER not in banned(s), what="the end of the ban")
    wait_for(lambda: reaches(wan, source=OTHER), what="packets to get in again")
    assert not reaches(wan) and list(banned(s)) == [OFFENDER]
    assert s.stats()["ruleset_reinstalled"] == 0


@pytest.mark.parametrize("send", [
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"\x16\x03\x01\x00\x05hello"])
def test_malformed_requests_are_violations(lab, sluice, wan, send):
    s = sluice(CONF, where=lab.edge)
    for _ in range(5):
        with wan.client(EDGE, 80, timeout=3, source=(OTHER, 0)) as c:
            c.send(send)
            c.sock.recv(1000)
    wait_for(lambda: banned(s).get(OTHER, {}).get("why") == "malformed requests", what="the ban")


H2 = CONF.replace("listen 80 plain\nrate-limit 1/h burst 3", "listen 443 tls http2\ncertificate default @cert@")
PROTOCOL = "connections that broke the protocol"


@pytest.mark.parametrize("times,why,sent", [
    (1, "floods", h2_frames.frame(h2_frames.PING, 0, 0, b"12345678") * 5000),
    (1, "floods", b"".join(h2_frames.request(i, path="/") + h2_frames.frame(h2_frames.RST_STREAM, 0, i, h2_frames.number(8))
                           for i in range(1, 4000, 2))),
    (5, "malformed requests", h2_frames.request(1, [("X-Upper", "y")])),
    (5, "malformed requests", h2_frames.request(1, head=[(":method", "GET")])),
    (5, PROTOCOL, h2_frames.frame(h2_frames.PRIORITY, 0, 0, b"12345")),
    (5, PROTOCOL, h2_frames.frame(h2_frames.DATA, 0, 0, b"x")),
], ids=["flood", "resets", "field", "no path", "frame", "frame for no stream"])
def test_violations_on_an_http_2_connection(lab, sluice, wan, times, why, sent):
    s = sluice(H2, where=lab.edge)
    for _ in range(times):
        with wan.client(EDGE, 443, timeout=3, source=(OTHER, 0), tls=True, sni="a", alpn=["h2"]) as c:
            with contextlib.suppress(OSError):
                c.send(h2_frames.PREFACE + h2_frames.settings() + sent)
                c.sock.settimeout(0.5)
                while c.sock.recv(65536):
                    pass
    wait_for(lambda: banned(s).get(OTHER, {}).get("why") == why, what="the ban")


def test_who_stands_behind_a_balancer_is_limited_and_nobody_is_banned(lab, sluice, wan):
    """The kernel sees the balancer's packets alone: it must not drop them, and no others are there."""
    s = sluice(CONF.replace("80 plain", "80 plain proxy-protocol"), where=lab.edge)

    def through(header, request, n=1):
        with wan.client(EDGE, 80, timeout=3, source=(TRUSTED, 0)) as c:
            c.send(header)
            for _ in range(n):
                c.send(request)
                yield c.response().status
    get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    named = b"PROXY TCP4 %s 203.0.113.1 4711 80\r\n"
    assert list(through(named % OTHER.encode(), get, 10)) == [204] * 3 + [429] * 7
    # Another client of the same balancer has its own limit.
    assert list(through(named % OFFENDER.encode(), get, 4)) == [204] * 3 + [429]
    for header in (named % OTHER.encode(), b"PROXY UNKNOWN\r\n"):
        for _ in range(8):
            assert list(through(header, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")) == [400]
    for _ in range(8):
        with wan.client(EDGE, 80, timeout=3, source=(TRUSTED, 0)) as c:
            c.send(get)
            assert c.eof()
    # Who comes without a balancer, and has no right to speak for others, is one that may be banned.
    for _ in range(5):
        with wan.client(EDGE, 80, timeout=3, source=(OTHER, 0)) as c:
            c.send(named % b"198.51.100.7")
            assert c.eof()
    wait_for(lambda: list(banned(s)) == [OTHER], what="the ban")
    assert list(through(named % b"198.51.100.9", get)) == [204]


def test_failed_handshakes_are_violations_and_mere_connections_are_not(lab, sluice, wan):
    s = sluice(CONF.replace("listen 80 plain", "listen 443 tls\ncertificate default @cert@"), where=lab.edge)
    for _ in range(8):
        wan.client(EDGE, 443, timeout=3, source=(OTHER, 0)).close()
    for _ in range(5):
        with wan.client(EDGE, 443, timeout=3, source=(OFFENDER, 0)) as c:
            c.send(b"GET / HTTP/1.1\r\n\r\n")
            c.sock.recv(1000)
    wait_for(lambda: OFFENDER in banned(s), what="the ban")
    assert list(banned(s)) == [OFFENDER]


def test_handshakes_that_lead_to_no_request_are_a_quarter_of_a_violation(lab, sluice, wan):
    s = sluice(CONF.replace("listen 80 plain", "listen 443 tls http2\ncertificate default @cert@").replace(
        "rate-limit 1/h burst 3\n", ""), where=lab.edge)

    def whole(source, alpn, ask):
        with wan.client(EDGE, 443, timeout=3, source=(source, 0), tls=True, alpn=alpn) as c:
            if ask:
                c.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                c.sock.recv(1000)
    for i in range(30):
        whole(OTHER, ["http/1.1"], True)
    for i in range(19):
        whole(OFFENDER, [["http/1.1"], ["h2"]][i % 2], False)
    wait_for(lambda: s.stats()["violations"] == 19, what="all of them count")
    assert not banned(s)
    whole(OFFENDER, ["h2"], False)
    wait_for(lambda: OFFENDER in banned(s), what="the ban")
    assert list(banned(s)) == [OFFENDER]
    assert banned(s)[OFFENDER]["why"] == "TLS handshakes without a request"


def test_forwarded_ports_are_closed_to_it_too_and_events_tell(lab, sluice, wan):
    s = appliance.start(sluice, lab, appliance.CONF + "ban never 198.51.100.1\n")
    assert reaches(wan, 2222) and reaches(wan, 443)
    events = s_events(s)
    s.ctl("ban", "add", OFFENDER)
    assert not reaches(wan, 2222) and not reaches(wan, 443)
    assert reaches(wan, 2222, OTHER)
    assert s.ctl("ban", "add", "10.0.3.101", check=False).returncode == 1
    s.ctl("ban", "rm", OFFENDER)
    assert reaches(wan, 2222) and reaches(wan, 443)
    wait_for(lambda: [e["event"] for e in events if "ban" in e["event"]] == ["banned", "ban lifted"], what="events")


def s_events(s):
    seen = []
    process = subprocess.Popen([*s.where.prefix, s.exe.parent / "sluice", "-s", s.socket, "--json", "events"],
                               stdout=subprocess.PIPE, text=True)

    def read():
        for line in process.stdout:
            seen.append(json.loads(line))
    threading.Thread(target=read, daemon=True).start()
    s.box.defer(lambda: (os.kill(process.pid, signal.SIGKILL), process.wait()))
    wait_for(lambda: seen, what="the first event")
    return seen
