"""A real Prometheus that scrapes processes of a test."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.programs import program
from tests.support.spines import eventually

# What Grafana would put in for its variables and intervals.
GRAFANA = {
    "$__range": "1h", "$__rate_interval": "1h", "$namespace": ".*", "$tier": ".*", "$channel": ".*",
    "$objective": "0.95",
}  # fmt: skip
Answer = dict[tuple[str, ...], float]


class Prometheus:
    """Its HTTP API, as dashboards use it."""

    def __init__(self, port: int) -> None:
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20)

    async def _get(self, path: str, **arguments: Any) -> Any:
        answer = await self.client.get(f"/api/v1/{path}", params=arguments)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def ask(self, expression: str, **chosen: str) -> Answer:
        """A panel's expression now, with these values of variables: the values of its labels, sorted → number."""
        for name, value in (GRAFANA | {f"${name}": value for name, value in chosen.items()}).items():
            expression = expression.replace(name, value)
        found = (await self._get("query", query=expression))["result"]
        return {tuple(sorted(s["metric"].values())): float(s["value"][1]) for s in found}

    async def now(self) -> float:
        """Its clock, in seconds since 1970."""
        return float((await self._get("query", query="time()"))["result"][1])

    async def over_time(self, expression: str, *, seconds: float = 60) -> int:
        """The same as a graph asks it: how many series it gives."""
        for name, value in GRAFANA.items():
            expression = expression.replace(name, value)
        now = await self.now()
        found = await self._get("query_range", query=expression, start=now - seconds, end=now, step=5)
        return len(found["result"])

    async def values(self, metric: str, label: str) -> set[str]:
        """What `label_values(metric, label)` gives."""
        return set(await self._get(f"label/{label}/values", **{"match[]": metric}))

    async def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are pending or firing: `labels`, `state`."""
        return list((await self._get("alerts"))["alerts"])

    async def scraped(self, expression: str) -> bool:
        """Whether a condition has been seen."""
        return bool(await self.ask(expression))


@asynccontextmanager
async def scraping(targets: Mapping[str, str], folder: Path, port: int, rules: str = "") -> AsyncIterator[Prometheus]:
    """Prometheus reads these targets (name → host:port) every two seconds until the block ends, with a rules file."""
    binary = program("prometheus", "prometheus")
    config: dict[str, Any] = {
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [target]}]} for name, target in targets.items()
        ],
    }
    if rules:
        (folder / "rules.yml").write_text(rules)
        config["rule_files"] = [str(folder / "rules.yml")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(  # noqa: ASYNC220
            [
                binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=40d", "--log.level=warn",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    prometheus = Prometheus(port)
    try:

        async def ready() -> bool:
            try:
                return (await prometheus.client.get("/-/ready")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(ready, what="Prometheus")
        yield prometheus
    finally:
        await prometheus.client.aclose()
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
