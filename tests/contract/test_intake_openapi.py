"""Whatever fits the OpenAPI document, and whatever does not: intake answers it without a 5xx, on a real database."""

import asyncio
import json
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, openapi

from tests.integration.test_intake import complaint, running
from tests.support.browser import served
from tests.support.scale import FULL
from tests.support.servers import Database

EXAMPLES = settings(
    max_examples=60 if FULL else 3,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def whatever(value: Any) -> bytes:
    """What is sent where any bytes may be."""
    return str(value).encode("utf-8", "replace")


@schemathesis.serializer("message/rfc822")
def mail(_: Any, value: Any) -> bytes:
    """A mail is whatever bytes it is."""
    return whatever(value)


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """One line; what is no JSON is sent as it is."""
    return json.dumps(value).encode() + b"\n" if isinstance(value, dict) else whatever(value)


def try_everything(address: str, headers: dict[str, str], mode: GenerationMode) -> tuple[set[int], list[str]]:
    """Call each operation with generated requests: the statuses that came back, and each request that made a 5xx."""
    seen: set[int] = set()
    worst: list[str] = []
    for result in openapi.from_url(f"{address}/openapi.json").get_all_operations():
        operation = result.ok()

        @EXAMPLES
        @given(operation.as_strategy(generation_mode=mode))
        def call(case: Case) -> None:
            answer = case.call(base_url=address, headers=headers, timeout=30)
            seen.add(answer.status_code)
            if answer.status_code >= 500 and answer.status_code != 503:
                worst.append(f"{answer.status_code}: {case.as_curl_command()[:600]}")

        # An operation that takes nothing cannot be called wrongly.
        with warnings.catch_warnings(), suppress(Unsatisfiable):
            warnings.simplefilter("ignore")
            call()
    return seen, worst


@pytest.mark.timeout(900 if FULL else 120)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
async def test_no_request_makes_a_5xx(database: Callable[..., Database], mode: GenerationMode) -> None:
    async with running(database()) as intake, served(intake.service.web) as address:
        await intake.post(complaint())
        callers: dict[str, Any] = {"channel": intake.bearer(), "lead": intake.staff("lead")}
        if not FULL:
            callers.pop("lead" if mode is GenerationMode.POSITIVE else "channel")
        for role, headers in callers.items():
            seen, worst = await asyncio.to_thread(try_everything, address, headers, mode)
            assert worst == [], f"{role}: {json.dumps(worst, indent=1)}"
            assert seen & {200, 201, 400, 404, 409, 415, 422}, "something was understood"
