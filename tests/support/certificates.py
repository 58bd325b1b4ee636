"""A certificate authority of the tests' own, and a certificate for 127.0.0.1, made by openssl."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import program


@dataclass(frozen=True)
class Certificate:
    """Files: what clients trust, and what the server shows."""

    ca: Path
    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


def make(folder: Path, name: str = "IP:127.0.0.1") -> Certificate:
    """A certificate for this name (subjectAltName), signed by an authority made for it."""
    openssl = program("openssl", "openssl")
    ca, ca_key, chain, key, request = (folder / n for n in ("ca.pem", "ca.key", "chain.pem", "key.pem", "request.pem"))
    extensions = folder / "extensions"
    extensions.write_text(f"subjectAltName={name}\nauthorityKeyIdentifier=keyid\n")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    usage = ["-addext", "keyUsage=critical,keyCertSign"]
    signed = ["-CA", ca, "-CAkey", ca_key, "-extfile", extensions]
    steps: list[list[str | Path]] = [
        ["req", "-x509", *kind, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=test authority", *usage],
        ["req", *kind, "-keyout", key, "-out", request, "-subj", "/CN=mail"],
        ["x509", "-req", "-in", request, *signed, "-days", "2", "-out", chain],
    ]  # fmt: skip
    for step in steps:
        subprocess.run([openssl, *step], check=True, capture_output=True)
    return Certificate(ca, chain, key)
