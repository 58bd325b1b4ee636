"""`amends`: maps a subcommand to the file that knows it, imported only when it is asked for."""

import importlib
import sys
from collections.abc import Callable

import typer

# Subcommand → module with a typer `app`, and what it is for.
COMMANDS = {
    "migrate": ("shared.spine.cli:migrate", "bring every schema to the newest revision"),
    "topics": ("shared.spine.cli:topics", "create the Kafka topics where they are missing"),
    "token": ("shared.spine.cli:token", "issue bearer tokens for people and services"),
    "parked": ("shared.spine.cli:parked", "list, show and release events that could not be handled"),
    "lost": ("shared.spine.cli:lost", "after a restore: what the topic knows and a service has forgotten"),
    "services": ("shared.spine.cli:services", "what each service consumes, decides and emits"),
    "people": (
        "services.routing.cli_people:people",
        "accounts of people who sign in, sessions, shifts, teams",
    ),
    "channel": ("services.intake.cli_hooks:channel", "keys of the channels that call REST"),
    "reconcile": ("services.intake.cli:reconcile", "seen = accepted + duplicate + not a complaint + quarantined + gap"),
    "mail": ("services.intake.cli_mail:mails", "look at mail that began nothing: spam, quarantine, automatic answers"),
    "purge": ("services.intake.cli_purge:purge", "erase what has lived its time, and hold what must stay"),
    "policy": ("services.escalation.cli:policy", "check policy packs, and see which open complaints one would change"),
    "calendar": ("services.escalation.cli:calendar", "reckon with business time"),
    "letter": ("services.notifier.cli:letter", "lint and preview letters"),
    "route": ("services.routing.cli:route", "what triage decides about a text, and the case's state table"),
}


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["usage: amends COMMAND [--help] …", "", *lines])


def _load(target: str) -> Callable[..., object]:
    module, _, name = target.partition(":")
    app = getattr(importlib.import_module(module), name)
    command: Callable[..., object] = app if not isinstance(app, typer.Typer) else typer.main.get_command(app)
    return command


def main() -> None:
    """Exit 0 when done, 1 when the answer is no, 2 for misuse."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        raise SystemExit(0 if arguments else 2)
    if arguments[0] not in COMMANDS:
        print(f"amends: no command {arguments[0]!r}; see `amends --help`", file=sys.stderr)
        raise SystemExit(2)
    command = _load(COMMANDS[arguments[0]][0])
    command(arguments[1:], prog_name=f"amends {arguments[0]}")


if __name__ == "__main__":
    main()
