"""What the templates of LXC fetch, served on edge's loopback: an image server and a mirror.

The image server has the index and the two archives that `lxc-download` asks for, made from the
host's static busybox. The mirror relays to Debian's own, because debootstrap in edge has no other
way out; it keeps what it fetched in the build folder.
"""

import contextlib
import functools
import hashlib
import http.server
import pathlib
import shutil
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

from lab import run

BUILD = "20260101_07:42"
META_CONFIG = "lxc.include = LXC_TEMPLATE_CONFIG/common.conf\nlxc.arch = x86_64\n"
META_CONFIG_USER = ("lxc.include = LXC_TEMPLATE_CONFIG/common.conf\n"
                    "lxc.include = LXC_TEMPLATE_CONFIG/userns.conf\nlxc.arch = x86_64\n")
UPSTREAM = "http://deb.debian.org"


class Server:
    """A threaded HTTP server of this process whose socket is in edge's network."""

    def __init__(self, host, address, port, handler, tls=None):
        with host.net():
            self.http = http.server.ThreadingHTTPServer((address, port), handler)
        self.port = self.http.server_address[1]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.chain, tls.key)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def image_folder(folder, dist="debian", release="bookworm"):
    """Index, rootfs.tar.xz and meta.tar.xz as an image server has them."""
    arch = run("dpkg", "--print-architecture").stdout.strip()
    where = f"images/{dist}/{release}/{arch}/default/{BUILD}"
    (folder / where).mkdir(parents=True)
    root = folder / "rootfs"
    for name in ("bin", "sbin", "dev", "etc/init.d", "proc", "sys", "tmp", "root", "opt", "var/run",
                 "usr/share/udhcpc", "etc/udhcpc"):
        (root / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), root / "bin/busybox")
    for name in subprocess.check_output(["busybox", "--list"], text=True).split():
        with contextlib.suppress(FileExistsError):
            (root / "bin" / name).symlink_to("busybox")
    (root / "sbin/init").symlink_to("/bin/busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/image").write_text(BUILD + "\n")
    (root / "etc/inittab").write_text("::sysinit:/etc/init.d/rcS\n::ctrlaltdel:/bin/poweroff\n")
    script = root / "etc/init.d/rcS"
    script.write_text("#!/bin/sh\nip link set lo up\nip link set eth0 up\n")
    script.chmod(0o755)
    run("tar", "-C", root, "--owner=0", "--group=0", "-cJf", folder / where / "rootfs.tar.xz", ".")
    meta = folder / "meta.d"
    meta.mkdir()
    for name, text in (("config", META_CONFIG), ("config-user", META_CONFIG_USER),
                       ("excludes-user", "./dev\n"), ("create-message", "made for tests\n"),
                       ("expiry", "4000000000\n"), ("templates", "/etc/hostname\n")):
        (meta / name).write_text(text)
    run("tar", "-C", meta, "-cJf", folder / where / "meta.tar.xz", ".")
    index = folder / "meta/1.0"
    index.mkdir(parents=True)
    line = f"{dist};{release};{arch};default;{BUILD};/{where}/\n"
    for name in ("index-system", "index-user", "index-system.7", "index-user.7"):
        (index / name).write_text(f"alpine;3.19;{arch};default;x;/nowhere/\n{line}")
    return folder


def image_handler(folder, asked):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    return functools.partial(Handler, directory=str(folder))


def mirror_handler(cache):
    """Relays GET and HEAD to Debian's mirror; pool files are kept in cache."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            kept = cache / hashlib.sha256(self.path.encode()).hexdigest()
            try:
                if "/pool/" in self.path and kept.exists():
                    data = kept.read_bytes()
                else:
                    with urllib.request.urlopen(UPSTREAM + self.path, timeout=60) as answer:
                        data = answer.read()
                    if "/pool/" in self.path:
                        part = kept.with_suffix(f".{threading.get_ident()}")
                        part.write_bytes(data)
                        part.rename(kept)
                self.answer(200, data)
            except urllib.error.HTTPError as e:
                self.answer(e.code, b"")
            except OSError:
                self.answer(502, b"")

        def answer(self, status, data):
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *args):
            pass

    return Handler


def bind_over(host, source, target):
    """In edge's own mount namespace only."""
    host.run("mount", "--bind", source, target)


def cache_folder(top):
    folder = pathlib.Path(top) / "build/mirror"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
