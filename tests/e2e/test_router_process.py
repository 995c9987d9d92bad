"""The router process: generations, records, interfaces, parameters, repair, undo."""

import json
import os
import re
import time

import pytest
from daemon import BIN
from lab import run, wait_for
from router_lab import COMMON, CONF, HOST, elements, table

pytestmark = pytest.mark.root


def bridge(host, name="rtbr0"):
    done = run(*host.prefix, "ip", "-d", "-j", "link", "show", "dev", name, check=False)
    return json.loads(done.stdout)[0] if done.returncode == 0 else None


def addresses(host, name="rtbr0"):
    entry = json.loads(host.run("ip", "-j", "addr", "show", "dev", name).stdout)[0]
    return {f"{a['local']}/{a['prefixlen']}" for a in entry["addr_info"]
            if not a["local"].startswith("fe80")}


def parameters(host):
    """All of net.ipv4 and net.ipv6 that a router could change."""
    text = run(*host.prefix, "sysctl", "-a", check=False).stdout
    return sorted(line for line in text.splitlines()
                  if re.search(r"^net\.ipv[46].*(forward|accept_ra |proxy|rp_filter)", line)
                  and "rtbr" not in line)


def test_nothing_changes_before_commit(net):
    before = parameters(net.edge)
    router = net.router()
    assert router.offer(CONF) == "ready 1"
    assert router.records == []
    assert bridge(net.edge) is None and table(net.edge) == ""
    assert parameters(net.edge) == before


def test_commit_makes_bridge_parameters_and_table(net):
    router = net.router(CONF)
    made = bridge(net.edge)
    assert made["linkinfo"]["info_kind"] == "bridge" and "UP" in made["flags"]
    assert made["linkinfo"]["info_data"]["stp_state"] == 0
    assert addresses(net.edge) == {"10.7.3.1/24", "fd00:7::1/64"}
    assert net.edge.sysctl("net/ipv4/ip_forward") == "1"
    assert net.edge.sysctl("net/ipv6/conf/all/forwarding") == "1"
    assert net.edge.sysctl("net/ipv6/conf/wan0/forwarding") == "1"
    assert net.edge.sysctl("net/ipv6/conf/rtbr0/forwarding") == "1"
    assert elements(net.edge, "fwd4") == ["tcp . 2222 : 10.7.3.101 . 22",
                                          "udp . 5000 : 10.7.3.101 . 5001"]
    assert "bridge created bridge=rtbr0" in router.events


def test_changes_wait_for_their_records(net):
    router = net.router()
    assert router.offer(CONF) == "ready 1"
    router.say("records hold")
    router.say("commit")
    while not any(r.startswith("link rtbr0") for r in router.records):
        router.expect("record")
    router.stats()
    assert bridge(net.edge) is None and table(net.edge) == ""
    assert net.edge.sysctl("net/ipv4/ip_forward") == "0"
    router.say("records give")
    assert router.expect("committed", "refused") == "committed 1"
    assert set(router.records) == {
        "sysctl net/ipv4/ip_forward 0", "sysctl net/ipv6/conf/all/forwarding 0",
        "sysctl net/ipv6/conf/wan0/accept_ra 1", "link rtbr0 absent"}


def test_abort_while_records_are_awaited(net):
    router = net.router()
    router.offer(CONF)
    router.say("records hold")
    router.say("commit")
    router.expect("record")
    router.say("abort")
    router.say("records give")
    router.stats()
    assert bridge(net.edge) is None and table(net.edge) == ""
    router.load(CONF)
    assert bridge(net.edge)


def test_accept_ra_of_the_outside_survives_forwarding(net):
    net.edge.run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "peer0")
    assert net.edge.sysctl("net/ipv6/conf/wan0/accept_ra") == "1"
    router = net.router(CONF)
    assert net.edge.sysctl("net/ipv6/conf/wan0/accept_ra") == "2"
    # Only the outside and the bridge become a router's interfaces.
    assert net.edge.sysctl("net/ipv6/conf/lan0/forwarding") == "0"
    assert net.edge.sysctl("net/ipv6/conf/lan0/accept_ra") == "1"
    assert net.edge.sysctl("net/ipv6/conf/rtbr0/accept_ra") == "0"
    log = router.log
    assert log.index("name=net/ipv6/conf/wan0/accept_ra old=1 new=2") < log.index(
        "name=net/ipv6/conf/all/forwarding old=0 new=1")


def test_without_ipv6_prefix_ipv6_is_left_alone(net):
    net.router(COMMON + "wan wan0\nbridge rtbr0 10.7.3.1/24\n")
    assert net.edge.sysctl("net/ipv6/conf/all/forwarding") == "0"
    assert net.edge.sysctl("net/ipv6/conf/wan0/accept_ra") == "1"


def test_undo_leaves_the_host_as_it_was(net, box):
    net.edge.sysctl("net/ipv6/conf/lo/forwarding", "1")
    net.edge.sysctl("net/ipv4/conf/lo/forwarding", "1")
    before = parameters(net.edge)
    links = net.edge.links()
    router = net.router(CONF)
    assert parameters(net.edge) != before
    assert router.end() == 0
    assert "table inet sluice" in table(net.edge)
    records = box.write("records", "".join(f"{r}\n" for r in router.records))
    net.edge.run(HOST, "--undo", records)
    assert parameters(net.edge) == before
    assert net.edge.links() == links and net.edge.nft() == ""
    net.edge.run(HOST, "--undo", records)  # what is gone is no error


def test_undo_keeps_a_bridge_in_use_and_refuses_strange_records(net, box):
    router = net.router(CONF)
    net.container(101)
    router.end()
    net.edge.run(HOST, "--undo", box.write("records", "link rtbr0 absent\n"))
    assert bridge(net.edge)
    done = run(*net.edge.prefix, HOST, "--undo",
               box.write("bad", "sysctl kernel/panic 1\nsysctl net/../kernel/panic 1\n"),
               check=False)
    assert done.returncode == 1 and "none of ours" in done.stdout


@pytest.mark.usefixtures("unowned")
@pytest.mark.parametrize("command", [
    ["flush", "ruleset"], ["delete", "table", "inet", "sluice"], ["flush", "table", "inet", "sluice"],
    ["flush", "map", "inet", "sluice", "fwd4"],
    ["delete", "element", "inet", "sluice", "fwd4", "{ tcp . 2222 }"],
    ["insert", "rule", "inet", "sluice", "filter_fwd", "accept"]], ids=" ".join)
def test_somebody_changes_the_table(net, command):
    router = net.router(CONF)
    wanted = table(net.edge)
    start = time.monotonic()
    net.edge.run("nft", *command)
    wait_for(lambda: table(net.edge) == wanted, 2)
    assert time.monotonic() - start < 1
    assert router.stats()["ruleset_reinstalled"] == 1
    assert "ruleset reinstalled table=inet sluice" in router.events


def handles(host):
    """The kernel's numbers of our chains and sets: new ones when they were made anew."""
    text = "".join(host.run("nft", "-a", "list", "table", family, "sluice").stdout
                   for family in ("inet", "bridge"))
    return [line.strip().removesuffix(" progname router_host") for line in text.splitlines()
            if re.match(r"\s*(table|chain|set|map) ", line)]


@pytest.mark.usefixtures("unowned")
def test_rules_change_in_place(net, box):
    """A table, chain or set that is made anew is empty for a moment, even in one transaction."""
    router = net.router(CONF)
    wanted, before = table(net.edge), handles(net.edge)
    assert len(before) == (1 + 8 + 29) + (1 + 6 + 21)  # tables, chains, sets
    router.load(CONF.replace("wan wan0\n", ""))
    assert table(net.edge) != wanted and handles(net.edge) == before
    router.load(CONF)
    assert table(net.edge) == wanted and handles(net.edge) == before
    net.edge.run("nft", "flush", "table", "inet", "sluice")
    wait_for(lambda: table(net.edge) == wanted, 2)
    assert handles(net.edge) == before
    router.kill()
    net.edge.run("nft", "-f", box.write("x.nft", """
delete element inet sluice fwd4 { tcp . 2222 }
add element inet sluice fwd4 { tcp . 7 : 10.7.3.9 . 7 }
add element inet sluice nets4 { 192.0.2.0/24 }
flush chain inet sluice filter_fwd
"""))
    net.router(CONF)
    assert table(net.edge) == wanted and handles(net.edge) == before


@pytest.mark.usefixtures("unowned")
@pytest.mark.parametrize("command", [
    "add chain inet sluice more", "add set inet sluice more { type ipv4_addr ; }",
    "add chain inet sluice more { type filter hook forward priority 0 ; policy drop ; }",
    "add table inet sluice { flags dormant ; }",
    "add chain inet sluice filter_fwd { policy drop ; }",
    "delete map inet sluice fwd6 ; add map inet sluice fwd6 "
    "{ type inet_proto . inet_service : ipv6_addr . inet_service ; flags timeout ; }"],
    ids=lambda c: c.split("{")[0].strip())
def test_a_table_that_is_not_as_we_make_it_is_made_anew(net, command, box):
    router = net.router(CONF)
    wanted = table(net.edge)
    router.kill()
    before = handles(net.edge)
    if "fwd6" in command:
        net.edge.run("nft", "flush", "table", "inet", "sluice")
    net.edge.run("nft", "-f", box.write("x.nft", command.replace("; add", "\nadd") + "\n"))
    assert table(net.edge) != wanted
    net.router(CONF)
    assert table(net.edge) == wanted
    assert handles(net.edge) != before


def test_own_changes_and_those_of_other_tables_are_no_disturbance(net, box):
    router = net.router(CONF)
    router.container("web", "10.7.3.9")
    net.edge.run("nft", "-f", box.write("x.nft", "table inet other {\n}\ntable ip sluice {\n}\n"))
    net.edge.run("nft", "flush", "table", "inet", "other")
    router.load(CONF + "forward tcp 2223 -> other:22\n")
    assert router.stats()["ruleset_reinstalled"] == 0


def flags(host):
    """The lines of our tables' flags as nft 1.0.6 shows them: it knows owner, and nothing of persist."""
    text = "".join(host.run("nft", "list", "table", family, "sluice").stdout for family in ("inet", "bridge"))
    return re.findall(r"^\tflags.*", text, re.M)


OWNED, ORPHANED = ["\tflags owner"] * 2, ["\tflags "] * 2


def test_tables_with_an_owner(net, box):
    """Nobody else changes them, a flush least of all; they outlive their owner, and the next one adopts them."""
    router = net.router(CONF)
    net.edge.sysctl("net/bridge/bridge-nf-call-iptables", 0)
    before = handles(net.edge)
    assert flags(net.edge) == OWNED
    net.edge.run("nft", "flush", "ruleset")
    for family in ("inet", "bridge"):
        refused = run(*net.edge.prefix, "nft", "delete", "table", family, "sluice", check=False)
        assert "Operation not permitted" in refused.stderr
    assert handles(net.edge) == before and router.stats()["ruleset_reinstalled"] == 0
    # Others only look: the doctor, and the rehearsal of an upgrade. A second one is refused.
    done = run(*net.edge.prefix, BIN / "sluice", "-s", box.path("none.sock"), "doctor",
               box.write("doctor.conf", CONF), check=False)
    assert done.stdout == "nothing stands in the way\n", done
    second = net.router()
    assert second.offer(CONF).startswith("ready")
    refused = second.commit()
    assert "another process owns table sluice" in refused and handles(net.edge) == before
    assert second.end() == 0
    router.load(CONF.replace("wan wan0\n", "") + "forward tcp 2223 -> other:22\n")
    assert "tcp . 2223 : 10.7.3.102 . 22" in elements(net.edge, "fwd4") and handles(net.edge) == before
    router.kill()
    assert handles(net.edge) == before and flags(net.edge) == ORPHANED
    third = net.router(CONF)
    assert handles(net.edge) == before and flags(net.edge) == OWNED
    # A table that has to be made anew (a limit has sets of its own), and one that is wanted no more.
    third.load(CONF + "limit rate 100/s per source\n")
    assert handles(net.edge) != before and flags(net.edge) == OWNED
    third.load(COMMON)
    assert table(net.edge) == ""


def test_tables_get_and_lose_their_owner(net, monkeypatch):
    """The kernel gives flags to new tables alone, so they are made anew; whose owner is gone is anybody's."""
    seen = []
    for wanted, found in ("no", []), ("yes", OWNED), ("no", []), ("", OWNED):
        monkeypatch.setenv("SLUICE_TABLE_OWNER", wanted)
        router = net.router(CONF)
        assert flags(net.edge) == found and handles(net.edge) not in seen
        seen.append(handles(net.edge))
        assert router.end() == 0 and handles(net.edge) == seen[-1]
    # What undoes takes them away; so does an administrator.
    net.edge.run("nft", "delete", "table", "inet", "sluice")
    net.edge.run(HOST, "--undo", net.box.write("records", ""))
    assert table(net.edge) == ""


@pytest.mark.usefixtures("unowned")
def test_a_flood_of_foreign_events_loses_nothing(net, box):
    router = net.router(CONF)
    wanted = table(net.edge)
    os.kill(router.pid, 19)
    members = ",".join(str(i) for i in range(1, 60000))
    net.edge.run("nft", "-f", box.write(
        "big.nft", f"table ip other {{\n set x {{ type mark\n elements = {{ {members} }}\n }}\n}}\n"))
    net.edge.run("nft", "flush", "ruleset")
    os.kill(router.pid, 18)
    wait_for(lambda: table(net.edge) == wanted)
    assert router.stats()["ruleset_reinstalled"] == 1


def test_a_reload_changes_elements_alone(net):
    router = net.router(CONF)
    handles = net.edge.run("nft", "-a", "list", "chain", "inet", "sluice", "nat_pre").stdout
    router.load(CONF.replace("2222", "2223") + "forward tcp 1-100 -> other:101-200\n")
    assert "tcp . 2223 : 10.7.3.101 . 22" in elements(net.edge, "fwd4")
    assert len(elements(net.edge, "fwd6")) == 102
    assert net.edge.run("nft", "-a", "list", "chain", "inet", "sluice", "nat_pre").stdout == handles
    assert router.records.count("link rtbr0 absent") == 2  # the parent keeps the first


def test_a_container_gets_a_new_address(net):
    router = net.router(CONF)
    router.container("web", "10.7.3.7", "fd00:7::7")
    assert elements(net.edge, "fwd4")[0] == "tcp . 2222 : 10.7.3.7 . 22"
    assert elements(net.edge, "fwd6")[0] == "tcp . 2222 : fd00:7::7 . 22"
    router.container("web", "8.8.8.8")  # no address that a container may claim
    assert elements(net.edge, "fwd4")[0] == "tcp . 2222 : 10.7.3.101 . 22"
    router.container("web", "10.7.3.8")
    router.say("gone web")
    router.stats()
    assert elements(net.edge, "fwd4")[0] == "tcp . 2222 : 10.7.3.101 . 22"


def test_an_address_that_comes_before_the_configuration(net):
    router = net.router()
    router.container("web", "10.7.3.9")
    router.load(CONF)
    assert elements(net.edge, "fwd4")[0] == "tcp . 2222 : 10.7.3.9 . 22"


def test_a_restarted_router_takes_over(net):
    first = net.router(CONF)
    first.kill()
    assert "tcp . 2222" in table(net.edge)
    before = table(net.edge)
    second = net.router(CONF)
    assert table(net.edge) == before and second.stats()["ruleset_reinstalled"] == 0


def test_an_existing_bridge_with_the_address_is_used(net):
    net.edge.run("ip", "link", "add", "rtbr0", "type", "bridge")
    net.edge.run("ip", "addr", "add", "10.7.3.1/24", "dev", "rtbr0")
    mac = bridge(net.edge)["address"]
    router = net.router(CONF)
    assert bridge(net.edge)["address"] == mac
    assert addresses(net.edge) == {"10.7.3.1/24", "fd00:7::1/64"}
    assert "link rtbr0/fd00:7::1/64 absent" in router.records
    assert "link rtbr0 absent" not in router.records
    assert "UP" in bridge(net.edge)["flags"]


@pytest.mark.parametrize("make, why", [
    (("link", "add", "rtbr0", "type", "veth", "peer", "name", "peer0"), "exists and is no bridge"),
    (("addr", "add", "10.7.3.77/25", "dev", "lo"), "overlaps 10.7.3.77/25 of interface lo")],
    ids=["no bridge", "network taken"])
def test_something_in_the_way_is_refused_with_its_line(net, make, why):
    net.edge.run("ip", *make)
    answer = net.router().offer(CONF)
    assert re.match(r"refused 1 \d+ 4 ", answer) and why in answer, answer
    assert table(net.edge) == ""


def test_a_bridge_with_another_address_is_refused(net):
    net.edge.run("ip", "link", "add", "rtbr0", "type", "bridge")
    net.edge.run("ip", "addr", "add", "192.168.9.1/24", "dev", "rtbr0")
    answer = net.router().offer(CONF)
    assert answer.startswith("refused 1 4 4 bridge rtbr0 exists with address 192.168.9.1/24, not "
                             "10.7.3.1/24; write that address, choose another name, or remove it: "
                             "ip link delete rtbr0"), answer
    assert addresses(net.edge) == {"192.168.9.1/24"}


def test_a_wider_network_of_the_provider_is_no_conflict(net):
    net.edge.run("ip", "addr", "add", "10.0.0.5/8", "dev", "wan0")
    net.router(CONF)


def test_a_refused_generation_leaves_the_old_one_whole(net):
    router = net.router(CONF)
    before = table(net.edge)
    net.edge.run("ip", "link", "add", "rtbr1", "type", "veth", "peer", "name", "peer0")
    answer = router.offer(CONF.replace("rtbr0", "rtbr1"))
    assert answer.startswith("refused 2")
    assert table(net.edge) == before and addresses(net.edge) == {"10.7.3.1/24", "fd00:7::1/64"}
    router.load(CONF)


def test_a_commit_that_fails_in_the_kernel_names_the_line(net):
    """Between offer and commit something takes the bridge's name."""
    router = net.router(CONF)
    before = table(net.edge)
    assert router.offer(CONF.replace("rtbr0", "rtbr1").replace("10.7.3.", "10.7.4.")
                        .replace("fd00:7:", "fd00:8:")).startswith("ready")
    net.edge.run("ip", "link", "add", "rtbr1", "type", "veth", "peer", "name", "peer0")
    answer = router.commit()
    assert re.match(r"refused 2 \d+ 4 interface rtbr1 exists and is no bridge", answer), answer
    assert table(net.edge) == before and bridge(net.edge)


def test_the_bridge_gets_another_address(net):
    router = net.router(CONF)
    index = bridge(net.edge)["ifindex"]
    router.load(CONF.replace("10.7.3.", "10.7.4.").replace("fd00:7:", "fd00:8:"))
    assert addresses(net.edge) == {"10.7.4.1/24", "fd00:8::1/64"}
    assert bridge(net.edge)["ifindex"] == index
    assert elements(net.edge, "nets4") == ["10.7.4.0/24"]


def test_the_bridge_gets_another_name(net):
    router = net.router(CONF)
    router.load(CONF.replace("rtbr0", "rtbr1"))
    assert bridge(net.edge) is None
    assert addresses(net.edge, "rtbr1") == {"10.7.3.1/24", "fd00:7::1/64"}
    assert elements(net.edge, "bridges") == ['"rtbr1"']


def test_nothing_left_to_route(net):
    router = net.router(CONF)
    router.load(COMMON)
    assert table(net.edge) == "" and bridge(net.edge) is None


def test_a_deleted_bridge_comes_back(net):
    net.router(CONF)
    net.edge.run("ip", "link", "del", "rtbr0")
    wait_for(lambda: bridge(net.edge) and
             addresses(net.edge) == {"10.7.3.1/24", "fd00:7::1/64"})


def test_hairpin_mode_of_ports(net):
    net.router(CONF)
    host = net.container(101)

    def hairpin(port):
        return json.loads(net.edge.run("ip", "-d", "-j", "link", "show", "dev", port).stdout)[0][
            "linkinfo"]["info_slave_data"]["hairpin"]

    wait_for(lambda: hairpin(host.port))
    # A network card in the bridge keeps its mode: it would send frames back where they came from.
    net.edge.run("ip", "link", "add", "card0", "link", "wan0", "type", "macvlan")
    net.edge.run("ip", "link", "set", "card0", "master", "rtbr0", "up")
    net.container(102)
    wait_for(lambda: hairpin("veth102"))
    assert not hairpin("card0")


def test_ports_that_were_there_before(net):
    first = net.router(CONF)
    host = net.container(101)
    first.end()
    net.edge.run("bridge", "link", "set", "dev", host.port, "hairpin", "off")
    net.router(CONF)
    assert "hairpin on" in net.edge.run("bridge", "-d", "link", "show", "dev", host.port).stdout


def test_the_outside_is_the_default_routes_interface(net):
    conf = CONF.replace("wan wan0\n", "")
    net.edge.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "peer0")
    net.edge.run("ip", "link", "set", "up0", "up")
    net.edge.run("ip", "addr", "add", "192.0.2.1/24", "dev", "up0")
    router = net.router(conf)
    assert elements(net.edge, "wans") == [] and "iifname @wans" not in table(net.edge)
    net.edge.run("ip", "route", "add", "default", "via", "203.0.113.2")
    wait_for(lambda: elements(net.edge, "wans") == ['"wan0"'])
    assert "iifname @wans fib daddr type local" in table(net.edge)
    net.edge.run("ip", "route", "replace", "default", "via", "192.0.2.2")
    wait_for(lambda: elements(net.edge, "wans") == ['"up0"'])
    wait_for(lambda: net.edge.sysctl("net/ipv6/conf/up0/forwarding") == "1")
    net.edge.run("ip", "-6", "route", "add", "default", "via", "2001:db8:113::2")
    wait_for(lambda: elements(net.edge, "wans") == ['"up0"', '"wan0"'])
    net.edge.run("ip", "route", "del", "default")
    net.edge.run("ip", "-6", "route", "del", "default")
    # A default route that is gone for a while does not open every interface.
    router.load(conf)
    assert elements(net.edge, "wans") != []


def test_the_named_outside_may_come_later(net):
    router = net.router(CONF.replace("wan wan0", "wan late0"))
    assert "the outside interface does not exist" in router.log
    net.edge.run("ip", "link", "add", "late0", "type", "veth", "peer", "name", "peer0")
    wait_for(lambda: net.edge.sysctl("net/ipv6/conf/late0/forwarding") == "1")


def test_the_sandbox(net):
    router = net.router(CONF)
    status = dict(line.split(":\t", 1) for line in
                  open(f"/proc/{router.pid}/status").read().splitlines() if ":\t" in line)
    user = run("id", "-u", "sluice-router").stdout.strip()
    assert status["Uid"].split() == [user] * 4
    assert int(status["CapEff"], 16) == 1 << 12  # CAP_NET_ADMIN
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"


@pytest.mark.usefixtures("unowned")
def test_no_program_is_run(net, box):
    trace = box.path("trace")
    router = net.router(wrap=("strace", "-f", "-qq", "-e", "trace=execve,execveat", "-o", trace))
    router.load(CONF)
    net.container(101)
    net.edge.run("nft", "flush", "ruleset")
    wait_for(lambda: router.stats()["ruleset_reinstalled"] == 1)
    assert router.end() == 0
    calls = [line for line in trace.read_text().splitlines() if "exec" in line]
    assert len(calls) == 1 and "router_host" in calls[0], calls
