"""From the decision record to the data that sentences may state: issues, remedies, calls to action."""

import re
from collections.abc import Mapping, Sequence

from shared.events.common import CallToAction, Decision, Issue, Remedy, Staff

from .compose import Scope
from .context import CJK, STOPS, Context, commitment_day, day, money, put
from .letter import MissingField

UPHELD = ("substantiated", "partly")
_JOINED = re.compile(r"[,，;；]| and ")


def tell(context: Context, scope: Scope, decision: Decision, handler: Staff) -> None:
    """Add the decision record: issues, remedies and calls to action."""
    context.signed_by(scope, handler)
    if not decision.examined:
        raise MissingField("examined")
    if not decision.issues:
        raise MissingField("issues")
    scope.data["examined"] = examined(context, decision.examined)
    several = len(decision.issues) > 1
    by_id = {issue.id: issue for issue in decision.issues}
    scope.items["issue"] = _issues(context, decision.issues)
    scope.items["action"] = [_action(context, c, n, decision, handler) for n, c in enumerate(decision.calls_to_action)]
    scope.items["remedy"] = [
        _remedy(context, r, n, by_id, decision, handler, several) for n, r in enumerate(decision.remedies)
    ]
    if scope.items["remedy"]:  # when all of it is done
        scope.data["done_by"] = max(remedy.data["by"] for remedy in scope.items["remedy"])
    put(scope.data, "improvement", context.sentence(decision.improvement or ""))
    if any(i.finding in UPHELD for i in decision.issues):
        scope.flags.add("any_upheld")
    if all(i.finding == "substantiated" for i in decision.issues):
        scope.flags.add("all_upheld")
    scope.flags |= {flag for flag, items in (("remedies", "remedy"), ("actions", "action")) if scope.items[items]}


def examined(context: Context, examined: Sequence[str]) -> str:
    """What was looked at, as things done: a bare noun is something that was checked."""
    raw = context.language.raw["examined"]
    acts: list[str] = []
    nouns: list[str] = []

    def close() -> None:
        if nouns:
            acts.append(str(raw["otherwise"]).format(it=context.language.listed(nouns)))
            nouns.clear()

    for item in (e.strip(STOPS) for e in examined):
        if any(_begins(item, verb) for verb in raw["verbs"]):
            close()
            acts.append(item[:1].lower() + item[1:])
        else:
            nouns.append(context.language.lower_first(item))
    close()
    told = context.language.listed(acts, acts=True)
    if len(told) > raw["long"] and len(acts) > 1:  # two sentences rather than one that is read twice
        return str(raw["anew"]).join([acts[0], context.language.listed(acts[1:], acts=True)])
    return told


def _issues(context: Context, issues: Sequence[Issue]) -> list[Scope]:
    out: list[Scope] = []
    earlier: set[str] = set()
    for n, issue in enumerate(issues):
        scope = Scope(path=f"issues[{n}].", issue=issue.id)
        scope.flags = {issue.finding, "side" if n else "main", *earlier}
        _findings(context, issue, scope)
        _reasons(context, issue, scope)
        if n and issue.apology and issue.apology.kind == "responsibility" and "refused" not in scope.flags:
            scope.flags.add("told_by_apology")
        earlier.add("after_upheld" if issue.finding in UPHELD else "after_refusal")
        out.append(scope)
    return out


def _findings(context: Context, issue: Issue, scope: Scope) -> None:
    what = context.language.lower_first(issue.what.strip(STOPS))
    if not what:
        raise MissingField(f"{scope.path}what")
    scope.data["what"] = str(context.language.raw["quote"]).format(text=what) if "，" in what else what
    if any(word in what.split() for word in context.language.raw["request_words"]):
        scope.flags.add("names_request")
    if issue.request != "none_made":
        scope.flags.add("asked")
    if issue.finding not in UPHELD:
        scope.flags.add("refusing")
    if issue.request in ("refused", "alternative"):
        scope.flags.add("refused")
    if issue.finding == "not_established":
        scope.flags.add("unproven")
    if issue.apology:
        scope.flags |= {issue.apology.kind, "apologised"}
        put(scope.data, "sorry_for", context.language.lower_first(issue.apology.for_.strip(STOPS)))


def _reasons(context: Context, issue: Issue, scope: Scope) -> None:
    facts = [f for f in (context.sentence(f.text) for f in issue.facts) if f]
    scope.items["fact"] = [Scope({"fact": f}, path=scope.path, issue=issue.id) for f in facts]
    reason = issue.reason.strip(STOPS)
    because = context.language.raw["because"]
    long = context.language.raw["long_reason"]
    said = len(reason) + len(issue.what) + (long // 3 if issue.finding == "not_established" else 0)
    if reason and (said > long or re.search(r"[.。!?！？]\s*\S", reason)):
        scope.data |= {"reason": context.sentence(reason), "because": because["one"]}
        scope.flags.add("long_reason")
    elif reason:
        scope.data["reason"] = context.language.lower_first(reason)
    else:
        scope.flags.add("long_reason")
        if facts:
            many = str(because["many"]).format(n=context.language.count(len(facts)))
            scope.data["because"] = because["one"] if len(facts) == 1 else many


def _remedy(
    context: Context,
    remedy: Remedy,
    n: int,
    issues: Mapping[str, Issue],
    decision: Decision,
    handler: Staff,
    several: bool,
) -> Scope:
    path = f"remedies[{n}]."
    scope = Scope(path=path, issue=remedy.issue, flags={remedy.type, remedy.remedy_class})
    scope.data = {"remedy_id": remedy.id, **context.who(remedy.actor, handler)}
    scope.data |= commitment_day("by", day(remedy.by, f"{path}by"), context.zone)
    if remedy.amount is not None:
        scope.data["amount"] = money(remedy.amount, remedy.currency, path)
    item = context.language.lower_first((remedy.item or "").strip(STOPS))
    put(scope.data, "item", item)
    if " for " in item:
        scope.flags.add("item_for")
    if several:
        scope.flags.add("several")
    if remedy.issue in issues:
        scope.data["what"] = context.language.lower_first(issues[remedy.issue].what.strip(STOPS))
    # What waits for the customer's visit or call has that day, said once, in the call to action.
    if any(call.by == remedy.by for call in decision.calls_to_action):
        scope.flags.add("on_call")
    return scope


def _action(context: Context, call: CallToAction, n: int, decision: Decision, handler: Staff) -> Scope:
    path = f"calls_to_action[{n}]."
    raw, calls = context.language.raw, decision.calls_to_action
    action = context.language.lower_first(call.action.strip(STOPS))
    if not action:
        raise MissingField(f"{path}action")
    scope = Scope({"action": action, "by": day(call.by, f"{path}by")}, path=path)
    put(scope.data, "contact", call.contact.strip())
    scope.data["me"] = raw["who"]["me" if call.contact == handler.contact else "us"]
    visit = _mentions(call.channel, raw["visits"])
    if _mentions(call.channel, raw["phones"]):
        scope.flags.add("phone")
    if n and _mentions(calls[n - 1].channel, raw["visits"]):
        scope.flags.add("after_visit")
    if call.contact in action or (visit and len(calls) > n + 1):
        scope.flags.add("shows_contact")
    if _JOINED.search(action):
        scope.flags.add("joined")
    bring = (call.bring or "").strip(STOPS)
    if bring and bring not in action:
        clause = bool(_JOINED.search(bring))
        scope.data["bring"] = context.sentence(bring) if clause else bring
        scope.flags.add("bring_clause" if clause else "bring_thing")
    return scope


def _begins(item: str, verb: str) -> bool:
    return item.startswith(verb) if CJK.match(verb) else item.partition(" ")[0].lower() == verb


def _mentions(channel: str, words: Sequence[str]) -> bool:
    return any(word in channel.lower() for word in words)
