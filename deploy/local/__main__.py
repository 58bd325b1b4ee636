"""`python -m deploy.local`: what `make run` and `make demo` start."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import typer

from deploy.local import jars
from deploy.local.console import StackError, one_line, say, show, step
from deploy.local.ports import DEFAULT_BASE
from deploy.local.processes import run as run_program
from deploy.local.stack import RUN_DIR, Stack
from deploy.local.summary import Summary

DEMO_AT_MOST = 240

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The embedded local stack.")


@app.command()
def run() -> None:
    """Start everything, send the sample complaints, and stay until Ctrl-C."""
    from deploy.local import passwords
    from deploy.local.demo.story import GATEWAY
    from deploy.local.staff import come_on_shift

    with one_line_errors():
        began = time.monotonic()
        base = port_base(DEFAULT_BASE)
        say(f"Starting Amends with its data in {RUN_DIR} …")
        settings = {"intake": {"AMENDS_TRUSTED_GATEWAYS": json.dumps([GATEWAY])}}
        try:
            with Stack(RUN_DIR, port_base=base, extra_env=settings) as stack:
                stack.supervise()
                with step("handlers on shift"):
                    come_on_shift(stack)
                with step("accounts"):
                    signs_in = passwords.provide(stack)
                say(f"Ready after {time.monotonic() - began:.1f} s.")
                show(addresses(stack, signs_in))
                send_samples(stack)
                Summary(stack).show_until_interrupted()
        except KeyboardInterrupt:
            say("Stopped.")


@app.command()
def demo() -> None:
    """Start everything on fresh data, tell the demo's story, write demo.json, stop everything."""
    from deploy.local import demo as story

    with one_line_errors():
        say("Starting Amends on fresh data for the demo …")
        environment = story.extra_env()
        with Stack(RUN_DIR / "demo", port_base=port_base(None), fresh=True, extra_env=environment) as stack:
            stack.supervise()
            signal.signal(signal.SIGALRM, too_long)
            signal.alarm(DEMO_AT_MOST)
            code = story.run(stack)
            signal.alarm(0)
        raise SystemExit(code)


@app.command()
def clean() -> None:
    """Remove all data, logs and secrets of this checkout's stack."""
    with one_line_errors():
        for folder in (RUN_DIR / "demo", RUN_DIR):
            if folder.exists():
                Stack(folder).remove_data()


@app.command()
def relock() -> None:
    """Pin Kafka's jars anew after a change of the version in jars.py."""
    with one_line_errors():
        say(f"{jars.write_lock()} jars pinned in {jars.LOCK}")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What the reader can mend is one line and exit 1; every way of being told to end is an interrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background programs with it ignored
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        yield
    except StackError as error:
        say(f"amends: {error}")
        raise SystemExit(1) from None
    except OSError as error:
        say(f"amends: {one_line(error)}")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        say("Interrupted.")
        raise SystemExit(130) from None


def interrupt(number: int, frame: FrameType | None) -> None:
    """A polite request to end."""
    raise KeyboardInterrupt


def too_long(number: int, frame: FrameType | None) -> None:
    """The story hangs."""
    raise StackError(f"The demo was not over after {DEMO_AT_MOST} s.")


def port_base(default: int | None) -> int | None:
    """PORT_BASE as a number. Raises StackError."""
    given = os.environ.get("PORT_BASE")
    if not given:
        return default
    if not given.isdecimal():
        raise StackError(f"PORT_BASE={given} is not a number.")
    return int(given)


def addresses(stack: Stack, signs_in: Mapping[str, str]) -> str:
    """Where everything is, and who may do what."""
    urls = stack.urls
    lines = [
        f"  complaint form   {urls['intake']}/complain",
        f"  desk             {urls['routing']}/desk, and once there also {urls['intake']}/agent",
        *(f"    sign in as     {name:<12} {password}" for name, password in signs_in.items()),
        f"  clocks           {urls['escalation']}/openapi.json",
        f"  letters          {urls['notifier']}/letters/gallery (signed in at the desk)",
        f"  caught mails     {stack.mail_url or 'none: AMENDS_SMTP_URL is used'}",
        f"  tokens           {stack.run_dir / 'tokens.json'}",
        f"  logs             {stack.run_dir / 'logs'}",
        "",
        *(f"  {name:<12} {entry['role']:<9} {entry['token']}" for name, entry in stack.tokens.items()),
    ]
    return "\n".join(lines)


def send_samples(stack: Stack) -> None:
    """Let the example client send every sample complaint."""
    sender = [sys.executable, "-m", "deploy.local.demo.sender", "--intake", stack.urls["intake"]]
    done = run_program([*sender, "--tokens", str(stack.run_dir / "tokens.json")], timeout=180)
    said = (done.stdout + done.stderr).strip().splitlines()
    show(f"Sample complaints: {said[-1] if said else 'nothing was said'}")


if __name__ == "__main__":
    app()
