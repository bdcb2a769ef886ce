# SPDX-License-Identifier: MIT
"""What a victim says about itself, and whether a ledger agrees.

A victim's top comment holds, one to a line:

    // expect: DEGREE KIND[|KIND...] [attribute=pattern ...]   a record that must be in the report, once for each line
    // expect: nothing                                         the report must hold no record at all
    // may: DEGREE KIND ...                                    a record that may be there or not
    // status: N or SIGNAME                                    how the process ends
    // degraded: WORD                                          what the report says of its own blind spots
    // before: KIND PATH-or-NAME                               made by the harness beforehand; must not change
    // moved: FROM TO                                          what of it the victim itself renames
    // stays: PATH                                             what the victim makes and nobody may remove
    // not in a constructor: REASON                            leaves out that one harness

Patterns know `*` (anything but a slash) and `?` (one byte); `\\xNN` is a byte. {tmp}, {cwd}, {home} and {tag} are those
of the run. Attributes: path, named (a POSIX IPC name), name (of a thread), key (a System V key, by its word), test
(`none` for a record of no test).
"""

import re
import signal
import urllib.parse

from ipc import IPC_KINDS, ipc_key

DEGREES = ("error", "warning", "note")
KINDS = {
    "process", "thread", "file", "pipe", "socket", "listening_port", "eventfd", "timerfd", "signalfd", "epoll",
    "inotify", "memfd", "pidfd", "other_fd", "temp_dir", "temp_file", "fifo", "link", "device", "unix_socket",
    *IPC_KINDS,
}
ATTRIBUTES = {"path", "named", "name", "key", "test"}
BEFORE_KINDS = {"file", "dir", "socket", *IPC_KINDS}


class Malformed(Exception):
    """A victim's comment does not follow the grammar."""


class Wanted:
    """One record that must (or may) be in the report."""

    def __init__(self, text):
        degree, kinds, *attributes = text.split()
        self.text = text
        self.degree = degree
        self.kinds = tuple(kinds.split("|"))
        self.attributes = dict(attribute.split("=", 1) for attribute in attributes)
        if degree not in DEGREES or not set(self.kinds) <= KINDS or not set(self.attributes) <= ATTRIBUTES:
            raise Malformed(f"not an expectation: {text}")

    def matches(self, record, places):
        """True if `record`, out of the JSON report, is the wanted one; degrees are compared by the caller."""
        if record["kind"] not in self.kinds:
            return False
        return all(_attribute_matches(attribute, pattern, record, places)
                   for attribute, pattern in self.attributes.items())


class Victim:
    """The parsed top comment of one victim."""

    def __init__(self, source):
        self.expected, self.possible = [], []
        self.before, self.moved, self.stays = [], [], []
        self.status, self.not_in_constructor, self.degraded = None, None, None
        nothing = False
        for key, value in _comment_lines(source):
            if key == "expect" and value == "nothing":
                nothing = True
            elif key == "expect":
                self.expected.append(Wanted(value))
            elif key == "may":
                self.possible.append(Wanted(value))
            elif key == "status":
                self.status = -getattr(signal, value) if value.startswith("SIG") else int(value)
            elif key == "degraded":
                self.degraded = value
            elif key == "before":
                kind, what = value.split()
                if kind not in BEFORE_KINDS:
                    raise Malformed(f"nothing that can be there before: {value}")
                self.before.append((kind, what))
            elif key == "moved":
                self.moved.append(tuple(value.split()))
            elif key == "stays":
                self.stays.append(value)
            elif key == "not in a constructor":
                self.not_in_constructor = value
        if self.status is None or nothing == bool(self.expected):
            raise Malformed("a victim needs a status, and either records or `expect: nothing`")

    @property
    def errors(self):
        return [wanted for wanted in self.expected if wanted.degree == "error"]

    @property
    def errors_are_certain(self):
        """False if an error may be there or not, so that nobody can say how `fail` has to end."""
        return bool(self.errors) or not any(wanted.degree == "error" for wanted in self.possible)


def _comment_lines(source):
    keys = "expect|may|status|degraded|before|moved|stays|not in a constructor"
    with open(source, encoding="utf-8") as text:
        for line in text:
            if not line.startswith("//"):
                return
            found = re.fullmatch(rf"// ({keys}): (.+)\n", line)
            if found:
                yield found.group(1), found.group(2).strip()


def pattern_of(text, places):
    """A compiled bytes pattern for `text`, with its placeholders filled in."""
    out = b""
    for piece in re.findall(r"\{[a-z]+\}|\\x[0-9a-f]{2}|.", text):
        if piece[0] == "{":
            out += re.escape(places[piece[1:-1]])
        elif piece.startswith("\\x"):
            out += re.escape(bytes([int(piece[2:], 16)]))
        elif piece == "*":
            out += rb"[^/]*"
        elif piece == "?":
            out += rb"[^/]"
        else:
            out += re.escape(piece.encode())
    return re.compile(out, re.DOTALL)


def path_of(record):
    """The path of a record as bytes: `path_uri` holds those of a name that is not UTF-8."""
    if record.get("path_uri"):
        return urllib.parse.unquote_to_bytes(record["path_uri"].removeprefix("file://"))
    return (record.get("path") or "").encode()


def _attribute_matches(attribute, pattern, record, places):
    if attribute == "key":
        key = record.get("key")
        key = int(key, 0) if isinstance(key, str) else key
        return key is not None and key & 0xFFFFFFFF == ipc_key(pattern, places["tag"].decode())
    if attribute == "test":
        if pattern == "none":
            return record.get("test") is None
        return record.get("test") is not None and _fits(pattern, record["test"].encode(), places)
    if attribute == "path":
        return _fits(pattern, path_of(record), places)
    if attribute == "name":
        return _fits(pattern, (record.get("name") or "").encode(), places)
    # A POSIX IPC object may be shown by its name or by the path that stands for it: /x, /dev/shm/x, /dev/shm/sem.x.
    shown = (record.get("name") or record.get("path") or "").encode()
    shown = b"/" + shown.rsplit(b"/", 1)[-1].removeprefix(b"sem.")
    return _fits(pattern, shown, places)


def _fits(pattern, value, places):
    return pattern_of(pattern, places).fullmatch(value) is not None


def disagreements(victim, records, places, degree_of=lambda wanted: wanted.degree):
    """Sentences on what is missing from `records` and what nobody asked for; none if they are as expected.

    `degree_of` says which degree a wanted record has in the mode at hand.
    """
    left = list(records)
    sentences = []
    for must, group in ((True, victim.expected), (False, victim.possible)):
        # The most particular first, so that a general one does not take the record of another.
        for wanted in sorted(group, key=lambda one: -len(one.attributes)):
            found = next((record for record in left
                          if record["degree"] == degree_of(wanted) and wanted.matches(record, places)), None)
            if found is not None:
                left.remove(found)
            elif must:
                sentences.append(f"not in the report: {wanted.text} (as {degree_of(wanted)})")
    return sentences + [f"nobody expects: {describe(record)}" for record in left]


def describe(record):
    """One line on a record, for a person."""
    keys = ("state", "path", "name", "fd", "port", "test", "pid", "command", "key", "reason")
    shown = {key: record[key] for key in keys if record.get(key) is not None}
    return f"{record['degree']} {record['kind']} {shown}"
