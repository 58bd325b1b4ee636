"""Brokers that encrypt and ask who we are: the right login works, every wrong one is refused and waited for."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from deploy.local.kafka import Kafka
from deploy.local.ports import LOOPBACK, Ports
from shared.base import kafka as clients
from shared.base.brokers import Brokers
from shared.base.config import KafkaAccess, load
from shared.base.errors import Refused
from shared.spine import verify
from tests.support.programs import program

pytestmark = pytest.mark.servers
USER, PASSWORD = "amends", "long and secret"


def certificates(folder: Path) -> None:
    """An authority, and a key and certificate of its making for the broker and for us."""
    openssl = program("openssl", "openssl")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes")
    run("req", "-x509", *new, "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")
    (folder / "names").write_text(f"subjectAltName=IP:{LOOPBACK}\n")
    for name in ("broker", "client"):
        run("req", *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", f"{name}.crt")  # fmt: skip


class GuardedKafka(Kafka):
    """The embedded broker with a second listener, which takes known certificates and a login alone."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        super().__init__(folder, ports, os.environ)
        self.folder, self.port = folder, ports.get("kafka_guarded")

    def _properties(self, data: Path) -> str:
        told, here = super()._properties(data), f"GUARDED://{LOOPBACK}:{self.port}"
        (self.folder / "broker.pem").write_text(
            "".join((self.folder / f"broker.{e}").read_text() for e in ("key", "crt"))
        )
        told = told.replace("listeners=CLIENTS:", f"listeners={here},CLIENTS:")
        told = told.replace("map=CLIENTS:PLAINTEXT", "map=CLIENTS:PLAINTEXT,GUARDED:SASL_SSL")
        login = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ours = {
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": login,
            "listener.name.guarded.ssl.keystore.type": "PEM",
            "listener.name.guarded.ssl.keystore.location": self.folder / "broker.pem",
            "listener.name.guarded.ssl.truststore.type": "PEM",
            "listener.name.guarded.ssl.truststore.location": self.folder / "ca.crt",
            "listener.name.guarded.ssl.client.auth": "required",
        }
        return told + "".join(f"{name}={value}\n" for name, value in ours.items())


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    folder = tmp_path_factory.mktemp("guarded")
    certificates(folder)
    broker = GuardedKafka(folder, Ports(folder / "ports.json", None))
    broker.prepare()
    broker.launch()
    try:
        broker.wait_ready()
        yield Brokers(
            f"{LOOPBACK}:{broker.port}", security="SASL_SSL", mechanism="PLAIN", username=USER, password=PASSWORD,
            ca=folder / "ca.crt", certificate=folder / "client.crt", key=folder / "client.key",
        ).checked()  # fmt: skip
    finally:
        broker.child.stop()


async def test_what_is_sent_with_the_right_login_is_read_with_it(guarded: Brokers) -> None:
    assert await clients.create_topics(guarded, "told.v1", partitions=2, replication=1)
    sender = clients.producer(guarded, "test")
    await sender.start()
    await sender.send_and_wait("told.v1", b"kept", key=b"1")
    await sender.stop()
    assert [r.body async for r in verify.read(guarded, "told.v1")] == [b"kept"]
    member = clients.consumer(guarded, "group", instance=None, session_timeout=6)
    member.subscribe(["told.v1"])
    await member.start()
    try:
        assert (await asyncio.wait_for(member.getone(), 20)).value == b"kept"
    finally:
        await member.stop()


@pytest.mark.parametrize(
    "wrong",
    [{"password": "guessed"}, {"security": "PLAINTEXT"}, {"ca": None}, {"certificate": None, "key": None}],
    ids=["password", "not encrypted", "unknown authority", "no certificate"],
)
async def test_a_wrong_login_is_an_error_that_the_loops_wait_out(guarded: Brokers, wrong: dict[str, object]) -> None:
    sender = clients.producer(replace(guarded, **wrong), "test")  # type: ignore[arg-type]
    try:
        with pytest.raises((KafkaError, OSError)):
            await asyncio.wait_for(sender.start(), 20)
    finally:
        await sender.stop()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SECURITY": "SASL_SSL"}, "AMENDS_KAFKA_USERNAME and _PASSWORD must be set"),
        ({"SECURITY": "PLAINTEXT", "CA": __file__}, "nothing is encrypted"),
        ({"SECURITY": "SSL", "CA": __file__}, "AMENDS_KAFKA_CA, _CERTIFICATE or _KEY cannot be used"),
        ({"SECURITY": "SSL", "CERTIFICATE": __file__}, "belong together"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str
) -> None:
    for name, value in {"BOOTSTRAP": "kafka:9093", **given}.items():
        monkeypatch.setenv(f"AMENDS_KAFKA_{name}", value)
    with pytest.raises(Refused, match=said):
        _ = load(KafkaAccess).brokers


def test_a_password_is_not_shown(guarded: Brokers) -> None:
    assert PASSWORD not in repr(guarded)
