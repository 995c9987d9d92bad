"""The ruleset between text, batch and kernel: what is sent is what nft reads in our own text."""

import pathlib
import re

import pytest
from lab import Host
from router_lab import APPLY, CONF, table

pytestmark = pytest.mark.root
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden/router"
CASES = sorted(GOLDEN.glob("*.conf"))
# What router_apply does not know: addresses told by lxc, interfaces of default routes.
PLAIN = [c for c in CASES if "#!" not in c.read_text()]


@pytest.fixture
def host(request):
    made = Host(f"rt-rules{id(request) % 100000}")
    yield made
    made.remove()


def test_there_are_cases():
    assert len(CASES) >= 15 and len(PLAIN) >= 10


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.stem)
def test_nft_accepts_the_golden_text(host, case):
    host.run("nft", "-c", "-f", case.with_suffix(".nft"))


@pytest.mark.parametrize("case", PLAIN, ids=lambda c: c.stem)
def test_what_the_kernel_shows_is_the_golden_text_loaded(host, box, case):
    host.run(APPLY, case)
    sent, shown = table(host), host.run(APPLY, "--kernel", case).stdout
    assert host.run(APPLY, "--diff", case).stdout == ""
    host.run("nft", "flush", "ruleset")
    host.run("nft", "-f", case.with_suffix(".nft"))
    assert "chain early" in sent
    assert table(host) == sent
    host.run("nft", "-f", box.write("shown.nft", "flush ruleset\n" + shown))
    assert table(host) == sent


@pytest.mark.parametrize("case", PLAIN, ids=lambda c: c.stem)
def test_a_change_leads_to_the_golden_text_loaded(host, box, case):
    other = box.write("other.conf", CONF if "\nwan " not in f"\n{case.read_text()}" else
                      CONF.replace("wan wan0\n", ""))
    host.run(APPLY, other, case)
    sent = table(host)
    host.run("nft", "flush", "ruleset")
    host.run("nft", "-f", case.with_suffix(".nft"))
    assert table(host) == sent


def test_a_saved_ruleset_can_be_read_back(host, box):
    host.run(APPLY, box.write("a.conf", CONF))
    saved = table(host)
    host.run("nft", "flush", "ruleset")
    host.run("nft", "-f", box.write("saved.nft", saved))
    assert table(host) == saved


def test_each_difference_leads_to_the_next_plan(host):
    host.run(APPLY, *PLAIN, *reversed(PLAIN))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_plans_are_held_and_reached_by_differences(host, seed):
    host.run(APPLY, "--random", seed, 60, timeout=120)


def test_a_refusal_names_the_directive_and_changes_nothing(host):
    done = host.run(APPLY, "--refused", GOLDEN / "several_containers.conf", 10)
    assert done.stdout.startswith("10 the kernel refuses this in table inet sluice: ")


def test_tables_of_others_are_not_touched(host, box):
    host.run("nft", "-f", box.write("other.nft", """
table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy accept;
		ip saddr 192.0.2.1 drop
	}
}
table inet sluice2 {
	set x { type ipv4_addr; elements = { 192.0.2.2 } }
}
"""))
    before = host.run("nft", "-s", "list", "ruleset").stdout
    host.run(APPLY, box.write("a.conf", CONF))
    after = host.run("nft", "-s", "list", "ruleset").stdout
    assert after.replace(table(host), "") == before


def test_sixteen_thousand_forwarded_ports(host, box):
    conf = CONF + "forward tcp 20000-36000 -> other:30000-46000\n"
    host.run(APPLY, box.write("a.conf", conf), box.write("b.conf", CONF), timeout=120)
    host.run(APPLY, box.write("c.conf", CONF), box.write("d.conf", conf), timeout=120)
    assert "tcp . 36000 counter : 10.7.3.102 . 46000" in table(host)


def test_what_others_change_is_shown_where_it_stands(host, box):
    conf = box.write("a.conf", CONF)
    host.run(APPLY, conf)
    handle = re.search(r"ct state invalid drop # handle (\d+)", host.run(
        "nft", "-a", "list", "chain", "inet", "sluice", "filter_fwd").stdout)[1]
    host.run("nft", f"delete rule inet sluice filter_fwd handle {handle}")
    host.run("nft", "add rule inet sluice filter_fwd ip daddr 192.0.2.9 drop")
    host.run("nft", "delete element inet sluice fwd4 { tcp . 2222 : 10.7.3.101 . 22 }")
    host.run("nft", "add element inet sluice fwd4 { tcp . 2223 : 10.7.3.109 . 22 }")
    host.run("nft", "add chain inet sluice theirs { type filter hook input priority 5; policy drop; }")
    host.run("nft", "add set inet sluice mine { type ipv4_addr; }")
    diff = host.run(APPLY, "--diff", conf).stdout
    assert re.sub(r"(?s)(rule that is not of sluice:\n).*?(?=\n[ +-]\t\w)", r"\1...", diff).split("\n") == [
        " \tmap fwd4 {", "-\t\ttcp . 2222 : 10.7.3.101 . 22", "+\t\ttcp . 2223 : 10.7.3.109 . 22",
        " \tchain filter_fwd {", "-\t\tct state invalid drop", "+\t\t# a rule that is not of sluice:", "...",
        "+\tset mine {", "+\t\t# not of sluice",
        "+\tchain theirs {", "+\t\ttype filter hook input priority 5; policy drop;", ""]
    assert "[ immediate reg 0 drop ]" in diff
    host.run(APPLY, conf)
    assert host.run(APPLY, "--diff", conf).stdout == ""


def test_rules_in_another_order_are_a_difference(host, box):
    conf = box.write("a.conf", CONF)
    host.run(APPLY, conf)
    handle = re.search(r"ct state invalid drop # handle (\d+)", host.run(
        "nft", "-a", "list", "chain", "inet", "sluice", "filter_fwd").stdout)[1]
    host.run("nft", f"delete rule inet sluice filter_fwd handle {handle}")
    host.run("nft", "add rule inet sluice filter_fwd ct state invalid drop")
    diff = host.run(APPLY, "--diff", conf).stdout
    assert diff.count("ct state invalid drop") == 2 and diff.startswith(" \tchain filter_fwd {\n")
