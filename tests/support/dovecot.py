"""A real Dovecot on loopback, started by hand from Debian's package, and a mail client that puts mail into it."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from imapclient import IMAPClient

from deploy.local.ports import LOOPBACK
from tests.support.programs import program

PASSWORD = "mail:box@secret/1"
CONFIG = """
base_dir = {room}/run
state_dir = {room}/state
log_path = {room}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{room}/mail/%u
first_valid_uid = 1
mail_max_userip_connections = 100
{tokens}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={room}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
{users}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


TOKENS = """
auth_mechanisms = plain {mechanism}
passdb {{
  driver = oauth2
  mechanisms = {mechanism}
  args = {room}/oauth2
}}
"""
INTROSPECTION = """
introspection_mode = get
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
"""


class Dovecot:
    """One server. Any user may log in with PASSWORD and has an INBOX of their own.

    `introspection`: the beginning of an address at which it asks whose an access token is; `mechanism` is how one is
    brought: oauthbearer or xoauth2.
    """

    def __init__(self, room: Path, port: int, *, introspection: str = "", mechanism: str = "oauthbearer") -> None:
        self.room, self.port = room, port
        self._binary = program("dovecot", "dovecot-imapd")
        root = os.getuid() == 0
        uid, gid = (65534, 65534) if root else (os.getuid(), os.getgid())
        me = "" if root else f"default_internal_user = {uid}\ndefault_login_user = {uid}\n"
        (room / "mail").mkdir(parents=True)
        if root:
            os.chown(room / "mail", uid, gid)
        tokens = TOKENS.format(room=room, mechanism=mechanism) if introspection else ""
        (room / "oauth2").write_text(INTROSPECTION.format(url=introspection))
        (room / "dovecot.conf").write_text(
            CONFIG.format(room=room, port=port, uid=uid, gid=gid, users=me, password=PASSWORD, tokens=tokens)
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        self._process = subprocess.Popen([self._binary, "-F", "-c", str(self.room / "dovecot.conf")])
        for _ in range(100):
            try:
                self.client("probe").logout()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"Dovecot does not answer: {(self.room / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop it, with every connection."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def url(self, user: str, folder: str = "INBOX") -> str:
        """The address of a mailbox, as intake's settings take it."""
        return f"imap://{user}:{quote(PASSWORD, safe='')}@{LOOPBACK}:{self.port}/{folder}"

    def client(self, user: str) -> IMAPClient:
        """Somebody who reads and writes this mailbox."""
        client = IMAPClient(LOOPBACK, self.port, ssl=False, timeout=10)
        client.normalise_times = False
        client.login(user, PASSWORD)
        return client

    @contextmanager
    def inbox(self, user: str, folder: str = "INBOX") -> Iterator[IMAPClient]:
        """The open folder of a user."""
        client = self.client(user)
        client.select_folder(folder)
        yield client
        client.logout()

    def deliver(self, user: str, *mails: bytes, at: datetime | None = None, folder: str = "INBOX") -> None:
        """Put mails into a mailbox; `at` is when the server says that they came."""
        client = self.client(user)
        for mail in mails:
            client.append(folder, mail, msg_time=at)
        client.logout()

    def unseen(self, user: str, folder: str = "INBOX") -> int:
        """How many of its messages are not marked as seen."""
        with self.inbox(user, folder) as client:
            return len(client.search("UNSEEN"))
