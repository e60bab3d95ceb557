"""Where the values of a TOML text stand; tomllib reads the values but forgets the lines."""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Callable

Path = tuple[str | int, ...]
"""Keys and indexes from the root down to a value."""

_GAP = re.compile(r"(?:\s|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_SCALAR = re.compile(
    r'''
      """ (?: [^\\] | \\. )*? "{3,5}
    | \'\'\' .*? '{3,5}
    | " (?: [^"\\] | \\. )* "
    | ' [^']* '
    | [^\s,\]}\#] [^,\]}\#\n]*
    ''',
    re.DOTALL | re.VERBOSE,
)


class TomlLines:
    """The lines of the tables, keys and items of a TOML text that tomllib accepts."""

    def __init__(self, text: str) -> None:
        self._lines = _Scanner(text).scan()

    def line_of(self, path: Path) -> int:
        """Where the value stands, from 1; for a missing one, where the table it is missing from stands."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]


class _Scanner:
    """Walks over tables, keys and values. The text is known to be TOML, so a first sign tells what follows."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_starts = [0, *(newline.end() for newline in re.finditer("\n", text))]
        self._lines: dict[Path, int] = {(): 1}
        self._last_index: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip_gap():
            if self._text.startswith("[", self._at):
                table = self._read_header()
            else:
                self._read_pair(table)
        return self._lines

    def _skip_gap(self) -> bool:
        """Go to the next sign; False at the end of the text."""
        self._at = self._match(_GAP).end()
        return self._at < len(self._text)

    def _read_header(self) -> Path:
        start = self._at
        is_item = self._text.startswith("[[", start)
        self._at += 2 if is_item else 1
        *outer, name = self._read_keys()
        self._at += 2 if is_item else 1
        table: Path = (*self._resolved(outer), name)
        if is_item:
            self._last_index[table] = self._last_index.get(table, -1) + 1
            table = (*table, self._last_index[table])
        for depth in range(1, len(table) + 1):
            self._lines.setdefault(table[:depth], self._line(start))
        return table

    def _resolved(self, keys: list[str]) -> Path:
        """The path that the keys of a header lead along: in a list of tables, into its last table."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._last_index:
                path = (*path, self._last_index[path])
        return path

    def _read_keys(self) -> list[str]:
        keys = [self._read_key()]
        while self._text.startswith(".", self._at):
            self._at += 1
            keys.append(self._read_key())
        return keys

    def _read_key(self) -> str:
        key = self._match(_KEY)
        self._at = key.end()
        name = key[1]
        return str(tomllib.loads(f"name = {name}")["name"]) if name[0] in "\"'" else name

    def _read_pair(self, table: Path) -> None:
        start = self._at
        path = table
        for key in self._read_keys():
            path = (*path, key)
            self._lines.setdefault(path, self._line(start))
        self._at += 1
        self._read_value(path)

    def _read_value(self, path: Path) -> None:
        self._skip_gap()
        sign = self._text[self._at]
        if sign == "{":
            self._read_until("}", lambda _: self._read_pair(path))
        elif sign == "[":
            self._read_until("]", lambda index: self._read_item((*path, index)))
        else:
            self._at = self._match(_SCALAR).end()

    def _read_item(self, path: Path) -> None:
        self._lines[path] = self._line(self._at)
        self._read_value(path)

    def _read_until(self, end: str, read_one: Callable[[int], None]) -> None:
        """Read what stands between the brackets, commas between."""
        self._at += 1
        index = 0
        while self._skip_gap() and not self._text.startswith(end, self._at):
            if self._text.startswith(",", self._at):
                self._at += 1
                continue
            read_one(index)
            index += 1
        self._at += 1

    def _line(self, position: int) -> int:
        return bisect_right(self._line_starts, position)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        assert match is not None, f"no TOML at character {self._at}"
        return match
