"""The appliance as most tests want it: TLS on 443, one busybox container `web` that serves.

web's server is tools/serve.c on TCP 8080 and UDP 5353; / of every site goes to it.
"""

import re

from lab import wait_for

CONF = """\
wan wan0
bridge lxcbr0 10.0.3.1/24
listen 443 tls
certificate default @cert@
site * {
    route / -> web:8080
}
container web {
    image     busybox
    address   10.0.3.101
    mount     @tools@ opt ro
    autostart
}
forward tcp 2222 -> web:8080
forward udp 5353 -> web:5353
"""
ADDRESS = "10.0.3.101"
EDGE = "203.0.113.1"
WAN = "203.0.113.2"


def start(sluice, lab, conf=CONF, names=("web",), boot=False, **kwargs):
    """Starts it and a server in each named container; returns when they answer."""
    s = sluice(conf, where=lab.edge, **kwargs)
    for name in names:
        s.wait_container(name)
        wait_address(lab, name)
        lab.serve(name, tcp=8080, udp=5353, boot=boot)
    return s


def wait_address(lab, name, dhcp=True):
    """Until the container has its address for good. With dhcp: until its start script got it by
    DHCP, which resets what LXC had set and then writes the resolver."""
    def address():
        leased = not dhcp or lab.container_run(
            name, "/bin/busybox", "grep", "-q", "nameserver", "/etc/resolv.conf",
            check=False).returncode == 0
        out = lab.container_run(name, "/bin/busybox", "ip", "-4", "addr", "show", "dev", "eth0",
                                check=False).stdout
        return leased and re.search(r"inet (\S+)/", out)

    return wait_for(address, 20, f"an address of {name}")[1]
