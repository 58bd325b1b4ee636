"""Who works here reads letters without the link that opens the customer's page in the customer's name."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from services.intake.links import Links
from services.notifier.api.letters import without_page_key

AT = datetime(2026, 6, 9, 8, 0, tzinfo=UTC)


def test_of_a_link_only_the_address_of_the_page_is_left() -> None:
    links = Links("k" * 32, "https://amends.example", 180)
    url = links.url("AM-7K2M9Q4T1C", AT, edition=2)
    page, token = url.split("?t=")
    for words in (f"You can follow it here: {url}. Regards", f"（{url}）", url, f"{url}&welcome=1"):
        shown = without_page_key(words)
        assert token not in shown
        assert page in shown
        assert shown == words.replace(f"?t={token}", "")
    assert without_page_key("Why? Because t=5.") == "Why? Because t=5."
    assert urlsplit(page).path == "/track/AM-7K2M9Q4T1C"
