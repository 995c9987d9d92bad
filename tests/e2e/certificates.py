"""Certificates for tests, signed by an authority made for the run, with the openssl command."""

import itertools
import pathlib

from lab import run

DEFAULT_NAMES = ("a.example", "*.example", "example", "localhost", "127.0.0.1")


class Cert:
    def __init__(self, chain, key):
        self.chain, self.key = pathlib.Path(chain), pathlib.Path(key)

    @property
    def pair(self):
        return f"{self.chain} {self.key}"


class Factory:
    def __init__(self, folder):
        self.folder = folder
        self._numbers = itertools.count(1)
        self._default = None
        self.ca, self.ca_key = folder / "ca.pem", folder / "ca.key"
        self._key("ec", self.ca_key)
        run("openssl", "req", "-x509", "-new", "-key", self.ca_key, "-subj", "/CN=Sluice test CA",
            "-days", 30, "-addext", "keyUsage=critical,keyCertSign", "-out", self.ca)

    @staticmethod
    def _key(kind, path):
        option = (["EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec"
                  else ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        run("openssl", "genpkey", "-algorithm", *option, "-out", path)
        path.chmod(0o600)

    def authority(self, name):
        """A Factory of its own, whose certificates the server does not know."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return Factory(folder)

    def make(self, *names, key="ec", days=30, usage="serverAuth", extra=""):
        """extra: more extension lines, as openssl's -extfile takes them."""
        number = next(self._numbers)
        base = self.folder / f"cert{number}"
        key_path, request, chain = (base.with_suffix(s) for s in (".key", ".csr", ".pem"))
        self._key(key, key_path)
        kinds = ",".join(("IP:" if n.replace(".", "").isdigit() or ":" in n else "DNS:") + n
                         for n in names)
        extensions = base.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={kinds}\nextendedKeyUsage={usage}\n{extra}")
        run("openssl", "req", "-new", "-key", key_path, "-subj", f"/CN={names[0]}", "-out", request)
        run("openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key,
            "-days", days, "-set_serial", number, "-extfile", extensions, "-out", chain)
        chain.write_text(chain.read_text() + self.ca.read_text())
        return Cert(chain, key_path)

    def default(self):
        if self._default is None:
            self._default = self.make(*DEFAULT_NAMES)
        return self._default
