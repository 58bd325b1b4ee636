"""Board "Letters and outcomes": what customers get from us, and what they say about it."""

from .model import COMPLAINT, LETTERS, SLA, Board, Panel, Query, to, wide
from .queries import age, eq, now, quantile, share, summed, where

_N = where()
_W = "28d"
_HELD = 'state=~"unknown|failed|blocked|no_address"'
_SETTLED = 'outcome=~"sent|failed|unknown"'
_OVERTURNED = eq("result", "overturned")


def _sum(metric: str, *matchers: str) -> str:
    return summed(metric, _W, where(*matchers))


_DECIDED = _sum("amends_decisions_total")
_UPHELD = _sum("amends_decisions_total", 'overall=~"upheld|partly"')

MAIL = (
    Panel("What became of our letters?", "Letters within the range, by what became of them.",
          (Query(summed("amends_letters_total", "$__range", _N, "outcome"), "{{outcome}}"),), kind="bars",
          bad=("failed", "unknown", "blocked")),
    Panel("Which letters do we write?", "Letters that were sent within the range, by kind.",
          (Query(summed("amends_letters_total", "$__range", where(eq("outcome", "sent")), "kind"), "{{kind}}"),),
          kind="bars"),
    Panel("Which letters wait, and for whom?", "Letters that are not done with: blocked, failed, unknown and without "
          "an "
          "address wait for a person.",
          (Query(now("amends_letters_open", where(_HELD), "state"), "{{state}}"),),
          kind="bars", limits=(1, 10), links=(("One complaint", to(COMPLAINT)),)),
    Panel("Does mail flow?", "For how long the letter that waits longest for its sending has been due, or was tried in "
          "vain.",
          (Query(age("amends_oldest_letter_timestamp_seconds", _N), "oldest"),), unit="s", limits=(60, 900)),
    Panel("What share fails?", "Letters that failed or whose fate is unknown, of those settled, within the range.",
          (Query(share(summed("amends_letters_total", "$__range", where('outcome=~"failed|unknown"')),
                       summed("amends_letters_total", "$__range", where(_SETTLED))), "failed"),),
          unit="percentunit", limits=(0.02, 0.1), none="no letter in this range"),
    Panel("Did they come back?", "Bounces within the range, permanent ones and others.",
          (Query(summed("amends_letters_bounced_total", "$__range", _N, "permanent"), "permanent: {{permanent}}"),),
          kind="bars", limits=(1, 10)),
)  # fmt: skip
PROMISES = (
    Panel("Do we do what we write?", "Promises kept, of those kept or broken, 28 days, by kind.",
          (Query(share(summed("amends_promises_total", _W, where(eq("outcome", "kept")), "kind"),
                       summed("amends_promises_total", _W, where('outcome=~"kept|broken"'), "kind")), "{{kind}}"),),
          unit="percentunit", limits=(0.98, 0.95), red="below", none="no promise has come due yet", width=8),
    Panel("How much do we promise?", "Promises made per case that was upheld at least in part, 28 days. Beside the "
          "share "
          "kept: who promises little keeps much.",
          (Query(share(_sum("amends_promises_total", eq("outcome", "made")), _UPHELD), "per upheld case"),),
          none="no case was upheld yet", width=8),
    Panel("How much time do we give ourselves?", "Median time from a letter to the date that it promises, 28 days.",
          (Query(quantile(0.5, "amends_promised_seconds", _W, _N), "median"),), unit="s",
          none="nothing was promised yet", width=8, limits=(14 * 86400, 28 * 86400)),
)  # fmt: skip
OUTCOMES = (
    Panel("How often are customers right?", "Decisions by outcome, 28 days.",
          (Query(summed("amends_decisions_total", _W, _N, "overall"), "{{overall}}"),), kind="bars"),
    Panel("What share is not upheld?", "Of all decisions, 28 days. Read it beside the next one.",
          (Query(share(_sum("amends_decisions_total", eq("overall", "not_upheld")), _DECIDED), "not upheld"),),
          unit="percentunit", limits=(0.5, 0.8), none="nothing was decided yet"),
    Panel("And how often does a second look disagree?", "Decisions of the second stage with another outcome than the "
          "first, 28 days.",
          (Query(share(_sum("amends_second_looks_total", _OVERTURNED), _sum("amends_second_looks_total")),
                 "overturned"),), unit="percentunit", limits=(0.2, 0.4), none="nobody asked for a second look"),
    Panel("How often is one contact enough?", "First-contact resolution: of the cases that customers called resolved "
          "30 to 60 days ago, those that took one contact at most and saw none on the matter for 30 days after. "
          "Cases that customers called resolved later are not judged yet.",
          (Query(share(now("amends_first_contact_cases", where(eq("result", "yes"))),
                       now("amends_first_contact_cases", where('result=~"yes|no"'))), "first contact"),),
          unit="percentunit", limits=(0.7, 0.5), red="below", none="no case is thirty days old yet"),
    Panel("And how does that look lately?", "Cases that handlers resolved for the first time within 28 days with at "
          "most one reached contact: an early sign, before thirty days and the customer have had their say.",
          (Query(share(_sum("amends_resolved_total", eq("first_contact", "yes")), _sum("amends_resolved_total")),
                 "first contact so far"),), unit="percentunit", none="nothing was resolved yet",
          limits=(0.7, 0.5), red="below"),
    Panel("And what do customers say?", "Of what they said about the outcome: accepted, or confirmed on the "
          "telephone. 28 "
          "days; read it beside the last one.",
          (Query(f"({_sum('amends_customer_verdicts_total', eq('said', 'accepted'))} + "
                 f"{_sum('amends_contacts_total', eq('confirmed', 'yes'))}) / "
                 f"(({_sum('amends_customer_verdicts_total')} + "
                 f"{_sum('amends_contacts_total', eq('confirmed', 'yes'))}) > 0)", "resolved, says the customer"),),
          unit="percentunit", limits=(0.7, 0.5), red="below", none="no customer said anything yet"),
    Panel("How do cases end?", "Closed cases within the range, by reason.",
          (Query(summed("amends_closed_total", "$__range", _N, "reason"), "{{reason}}"),), kind="bars",
          bad=("no_answer",)),
    Panel("And how often was closed not settled?", "Cases opened again within the range, by whom.",
          (Query(summed("amends_reopened_total", "$__range", _N, "by"), "by {{by}}"),), kind="bars", limits=(5, 20)),
    Panel("Do we reach them?", "Contacts within the range, by outcome.",
          (Query(summed("amends_contacts_total", "$__range", _N, "outcome"), "{{outcome}}"),), kind="bars",
          bad=("wrong_number",)),
)  # fmt: skip

BOARD = Board(
    LETTERS, "Amends: Letters and outcomes", "What customers get from us, and what they say about it.",
    (("Letters", MAIL), ("Promises", PROMISES), ("Outcomes, in pairs", wide(OUTCOMES))),
    variables=("namespace", "desk"), links=(("SLA", to(SLA)), ("The desk", "$desk/desk")), span="now-7d",
)  # fmt: skip
