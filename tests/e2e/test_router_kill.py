"""The router killed (SIGKILL) before each batch and each message that it sends while it changes rules."""

import contextlib
import re
import subprocess
from collections import Counter

import pytest
from lab import wait_for
from router_lab import CONF, table

pytestmark = pytest.mark.root
CALLS_MAX = 20  # of sendmsg that a change may take
CHANGED = CONF.replace("tcp 2222 -> web", "tcp 2222 -> other").replace("udp 5000", "udp 5005") + "block 192.0.2.0/24\n"
CHANGES = {
    "elements": CHANGED,
    "rules in place": CHANGED.replace("wan wan0\n", ""),
    "tables": CHANGED + "isolate\nlimit rate 100/s per source\n",
}


def rules(net):
    """The tables; what a packet is looked up in comes in any order."""
    return sorted(re.sub(r"[,\s]+", " ", line) for line in re.split(r"\n|, ", table(net.edge)))


@contextlib.contextmanager
def killed_at(router, number):
    """The router's process dies instead of its call number N of those that send."""
    p = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-p", str(router.pid), "-e", "trace=sendmsg",
                          "-e", f"inject=sendmsg:signal=KILL:when={number}"])
    wait_for(lambda: f"TracerPid:\t{p.pid}\n" in open(f"/proc/{router.pid}/status", encoding="ascii").read())
    yield
    p.terminate()
    p.wait()


def start(net, conf):
    """One to whom lxc has spoken: until then it keeps what the one before it knew of containers."""
    router = net.router(conf)
    for name, number in (("web", 101), ("other", 102)):
        router.container(name, f"10.7.3.{number}", f"fd00:7::{number}")
    return router


def dies(router, path):
    """Whether it was killed before the commit of this file was answered."""
    router.say(f"offer {path}")
    while True:
        line = router.next_line()
        if line is None or line.startswith("closed"):
            return True
        if line.startswith("ready"):
            with contextlib.suppress(BrokenPipeError):
                router.say("commit")
        elif line.startswith("committed"):
            return False


@pytest.mark.parametrize("after", CHANGES.values(), ids=CHANGES)
def test_a_kill_between_any_two_steps_leaves_rules_that_are_whole(net, box, after):
    path = box.write("after.conf", after)
    router = start(net, CONF)
    before = rules(net)
    router.load(after)
    wanted = rules(net)
    seen = set()
    for number in range(1, CALLS_MAX):
        router.load(CONF)
        assert rules(net) == before
        with killed_at(router, number):
            dead = dies(router, path)
        if not dead:
            break
        router.end()
        left = rules(net)
        # What only the old rules look up may still be there.
        assert left == before or not Counter(wanted) - Counter(left), number
        seen.add(left == before)
        router = start(net, after)
        assert rules(net) == wanted
    assert not dead and seen == {False, True}
