"""The script at the top: demo leaves nothing, install and uninstall are each other's inverse."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess

import appliance
import daemon
import pytest
from lab import run, wait_for

pytestmark = [pytest.mark.root, pytest.mark.release]
SETUP = daemon.TOP / "setup"
URL = "https://localhost:8443/hello/"


def state_of(host):
    """What the demo might change in its network and on the machine."""
    sysctls = host.run("sh", "-c", "cd /proc/sys/net && grep -r . ipv4/ip_forward ipv4/conf "
                       "ipv6/conf/*/forwarding ipv6/conf/*/accept_ra 2>/dev/null | sort").stdout
    return {
        "links": host.links(),
        "addresses": host.run("ip", "-br", "addr").stdout,
        "routes": host.run("ip", "route").stdout,
        "rules": host.nft(),
        "sysctls": sysctls,
        "mounts": host.mounts(),
        "subids": [pathlib.Path(f"/etc/sub{k}id").read_text() for k in "ug"],
        "temporary": {p.name for p in pathlib.Path("/tmp").glob("sluice-demo.*")},
        "lxc": set(host.run("lxc-ls", "-1", check=False).stdout.split()),
        "processes": [n for p in host.pids()
                      for n in [pathlib.Path(f"/proc/{p}/comm").read_text().strip()]],
    }


def assert_same(now, before):
    different = {k: (before[k], now[k]) for k in before if before[k] != now[k]}
    assert not different, different


@contextlib.contextmanager
def demo(lab, box):
    """./setup demo in edge, with a terminal's process group of its own."""
    log = box.path("demo.log")
    with open(log, "wb") as out:
        process = lab.edge.popen(SETUP, "demo", stdout=out, stderr=out, cwd=daemon.TOP,
                                 start_new_session=True)
    try:
        yield process, lambda: log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def wait_running(process, text):
    def running():
        assert process.poll() is None, text()
        return "running; try it" in text()

    wait_for(running, 180, "the demo")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_serves_and_leaves_nothing(lab, box, number):
    before = state_of(lab.edge)
    with demo(lab, box) as (process, text):
        wait_running(process, text)
        shown = text()
        assert URL in shown and "/hello/" in shown.split("how it arrived", 1)[1]
        page = lab.edge.run("curl", "-fsk", URL).stdout
        assert "Hello from inside a container" in page
        assert "sldemo0" in lab.edge.links()
        # Ctrl-C reaches the whole process group of the terminal, as here.
        os.killpg(process.pid, number)
        assert process.wait(60) == 0, text()
    assert_same(state_of(lab.edge), before)


@pytest.mark.slow
def test_demo_refuses_when_another_sluice_runs(lab, box, sluice):
    sluice("listen @port@ plain\nsite * -> status 204\n", where=lab.edge)
    with demo(lab, box) as (process, text):
        assert process.wait(180) == 1
        assert "another Sluice runs" in text()


@pytest.mark.slow
def test_demo_says_when_its_port_is_taken(lab, box, backend):
    backend.raw(lambda c: None, where=lab.edge, host="0.0.0.0", port=8443)
    before = state_of(lab.edge)
    with demo(lab, box) as (process, text):
        assert process.wait(180) == 1
        assert "8443" in text()
    assert_same(state_of(lab.edge), before)


def run_setup(command, **variables):
    return run(SETUP, command, timeout=300, cwd=daemon.TOP, env={**os.environ, **variables})


def files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


def test_install_into_a_folder_and_uninstall(box):
    folder = box.path("root")
    folder.mkdir()
    run_setup("install", DESTDIR=str(folder), PREFIX="/usr")
    have = files(folder)
    assert {"usr/sbin/sluiced", "usr/bin/sluice", "usr/lib/systemd/system/sluice.service",
            "usr/lib/systemd/system/sluice-containers.service",
            "usr/share/man/man8/sluiced.8", "usr/share/man/man1/sluice.1",
            "usr/share/man/man5/sluice.conf.5", "etc/sluice/sluice.conf",
            "usr/share/bash-completion/completions/sluice"} <= have, have
    assert run(folder / "usr/sbin/sluiced", "--version").stdout.startswith("sluice")
    config = folder / "etc/sluice/sluice.conf"
    config.write_text("# mine\n")
    run_setup("install", DESTDIR=str(folder), PREFIX="/usr")
    assert config.read_text() == "# mine\n"
    state = folder / "var/lib/sluice/containers"
    state.mkdir(parents=True)
    (state / "kept").touch()
    run_setup("uninstall", DESTDIR=str(folder), PREFIX="/usr")
    assert files(folder) == {"etc/sluice/sluice.conf", "var/lib/sluice/containers/kept"}


# In a mount namespace of its own: our file as the host's, and no service manager.
UNINSTALL = """set -e
mount --bind "$1" /etc/sluice
[ ! -d /run/systemd ] || mount -t tmpfs none /run/systemd
exec "$2" uninstall
"""


@pytest.mark.slow
def test_uninstall_undoes_what_the_daemon_did_and_keeps_containers(lab, box, sluice):
    folder = box.path("root")
    folder.mkdir()
    run_setup("install", DESTDIR=str(folder), PREFIX="/usr")
    forwarding = lab.edge.sysctl("net.ipv4.ip_forward")
    s = appliance.start(sluice, lab)
    s.ctl("quit")
    s.process.wait(10)
    s.ended = True
    init = lab.container_pid("web")
    config = box.path("etc")
    config.mkdir()
    if not pathlib.Path("/etc/sluice").exists():
        pathlib.Path("/etc/sluice").mkdir()
        box.defer(pathlib.Path("/etc/sluice").rmdir)

    def uninstall(text):
        (config / "sluice.conf").write_text(text)
        return lab.edge.run("unshare", "--mount", "sh", "-c", UNINSTALL, "sh", config, SETUP,
                            check=False, env={**os.environ, "PREFIX": f"{folder}/usr"})

    refused = uninstall(s.text + "nonsense\n")
    assert refused.returncode == 1 and "nonsense" in refused.stderr
    assert (folder / "usr/sbin/sluiced").exists() and "table inet sluice" in lab.edge.nft()
    done = uninstall(s.text)
    assert done.returncode == 0, done
    # Only what is below PREFIX is in this folder's place; /etc is the host's own.
    assert files(folder) == {"etc/sluice/sluice.conf", "etc/logrotate.d/sluice"}
    assert "sluice" not in lab.edge.nft()
    assert lab.edge.sysctl("net.ipv4.ip_forward") == forwarding == "0"
    assert lab.container_pid("web") == init
    assert (s.lxc_path / "web/config").exists() and (s.state_path / "containers").exists()


def test_installed_units_name_installed_programs(box):
    folder = box.path("root")
    folder.mkdir()
    run_setup("install", DESTDIR=str(folder), PREFIX="/usr")
    units = list((folder / "usr/lib/systemd/system").glob("*.service"))
    for unit in units:
        lines = [l for l in unit.read_text().splitlines() if l.startswith("Exec")]
        programs = [l.split("=", 1)[1].split()[0].lstrip("-+!@") for l in lines]
        assert programs
        for program in programs:
            ours = folder / program.lstrip("/")
            assert ours.exists() if program.startswith("/usr/") else program == "/bin/true", program
    for unit in units:
        unit.write_text(unit.read_text().replace("=/usr/", f"={folder}/usr/")
                        .replace("=-/usr/", f"=-{folder}/usr/"))
    done = run("systemd-analyze", "verify", "--man=no", *units, check=False)
    assert "sluice" not in done.stderr and done.returncode == 0, done.stderr


def test_the_sample_configuration_is_valid(box, certs):
    """As it is installed, but for the files and folders that a real server has."""
    text = (daemon.TOP / "conf/sluice.conf").read_text()
    assert text.startswith("#")
    served = box.path("served")
    served.mkdir()
    rsa = certs.make("example.org", key="rsa")
    text = re.sub(r"(?m)^(certificate \S+ ) */etc/sluice/tls/rsa.*", rf"\1 {rsa.pair}", text)
    text = re.sub(r"(?m)^(certificate \S+ ) */etc.*", rf"\1 {certs.default().pair}", text)
    staff = box.write("staff", "a:$2b$05$abcdefghijklmnopqrstuuLDzhr8XHQ9TZdxVlCjXqLhWDAFTNkHi\n")
    text = text.replace("/etc/sluice/staff ", f"{staff} ")
    text = text.replace("/etc/sluice/tls/staff-ca.pem", str(certs.ca))
    text = re.sub(r"-> dir \S+", f"-> dir {served}", text)
    done = run(daemon.BIN / "sluiced", "-n", "-f", box.write("sluice.conf", text), check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_command_shows_the_usage():
    done = subprocess.run([SETUP, "frobnicate"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "usage:" in done.stderr
