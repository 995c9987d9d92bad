"""Containers' names: NAME.lxc is answered on the bridge, for containers and the host, before a container has run."""

import os
import socket
import struct

import pytest
from lab import wait_for

pytestmark = pytest.mark.root
CONF = """\
listen 80 plain
wan wan0
bridge lxcbr0 10.0.3.1/24 fd00:3::1/64
container web { image busybox ; address 10.0.3.101 fd00:3::101 }
container my-wiki { image busybox ; address 10.0.3.102 }
site * -> status 204
"""
A, AAAA, NXDOMAIN = 1, 28, 3


def ask(host, name, kind=A, server="10.0.3.1"):
    """(code, addresses) of the answer; None when there is none."""
    question = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack(">HH", kind, 1)
    with host.net(), socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.sendto(os.urandom(2) + struct.pack(">HHHHH", 0x100, 1, 0, 0, 0) + question, (server, 53))
        try:
            answer = s.recv(4096)
        except OSError:
            return None
    code, n = answer[3] & 15, struct.unpack(">H", answer[6:8])[0]
    at, found = 12 + len(question), []
    for _ in range(n):
        kind_there, _, _, size = struct.unpack(">HHIH", answer[at + 2:at + 12])
        if kind_there == kind:
            found.append(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, answer[at + 12:at + 12 + size]))
        at += 12 + size
    return code, found


def test_names_are_answered_and_follow_the_file(lab, sluice):
    s = sluice(CONF, where=lab.edge)
    wait_for(lambda: ask(lab.edge, "my-wiki.lxc") == (0, ["10.0.3.102"]), 20, "the name of a container")
    wait_for(lambda: ask(lab.edge, "web.lxc") == (0, ["10.0.3.101"]), 20, "the other one's")
    assert ask(lab.edge, "web") == (0, ["10.0.3.101"])
    assert ask(lab.edge, "web.lxc", AAAA) == (0, ["fd00:3::101"])
    # Not asked of the world's servers.
    assert ask(lab.edge, "nobody.lxc") == (NXDOMAIN, [])
    s.write(CONF.replace("10.0.3.102", "10.0.3.142"))
    s.reload()
    wait_for(lambda: ask(lab.edge, "my-wiki.lxc") == (0, ["10.0.3.142"]), 20, "the new address")
