"""`sluiced -n` and `sluice check`: what only the machine knows is said with its line and a caret."""

import json
import os
import socket

import daemon
import pytest
from lab import run

HEAD = "listen 127.0.0.1:8443 tls\n"
TAIL = "site * -> status 204\n"


def check(box, text, *options):
    path = box.write("sluice.conf", text)
    done = run(daemon.BIN / "sluiced", "-n", *options, "-f", path, check=False)
    return path, done


def expect_error(box, text, line, column, *parts):
    path, done = check(box, text)
    assert done.returncode == 1, done
    first, shown, caret = done.stderr.splitlines()[:3]
    assert first.startswith(f"{path}:{line}:{column}: "), done.stderr
    assert shown.strip() == text.splitlines()[line - 1].strip()
    assert caret.strip() == "^" and caret.index("^") - shown.index(shown.strip()) >= 0
    for part in parts:
        assert part in first, done.stderr
    assert not done.stdout


def test_a_right_file(box, certs):
    path, done = check(box, f"{HEAD}certificate default {certs.default().pair}\n{TAIL}")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}: ok\n", "")


def test_a_certificate_that_is_missing(box):
    expect_error(box, f"{HEAD}certificate default /nonexistent/a /nonexistent/b\n{TAIL}", 2, 21,
                 "cannot read the certificate's chain: /nonexistent/a", "No such file")


def test_a_key_that_is_missing(box, certs):
    chain = certs.default().chain
    expect_error(box, f"{HEAD}certificate default {chain} /nonexistent/b\n{TAIL}", 2,
                 22 + len(str(chain)), "cannot read the certificate's key: /nonexistent/b", "No such file")


def test_a_key_of_another_certificate(box, certs):
    chain, key = certs.make("a.example").chain, certs.make("b.example").key
    expect_error(box, f"{HEAD}certificate default {chain} {key}\n{TAIL}", 2, 1, "key")


def test_a_file_that_is_no_certificate(box, certs):
    nonsense = box.write("nonsense", "this is no PEM\n")
    key = certs.default().key
    expect_error(box, f"{HEAD}certificate default {nonsense} {key}\n{TAIL}", 2, 1, "certificate")


def test_a_chain_and_a_key_that_are_swapped(box, certs):
    chain, key = certs.default().chain, certs.default().key
    expect_error(box, f"{HEAD}certificate default {key} {chain}\n{TAIL}", 2, 1, "are swapped")


def test_errors_of_files_in_the_order_of_the_text(box):
    """Each points at the file that it is about, and says how to make what is easily made."""
    path, done = check(box, "listen 8080 plain\nsite * {\n"
                       "    auth basic /nonexistent/staff\n    route /b/ -> dir /nonexistent/b\n}\n"
                       "log access /nonexistent/log/access.log\n")
    said = [line for line in done.stderr.splitlines() if line.startswith(str(path))]
    assert said == [
        f"{path}:3:16: /nonexistent/staff: No such file or directory; make it: htpasswd -B -c /nonexistent/staff NAME",
        f"{path}:4:22: cannot serve /nonexistent/b: No such file or directory; make it: mkdir -p /nonexistent/b",
        f"{path}:6:12: cannot write /nonexistent/log/access.log: No such file or directory; "
        "make its folder: mkdir -p /nonexistent/log"], done.stderr


def test_an_include_that_is_missing(box):
    expect_error(box, f"listen 8080 plain\n{TAIL}  include gone.conf\n", 3, 11, "gone.conf",
                 "No such file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_include_that_may_not_be_read(box):
    box.write("secret.conf", "", mode=0)
    expect_error(box, f"listen 8080 plain\n{TAIL}include secret.conf\n", 3, 9, "Permission denied")


def test_an_include_that_is_a_folder(box):
    box.path("conf.d").mkdir()
    expect_error(box, f"listen 8080 plain\n{TAIL}include conf.d\n", 3, 9, "not a regular file")


def test_a_loop_of_includes(box):
    box.write("a.conf", "include b.conf\n")
    box.write("b.conf", "# a comment\ninclude a.conf\n")
    path, done = check(box, f"listen 8080 plain\n{TAIL}include a.conf\n")
    assert done.returncode == 1
    assert f"{path.parent}/b.conf:2:9: " in done.stderr and "include loop" in done.stderr


def test_an_error_in_an_included_file_shows_that_line(box):
    box.write("a.conf", "\n  sight x -> status 204\n")
    path, done = check(box, "listen 8080 plain\ninclude a.conf\n")
    assert f"{path.parent}/a.conf:2:3: " in done.stderr
    assert "sight x -> status 204\n" in done.stderr


def test_a_folder_that_is_missing(box):
    expect_error(box, "listen 8080 plain\nsite * { route / -> dir /nonexistent }\n", 2, 25,
                 "/nonexistent", "No such file")


def test_a_folder_that_is_a_file(box):
    plain = box.write("plain", "")
    expect_error(box, f"listen 8080 plain\nsite * {{ route / -> dir {plain} }}\n", 2, 25,
                 "not a folder")


def test_a_group_that_does_not_exist(box):
    expect_error(box, f"listen 8080 plain\n{TAIL}control /tmp/x.sock group no-such-group\n", 3, 1,
                 "no-such-group")


def test_a_file_that_does_not_exist(box):
    done = run(daemon.BIN / "sluiced", "-n", "-f", box.path("gone"), check=False)
    assert done.returncode == 1 and "No such file" in done.stderr


def test_several_errors_at_once_in_order(box):
    _, done = check(box, "lissten 80\nlisten 8080 plain\nsite * { rout / -> status 204 }\n")
    lines = [line for line in done.stderr.splitlines() if "sluice.conf:" in line]
    assert [line.split(":")[1] for line in lines][:2] == ["1", "3"], done.stderr


def test_sluice_check_needs_no_daemon(box):
    path = box.write("sluice.conf", f"listen 8080 plain\n{TAIL}")
    done = run(daemon.BIN / "sluice", "check", path, check=False)
    assert (done.returncode, done.stdout) == (0, f"{path}: ok\n")
    path.write_text("listen 8080 plian\n")
    done = run(daemon.BIN / "sluice", "check", path, check=False)
    assert done.returncode == 1 and f"{path}:1:13: " in done.stderr
    done = run(daemon.BIN / "sluice", "check", "--json", path, check=False)
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and not answer["ok"] and answer["errors"]


def test_the_command_line(box):
    def status(*argv):
        return run(daemon.BIN / "sluiced", *argv, check=False).returncode

    assert status("--version") == 0
    assert status("--help") == 0
    assert status() == 2
    assert status("-n") == 2
    assert status("--frobnicate") == 2
    assert status("-f", "a", "b") == 2


def test_authorities_that_are_missing_or_none(box):
    conf = "listen 127.0.0.1:8080 plain\nupstream-ca @ca@\nsite * -> https://localhost:1\n"
    nothing = box.write("nothing.pem", "no certificate\n")
    expect_error(box, conf.replace("@ca@", "/nonexistent/ca"), 2, 13, "/nonexistent/ca",
                 "No such file")
    expect_error(box, conf.replace("@ca@", str(nothing)), 2, 1, "no certificate in PEM")


@pytest.mark.parametrize("text, says", [
    ("# ours\n192.0.2.1\n  nobody\n", ':3:3: "nobody" is not an address, CIDR or range; write '),
    ("192.0.2.1\n0.0.0.0/0\n", ":2:1: this blocks more than an eighth of all addresses; if that is meant, "),
])
def test_what_is_wrong_in_a_list_is_said_with_its_place_there(box, text, says):
    listed = box.write("blocked.txt", text)
    _, done = check(box, f"listen 8080 plain\n{TAIL}block-list {listed}\n")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{listed}{says}")


@pytest.mark.parametrize("text, says", [("# nobody yet\n", "has no address in it"),
                                        ("192.0.2.1\n" * 1024 * 1024, "larger than 8388608 bytes")],
                         ids=["empty", "ten megabytes"])
def test_an_empty_and_an_enormous_list(box, text, says):
    listed = box.write("blocked.txt", text)
    expect_error(box, f"listen 8080 plain\n{TAIL}block-list {listed}\n", 3, 12, str(listed), says)


@pytest.mark.root
def test_forwards_that_a_reload_would_refuse_are_warned_of(lab, box):
    """They are no errors: the file may be for another host."""
    path = box.write("sluice.conf", "listen 8080 plain\nsite * -> status 404\nforward tcp 2200 -> 192.0.2.50:22\n"
                     "forward tcp 2201 -> 203.0.113.2:22\n")
    with lab.edge.net():
        taken = socket.create_server(("203.0.113.1", 2201))
    with taken:
        done = lab.edge.run(daemon.BIN / "sluice", "check", path)
    lines = [line for line in done.stderr.splitlines() if line.startswith(str(path))]
    assert done.stdout == f"{path}: ok\n" and len(lines) == 2, done.stderr
    assert lines[0].startswith(f"{path}:3:1: warning: 192.0.2.50 is in no network of this host"), lines
    assert lines[1].startswith(f"{path}:4:1: warning: ") and "listens on tcp port 2201" in lines[1], lines


def test_a_container_behind_http_is_warned_of(box):
    """Its name would be looked up in the world; a program of that name elsewhere may be meant."""
    path, done = check(box, "listen 8080 plain\nbridge lxcbr0 10.0.3.1/24\n"
                       "container wiki { image busybox ; address 10.0.3.9 }\n"
                       "site * {\n    route / -> http://wiki:8080/x\n    route /b -> http://b.example\n}\n")
    assert (done.returncode, done.stdout) == (0, f"{path}: ok\n")
    said = [line for line in done.stderr.splitlines() if line.startswith(str(path))]
    assert said == [f'{path}:5:5: warning: "wiki" is a container of this file; it is written without '
                    "http://: wiki:8080/x"], done.stderr
