"""Names as people type them: any case, any form of an Arabic letter, with or without its marks."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db.models import F, Func, GeneratedField, Value
from django.db.models.functions import Coalesce

# Forms of one letter that are typed for each other, and what divides words.
_SAME = dict(zip("أإآٱىئؤةگکیéèüöäå", "ااااييوهككيeeuoaa", strict=True))
_BETWEEN = "-_/.,;:@#'\"()[]&+*!?|\\«»،؛؟–—’‘“”"
# Short vowels, their doubling and the dash that only lengthens a word.
_MARKS = "".join(chr(code) for code in range(0x064B, 0x0653)) + "\u0670\u0640"
_FROM = "".join(_SAME) + _BETWEEN + _MARKS
_TO = "".join(_SAME.values()) + " " * len(_BETWEEN)
_TABLE = {ord(sign): (_TO[at] if at < len(_TO) else None) for at, sign in enumerate(_FROM)}
_WORD = re.compile(r"\w+")


def fold(text: str) -> str:
    """A name without what people leave out or type otherwise.

    >>> fold("Al-Nakheel"), fold("العُليا"), fold("أحمد الغامدى")
    ('al nakheel', 'العليا', 'احمد الغامدي')
    """
    return unicodedata.normalize("NFC", text).lower().translate(_TABLE)


def words_of(text: str) -> list[str]:
    """The folded words of a name.

    >>> words_of("Shop 22, Al-Olaya")
    ['shop', '22', 'al', 'olaya']
    """
    return _WORD.findall(fold(text))


class Words(Func):
    """The folded words of some columns. Migrations stand on this, so it stays as it is."""

    function = "to_tsvector"
    template = (
        "to_tsvector('simple', translate(lower(%(expressions)s), "
        + ", ".join("'" + text.replace("'", "''") + "'" for text in (_FROM, _TO)) + "))"
    )  # fmt: skip
    arg_joiner = " || ' ' || "
    output_field = SearchVectorField()

    def __init__(self, *columns: str, **more: Any) -> None:
        super().__init__(*(Coalesce(F(each), Value("")) for each in columns), **more)


def words_column(*columns: str) -> GeneratedField:
    """A column that the database fills with the folded words of others.

    It is no index: rows are kept to their merchant before anything looks into them, and of those
    there are as many as a merchant has branches, terminals and people.
    """
    return GeneratedField(
        expression=Words(*columns), output_field=SearchVectorField(), db_persist=True
    )


def any_of(words: Iterable[str]) -> SearchQuery:
    """What has a word that begins with one of these, which are folded."""
    return SearchQuery(
        " | ".join(f"'{word}':*" for word in words), config="simple", search_type="raw"
    )
