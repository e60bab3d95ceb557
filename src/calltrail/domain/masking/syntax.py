"""Where names, strings, values and elements of each form begin and end; of broken texts too.

No pattern here may take more than linear time, whatever the text: repeats are possessive, and a search that can fail
late starts only where a look back allows it.
"""

import re

# JSON

JSON_TOKENS = re.compile(
    rb"""(?sx) (?:\xef\xbb\xbf)? \s*+ (?=[\[{"'])
    (?: [\s\[\]{},:]++
      | (?: "(?:[^"\\]++|\\.)*+ (?:"|\\?\Z)
          | '(?:[^'\\]++|\\.)*+ (?:'|\\?\Z)
          | -?[0-9][-+.0-9eE]*+
          | true | false | null | undefined | NaN | -?Infinity
          | -?[A-Za-z]{1,8}\Z
        ) (?=\s*+ (?:[,:\]}]|\Z))
    )*+ \Z"""
)
"""Whatever consists of JSON's tokens, so that each quote is known to open or to close: documents, lines of documents,
in single quotes too, and beginnings of them."""

JSON_STRING = re.compile(
    rb"""(?sx) (?: "(?P<double>(?:[^"\\]++|\\.)*+) (?:"|\\?\Z) | '(?P<single>(?:[^'\\]++|\\.)*+) (?:'|\\?\Z) )
    (?P<colon>\s*+:\s*+)?"""
)
JSON_STRING_OR_BARE = re.compile(rb""""(?:[^"\\]++|\\.)*+"?|'(?:[^'\\]++|\\.)*+'?|[-+.\w]+""", re.DOTALL)

QUOTE = re.compile(rb"\\*+[\"']")
BARE_JSON = re.compile(rb"(?:[^\r\n,}\]]++|,(?!\s*+(?:\\*+[\"']|[{\[}\]]|\Z)))*+")
_CLOSING_QUOTE = {quote: re.compile(rb"(?<!\\)\\*+" + quote) for quote in (b'"', b"'")}
_AFTER_VALUE = re.compile(rb"\s*+(?:[,}\])>/;&<?|]|\Z)|[ \t]*+(?:[\r\n]|\\+[nrt])|\s++[\w:.-]++\s*+=")
_AFTER_STRING = re.compile(_AFTER_VALUE.pattern + rb"|\s*+:")
_BRACKETS_OR_QUOTE = re.compile(rb"[{\[]++|[}\]]++|(?<!\\)\\*+[\"']")


def string_end(text: bytes, opening: re.Match[bytes], follow: re.Pattern[bytes] = _AFTER_VALUE) -> tuple[int, int]:
    """Where the inside of a string ends, and where the string does.

    A string within n strings has its quotes behind 2**n - 1 backslashes. A quote that nothing sensible follows belongs
    to a value that somebody forgot to escape. Without an end the string goes on to the end of the text.
    """
    backslashes = len(opening[0]) - 1
    period = 2 * (backslashes + 1)
    for closing in _CLOSING_QUOTE[opening[0][-1:]].finditer(text, opening.end()):
        before = len(closing[0]) - 1
        if before % period != period - 1 and follow.match(text, closing.end()):
            return closing.end() - 1 - min(before, backslashes), closing.end()
    return len(text), len(text)


def container_end(text: bytes, start: int) -> int:
    """Where the object or array ends that starts there; the end of the text when it never does."""
    depth = 0
    at = start
    while token := _BRACKETS_OR_QUOTE.search(text, at):
        at = token.end()
        brackets = at - token.start()
        if token[0][:1] in (b"{", b"["):
            depth += brackets
        elif token[0][:1] not in (b"}", b"]"):
            _, at = string_end(text, token, _AFTER_STRING)
        elif brackets >= depth:
            return token.start() + depth
        else:
            depth -= brackets
    return len(text)


# XML

_XML_NAME = rb"[A-Za-z_\x80-\xff][\w.:\x80-\xff-]*+(?<!:)"
_XML_VALUE = rb"(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s<>\"'=]++)"
_XML_ATTRIBUTES = rb"(?:\s++(?:[\w.:@\x80-\xff-]++(?<!:)(?:\s*+=\s*+(?:" + _XML_VALUE + rb"|\Z))?)?)*+\s*+/?+"

XML = re.compile(
    rb"(?s)(?:\xef\xbb\xbf)?\s*+(?=<[A-Za-z_?!\x80-\xff])"
    rb"(?:[^<]++|<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)"
    rb"|<![A-Za-z][^<>\[]*+(?:\[[^\]]*+\][^>]*+)?(?:>|\Z)|</?"
    + _XML_NAME
    + _XML_ATTRIBUTES
    + rb"(?:>|\Z)|<[/!]?\Z)*+\Z"
)
"""Whatever consists of XML's tokens, and beginnings of it; also HTML that is not too careless."""

XML_TOKEN = re.compile(
    rb"(?s)<!--(?P<comment>.*?)(?:-->|\Z)|<!\[CDATA\[(?P<cdata>.*?)(?:\]\]>|\Z)"
    rb"|<\?(?P<instruction>.*?)(?:\?>|\Z)|<(?P<slash>/?)(?P<name>" + _XML_NAME + rb")"
    rb"(?P<rest>(?:[^<>\"']++|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z))*+)(?:>|\Z|(?=<))"
    rb"|(?P<text>[^<]++)|<"
)
"""Any text falls into such tokens; a tag that never ends goes on to the next one, or to the end."""

XML_ATTRIBUTE = re.compile(rb"([^\s=\"'/<>]++)\s*+=\s*+(?:\"([^\"]*+)(?:\"|\Z)|'([^']*+)(?:'|\Z)|([^\s<>\"']++))")


def element_end(text: bytes, tag: re.Match[bytes]) -> tuple[int, int]:
    """Where the content of an element ends, and where the element does; elements of its name may stand within."""
    depth = 1
    for token in XML_TOKEN.finditer(text, tag.end()):
        if token["name"] != tag["name"] or (not token["slash"] and token["rest"].endswith(b"/")):
            continue
        depth += -1 if token["slash"] else 1
        if depth == 0:
            return token.span()
    return len(text), len(text)


# Forms, URLs, multipart

FORM = re.compile(rb"[^\s\"'<>{}()]*+\Z")
FORM_PAIR = re.compile(rb"(?:(?<=[?&;#/])|\A)([^?&;#/=\s]++)=([^&]*+)")

BOUNDARY = re.compile(rb"(?:\A|\n)(--[^\r\n]{1,200})\r?\n(?=[!-9;-~]{1,100}:)")
BLANK_LINE = re.compile(rb"\r?\n\r?\n")
PART_NAME = re.compile(rb"(?i)\bname\*?=\s*+(?:\"([^\"\r\n]*+)\"?|([^;\s]++))")

# Any text

_WORD = rb"(?:[\w.$\[\]\x80-\xff-]|%[0-9a-fA-F]{2}|\\++u[0-9a-fA-F]{4})"

NAMED = re.compile(
    rb"<(?P<element>" + _XML_NAME + rb")(?=[\s/>])"
    rb"|(?:(?<![\w.$\[\]\x80-\xff%\\-])|(?<=\\[nrt])|(?<=%)(?![0-9a-fA-F]{2}))(?P<name>" + _WORD + rb"++)"
    rb"(?P<quote>\\*+[\"'])?\]?+\s*+(?P<sign>=>|:=|=++|:(?!:))\s*+"
)
"""A name with what follows it up to its value: an XML tag, a property, an attribute, `name=` or `name: `."""

BARE_TEXT = re.compile(rb"(?:[^&\r\n]++|&(?![^&=\s]++=))*+")
"""A value without quotes: the rest of the line, or of the pair of a form."""

HAS_ASSIGNMENT = re.compile(rb"[=:<%@\\]|&#")
"""Without one of these a text names no value."""


def ends_a_path(found: re.Match[bytes]) -> bool:
    """Whether a name is only what a message is about: `/customer/password: is too short`."""
    before = found.string[max(found.start() - 1, 0) : found.start()]
    return before == b"/" and found["sign"] == b":" and not found["quote"]
