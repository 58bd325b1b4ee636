"""What the runbooks tell people to type, typed on the cluster."""

import asyncio
import json
import re
import secrets
import shlex
from dataclasses import replace
from pathlib import Path

import asyncpg

from deploy.local.services import database_url
from shared.events.catalog import SERVICES
from tests.cluster.table import Table, expect
from tests.cluster.trial import Trial

BOOKS = Path(__file__).parents[2] / "docs/runbooks"
PACK = "/app/services/escalation/packs/house-tiered.yaml"
ASK = (
    "import sys, urllib.request as r; "
    "print(r.urlopen(r.Request(sys.argv[1], headers={'Authorization': sys.argv[2]})).status)"
)


def commands(page: str, start: str) -> list[str]:
    """The lines of a page's code that begin like this."""
    lines = [line.strip() for line in (BOOKS / page).read_text().splitlines() if line.startswith("    ")]
    return [line for line in lines if line.startswith(start)]


def on_pods(table: Table, trial: Trial) -> None:
    """`kubectl exec` lines of the runbooks, and what a policy would change."""
    with table.step("commands of the runbooks on pods: channel, parked, policy check and preview") as said:
        lines = [line for page in ("install.md", "README.md") for line in commands(page, "kubectl -n amends exec $P")]
        expect(len(lines) >= 3, f"only {len(lines)} commands found")
        for line in [*lines, f"kubectl -n amends exec $P -- amends policy preview {PACK} # escalation's pod"]:
            where = re.search(r"(\w+)'s pod", line)
            words = shlex.split(line.partition("#")[0].partition(" -- ")[2])
            code, out = trial.kube.run(
                "exec", trial.kube.ready(where[1] if where else "routing")[0], "--", *words, check=False
            )
            expect(code == 0, f"{' '.join(words)}: {out.strip().splitlines()[-1:]}")
            if words[1] == "policy":
                said.append(f"{words[2]}: {out.strip().splitlines()[-1][:80]}")
        said.append(f"{len(lines) + 1} commands")


def restart(trial: Trial) -> None:
    """The two lines of rotate.md that restart the pods."""
    lines = commands("rotate.md", "kubectl -n amends rollout")
    expect(len(lines) == 2, "rotate.md says otherwise how pods are restarted")
    for line in lines:
        trial.kube.run(*shlex.split(line)[3:], seconds=240)


def rotate(table: Table, trial: Trial) -> None:
    """docs/runbooks/rotate.md: the roles' passwords, then the signing key in two steps."""
    outside = trial.outside
    with table.step("passwords of the database's roles changed by the runbook, while complaints come in") as said:
        before = outside.keys
        after = replace(before, role_passwords={service: secrets.token_urlsafe(24) for service in SERVICES})
        with trial.complaints(60, 1) as report:
            trial.outside = replace(outside, keys=after)
            trial.give(secret={"create": True, "values": trial.outside.secret()})
            trial.upgrade()
            restart(trial)
        said.append(trial.judge(report, 60))
        for service in SERVICES:
            expect(not _opens(database_url(outside.local_admin_url, service, before)), f"{service}: the old one opens")
            expect(_opens(database_url(outside.local_admin_url, service, after)), f"{service}: the new one does not")
        said.append("the old passwords open nothing")
    with table.step("the signing key changed by the runbook: both good, then the old one ends") as said:
        old = _token(trial)
        given = trial.outside.secret()
        new = {**given, "token-key": secrets.token_urlsafe(48), "token-key-before": given["token-key"]}
        _sign_with(trial, new)
        answers = [_asked(trial, old), _asked(trial, _token(trial))]
        expect(answers == ["200", "200"], f"with both keys: old {answers[0]}, new {answers[1]}")
        _sign_with(trial, {name: text for name, text in new.items() if name != "token-key-before"})
        answers = [_asked(trial, old), _asked(trial, _token(trial))]
        expect(answers == ["401", "200"], f"without the old key: old {answers[0]}, new {answers[1]}")
        said.append("old and new 200, then old 401, new 200")


def _opens(url: str) -> bool:
    async def look() -> bool:
        try:
            await (await asyncpg.connect(url)).close()
        except asyncpg.InvalidPasswordError:
            return False
        return True

    return asyncio.run(look())


def _sign_with(trial: Trial, values: dict[str, str]) -> None:
    trial.give(secret={"create": True, "values": values})
    trial.upgrade()
    restart(trial)


def _token(trial: Trial) -> str:
    pod = trial.kube.ready("routing")[0]
    return trial.kube.run("exec", pod, "--", "amends", "token", "issue", "--name", "ada", "--role", "lead")[1].split()[
        -1
    ]


def _asked(trial: Trial, token: str) -> str:
    """What routing answers to this token."""
    pod = trial.kube.ready("routing")[0]
    url, bearer = "http://127.0.0.1:8000/v1/cases?state=waiting", f"Bearer {token}"
    code, out = trial.kube.run("exec", pod, "--", "python", "-c", ASK, url, bearer, check=False)
    found = re.search(r"HTTP Error (\d+)", out)
    return out.strip() if code == 0 else (found[1] if found else json.dumps(out[-100:]))
