"""What happens at the limits: descriptors run out, many clients idle, many come at once."""

import ssl

import client
import pytest
from lab import wait_for
from proxy_alone import Host

CONF = "listen 127.0.0.1:@port@ plain\nsite * -> status 204\nconnections 1000\n"
DESCRIPTORS = 64


def test_without_descriptors_accepting_pauses_and_goes_on(box):
    h = Host(box, CONF, descriptors=DESCRIPTORS)
    clients = [h.client(timeout=20) for _ in range(DESCRIPTORS + 20)]
    wait_for(lambda: h.stats()["accept_paused"] > 0, what="accepting to pause")
    served = clients[0]
    assert served.request("GET", "/").status == 204
    for c in clients[1:DESCRIPTORS]:
        c.close()
    assert all(c.request("GET", "/").status == 204 for c in clients[DESCRIPTORS:])
    assert h.stats()["accept_paused"] < 100
    for c in clients[DESCRIPTORS:]:
        c.close()
    h.stop()


@pytest.mark.release
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_an_idle_tls_connection_takes_18_kib_at_most(sluice, version):
    n = 1000
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n")
    context = client.tls_context(minimum=getattr(ssl.TLSVersion, version),
                                 maximum=getattr(ssl.TLSVersion, version))

    def connect():
        c = s.client(tls=True, sni="a.example", context=context)
        assert c.request("GET", "/").status == 204
        return c
    clients = [connect() for _ in range(100)]
    before = s.pss_kib("proxy")
    clients += [connect() for _ in range(n)]
    assert (s.pss_kib("proxy") - before) / n <= 18
    for c in clients:
        c.close()
    wait_for(lambda: s.stats()["connections_open"] == 0, what="no open connection")
