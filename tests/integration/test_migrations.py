"""During an upgrade two versions share a schema: the old one goes on, and the new one waits for its migration."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from shared.base.db import Database as Pools
from shared.migrations import run as migrations
from shared.spine.spine import Spine
from tests.support.servers import DEPLOYMENT, Database
from tests.support.spines import Nothing, settings

pytestmark = pytest.mark.servers


async def at_revision(base: Database, revision: str) -> None:
    pools = Pools(base.admin_url, "escalation", work_pool=2, api_pool=1)
    async with pools.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version_spine SET version_num = :it"), {"it": revision})
    await pools.close()


async def why_not_ready(base: Database) -> str | None:
    spine: Spine[Any] = Spine(
        settings(base, "escalation", "127.0.0.1:1", "none"), service="escalation", store=Nothing(), handlers={}
    )
    try:
        return await spine.ready()
    finally:
        await spine.closed()


async def test_an_old_version_goes_on_with_a_schema_that_a_later_one_has_brought_up(
    database: Callable[..., Database],
) -> None:
    base = database()
    assert await why_not_ready(base) is None
    await at_revision(base, "9999")
    assert await why_not_ready(base) is None
    said = await migrations.migrate(base.admin_url, "escalation", deployment=DEPLOYMENT, password=None)
    assert said.startswith("escalation: ")
    assert await why_not_ready(base) is None, "migrating with the old version has changed nothing"


async def test_a_new_version_waits_for_its_migration(database: Callable[..., Database]) -> None:
    base = database()
    await at_revision(base, "0001")
    assert "is at 0001, this version needs" in str(await why_not_ready(base))
