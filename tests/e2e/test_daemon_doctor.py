"""`sluice doctor`: each thing that breaks a router is made for real, found, and mended by the command that it prints."""

import json
import os
import re
import shutil
import subprocess
import sys

import daemon
import pytest
from lab import run, wait_for
from router_lab import COMMON

pytestmark = pytest.mark.root
CONF = COMMON + """\
wan wan0
bridge rtbr0 10.7.3.1/24 fd00:7::1/64
container web { address 10.7.3.101 }
forward tcp 2222 -> web:22
forward udp 5000 -> web:5001
"""
SLUICE = daemon.BIN / "sluice"


@pytest.fixture
def edge(net):
    """A host on which the router runs, and nothing is wrong."""
    net.router(CONF)
    net.edge.sysctl("net/bridge/bridge-nf-call-iptables", 0)
    assert findings(net) == []
    return net.edge


def nft(host, text):
    host.run("nft", "-f", "-", input=text.replace("}", "}\n"))


def doctor(net, *options, conf=CONF):
    path = net.box.write("doctor.conf", conf)
    return run(*net.edge.prefix, SLUICE, "-s", net.box.path("none.sock"), *options, "doctor", path, check=False)


def findings(net, conf=CONF):
    done = doctor(net, "--json", conf=conf)
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == (1 if found else 0), done
    assert all(f["what"] and f["mend"] and f["severity"] in ("error", "warning") for f in found)
    return found


def one(net, name, conf=CONF):
    found = [f for f in findings(net, conf) if f["id"] == name]
    assert len(found) == 1, findings(net, conf)
    return found[0]


def mended(net, name, conf=CONF):
    """Runs what is said, and the finding is gone."""
    finding = one(net, name, conf)
    net.edge.run("sh", "-e", "-c", finding["mend"])
    assert name not in [f["id"] for f in findings(net, conf)], finding
    return finding


def passes(net):
    """Whether a forwarded connection goes through."""
    with net.wan.net():
        import socket
        try:
            socket.create_connection(("203.0.113.1", 2222), timeout=1).close()
        except (TimeoutError, OSError):
            return False
        return True


@pytest.fixture
def web(net, edge):
    host = net.container(101)
    server = host.popen(sys.executable, "-c", "import socket\ns = socket.create_server(('', 22))\nwhile 1: s.accept()",
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield host
    server.kill()
    server.wait()


@pytest.mark.parametrize("table", [
    "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; } }",
    "table inet fw { chain forwarded { type filter hook forward priority 10; policy drop; ct state established accept; } }",
    "table ip filter { chain DOCKER-USER { } chain FORWARD { type filter hook forward priority 0; policy drop;"
    " jump DOCKER-USER; } }",
    "table inet fw { chain forwarded { type filter hook forward priority 10; ct state established accept;"
    " counter log reject with icmpx admin-prohibited; } }",
], ids=["iptables-nft", "nft", "docker", "a rule at the end"])
def test_a_foreign_policy_of_drop_is_found_and_mended(net, web, table):
    wait_for(lambda: passes(net))
    nft(net.edge, table)
    assert not passes(net)
    finding = mended(net, "forward-drop")
    assert finding["severity"] == "error" and table.split(" {")[0] in finding["what"]
    assert ("DOCKER-USER" in table) == ("iptables -I DOCKER-USER -i rtbr0 -j ACCEPT" in finding["mend"])
    assert passes(net)


@pytest.mark.skipif(not shutil.which("iptables-legacy"), reason="iptables-legacy is not installed")
@pytest.mark.parametrize("program", ["iptables-legacy", "ip6tables-legacy"])
def test_a_policy_of_iptables_legacy_is_found_and_mended(net, web, program):
    net.edge.run(program, "-P", "FORWARD", "DROP")
    net.edge.run(program, "-A", "FORWARD", "-i", "rtbr0", "-p", "tcp", "-j", "ACCEPT")
    net.edge.run(program, "-A", "FORWARD", "-o", "other0", "-j", "ACCEPT")
    wait_for(lambda: passes(net) == (program != "iptables-legacy"))
    finding = mended(net, "forward-drop")
    assert finding["mend"].startswith(f"{program} -I FORWARD -i rtbr0 -j ACCEPT && ")
    assert passes(net)


@pytest.mark.parametrize("program", ["iptables-nft", "iptables-legacy"])
def test_a_last_rule_of_iptables_is_as_good_as_a_policy(net, web, program):
    """As on the images of some hosters. A rule with a condition is none."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    for chain in ("INPUT", "FORWARD"):
        net.edge.run(program, "-A", chain, "-p", "tcp", "--dport", "9", "-j", "DROP")
        net.edge.run(program, "-A", chain, "-i", "other0", "-j", "DROP")
        net.edge.run(program, "-N", "mine-" + chain)
        net.edge.run(program, "-A", "mine-" + chain, "-j", "DROP")
    wait_for(lambda: passes(net))
    assert findings(net) == []
    net.edge.run(program, "-A", "FORWARD", "-j", "REJECT", "--reject-with", "icmp-host-prohibited")
    assert not passes(net)
    mended(net, "forward-drop")
    assert passes(net)
    net.edge.run(program, "-A", "INPUT", "-j", "DROP")
    mended(net, "input-drop")
    assert findings(net) == []


def test_a_bridge_s_own_table_that_drops(net, edge):
    nft(edge, "table bridge filter { chain INPUT { type filter hook input priority 0; policy drop; }"
              " chain FORWARD { type filter hook forward priority 0; policy drop; }"
              " chain OUTPUT { type filter hook output priority 0; policy drop; } }")
    found = findings(net)
    assert [f["id"] for f in found] == ["policy-drop"] * 3
    for f in found:
        edge.run("sh", "-e", "-c", f["mend"])
    assert findings(net) == []


@pytest.mark.parametrize("wrap, says, mend", [
    (("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=socket", "-e", "inject=socket:error=EPROTONOSUPPORT:when=2+"),
     "Protocol not supported", "modprobe -a nf_tables|systemctl reboot"),
    (("setpriv", "--bounding-set=-net_admin"), "no CAP_NET_ADMIN", "# run sluice on the host itself")],
    ids=["no nftables", "no right"])
def test_a_kernel_that_does_not_take_our_rules(net, edge, box, wrap, says, mend):
    path = box.write("doctor.conf", CONF)
    done = run(*edge.prefix, *wrap, SLUICE, "-s", box.path("none.sock"), "doctor", path, check=False,
               env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    assert done.returncode == 1 and "error: the kernel does not take the rules: " in done.stdout, done
    assert says in done.stdout and re.search(f"^    ({mend})", done.stdout, re.M)


@pytest.mark.skipif(not shutil.which("iptables-legacy"), reason="iptables-legacy is not installed")
def test_docker_and_the_host_s_own_chains_of_iptables_legacy(net, edge):
    edge.run("iptables-legacy", "-N", "DOCKER-USER")
    edge.run("iptables-legacy", "-A", "FORWARD", "-j", "DOCKER-USER")
    edge.run("iptables-legacy", "-P", "FORWARD", "DROP")
    edge.run("iptables-legacy", "-P", "INPUT", "DROP")
    edge.run("iptables-legacy", "-t", "mangle", "-P", "OUTPUT", "DROP")
    assert "-I DOCKER-USER -o rtbr0" in mended(net, "forward-drop")["mend"]
    assert "--dports 53,67" in mended(net, "input-drop")["mend"]
    assert "table ip mangle" in mended(net, "policy-drop")["what"]
    assert findings(net) == []


def test_ufw_and_firewalld_get_their_own_commands(net, edge):
    nft(edge, "table ip filter { chain ufw-user-forward { } chain FORWARD { type filter hook forward priority 0;"
             " policy drop; } chain INPUT { type filter hook input priority 0; policy drop; } }")
    assert one(net, "forward-drop")["mend"] == "ufw route allow in on rtbr0 && ufw route allow out on rtbr0"
    assert one(net, "input-drop")["mend"].startswith("ufw allow in on rtbr0 to any port 53")
    edge.run("nft", "delete table ip filter")
    nft(edge, "table inet firewalld { chain filter_FWD_trusted { accept; } chain filter_FORWARD { type filter"
             " hook forward priority filter + 10; policy accept; ct state established accept; reject; } }")
    assert one(net, "forward-drop")["mend"] == (
        "firewall-cmd --permanent --zone=trusted --add-interface=rtbr0 && firewall-cmd --reload")
    edge.run("nft", "insert rule inet firewalld filter_FORWARD iifname rtbr0 goto filter_FWD_trusted")
    assert findings(net) == []


def test_chains_that_drop_elsewhere(net, edge):
    nft(edge, "table inet raw { chain pre { type filter hook prerouting priority -300; policy drop; } }")
    assert "hook prerouting" in mended(net, "policy-drop")["what"]
    nft(edge, "table inet in { chain inp { type filter hook input priority 0; policy drop; } }")
    mended(net, "input-drop")


def test_forwarding_that_somebody_switched_off(net, edge):
    edge.sysctl("net/ipv4/ip_forward", 0)
    # The router looks after interfaces as they come and go, and leaves this to whoever did it.
    edge.run("ip", "link", "add", "more0", "type", "bridge")
    edge.run("ip", "link", "set", "more0", "up")
    net.routers[0].stats()
    mended(net, "ip-forward")
    assert net.routers[0].log.count("somebody switched forwarding off") == 1
    edge.sysctl("net/ipv6/conf/all/forwarding", 0)
    mended(net, "ip6-forward")
    assert edge.sysctl("net/ipv4/ip_forward") == "1"


def test_bridge_nf_with_rules_that_drop(net, web):
    edge = net.edge
    edge.sysctl("net/bridge/bridge-nf-call-iptables", 1)
    assert findings(net) == []
    # The router would put it back at once.
    assert net.routers[0].end() == 0
    edge.run("ip", "link", "set", "dev", web.port, "type", "bridge_slave", "hairpin", "off")
    assert web.port in mended(net, "hairpin")["what"]
    nft(edge, "table ip6 filter { chain FORWARD { type filter hook forward priority 0; policy drop; } }")
    edge.sysctl("net/bridge/bridge-nf-call-ip6tables", 0)
    assert "bridge-nf" not in [f["id"] for f in findings(net)]
    edge.sysctl("net/bridge/bridge-nf-call-iptables", 0)
    edge.sysctl("net/bridge/bridge-nf-call-ip6tables", 1)
    assert "bridge-nf-call-ip6tables is 1" in mended(net, "bridge-nf")["what"]
    edge.sysctl("net/bridge/bridge-nf-call-iptables", 1)
    nft(edge, "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; } }")
    assert "bridge-nf-call-iptables is 1" in mended(net, "bridge-nf")["what"]


def test_networks_that_overlap(net, edge):
    edge.run("ip", "link", "add", "tun7", "type", "bridge")
    edge.run("ip", "link", "set", "tun7", "up")
    edge.run("ip", "address", "add", "10.7.3.9/24", "dev", "tun7")
    finding = mended(net, "overlap")
    assert finding["mend"] == "ip address delete 10.7.3.9/24 dev tun7"
    edge.run("ip", "route", "add", "10.7.3.128/25", "dev", "tun7")
    assert mended(net, "overlap-route")["mend"] == "ip route delete 10.7.3.128/25 dev tun7"
    edge.run("ip", "address", "add", "10.7.0.1/16", "dev", "tun7")
    assert findings(net) == []


def test_a_strict_reverse_path_filter_where_answers_leave_elsewhere(net, edge):
    edge.run("ip", "link", "add", "lan0", "type", "bridge")
    edge.run("ip", "link", "set", "lan0", "up")
    edge.sysctl("net/ipv4/conf/wan0/rp_filter", 1)
    edge.run("ip", "route", "add", "default", "dev", "lan0")
    assert mended(net, "rp-filter")["severity"] == "error"
    # One forward's interface, by its name and by its address: a network of its own, maybe.
    edge.run("ip", "link", "add", "vpn0", "type", "bridge")
    edge.run("ip", "address", "add", "192.0.2.1/24", "dev", "vpn0")
    edge.run("ip", "link", "set", "vpn0", "up")
    edge.sysctl("net/ipv4/conf/all/rp_filter", 0)
    for where in "8080 on vpn0", "192.0.2.1:8080":
        edge.sysctl("net/ipv4/conf/vpn0/rp_filter", 1)
        finding = mended(net, "rp-filter", CONF + f"forward tcp {where} -> web:80\n")
        assert finding["severity"] == "warning" and "strict on vpn0" in finding["what"]


def test_mtu(net, web):
    net.edge.run("ip", "link", "set", "wan0", "mtu", "1400")
    assert "mtu 1400" in mended(net, "mtu")["mend"]
    net.edge.run("ip", "link", "set", web.port, "mtu", "1300")
    net.edge.run("ip", "link", "set", "rtbr0", "mtu", "1400")
    if "mtu-port" in [f["id"] for f in findings(net)]:
        mended(net, "mtu-port")


def test_other_programs_on_our_ports(net, edge, box):
    script = box.write("hold.py", "import socket, sys\nkept = []\nfor a in sys.argv[1:]:\n"
                       "    kind, host, port = a.split(',')\n"
                       "    s = socket.socket(socket.AF_INET, getattr(socket, kind))\n"
                       "    s.bind((host, int(port)))\n    kind == 'SOCK_STREAM' and s.listen()\n    kept.append(s)\n"
                       "print('ready', flush=True)\nsys.stdin.read()\n")

    def hold(*sockets):
        p = edge.popen(sys.executable, script, *sockets, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert p.stdout.readline() == "ready\n"
        return p

    for sockets, name in ((["SOCK_STREAM,0.0.0.0,18080"], "port-taken"), (["SOCK_DGRAM,0.0.0.0,5000"], "forward-shadows"),
                          (["SOCK_STREAM,203.0.113.1,2222"], "forward-shadows"),
                          (["SOCK_DGRAM,0.0.0.0,67"], "bridge-port-taken")):
        p = hold(*sockets)
        try:
            finding = one(net, name)
            assert f"(pid {p.pid})" in finding["what"] and finding["mend"] == f"kill {p.pid}"
            edge.run("sh", "-c", finding["mend"])
            p.wait(timeout=10)
            assert findings(net) == []
        finally:
            p.kill()
            p.communicate()
    p = hold("SOCK_STREAM,127.0.0.1,2222")
    assert findings(net) == []
    p.communicate()


def test_what_is_left_of_lxc_net(net, edge):
    nft(edge, "table inet lxc { chain input { type filter hook input priority 0; policy accept; } }")
    nft(edge, "table ip lxc { chain postrouting { type nat hook postrouting priority 100; } }")
    found = [f for f in findings(net) if f["id"] == "lxc-net-rules"]
    assert [f["mend"] for f in found] == ["nft delete table ip lxc", "nft delete table inet lxc"]
    for f in found:
        edge.run("sh", "-c", f["mend"])
    assert findings(net) == []


@pytest.mark.parametrize("bridge, made, severity", [
    ("rtbr0", "mkdir /run/lxc; touch /run/lxc/network_up", "error"),
    ("rtbr0", "ln -s /x /etc/systemd/system/multi-user.target.wants/lxc-net.service", None),
    ("lxcbr0", "ln -s /x /etc/systemd/system/multi-user.target.wants/lxc-net.service", "warning"),
])
def test_lxc_net_that_runs_or_will(net, edge, bridge, made, severity):
    path = net.box.write("lxc.conf", CONF.replace("rtbr0", bridge))
    wants = "/etc/systemd/system/multi-user.target.wants"
    done = edge.run("unshare", "-m", "sh", "-ec", f"mount -t tmpfs none /run; mkdir -p {wants}; mount -t tmpfs none {wants};"
                    f"{made}; {SLUICE} -s /none --json doctor {path} || :")
    found = [f for f in json.loads(done.stdout)["findings"] if f["id"] == "lxc-net"]
    assert [f["severity"] for f in found] == ([severity] if severity else [])
    assert all(f["mend"] == "systemctl disable --now lxc-net" for f in found)


def test_it_says_what_it_found_in_words(net, edge):
    done = doctor(net)
    assert (done.returncode, done.stdout) == (0, "nothing stands in the way\n")
    edge.sysctl("net/ipv4/ip_forward", 0)
    done = doctor(net)
    assert done.returncode == 1
    assert done.stdout.startswith("error: net.ipv4.ip_forward is 0: ")
    assert done.stdout.endswith("\n    sysctl -w net.ipv4.ip_forward=1\n")


def test_it_needs_a_file_or_a_daemon_and_root(net, edge):
    none = net.box.path("none.sock")
    done = doctor(net, conf="forward nowhere\n")
    assert done.returncode == 1 and "doctor.conf:1:" in done.stderr
    done = run("setpriv", "--reuid=65534", SLUICE, "-s", none, "doctor", check=False)
    assert done.returncode == 4 and "sudo sluice doctor" in done.stderr


def test_without_a_file_the_running_configuration_is_judged(lab, sluice):
    s = sluice("listen 80 plain\nwan wan0\nbridge lxcbr0 10.0.3.1/24\nsite * -> status 204\n", where=lab.edge)
    lab.edge.sysctl("net/bridge/bridge-nf-call-iptables", 0)

    def names():
        found = json.loads(s.ctl("--json", "doctor", check=False).stdout)["findings"]
        return {f["id"] for f in found} - {"lxc-net"}  # the machine's own, where it is enabled

    assert names() == set()
    lab.edge.sysctl("net.ipv4.ip_forward", 0)
    assert names() == {"ip-forward"}
    lab.edge.sysctl("net.ipv4.ip_forward", 1)


def test_a_container_s_address_that_somebody_else_has(net, edge):
    conf = CONF + f"lxc-path {net.box.path('lxc')}\n"
    net.box.write("lxc/web/config", "lxc.net.0.hwaddr = 00:16:3E:00:00:01\n")
    assert findings(net, conf) == []
    intruder = net.container(101)
    finding = mended(net, "address-in-use", conf)
    assert "10.7.3.101" in finding["what"] and '"web"' in finding["what"]
    assert finding["mend"] == f"ip link set dev {intruder.port} nomaster"
    # The container itself is no intruder.
    net.edge.run("ip", "link", "set", "dev", intruder.port, "master", "rtbr0")
    mac = re.search(r"link/ether (\S+)", intruder.run("ip", "link", "show", "dev", "eth0").stdout)[1]
    net.box.write("lxc/web/config", f"lxc.net.0.hwaddr = {mac}\n")
    assert findings(net, conf) == []


def test_a_forward_that_takes_a_port_from_a_program(lab, sluice):
    conf = ("listen 80 plain\nsite * -> status 204\nwan wan0\nbridge lxcbr0 10.0.3.1/24\n"
            "forward tcp 2000 -> 203.0.113.2:22\n")
    s = sluice(conf, where=lab.edge)
    program = lab.edge.popen(sys.executable, "-c", "import socket\nk = [socket.create_server(('', p)) for p in (2000, 2022)]\n"
                             "print('ready', flush=True)\nk[0].accept()", stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout.readline() == "ready\n"
        taken = conf + "forward tcp 2022 -> 203.0.113.2:22"
        # A line that stood there before is not asked about again.
        s.write(taken + "\n")
        told = s.reload(ok=False)
        assert "sluice.conf:6:1: " in told and f"(pid {program.pid}) listens on tcp port 2022" in told
        s.write(taken + " confirm\nforward tcp 2023 on nowhere0 -> 203.0.113.2:22\n")
        s.reload()
        s.wait_log("interface=nowhere0")
        # A start has nobody to ask.
        s.stop()
        s.write(taken + "\n")
        s.start()
        s.wait_log("listens on tcp port 20")
        s.write(conf + "forward tcp 2024 -> 203.0.113.1:22\n")
        assert "203.0.113.1 is this one's own" in s.reload(ok=False)
    finally:
        program.kill()
        program.communicate()
