"""What Sluice is for: from outside to a real container, by path and by port, and back out."""

import hashlib
import json
import re
import socket

import appliance
import pytest
from appliance import ADDRESS, EDGE, WAN
from lab import wait_for

pytestmark = pytest.mark.root
PATTERN = bytes((i * 31 + i // 256) % 256 for i in range(65536))


def udp_ask(host, address, port, text, source=None):
    """Sends until an answer comes: UDP may lose the first one."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.net(), socket.socket(family, socket.SOCK_DGRAM) as s:
        if source:
            s.bind((source, 0))
        s.settimeout(0.3)

        def answer():
            s.sendto(text.encode(), (address, port))
            try:
                return s.recvfrom(2048)[0].decode()
            except TimeoutError:
                return None

        return wait_for(answer, 10, "an answer by UDP"), s.getsockname()[1]


def test_https_from_wan_reaches_containers_by_path(lab, sluice, certs):
    conf = appliance.CONF.replace(
        "route / -> web:8080",
        "route /one/ -> web:8080\n    route /two/ -> other:8080/inside/") + """
container other { image busybox ; address 10.0.3.102 ; mount @tools@ opt ro ; autostart }
"""
    appliance.start(sluice, lab, conf, names=("web", "other"))
    one = lab.wan.fetch(f"https://{EDGE}/one/page?x=1", host="a.example", ca=certs.ca)
    two = lab.wan.fetch(f"https://{EDGE}/two/page", host="a.example", ca=certs.ca)
    none = lab.wan.fetch(f"https://{EDGE}/three", host="a.example", ca=certs.ca)
    assert json.loads(one.body)["path"] == "/one/page?x=1"
    assert json.loads(two.body)["path"] == "/inside/page"
    assert none.status == 404
    head = json.loads(one.body)["head"].lower()
    assert f"x-forwarded-for: {WAN}" in head and "x-forwarded-proto: https" in head
    assert "peer" in json.loads(one.body) and json.loads(one.body)["peer"] == "10.0.3.1"


def test_https_over_ipv6(lab, sluice, certs):
    appliance.start(sluice, lab)
    with lab.wan.client("2001:db8:113::1", 443, tls=True, sni="a.example", ca=certs.ca) as c:
        answer = c.request("GET", "/six")
    assert "x-forwarded-for: 2001:db8:113::2" in json.loads(answer.body)["head"].lower()


def test_tcp_forward_shows_the_clients_true_address(lab, sluice):
    appliance.start(sluice, lab)
    lab.wan.add_address("203.0.113.77/24")
    with lab.wan.client(EDGE, 2222, source=("203.0.113.77", 0)) as c:
        seen = json.loads(c.request("GET", "/").body)
        assert (seen["peer"], seen["peer_port"]) == c.local


def test_udp_forward_shows_the_clients_true_address(lab, sluice):
    appliance.start(sluice, lab)
    lab.wan.add_address("203.0.113.77/24")
    answer, port = udp_ask(lab.wan, EDGE, 5353, "hello", source="203.0.113.77")
    assert answer == f"203.0.113.77 {port} hello"


def test_forwards_over_ipv6(lab, sluice):
    conf = appliance.CONF.replace("10.0.3.1/24", "10.0.3.1/24 fd00:3::1/64").replace(
        "address   10.0.3.101", "address   10.0.3.101 fd00:3::101")
    appliance.start(sluice, lab, conf)
    # Busybox has no DHCPv6 client, and its start script flushes the address that LXC set.
    lab.container_run("web", "/bin/busybox", "ip", "addr", "replace", "fd00:3::101/64",
                      "dev", "eth0")
    lab.container_run("web", "/bin/busybox", "ip", "-6", "route", "replace", "default",
                      "via", "fd00:3::1")
    wait_for(lambda: "tentative" not in lab.container_run(
        "web", "/bin/busybox", "ip", "-6", "addr").stdout, 10, "the address is checked")
    with lab.wan.client("2001:db8:113::1", 2222) as c:
        seen = json.loads(c.request("GET", "/").body)
        assert (seen["peer"], seen["peer_port"]) == c.local
    answer, port = udp_ask(lab.wan, "2001:db8:113::1", 5353, "six")
    assert answer == f"2001:db8:113::2 {port} six"


def test_container_reaches_the_internet_masqueraded(lab, sluice, backend):
    appliance.start(sluice, lab)
    b = backend.http(lambda r: (200, {}, r.peer[0].encode()), where=lab.wan, host=WAN)
    seen = lab.container_run("web", "/bin/busybox", "wget", "-q", "-O", "-",
                             f"http://{WAN}:{b.port}/").stdout
    assert seen == EDGE


@pytest.mark.parametrize("bridge_netfilter", [0, 1])
def test_container_reaches_its_own_public_port(lab, sluice, bridge_netfilter):
    appliance.start(sluice, lab)
    if lab.edge.run("test", "-e", "/proc/sys/net/bridge", check=False).returncode == 0:
        lab.edge.sysctl("net/bridge/bridge-nf-call-iptables", bridge_netfilter)
    elif bridge_netfilter:
        pytest.skip("the kernel has no br_netfilter")
    text = lab.container_run("web", "/bin/busybox", "timeout", "5", "wget", "-q", "-O",
                             "-", f"http://{EDGE}:2222/text/hairpin").stdout
    assert text == "hairpin"


def test_a_forward_follows_a_reload(lab, sluice):
    s = appliance.start(sluice, lab)
    s.write(appliance.CONF.replace("tcp 2222", "tcp 2223"))
    s.reload()
    with lab.wan.client(EDGE, 2223) as c:
        assert c.request("GET", "/text/moved").body == b"moved"
    with pytest.raises(OSError):
        lab.wan.client(EDGE, 2222, timeout=2)


@pytest.mark.usefixtures("unowned")
def test_a_flushed_ruleset_is_installed_again_at_once(lab, sluice):
    appliance.start(sluice, lab)
    before = lab.edge.run("nft", "list", "table", "inet", "sluice").stdout
    lab.edge.run("nft", "flush", "ruleset")
    wait_for(lambda: lab.edge.run("nft", "list", "table", "inet", "sluice", check=False).stdout,
             5, "the table")
    after = lab.edge.run("nft", "list", "table", "inet", "sluice").stdout
    assert _without_counters(after) == _without_counters(before)
    with lab.wan.client(EDGE, 2222) as c:
        assert c.request("GET", "/text/again").body == b"again"


def _without_counters(text):
    return re.sub(r"packets \d+ bytes \d+|expires \S+", "", text)


def test_a_large_body_through_everything_arrives_whole(lab, sluice, certs):
    appliance.start(sluice, lab)
    size = 20 << 20
    expected = hashlib.sha256(PATTERN * (size // len(PATTERN))).hexdigest()
    down = lab.wan.fetch(f"https://{EDGE}/bytes/{size}", host="a.example", timeout=60)
    assert hashlib.sha256(down.body).hexdigest() == expected
    up = lab.wan.fetch(f"https://{EDGE}/up", method="PUT", host="a.example", timeout=60,
                       body=PATTERN * (size // len(PATTERN)))
    assert json.loads(up.body) == {"length": size, "sha256": expected}


def test_the_container_keeps_its_address_and_resolves_names(lab, sluice):
    appliance.start(sluice, lab)
    assert appliance.wait_address(lab, "web") == ADDRESS
    route = lab.container_run("web", "/bin/busybox", "ip", "route").stdout
    assert "default via 10.0.3.1" in route
    resolv = lab.container_run("web", "/bin/busybox", "cat", "/etc/resolv.conf").stdout
    assert "nameserver 10.0.3.1" in resolv
    name = lab.container_run("web", "/bin/busybox", "nslookup", "web", "10.0.3.1", check=False)
    assert ADDRESS in name.stdout, name


def test_end_of_the_daemon_leaves_container_and_rules(lab, sluice):
    s = appliance.start(sluice, lab)
    init = lab.container_pid("web")
    s.stop()
    assert lab.container_pid("web") == init
    with lab.wan.client(EDGE, 2222) as c:
        assert c.request("GET", "/text/still").body == b"still"
    s.start()
    s.wait_container("web")
    assert lab.container_pid("web") == init
    assert s.get("/text/adopted", tls=True, port=443, host="a.example").body == b"adopted"


@pytest.mark.usefixtures("unowned")
def test_no_program_of_others_is_run(lab, sluice, box):
    """nft, ip, iptables and lxc-* are not how Sluice works; templates run shells of their own."""
    trace = box.path("trace")
    # LeakSanitizer does not work in a traced process. With -D strace is not the daemon's parent.
    s = sluice(appliance.CONF, where=lab.edge, env={"LSAN_OPTIONS": "detect_leaks=0"},
               wrap=("strace", "-D", "-f", "-q", "-e", "trace=execve,execveat", "-s", "256",
                     "-o", trace))
    s.wait_container("web")
    s.reload()
    s.ctl("container", "restart", "web")
    s.wait_container("web")
    lab.edge.run("nft", "flush", "ruleset")
    wait_for(lambda: "table inet sluice" in lab.edge.nft(), 5, "the table")
    s.stop()
    called = re.findall(r'execve(?:at)?\((?:\d+, )?"([^"]+)"', trace.read_text(errors="replace"))
    # What was to be seen was: from the start on, and in processes below processes.
    assert "/usr/share/lxc/templates/lxc-busybox" in called, called
    assert [c for c in called if c.endswith("/dnsmasq")], called
    ours = [c for c in called if not c.startswith(("/proc/self/fd", "/usr/share/lxc/templates"))]
    names = {c.rsplit("/", 1)[-1] for c in ours}
    assert not names & {"nft", "ip", "iptables", "ip6tables", "iptables-restore", "sysctl",
                        "brctl", "conntrack", "modprobe"}, called
    assert not [n for n in names if n.startswith("lxc-") and n != "lxc-busybox"
                and "template" not in n], called
