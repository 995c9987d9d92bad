"""A real web application in a real container, its pages loaded by a real browser through the cache.

DokuWiki, lighttpd and PHP are Debian's packages, which the container sees as the host has them; what
the application was asked is read from lighttpd's access log. The browser sits in the internet.
"""

import re
import shutil

import appliance
import pytest
from browser import Browser
from lab import run, wait_for

pytestmark = [pytest.mark.root, pytest.mark.slow]
NAME = "wiki.example"
START = f"https://{NAME}/doku.php?id=start"
CONF = """\
wan wan0
bridge lxcbr0 10.0.3.1/24
listen 443 tls http2
certificate default @cert@
site * {
    cache static
    compress on
    route / -> wiki:8080
    # DokuWiki says Vary: Cookie of everything, and these three do not look at it.
    route = /lib/exe/css.php    -> wiki:8080 { header request remove Cookie }
    route = /lib/exe/js.php     -> wiki:8080 { header request remove Cookie }
    route = /lib/exe/jquery.php -> wiki:8080 { header request remove Cookie }
}
container wiki {
    image     busybox
    address   10.0.3.101
    mount     /usr/bin              opt/bin
    mount     /usr/sbin             opt/sbin
    mount     /usr/lib64            lib64
    mount     /usr/share/dokuwiki   usr/share/dokuwiki
    mount     /usr/share/php        usr/share/php
    mount     /usr/share/php-geshi  usr/share/php-geshi
    mount     /usr/share/javascript usr/share/javascript
    mount     /usr/share/zoneinfo   usr/share/zoneinfo
    mount     /etc/php              etc/php
    mount     @dir@/etc             etc/dokuwiki
    mount     @dir@/var             var/lib/dokuwiki rw
    autostart
}
"""
SETTINGS = """<?php
$conf['title'] = 'Wiki of the tests';
$conf['useacl'] = 0;
$conf['savedir'] = '/var/lib/dokuwiki/data';
"""
LIGHTTPD = """\
server.modules = ("mod_access", "mod_accesslog", "mod_fastcgi")
server.document-root = "/usr/share/dokuwiki"
server.port = 8080
server.errorlog = "/var/lib/dokuwiki/errors"
accesslog.filename = "/var/lib/dokuwiki/log"
accesslog.format = "%r %s"
index-file.names = ("doku.php")
mimetype.assign = (".png" => "image/png", ".gif" => "image/gif", ".svg" => "image/svg+xml",
    ".ico" => "image/x-icon", ".css" => "text/css", ".js" => "text/javascript")
fastcgi.server = (".php" => (("socket" => "/tmp/php", "bin-path" => "/opt/bin/@php@",
    "max-procs" => 1, "bin-environment" => ("PHP_FCGI_CHILDREN" => "4"))))
"""


class Wiki:
    def __init__(self, box, lab, sluice):
        for source, name in (("/etc/dokuwiki", "etc"), ("/var/lib/dokuwiki", "var")):
            shutil.copytree(source, box.path(name), symlinks=True)
        php = (box.path("/usr/bin") / "php-cgi").resolve().name
        box.write("etc/local.php", SETTINGS)
        box.write("etc/lighttpd.conf", LIGHTTPD.replace("@php@", php))
        box.write("var/data/pages/start.txt", "====== Welcome ======\nThe first text.\n")
        run("chmod", "-R", "a+rwX", box.path("etc"), box.path("var"))
        self.log_path = box.path("var/log")
        self.sluice = sluice(CONF, where=lab.edge)
        self.sluice.wait_container("wiki")
        appliance.wait_address(lab, "wiki")
        lab.container_run("wiki", "/opt/sbin/lighttpd", "-f", "/etc/dokuwiki/lighttpd.conf")

        def answers():
            answer = lab.wan.fetch(f"https://{appliance.EDGE}/doku.php", host=NAME)
            return answer.status == 200 and b"The first text" in answer.body

        wait_for(answers, 20, "the wiki's first page")

    def requests(self):
        """What lighttpd was asked so far: "GET /doku.php?id=start HTTP/1.1 200"."""
        return self.log_path.read_text().splitlines()

    def wait_quiet(self):
        """Until lighttpd has written down all that Sluice has asked: it writes as it likes."""
        counted = 0

        def same():
            nonlocal counted
            before, counted = counted, self.sluice.stats()["cache_misses"]
            return before == counted and len(self.requests()) >= counted

        wait_for(same, 10, "the application's log")


@pytest.fixture
def wiki(box, lab, sluice):
    return Wiki(box, lab, sluice)


@pytest.fixture
def browser(box, lab):
    one = Browser(lab.wan, box.path("browser"), {NAME: appliance.EDGE})
    box.defer(one.close)
    return one


def split(answers):
    """The URLs of stylesheets, scripts and images that are files of the application; the others.
    taskrunner.php is a job that a page starts by an image, under another name each second."""
    web = {u: a for u, a in answers.items() if u.startswith("https:")}
    still = {u for u, a in web.items() if re.match("text/css|text/javascript|image/", a["mimeType"])
             and "taskrunner.php" not in u}
    return still, web.keys() - still


def status_of(answers, urls):
    return {u: answers[u]["headers"].get("cache-status", "") for u in urls}


def edit(visitor, text):
    """What a person does: the page's form, its text, its button."""
    visitor.open(f"{START}&do=edit")
    answers = visitor.act(f"""
        document.querySelector("#wiki__text").value = {text!r};
        document.querySelector("#edbtn__save").click();""")
    assert any(a["status"] == 200 for a in answers.values())


def test_a_wiki_behind_the_cache(wiki, browser):
    first_visitor, second_visitor = browser.visitor(), browser.visitor()
    first = first_visitor.open(START)
    assert {a["protocol"] for u, a in first.items() if u.startswith("https:")} == {"h2"}
    assert "The first text." in first_visitor.text()
    still, _ = split(first)
    kinds = {first[u]["mimeType"] for u in still}
    assert len(still) >= 10 and {"text/css", "text/javascript", "image/png"} <= kinds, still
    wiki.wait_quiet()
    before = len(wiki.requests())

    # Somebody else, whose browser has nothing, gets all of them, and the application hears nothing.
    second = second_visitor.open(START)
    assert "The first text." in second_visitor.text()
    again, others = split(second)
    assert again == still
    missed = {u: s for u, s in status_of(second, still).items() if not s.startswith("Sluice; hit")}
    assert not missed
    assert any(second[u]["headers"].get("content-encoding") for u in still)  # compressed once
    wiki.wait_quiet()
    asked = {line.split()[1].split("?")[0] for line in wiki.requests()[before:]}
    assert asked == {"/doku.php", "/lib/exe/taskrunner.php"}, wiki.requests()[before:]
    assert not [u for u, s in status_of(second, others).items() if s.startswith("Sluice; hit")]

    # A page that is edited shows at once, to everybody.
    edit(second_visitor, "====== Welcome ======\nThe second text.")
    for visitor in (first_visitor, browser.visitor()):
        visitor.open(START)
        assert "The second text." in visitor.text() and "The first text." not in visitor.text()
    status, counters = wiki.sluice.api("GET", "/v1/status")
    assert status == 200 and counters["counters"]["cache_hits"] >= len(still)
