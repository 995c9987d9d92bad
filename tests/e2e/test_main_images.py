"""Images other than busybox: the real templates, against servers on edge's loopback."""

import pathlib

import appliance
import daemon
import images
import pytest
from lab import wait_for

pytestmark = [pytest.mark.root, pytest.mark.slow]
SERVER = "images.linuxcontainers.org"
NET = "wan wan0\nbridge lxcbr0 10.0.3.1/24\nlisten 443 tls\ncertificate default @cert@\n" \
      "site * -> box:8080\n"
CREATE_TIMEOUT = 600


@pytest.fixture
def private_var(lab, box):
    """LXC's cache of images and locks, in the test's own folder as edge sees it."""
    for name in ("/var/cache/lxc", "/var/lock"):
        folder = box.path("private" + name)
        folder.mkdir(parents=True)
        lab.edge.run("mkdir", "-p", name)
        images.bind_over(lab.edge, folder, name)


def test_image_of_a_distribution_is_downloaded(lab, sluice, box, certs, private_var):
    """`image debian/bookworm` asks the default server, by name, over verified TLS."""
    asked = []
    folder = images.image_folder(box.path("server"))
    server = images.Server(lab.edge, "127.0.0.9", 443, images.image_handler(folder, asked),
                           tls=certs.make(SERVER))
    box.defer(server.stop)
    hosts = box.write("hosts", f"127.0.0.1 localhost\n127.0.0.9 {SERVER}\n")
    images.bind_over(lab.edge, hosts, "/etc/hosts")
    wgetrc = box.write("wgetrc", f"ca_certificate = {certs.ca}\n")
    images.bind_over(lab.edge, wgetrc, "/etc/wgetrc")
    conf = NET.replace("listen 443", "listen 203.0.113.1:443") + \
        "container box { image debian/bookworm ; address 10.0.3.101 ; " \
        "mount @tools@ opt ro ; autostart }\n"
    s = sluice(conf, where=lab.edge)
    s.wait_container("box", timeout=CREATE_TIMEOUT)
    made = pathlib.Path(s.lxc_path) / "box/rootfs/etc/image"
    assert made.read_text().strip() == images.BUILD
    assert any("index-" in p for p in asked) and any("rootfs.tar.xz" in p for p in asked), asked
    appliance.wait_address(lab, "box", dhcp=False)
    lab.serve("box")
    assert lab.wan.fetch("https://203.0.113.1/text/image", host="a.example").body == b"image"


def test_image_that_no_server_has_is_an_error_that_says_so(lab, sluice, box, private_var):
    """The daemon goes on; the container is listed with why."""
    conf = NET + "container box { image template download --server 127.0.0.9 -d no -r such " \
        "-a amd64 ; address 10.0.3.101 ; autostart }\n" \
        "container web { image busybox ; address 10.0.3.102 ; autostart }\n"
    s = sluice(conf, where=lab.edge)
    s.wait_container("web")

    def told():
        value = s.container("box")
        return value and value["state"] == "stopped" and value["notes"]

    notes = "\n".join(wait_for(told, CREATE_TIMEOUT, "a note"))
    assert "download" in notes, notes


def test_template_by_debootstrap(lab, sluice, box, private_var):
    """`image template debian`: a whole Debian, started by its own systemd, behind the proxy."""
    mirror = images.Server(lab.edge, "127.0.0.8", 8000,
                           images.mirror_handler(images.cache_folder(daemon.TOP)))
    box.defer(mirror.stop)
    base = "http://127.0.0.8:8000"
    conf = NET + f"""
container box {{
    image      template debian -r bookworm --mirror={base}/debian --security-mirror={base}/debian-security
    privileged yes
    address    10.0.3.101
    mount      @tools@ opt ro
    autostart
}}
"""
    s = sluice(conf, where=lab.edge)
    s.wait_container("box", timeout=CREATE_TIMEOUT)
    wait = lab.container_run("box", "/bin/sh", "-c",
                             "until ip -4 addr show dev eth0 | grep -q 10.0.3.101; do sleep 0.2; done; "
                             "cat /etc/debian_version /proc/1/comm")
    assert wait.stdout.split()[0].startswith("12.") and "systemd" in wait.stdout
    lab.serve("box")
    assert lab.wan.fetch("https://203.0.113.1/text/debian", host="a.example").body == b"debian"
    s.ctl("container", "stop", "box", timeout=60)
    s.wait_container("box", "stopped")
