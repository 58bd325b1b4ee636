"""Writing one letter of the ledger: its data, its words, and the gate."""

from datetime import datetime
from zoneinfo import ZoneInfo

from . import inputs, record
from .compose import Scope, compose, short_form
from .context import Context
from .letter import Kind, Letter, LetterBlocked
from .lint import CaseData, Linter
from .model import Facts, LetterRow
from .policy import Policy
from .wording import Language

# In these kinds somebody's own words stand, so every letter is checked as a whole. The words of the others are fixed:
# they passed all rules when they were loaded, and only the data in them are looked at.
FREE: frozenset[Kind] = frozenset(
    {
        "information_request", "reply", "resolution", "final", "call_summary", "summary_resolution", "out_of_scope",
        "forwarded", "holding", "correction", "reminder", "regret_and_action", "bulk_notice", "remedy_delayed",
        "remedy_done", "callback_appointment",
    }
)  # fmt: skip


class Writer:
    """Writes letters in every language there is, under one policy."""

    def __init__(self, languages: dict[str, Language], policy: Policy, linter: Linter) -> None:
        self.languages, self.policy, self.linter = languages, policy, linter
        self._contexts = {code: Context(language, policy) for code, language in languages.items()}

    def use(self, language: Language) -> None:
        """Write in this edition of the language from now on. Letters that are written keep theirs."""
        self.languages[language.code] = language
        self._contexts[language.code] = Context(language, self.policy)

    def written_in(self, tag: str, kind: Kind | None = None) -> str:
        """The language in which a letter of this kind is written to a reader of the one that the tag names.

        `fr-CA` is read as `fr`; a language that there is not, as the house's own; and a language may leave kinds of
        letters that it has no template for to another.
        """
        while tag and tag not in self.languages:
            tag = tag.rpartition("-")[0]
        language = self.languages[tag or self.policy.default_language]
        return language.otherwise if language.otherwise and kind and kind not in language.letters else language.code

    def _read(self, facts: Facts, kind: Kind) -> Facts:
        code = self.written_in(facts.language, kind)
        return facts if code == facts.language else facts.model_copy(update={"language": code})

    def write(self, row: LetterRow, facts: Facts, now: datetime, *, gate: bool = True) -> Letter:
        """The letter of this row. Raises LetterBlocked: a datum is missing, or the gate found something.

        A letter that the gate stopped is kept in the row all the same, so that a person can read and judge it.
        Without `gate` (for looking at it) only missing data are a reason.
        """
        facts = self._read(facts, row.kind)
        context = self._contexts[facts.language]
        letter = compose(row.kind, context.language, self._scope(context, row, facts, now), context.today(now))
        row.language, row.subject, row.text = facts.language, letter.subject, letter.text
        row.template_version, row.promises = letter.template_version, list(letter.promises)
        row.findings = self.check(letter, row, facts) if gate else []
        if row.findings:
            raise LetterBlocked(f"the gate stopped it: {', '.join(row.findings)}", row.findings)
        return letter

    def short(self, row: LetterRow, facts: Facts, now: datetime) -> str:
        """The short form of this letter, for text message and app: at most two segments.

        Raises LetterBlocked: a datum is missing, nothing is short enough, or a rule of short forms stopped it.
        """
        facts = self._read(facts, row.kind)
        context = self._contexts[facts.language]
        text = short_form(row.kind, context.language, self._scope(context, row, facts, now), context.today(now))
        report = self.linter.short(text, facts.language, row.kind, self.case(row, facts))
        if report.gate == "block":
            raise LetterBlocked(
                f"the gate stopped it: {', '.join(f.rule for f in report.findings)}", [f.rule for f in report.findings]
            )
        return text

    def _scope(self, context: Context, row: LetterRow, facts: Facts, now: datetime) -> Scope:
        scope = context.case(facts, now)
        scope.flags.add(row.kind)
        inputs.read(context, scope, row, facts)
        return scope

    def context(self, language: str) -> Context:
        """The data of letters to readers of this language."""
        return self._contexts[self.written_in(language)]

    def zone(self, language: str) -> ZoneInfo:
        """The zone of customers who read this language."""
        return self.context(language).zone

    def check(self, letter: Letter, row: LetterRow, facts: Facts) -> list[str]:
        """Ids of the rules that stop this letter; empty when it may go out."""
        if letter.kind not in FREE:
            known = not row.address or row.address in record.contacts(facts)
            ours = self._contexts[facts.language].ours
            return self.linter.slots(letter, ours=ours, known=known, allowed=lambda: self._allowed(row, facts))
        report = self.linter.letter(letter, self.case(row, facts))
        stopping = {f.rule for f in report.findings if f.level in ("error", "warn")}
        return sorted(stopping) if report.gate == "block" else []

    def _allowed(self, row: LetterRow, facts: Facts) -> frozenset[str]:
        return record.of_address(row, facts, self.policy).allowed

    def case(self, row: LetterRow, facts: Facts) -> CaseData:
        """What the rules compare this letter with."""
        facts = self._read(facts, row.kind)
        context = self._contexts[facts.language]
        signer = context.language.letters[row.kind].sign
        return record.of_letter(row, facts, self.policy, signer=signer, zone=context.zone, working=context.is_working)
