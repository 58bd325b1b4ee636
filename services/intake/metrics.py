"""What intake counts for good, shows of its account, and measures while it takes things in."""

from typing import get_args

from shared.base.measures import counter, gauge, histogram
from shared.events.catalog import SERVICES
from shared.events.common import Channel
from shared.spine.figures import State, Total

from .requests import Kind

CHANNELS, KINDS = get_args(Channel), get_args(Kind)
TIERS = ("top", "high", "middle", "low")
BECAME = ("seen", "accepted", "duplicate", "not_complaint", "quarantined")
UNKNOWN = "unknown"
REASONS = ("malformed", "invalid", "too_large", "busy", "key_reused")

ACCEPTED = counter(
    "amends_accepted_total", "Messages kept and announced",
    labels={"channel": CHANNELS, "tier": TIERS, "kind": KINDS}, answers="What comes in, by which way, from whom?",
)  # fmt: skip
REJECTED = counter(
    "amends_rejected_total", "Posts that were refused; the channel is unknown where the body could not be read",
    labels={"channel": (*CHANNELS, UNKNOWN), "reason": REASONS}, answers="Which channel sends what we cannot take?",
)  # fmt: skip
DUPLICATE = counter(
    "amends_duplicate_total", "Messages that were sent again and answered like the first time",
    labels={"channel": CHANNELS}, answers="Which channel repeats itself, and how often does idempotency help?",
)  # fmt: skip
ACCEPT_SECONDS = histogram(
    "amends_accept_seconds", "From the request to the commit of a post", labels={"channel": CHANNELS},
    answers="How long does a channel wait for our word that nothing is lost?",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5),
)  # fmt: skip
BATCH = histogram(
    "amends_accept_batch_rows", "Posts per transaction", answers="Does gathering work under load?",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)  # fmt: skip
WAITING = gauge(
    "amends_accept_waiting", "Posts that wait for their transaction", answers="Is intake about to refuse posts?",
)  # fmt: skip
MAILS = counter(
    "amends_mail_outcomes_total", "Mails by what became of them, as this process decided",
    labels={"outcome": ("complaint", "reply", "chase", "question", "praise", "suggestion", "duplicate", "auto_reply",
                        "bounce", "spam", "quarantined")},
    answers="What does the mailbox hold?",
)  # fmt: skip
RECIPIENTS = counter(
    "amends_lmtp_recipients_total", "Mails handed over by LMTP, one for each recipient, by our answer",
    labels={"answer": ()}, answers="Does the mail server in front of us get rid of its mail?",
)  # fmt: skip
ON_SERVER = gauge(
    "amends_mailbox_messages", "Messages on the server at the last comparison, and those of them not kept yet",
    labels={"mailbox": (), "are": ("on_server", "waiting")}, answers="Does a mailbox hold mail that we have not?",
)  # fmt: skip
CONTACT = gauge(
    "amends_mailbox_contact_timestamp_seconds", "When a mailbox last answered", labels={"mailbox": ()},
    answers="Since when has a mailbox been silent?",
)  # fmt: skip
UNREACHED = counter(
    "amends_mailbox_failures_total", "Connections to a mailbox that failed", labels={"mailbox": ()},
    answers="Is a mailbox's server or password the trouble?",
)  # fmt: skip
RESTARTS = counter(
    "amends_mail_worker_restarts_total", "Mail worker processes replaced", labels={"why": ()},
    answers="Do mails break or exhaust the parser?",
)  # fmt: skip

MESSAGES = Total(
    "amends_intake_messages", "Messages by source: seen, and what became of them. Seen is always the sum of the others "
    "and the gap", {"source": (), "became": BECAME}, kind="gauge",
    answers="Is everything that was seen accounted for, today and after every crash?",
)  # fmt: skip
VERDICTS = Total(
    "amends_customer_verdicts_total", "What customers say about the outcome: accepted, disputed, or asked to reopen",
    {"said": ("accepted", "disputed", "reopen")},
    answers="Do customers say that it is resolved? Stands beside first-contact resolution.",
)  # fmt: skip
CHASES = Total(
    "amends_chases_total", "Times that customers asked where the answer stays", {},
    answers="Do customers know when they will hear from us? Stands beside attainment.",
)  # fmt: skip
BOUNCES = Total(
    "amends_letters_bounced_total", "Letters that came back", {"permanent": ("yes", "no")},
    answers="Did letters that were sent arrive?",
)  # fmt: skip
SEQUENCE_GAPS = Total(
    "amends_sequence_gaps", "Events that are missing in the topic between two others of a complaint, as "
    "`amends reconcile --topic` found when it was run last", {"service": SERVICES}, kind="gauge",
    answers="Did the topic lose anything?",
)  # fmt: skip
VERIFIED = Total(
    "amends_topic_verified_timestamp_seconds", "When `amends reconcile --topic` was run last; 0 for never", {},
    kind="gauge", answers="How old is that answer?",
)  # fmt: skip
GAP = State(
    "amends_reconciliation_gap", "Messages that were seen and have no outcome yet", {"source": ()},
    answers="Is anything stuck between being seen and being understood?",
)  # fmt: skip
UNACCOUNTED = State(
    "amends_reconciliation_unaccounted", "Seen minus every outcome minus the gap, over all sources: always 0", {},
    answers="Is the account itself right?",
)  # fmt: skip
OLDEST_GAP = State(
    "amends_oldest_gap_timestamp_seconds", "When the message was seen that waits longest for its outcome", {},
    answers="For how long is something stuck?", moment=True,
)  # fmt: skip
