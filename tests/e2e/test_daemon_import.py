"""`sluice import` as it is typed: from a file, from standard input, from the files of lxc-net; what comes out is checked."""

import re

import daemon
import pytest
from lab import run

GOLDEN = daemon.TOP / "tests/golden/import"
SLUICE = daemon.BIN / "sluice"


def test_the_article_s_lines_become_a_file_that_is_right(box):
    article = (daemon.TOP / "tests/golden/import/article.iptables").read_text()
    out = run(SLUICE, "import", "iptables", input=article).stdout
    assert re.search(r"(?m)^forward tcp 80 -> \S+:80$", out) and re.search(r"(?m)^wan eth0$", out)
    path = box.write("imported.conf", "listen 8080 plain\nsite * -> status 404\n" + out)
    assert run(SLUICE, "check", path).stdout.endswith(": ok\n")
    assert run(SLUICE, "import", "iptables", GOLDEN / "article.iptables").stdout == out


def test_no_line_is_left_out():
    """Of each line of rules the text is there, or its port or address is in a directive."""
    for line in (GOLDEN / "saved.iptables").read_text().splitlines():
        if line[:1] in "#:*" or line == "COMMIT":
            continue
        out = run(SLUICE, "import", "iptables", input=f"*nat\n*filter\n{line}\n" if " DNAT " not in line
                  else f"*nat\n{line}\n").stdout
        assert line in out or re.search(r"(?m)^(forward|block|bridge) ", out), line


def test_containers_files(box):
    root = box.path("root")
    for name in ("jenkins", "two", "dhcp"):
        folder = root / "var/lib/lxc" / name
        folder.mkdir(parents=True)
        (folder / "config").write_text((GOLDEN / f"{name}.config").read_text())
    (root / "etc/default").mkdir(parents=True)
    (root / "etc/default/lxc-net").write_text((GOLDEN / "default.lxc-net").read_text())
    out = run(SLUICE, "import", "lxc-net", root).stdout
    assert "bridge lxcbr0 10.0.3.1/24 fd00:3::1/64\n" in out
    assert "container jenkins {\n    address 10.0.3.101\n" in out and "container two {\n" in out
    # Our DHCP server answers those that have an address in the file.
    assert "container dhcp {\n    address auto\n" in out


def test_addresses_that_containers_had_by_dhcp(box):
    root = box.path("root")
    files = {
        "etc/default/lxc-net": 'USE_LXC_BRIDGE="true"\nLXC_DHCP_CONFILE=/etc/lxc/dnsmasq.conf\n',
        "etc/lxc/dnsmasq.conf": "dhcp-host=fixed,10.0.3.40\ndhcp-host=00:16:3E:00:00:05,10.0.3.41,12h\n"
                                "dhcp-host=gone,10.0.3.42\nlog-queries\n",
        "var/lib/misc/dnsmasq.lxcbr0.leases": "1700000000 00:16:3e:00:00:01 10.0.3.117 leased 01:00:16:3e:00:00:01\n"
                                              "1700000000 00:16:3e:00:00:02 10.0.3.118 fixed *\n"
                                              "1700000000 00:16:3e:00:00:03 10.0.3.119 otherwise *\n"
                                              "1700000000 00:16:3e:00:00:09 10.0.3.120 nobody *\nduid 00:01\n",
    }
    for name, mac in (("leased", ""), ("fixed", "2"), ("renamed", "3"), ("bymac", "5"), ("never", "7")):
        hwaddr = f"lxc.net.0.hwaddr = 00:16:3e:00:00:0{mac}\n" if mac else ""
        files[f"var/lib/lxc/{name}/config"] = f"lxc.net.0.link = lxcbr0\n{hwaddr}"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    out = run(SLUICE, "import", "lxc-net", root).stdout
    got = dict(re.findall(r"(?m)^container (\S+) \{\n    address (\S+)$", out))
    assert got == {"leased": "10.0.3.117", "fixed": "10.0.3.40", "renamed": "10.0.3.119",
                   "bymac": "10.0.3.41", "never": "auto"}, out
    assert "there is no container that it is for: dhcp-host=gone,10.0.3.42" in out
    assert "no such setting of its DHCP and name server: log-queries" in out


@pytest.mark.parametrize("argv, status, said", [
    (["import", "ufw"], 2, "usage: sluice import iptables|nft|lxc-net"),
    (["import", "iptables", "/nonexistent"], 1, "/nonexistent"),
    (["import", "lxc-net", "/nonexistent"], 1, "/nonexistent/etc/default/lxc-net"),
    (["import"], 2, "usage"),
])
def test_what_cannot_be_read_is_said(argv, status, said):
    done = run(SLUICE, *argv, check=False)
    assert done.returncode == status and said in done.stderr
