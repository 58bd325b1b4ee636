"""Templates as content: an upload is tried out before it may be used, and each process takes up what is in use."""

from typing import Any

import yaml

from . import language as languages
from . import specimens
from .language import LanguageError
from .lint import Linter
from .wording import Language
from .writer import Writer


class Unusable(ValueError):
    """The upload must not be used; the message says what is wrong and where."""


class Shelf:
    """The editions that this process writes with."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self._package = dict(writer.languages)
        self.using: dict[str, int] = dict.fromkeys(writer.languages, 1)

    def current(self, code: str) -> str:
        """The document in use, as YAML to be edited. Raises KeyError for a language that there is not."""
        return yaml.safe_dump(dict(self.writer.languages[code].raw), allow_unicode=True, sort_keys=False, width=120)

    def checked(self, code: str, document: str) -> Language:
        """The language in this document, after it has written the whole generated set. Raises Unusable."""
        try:
            found: Any = yaml.safe_load(document)
        except yaml.YAMLError as error:
            raise Unusable(" ".join(str(error).split())) from None
        if not isinstance(found, dict):
            raise Unusable("the document is not a mapping")
        try:
            language = languages.parse(found, code)
        except (LanguageError, TypeError, AttributeError, ValueError) as error:
            raise Unusable(f"{code}: {error}") from None
        if language.code != code:
            raise Unusable(f"the document is in {language.code!r}, not in {code!r}")
        candidate = Writer({**self.writer.languages, code: language}, self.writer.policy, Linter())
        try:
            specimens.try_out(candidate, [code])
        except (specimens.Unfit, KeyError, TypeError) as error:
            raise Unusable(str(error)) from None
        return language

    def take(self, code: str, edition: int, document: str | None) -> None:
        """Write with this edition from now on; without a document it is the package's."""
        if document is None:
            self.writer.use(self._package[code])
        else:
            raw = {**yaml.safe_load(document), "version": f"{code}-{edition}"}
            self.writer.use(languages.parse(raw, code))
        self.using[code] = edition
