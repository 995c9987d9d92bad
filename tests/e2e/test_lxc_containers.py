"""Containers under the lxc process alone: real ones, of busybox."""

import os
import pathlib
import re
import signal
import time

import pytest

from lab import wait_for
from lxc_lab import Lxc, alive

pytestmark = pytest.mark.root

WEB = "container @name@ { image busybox ; address 10.0.3.101 ; autostart }\n"


@pytest.fixture
def lxc(box):
    one = Lxc(box)
    try:
        yield one
        assert one.process.poll() is None, "lxc_host ended"
    finally:
        one.remove()
    assert one.reports() == []


@pytest.fixture
def name():
    """Cgroups are one space for all tests of the machine."""
    return f"slx{os.getpid() % 100000}{time.monotonic_ns() % 10000}"


def up(lxc, name, conf=WEB):
    lxc.offer(conf.replace("@name@", name))
    lxc.wait_state(name, "running")


def settled(lxc, name):
    """Until the first script inside is through (the image's init hears no signals before)."""
    def through():
        done = lxc.lxc("lxc-attach", name, "--", "ps", check=False)
        return "getty" in done.stdout

    wait_for(through, 20, "the first script is through")


def test_created_started_and_confined(lxc, name):
    up(lxc, name, "container @name@ { image busybox ; address 10.0.3.101 ; memory 64M swap 16M ; "
                  "cpus 0 ; autostart }\n")
    told = lxc.container(name)
    assert told["managed"] == "managed" and told["address"] == "10.0.3.101"
    assert re.fullmatch("00:16:3e(:[0-9a-f]{2}){3}", told["mac"])
    assert told["notes"] == ""
    pid = lxc.init_pid(name)
    assert told["pid"] == str(pid)
    # An id range of its own, recorded, given to root.
    start = int((lxc.state_dir / "containers" / name / "idmap").read_text())
    assert pathlib.Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", str(start), "65536"]
    assert f"root:{start}:65536" in pathlib.Path("/etc/subuid").read_text()
    rootfs = (lxc.path / name / "rootfs").stat()
    assert (rootfs.st_uid, rootfs.st_gid) == (start, start)
    assert (lxc.path / name / "rootfs/bin/passwd").stat().st_mode & 0o4000
    # The limits are in force.
    assert lxc.limit(name, "memory", "memory.limit_in_bytes") == str(64 << 20)
    assert lxc.limit(name, "memory", "memory.memsw.limit_in_bytes") == str(80 << 20)
    assert lxc.limit(name, "cpuset", "cpuset.cpus") == "0"
    assert f"lxc.cgroup2.memory.swap.max = {16 << 20}" in lxc.config(name)
    assert pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "0"
    # What it was told of its network.
    inside = lxc.lxc("lxc-attach", name, "--", "ip", "addr", "show", "eth0").stdout
    assert told["mac"] in inside
    assert told["veth"] in lxc.edge.links()
    assert lxc.helpers() == []


def test_two_containers_never_share_ids(lxc, name):
    lxc.offer(f"container {name}a {{ image busybox }}\ncontainer {name}b {{ image busybox }}\n")
    for one in (name + "a", name + "b"):
        lxc.wait_event("container created", one, timeout=60)
    starts = {(lxc.state_dir / "containers" / (name + end) / "idmap").read_text() for end in "ab"}
    assert len(starts) == 2
    # Not autostart: created and left.
    wait_for(lambda: lxc.container(name + "b").get("state") == "stopped")
    assert not lxc.is_running(name + "a")


def test_privileged_has_no_id_range(lxc, name):
    up(lxc, name, "container @name@ { image busybox ; privileged yes ; autostart }\n")
    uid_map = pathlib.Path(f"/proc/{lxc.init_pid(name)}/uid_map").read_text().split()
    assert uid_map == ["0", "0", "4294967295"]
    assert "lxc.idmap" not in lxc.config(name)


def test_adopted_by_the_next_lxc_process(lxc, name):
    up(lxc, name)
    before = lxc.init_pid(name)
    since = lxc.mark()
    lxc.kill()
    lxc.wait_state(name, "running", since)
    assert lxc.init_pid(name) == before
    assert lxc.states(name, since) == ["running"], "others must not hear of a stop that was none"


def test_a_killed_init_is_started_again(lxc, name):
    up(lxc, name)
    pid, since = lxc.init_pid(name), lxc.mark()
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    assert lxc.wait_state(name, "stopped", since) - killed < 0.5
    assert lxc.wait_state(name, "starting", since) - killed >= 0.5
    lxc.wait_state(name, "running", lxc.mark() - 1)
    lxc.wait_event("container died", name, since)
    assert lxc.container(name)["restarts"] == "1"
    # And again, later than the first time.
    pid, since = lxc.init_pid(name), lxc.mark()
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    lxc.wait_state(name, "starting", since)
    assert time.monotonic() - killed >= 1
    lxc.wait_state(name, "running", lxc.mark() - 1)


def test_a_halt_is_respected_and_a_start_by_hand_noticed(lxc, name):
    up(lxc, name)
    settled(lxc, name)
    since = lxc.mark()
    lxc.lxc("lxc-stop", name)
    lxc.wait_state(name, "stopped", since)
    lxc.wait_event("container halted", name, since)
    lxc.wait_note(name, "stopped on purpose")
    # It stays so when the daemon is started again.
    since = lxc.mark()
    lxc.kill()
    lxc.wait_state(name, "stopped", since)
    since = lxc.mark()
    lxc.lxc("lxc-start", name)
    started = time.monotonic()
    assert lxc.wait_state(name, "running", since) - started < 1
    wait_for(lambda: lxc.container(name)["notes"] == "")
    assert "starting" not in lxc.states(name, since), "nobody else has started it"


def test_a_restart_by_hand_never_meets_ours(lxc, name):
    up(lxc, name)
    since = lxc.mark()
    lxc.lxc("lxc-stop", name, "-k")
    assert lxc.lxc("lxc-start", name).returncode == 0
    lxc.wait_state(name, "running", since)
    pid = lxc.init_pid(name)
    # Ours would have come within a second.
    ended = time.monotonic() + 1.5
    wait_for(lambda: time.monotonic() > ended)
    assert lxc.init_pid(name) == pid
    assert lxc.container(name)["restarts"] == "0"


def test_frozen_and_thawed_by_us_and_by_others(lxc, name):
    up(lxc, name)
    for freeze, thaw in (
            (lambda: lxc.job("freeze", name), lambda: lxc.job("thaw", name)),
            (lambda: lxc.lxc("lxc-freeze", name), lambda: lxc.lxc("lxc-unfreeze", name))):
        since = lxc.mark()
        freeze()
        lxc.wait_state(name, "frozen", since)
        since = lxc.mark()
        thaw()
        lxc.wait_state(name, "running", since)


def test_a_stopped_one_stays_stopped_until_started(lxc, name):
    up(lxc, name)
    settled(lxc, name)
    since = lxc.mark()
    assert lxc.job("stop", name) == (True, "")
    assert lxc.states(name, since)[-2:] == ["stopping", "stopped"]
    since = lxc.mark()
    lxc.kill()
    lxc.wait_state(name, "stopped", since)
    assert lxc.job("start", name) == (True, "")
    assert lxc.is_running(name)


def test_restart_says_so_on_the_way(lxc, name):
    up(lxc, name)
    settled(lxc, name)
    since, before = lxc.mark(), lxc.init_pid(name)
    assert lxc.job("restart", name) == (True, "")
    assert lxc.states(name, since)[-4:] == ["stopping", "stopped", "starting", "running"]
    assert lxc.init_pid(name) != before


def test_a_frozen_one_can_be_stopped(lxc, name):
    up(lxc, name)
    settled(lxc, name)
    assert lxc.job("freeze", name)[0]
    assert lxc.job("stop", name) == (True, "")
    assert not lxc.is_running(name)


def test_who_does_not_halt_in_time_is_killed(lxc, name):
    conf = f"container {name} {{ image busybox ; stop-timeout 1s }}\n"
    lxc.offer(conf)
    lxc.wait_event("container created", name)
    config = lxc.path / name / "config"
    config.write_text(config.read_text().replace("lxc.signal.halt = SIGUSR1",
                                                 "lxc.signal.halt = SIGCONT"))
    assert lxc.job("start", name) == (True, "")
    began = time.monotonic()
    assert lxc.job("stop", name) == (True, "")
    assert 1 <= time.monotonic() - began < 6
    assert not lxc.is_running(name)


def test_started_in_order_and_stopped_in_reverse(lxc, name):
    a, b, c, d = (name + end for end in "abcd")
    lxc.offer(f"container {a} {{ image busybox ; autostart order 2 ; stop-timeout 4s }}\n"
              f"container {b} {{ image busybox ; autostart order 1 delay 2s ; stop-timeout 4s }}\n"
              f"container {c} {{ image busybox ; autostart order 2 ; stop-timeout 4s }}\n"
              f"container {d} {{ image busybox ; stop-timeout 4s }}\n")
    times = {one: lxc.wait_state(one, "running", timeout=60) for one in (b, a, c)}
    lxc.wait_event("container created", d, timeout=30)
    assert times[b] < times[a] < times[c]
    began = lxc.wait(lambda m: m[:3] == ["CONTAINER", a, "starting"])[0]
    assert began - times[b] >= 2, "the delay behind b"
    since = lxc.mark()
    assert lxc.stop_all() == 0
    stopping = {one: lxc.wait_state(one, "stopping", since) for one in (a, b, c)}
    stopped = {one: lxc.wait_state(one, "stopped", since) for one in (a, b, c)}
    assert max(stopping[a], stopping[c]) < min(stopped[a], stopped[c]), "together"
    assert stopping[b] >= max(stopped[a], stopped[c]), "the first one last"
    # Nothing is started from now on.
    assert lxc.job("start", b) == (False, "the daemon is shutting down")


def test_limits_change_live_and_the_rest_says_needs_restart(lxc, name):
    up(lxc, name, "container @name@ { image busybox ; address 10.0.3.101 ; memory 64M ; cpus 0 ; "
                  "autostart }\n")
    lxc.offer(f"container {name} {{ image busybox ; address 10.0.3.102 ; memory 128M swap 32M ; "
              "cpus 0-1 ; autostart }\n")
    wait_for(lambda: lxc.limit(name, "memory", "memory.limit_in_bytes") == str(128 << 20))
    wait_for(lambda: lxc.limit(name, "memory", "memory.memsw.limit_in_bytes") == str(160 << 20))
    assert lxc.limit(name, "cpuset", "cpuset.cpus") == "0-1"
    lxc.wait_note(name, "needs restart: address")
    assert lxc.container(name)["address"] == "10.0.3.101", "where it still is"
    # Down again, and away.
    lxc.offer(f"container {name} {{ image busybox ; address 10.0.3.102 ; memory 32M ; autostart }}\n")
    wait_for(lambda: lxc.limit(name, "memory", "memory.memsw.limit_in_bytes") == str(32 << 20))
    lxc.offer(f"container {name} {{ image busybox ; address 10.0.3.102 ; autostart }}\n")
    wait_for(lambda: int(lxc.limit(name, "memory", "memory.limit_in_bytes")) > 1 << 60)
    assert "memory" not in lxc.config(name)
    assert lxc.job("restart", name) == (True, "")
    assert lxc.container(name)["address"] == "10.0.3.102"
    assert lxc.container(name)["notes"] == ""


def test_mounts(lxc, name):
    (lxc.dir / "with blank").mkdir()
    (lxc.dir / "with blank" / "file").write_text("from outside")
    (lxc.dir / "one").write_text("one file")
    up(lxc, name, f"""container @name@ {{
        image busybox
        mount "{lxc.dir}/with blank" srv
        mount {lxc.dir}/one etc/one rw
        autostart
    }}\n""")
    inside = lambda *argv: lxc.lxc("lxc-attach", name, "--", *argv, check=False)
    assert inside("cat", "/srv/file").stdout == "from outside"
    assert inside("cat", "/etc/one").stdout == "one file"
    assert "Read-only" in inside("touch", "/srv/new").stderr


def test_a_missing_mount_source_is_named(lxc, name):
    lxc.offer(f"container {name} {{ image busybox ; mount {lxc.dir}/nowhere srv }}\n")
    lxc.wait_event("container created", name)
    done, why = lxc.job("start", name)
    assert not done and f"{lxc.dir}/nowhere" in why
    (lxc.dir / "nowhere").mkdir()
    assert lxc.job("start", name) == (True, "")


def test_an_existing_container_is_adopted_gently(lxc, name):
    lxc.path.mkdir()
    lxc.lxc("lxc-create", name, "-t", "busybox", "-f", "/dev/null")
    config = lxc.path / name / "config"
    config.write_text(config.read_text() + "# a comment of mine\nlxc.environment = MINE=1\n"
                      "lxc.net.0.type = veth\n\tlxc.net.0.link=lxcbr0\nlxc.net.0.flags = up\n"
                      "lxc.net.0.hwaddr = 00:16:3e:11:22:33\n"
                      "lxc.cgroup.cpuset.cpus = 1\n")
    before = config.read_text()
    lxc.lxc("lxc-start", name)
    pid = lxc.init_pid(name)
    lxc.offer(f"container {name} {{ image busybox ; privileged yes ; address 10.0.3.101 ; memory 64M ; "
              "autostart }\n")
    lxc.wait_state(name, "running")
    wait_for(lambda: "10.0.3.101" in lxc.config(name))
    assert lxc.init_pid(name) == pid, "it was not disturbed"
    assert (lxc.path / name / "config.before-sluice").read_text() == before
    after = config.read_text()
    for line in ("# a comment of mine", "lxc.environment = MINE=1", "\tlxc.net.0.link=lxcbr0",
                 "lxc.cgroup.cpuset.cpus = 1", "lxc.net.0.hwaddr = 00:16:3e:11:22:33"):
        assert line in after.splitlines(), line
    assert lxc.container(name)["mac"] == "00:16:3e:11:22:33"
    lxc.wait_note(name, "needs restart: address")
    assert lxc.limit(name, "memory", "memory.limit_in_bytes") == str(64 << 20)
    assert lxc.job("restart", name) == (True, "")
    # Once the block goes, it is unmanaged and runs on.
    pid = lxc.init_pid(name)
    lxc.offer("")
    wait_for(lambda: lxc.container(name)["managed"] == "unmanaged")
    assert lxc.init_pid(name) == pid


def test_unmanaged_ones_are_listed_and_left_alone(lxc, name):
    lxc.path.mkdir()
    lxc.lxc("lxc-create", name, "-t", "busybox", "-f", "/dev/null")
    before = lxc.config(name)
    half = lxc.path / (name + "half")
    half.mkdir()
    (half / "config").write_text("lxc.uts.name = half\n")
    (half / "partial").write_text("")
    lxc.offer("")
    lxc.wait_state(name, "stopped")
    assert lxc.container(name)["managed"] == "unmanaged"
    for verb in ("start", "stop", "restart", "freeze", "thaw"):
        assert lxc.job(verb, name) == (False, "not in the configuration")
    since = lxc.mark()
    lxc.lxc("lxc-start", name)
    lxc.wait_state(name, "running", since)
    assert lxc.stop_all() == 0
    assert lxc.is_running(name)
    assert lxc.config(name) == before
    # liblxc would destroy this one if it were only asked about it.
    assert (half / "partial").exists() and (half / "config").exists()
    lxc.lxc("lxc-stop", name, "-k")
    since = lxc.mark()
    lxc.lxc("lxc-destroy", name)
    lxc.wait(lambda m: m == ["CONTAINER_GONE", name], since)


def test_a_failed_creation_leaves_nothing_and_says_why(lxc, name):
    template = lxc.template("#!/bin/sh\necho making a start\n"
                            "echo 'the mirror is on fire' >&2\nexit 3\n")
    lxc.offer(f"container {name} {{ image template {template} ; autostart }}\n")
    failed = lxc.wait_event("container create failed", name)[1]
    assert any("the mirror is on fire" in word for word in failed)
    assert not (lxc.path / name).exists()
    assert not (lxc.state_dir / "containers" / name / "creating").exists()
    lxc.wait_note(name, "the mirror is on fire")
    assert lxc.container(name)["state"] == "absent"
    done, why = lxc.job("start", name)
    assert not done and "on fire" in why


def test_an_interrupted_creation_is_removed_and_done_again(lxc, name):
    flag = lxc.dir / "second"
    template = lxc.template(f"""#!/bin/sh
for word in "$@"; do case $word in --rootfs=*) rootfs=${{word#*=}} ;; esac; done
touch $rootfs/half
if [ ! -e {flag} ]; then
    echo waiting
    sh -c 'sleep 987654' & sleep 987653
fi
exec /usr/share/lxc/templates/lxc-busybox "$@"
""")
    lxc.offer(f"container {name} {{ image template {template} one two ; autostart }}\n")
    lxc.wait(lambda m: m[0] == "EVENT" and "waiting" in m)
    assert (lxc.path / name / "rootfs/half").exists()
    wait_for(lambda: alive("sleep\x00987654") and alive("sleep\x00987653"))
    flag.touch()
    lxc.kill()
    wait_for(lambda: not alive("sleep\x0098765"), what="the template gone with all it started")
    lxc.wait_state(name, "running", timeout=40)
    assert "one two" in (lxc.state_dir / "containers" / name / "created").read_text()


def test_a_hung_monitor_costs_a_deadline_and_nobody_else_anything(lxc, name):
    stuck, well = name + "a", name + "b"
    lxc.offer(f"container {stuck} {{ image busybox ; autostart }}\n"
              f"container {well} {{ image busybox ; autostart }}\n")
    lxc.wait_state(stuck, "running")
    lxc.wait_state(well, "running")
    monitor, = [p for p in alive(f"[lxc monitor] {lxc.path} {stuck}")]
    os.kill(monitor, signal.SIGSTOP)
    try:
        since = lxc.mark()
        lxc.kill()
        lxc.wait_state(well, "running", since)
        assert lxc.job("freeze", well)[0] and lxc.job("thaw", well)[0]
        helper, = [p for p, line in lxc.helpers() if line == f"sluiced: helper query {stuck}"]
        wait_for(lambda: not pathlib.Path(f"/proc/{helper}").exists(), 10, "the deadline")
    finally:
        os.kill(monitor, signal.SIGCONT)


def test_what_cannot_be_had_is_refused_before_it_is_committed(lxc, name):
    answer = lxc.offer(f"container {name} {{ image template nosuch }}\n")
    assert answer[0] == "REFUSED" and "nosuch" in answer[3] and answer[2] != "0"
    answer = lxc.offer(f"container {name} {{ image busybox ; cpus 0,999 }}\n")
    assert answer[0] == "REFUSED" and "cpus 0,999: this host has" in answer[3]
    answer = lxc.offer(f"container {name} {{ address 10.0.3.101 }}\n")
    assert answer[0] == "REFUSED" and "has no image" in answer[3]
    lxc.dir.chmod(0o750)
    answer = lxc.offer(f"container {name} {{ image busybox }}\n")
    lxc.dir.chmod(0o755)
    assert answer[0] == "REFUSED" and "unprivileged containers cannot pass" in answer[3]
    assert not lxc.path.exists()


def test_every_role_is_told_and_told_again_when_it_asks(lxc, name):
    up(lxc, name)
    wait_for(lambda: ["PROXY", name, "running"] in [m for _, m in lxc.messages])
    since = lxc.mark()
    lxc.say("sync proxy")
    lxc.wait(lambda m: m == ["PROXY", name, "running"], since)
    lxc.say("stats")
    told = lxc.wait(lambda m: m[0] == "STATS")[1]
    assert "containers_running=1" in told and "container_starts=1" in told


def test_a_block_removed_while_its_container_is_created(lxc, name):
    go = lxc.dir / "go"
    template = lxc.template(f"""#!/bin/sh
echo waiting
while [ ! -e {go} ]; do sleep 0.05; done
exec /usr/share/lxc/templates/lxc-busybox "$@"
""")
    conf = f"container {name} {{ image template {template} ; autostart }}\n"
    lxc.offer(conf)
    lxc.wait(lambda m: m[0] == "EVENT" and "waiting" in m)
    assert lxc.offer("")[0] == "COMMITTED"
    since = lxc.mark()
    go.touch()
    lxc.wait_event("container create failed", name, since)
    wait_for(lambda: not (lxc.path / name).exists())
    # It can be had again.
    lxc.offer(conf)
    lxc.wait_state(name, "running", since)


def test_a_start_does_not_wait_for_a_creation(lxc, name):
    up(lxc, name + "b", "container @name@ { image busybox }\n".replace("}", "; autostart }"))
    template = lxc.template("#!/bin/sh\necho waiting\nexec sleep 98765\n")
    lxc.offer(f"container {name}a {{ image template {template} ; autostart }}\n"
              f"container {name}b {{ image busybox ; autostart }}\n")
    lxc.wait(lambda m: m[0] == "EVENT" and "waiting" in m)
    since = lxc.mark()
    os.kill(lxc.init_pid(name + "b"), signal.SIGKILL)
    lxc.wait_state(name + "b", "starting", since)
    lxc.wait_state(name + "b", "running", lxc.mark() - 1)
    # A creation under way does not keep the daemon from stopping all.
    assert lxc.stop_all() == 0
    assert not lxc.is_running(name + "b")
