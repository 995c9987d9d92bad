"""The servers that are compared: how each is configured for the same work, started and ended.

Each runs one worker (one thread that serves), speaks TLS 1.3 only with the same P-256 certificate,
keeps connections alive on both sides, offers HTTP/2 and writes no access log. HAProxy serves no
files and H2O keeps no cache: each takes part in the rest only. The cache of nginx is files in the
kernel's page cache, that of HAProxy and ours memory.
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

SERVER_CORE = "0"
START_SECONDS = 10


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args} does not listen on {port}")


class Server:
    """One server under test. Subclasses write its configuration and give its command."""

    name = "?"
    serves_files = True
    caches = True

    def __init__(self, work):
        self.dir = work.dir / re.sub(r"\W+", "-", self.name)
        self.dir.mkdir(exist_ok=True)
        self.dir.chmod(0o755)
        self.work = work
        self.port = free_port()
        self.process = None

    def can(self, path):
        """Whether it takes part in what is measured by this path."""
        return (self.serves_files or not path.startswith("/files")) and (
            self.caches or not path.startswith("/cached"))

    def start(self):
        log = open(self.dir / "log", "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *map(str, self.command())],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={k: v for k, v in os.environ.items() if k != "OPENSSL_CONF"})
        log.close()
        wait_for_port(self.port, self.process)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def pids(self):
        """The server's process and all that descend from it."""
        parents = {}
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                    parents[int(entry.name)] = int(fields[1])
                except OSError:
                    continue
        found = {self.process.pid}
        grown = True
        while grown:
            more = {p for p, parent in parents.items() if parent in found} - found
            found |= more
            grown = bool(more)
        return sorted(found)

    def cpu_seconds(self):
        """User and system time of all its processes so far."""
        ticks = 0
        for pid in self.pids():
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def pss_kib(self):
        """Proportional set size of all its processes; one that has just ended counts nothing."""
        total = 0
        for pid in self.pids():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
        return total


class Sluice(Server):
    name = "sluice"
    more_routes = ""

    def command(self):
        (self.dir / "sluice.conf").write_text(f"""
listen 127.0.0.1:{self.port} tls http2
certificate default {self.work.chain} {self.work.key}
timeout idle 5m
site * {{
    route /files/ -> dir {self.work.files}
    route /large -> http://127.0.0.1:{self.work.large_port}
    route /cached -> http://127.0.0.1:{self.work.cached_port} {{ cache on }}
    route / -> http://127.0.0.1:{self.work.backend_port}
{self.more_routes}
}}
control {self.dir}/run/control.sock
state {self.dir}/state
lxc-path {self.dir}/lxc
threads 1
""")
        return [self.work.sluiced, "-f", self.dir / "sluice.conf"]


class Nginx(Server):
    name = "nginx"

    def command(self):
        (self.dir / "nginx.conf").write_text(f"""
daemon off;
worker_processes 1;
user www-data;
pid {self.dir}/pid;
error_log {self.dir}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    sendfile on;
    keepalive_timeout 300;
    keepalive_requests 1000000000;
    client_body_temp_path {self.dir}/body;
    proxy_temp_path {self.dir}/proxy;
    fastcgi_temp_path {self.dir}/fastcgi;
    uwsgi_temp_path {self.dir}/uwsgi;
    scgi_temp_path {self.dir}/scgi;
    ssl_protocols TLSv1.3;
    upstream backend {{
        server 127.0.0.1:{self.work.backend_port};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    proxy_cache_path {self.dir}/cache keys_zone=hot:1m;
    upstream cached {{
        server 127.0.0.1:{self.work.cached_port};
        keepalive 16;
    }}
    upstream large {{
        server 127.0.0.1:{self.work.large_port};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    server {{
        listen 127.0.0.1:{self.port} ssl http2;
        ssl_certificate {self.work.chain};
        ssl_certificate_key {self.work.key};
        location /files/ {{ alias {self.work.files}/; }}
        location /large {{ proxy_pass http://large; }}
        location /cached {{ proxy_pass http://cached; proxy_cache hot; }}
        location / {{ proxy_pass http://backend; }}
    }}
}}
""")
        return [shutil.which("nginx") or "/usr/sbin/nginx", "-c", self.dir / "nginx.conf"]


class Sluice10000(Sluice):
    """The same with 10,000 routes more: what looking among them costs."""

    name = "sluice, 10,000 routes"
    more_routes = "".join(f"    route /app{n}/ -> status 404\n" for n in range(9999)) + (
        "    route /app9999/ -> status 204\n")


class Haproxy(Server):
    name = "haproxy"
    serves_files = False

    def command(self):
        pem = self.dir / "both.pem"
        pem.write_bytes(self.work.chain.read_bytes() + self.work.key.read_bytes())
        (self.dir / "haproxy.cfg").write_text(f"""
global
    nbthread 1
    maxconn 8192
defaults
    mode http
    timeout client 300s
    timeout server 300s
    timeout connect 5s
    timeout http-keep-alive 300s
    http-reuse always
frontend public
    bind 127.0.0.1:{self.port} ssl crt {pem} ssl-min-ver TLSv1.3 alpn h2,http/1.1
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    use_backend cached if {{ path_beg /cached }}
    use_backend large if {{ path_beg /large }}
    default_backend app
cache hot
    total-max-size 16
    max-object-size 100000
    max-age 3600
backend cached
    http-request cache-use hot
    http-response cache-store hot
    server one 127.0.0.1:{self.work.cached_port}
backend large
    server one 127.0.0.1:{self.work.large_port}
backend app
    server one 127.0.0.1:{self.work.backend_port}
""")
        return [shutil.which("haproxy") or "/usr/sbin/haproxy", "-f", self.dir / "haproxy.cfg"]


class H2o(Server):
    name = "h2o"
    caches = False

    def command(self):
        (self.dir / "h2o.conf").write_text(f"""
user: root
num-threads: 1
pid-file: {self.dir}/pid
error-log: {self.dir}/error.log
http1-request-timeout: 300
listen:
  host: 127.0.0.1
  port: {self.port}
  ssl:
    certificate-file: {self.work.chain}
    key-file: {self.work.key}
    minimum-version: TLSv1.3
proxy.timeout.keepalive: 300000
hosts:
  default:
    paths:
      /files:
        file.dir: {self.work.files}
      /large:
        proxy.reverse.url: http://127.0.0.1:{self.work.large_port}/
        proxy.preserve-host: ON
      /:
        proxy.reverse.url: http://127.0.0.1:{self.work.backend_port}/
        proxy.preserve-host: ON
""")
        return [shutil.which("h2o") or "/usr/bin/h2o", "-c", self.dir / "h2o.conf"]


ALL = (Sluice, Nginx, Haproxy, H2o)
