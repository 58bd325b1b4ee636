"""A Postfix of the test's own on loopback: TLS, one domain, mail kept in one folder. It has to be started as root."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.certificates import Certificate
from tests.support.programs import program

_MAIN = """
compatibility_level = 3.6
queue_directory = {room}/queue
data_directory = {room}/data
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.amends.test
mydestination =
mynetworks =
alias_maps =
alias_database =
maillog_file = {room}/log
maillog_file_prefixes = {room}
virtual_mailbox_domains = amends.test
virtual_mailbox_base = {room}/mail
virtual_mailbox_maps = inline:{{lina@amends.test=lina/}}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_tls_cert_file = {chain}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = encrypt
smtpd_tls_received_header = yes
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
message_size_limit = 200000
virtual_mailbox_limit = 0
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """Where it listens and what it has delivered to lina@amends.test."""

    port: int
    inbox: Path

    def mails(self) -> list[bytes]:
        """The delivered mails."""
        return [path.read_bytes() for path in sorted(self.inbox.glob("*"))]


@contextmanager
def running(certificate: Certificate) -> Iterator[Postfix]:
    """The server, until the block ends."""
    postfix = program("postfix", "postfix")
    if os.getuid():
        pytest.skip("Postfix starts as root only")
    room = Path(tempfile.mkdtemp(prefix="amends-postfix-"))
    room.chmod(0o755)
    owner = pwd.getpwnam("postfix")
    for name in ("queue", "data", "mail", "etc"):
        (room / name).mkdir()
    os.chown(room / "data", owner.pw_uid, owner.pw_gid)
    os.chown(room / "mail", owner.pw_uid, owner.pw_gid)
    chain, key = (Path(shutil.copy(path, room / "etc")) for path in (certificate.chain, certificate.key))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    main = _MAIN.format(room=room, uid=owner.pw_uid, gid=owner.pw_gid, chain=chain, key=key)
    (room / "etc" / "main.cf").write_text(main)
    (room / "etc" / "master.cf").write_text(_MASTER.format(port=port))
    for name in ("postfix-files", "postfix-script", "post-install"):
        if (found := Path("/etc/postfix") / name).exists():
            shutil.copy(found, room / "etc")
    command = [postfix, "-c", str(room / "etc")]
    try:
        subprocess.run([*command, "start"], check=True, capture_output=True, timeout=60)
        yield Postfix(port, room / "mail" / "lina" / "new")
    finally:
        subprocess.run([*command, "stop"], check=False, capture_output=True, timeout=60)
        shutil.rmtree(room, ignore_errors=True)
