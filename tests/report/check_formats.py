# SPDX-License-Identifier: MIT
"""Checks every format of leakshim-report over the golden ledgers: against the output that is expected, byte for byte,
and with a parser or schema of the format's own.

    run.py check_formats.py report=… golden=… source=… FORMAT        # FORMAT `merged`: several sessions as one
    run.py check_formats.py report=… golden=… source=… FORMAT --update

--update writes what there is into `expected` in the source; look at the difference before committing it. Directories, boot
ids and parents, which differ everywhere, stand as words in there. Skipped (77) where the parser is not installed.
"""

import difflib
import pathlib
import re
import subprocess
import tempfile

import format_parsers
from given import Given

COMPARED = {"clean": "c1ea", "daemon": "dae", "output": "007", "everything": "a11", "odd": "0dd", "traps": "7a95", "cycles": "c7c1e"}
OTHERS = {"many": "3a27", "dead": "dead"}
WIDTHS = (60, 200)  # columns in which the text is compared as well
ENDINGS = {"text": "txt", **{f"text-{width}": f"{width}.txt" for width in WIDTHS}, "json": "json", "jsonl": "jsonl", "junit": "junit.xml", "github": "github",
           "github-summary": "md", "gitlab": "gitlab.json", "tap": "tap", "prometheus": "prom"}


# Two of the five errors and the only warning of `daemon`, and one that is there no more.
KNOWN = """# leakshim baseline 1
1 error process:sleep *;test=test_tmux.py::test_server
1 error unix_socket:/tmp/tmux-*/default;test=test_tmux.py::test_server
3 error temp_dir:/tmp/gone-*;test=test_tmux.py::test_server
1 warning thread:poller;test=
"""


class Formats:
    def __init__(self, update, directory):
        self.source = pathlib.Path(Given.source)
        self.update = update
        self.directory = directory
        self.boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        self.failures = []

    def ledger(self, name):
        return str(self.directory / ({**COMPARED, **OTHERS}[name].ljust(32, "0") + ".ledger"))

    def run(self, form, files, environment=None):
        done = subprocess.run([Given.report, f"--format={form}", *files], stdin=subprocess.DEVNULL, check=False, timeout=120,
                              env={"TZ": "UTC", **(environment or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode not in (0, 1) or done.stderr:
            self.failures.append(f"{form} {files}: status {done.returncode}, {done.stderr.decode(errors='replace')}")
        return done.stdout.decode("utf-8", errors="strict")

    def compare(self, name, form, output):
        """With what is expected, where `output` is the same on every machine."""
        file = self.source / "expected" / f"{name}.{ENDINGS[form]}"
        output = output.replace(str(self.directory), "DIRECTORY").replace(self.boot, "BOOT")
        output = re.sub(r'"ppid":\d+', '"ppid":PPID', output)
        if self.update:
            file.parent.mkdir(exist_ok=True)
            file.write_text(output, encoding="utf-8")
            return
        expected = file.read_text(encoding="utf-8") if file.exists() else ""
        if expected == output:
            return
        difference = difflib.unified_diff(expected.splitlines(), output.splitlines(), "expected", "got", lineterm="", n=1)
        self.failures.append(f"{name} as {form} is not as expected:\n" + "\n".join(list(difference)[:40]))

    def check(self, form, parse):
        """`parse` raises an error that says what is wrong, and returns how many errors it read; None: it can't tell."""
        leaks = {name: format_parsers.errors_in_json(self.run("json", [self.ledger(name)])) for name in {**COMPARED, **OTHERS}}
        for name in {**COMPARED, **OTHERS}:
            output = self.run(form, [self.ledger(name)])
            try:
                read = parse(output)
            except (ValueError, AssertionError) as error:
                self.failures.append(f"{name} as {form}: {error!r}")
                continue
            if read is not None and read != leaks[name]:
                self.failures.append(f"{name} as {form}: {read} errors instead of {leaks[name]}")
            if name in COMPARED:
                self.compare(name, form, output)
        self.check_with_baseline(form, parse)
        for width in WIDTHS if form == "text" else ():
            for name in COMPARED:
                output = self.run("text", [self.ledger(name)], {"COLUMNS": str(width)})
                parse(output)
                self.compare(name, f"text-{width}", output)

    def check_with_baseline(self, form, parse):
        """What a baseline knows is no error in any format, and is not lost in those that show everything."""
        known = self.directory / "known.baseline"
        known.write_text(KNOWN, encoding="utf-8")
        files = [self.ledger("daemon"), f"--baseline={known}"]
        output = self.run(form, files)
        read, wanted = parse(output), format_parsers.errors_in_json(self.run("json", files))
        if wanted != format_parsers.errors_in_json(self.run("json", files[:1])) - 2:
            self.failures.append(f"the baseline does not take two errors from {files[0]}: {wanted} are left")
        if read is not None and read != wanted:
            self.failures.append(f"with a baseline as {form}: {read} errors instead of {wanted}")
        self.compare("baseline", form, output)

    def check_merged(self):
        """Two sessions as one: each format is valid, and tells as many errors as both."""
        files = [self.ledger("daemon"), self.ledger("everything")]
        both = sum(format_parsers.errors_in_json(self.run("json", [file])) for file in files)
        for form in ENDINGS.keys() - {f"text-{width}" for width in WIDTHS}:
            output = self.run(form, files)
            read = format_parsers.PARSERS[form](self.source)(output)
            if read is not None and read != both:
                self.failures.append(f"merged as {form}: {read} errors instead of {both}")
            self.compare("merged", form, output)


def main(words):
    form = words[0]
    with tempfile.TemporaryDirectory(prefix="leakshim-formats-") as directory:
        subprocess.run([Given.golden, directory], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        formats = Formats("--update" in words, pathlib.Path(directory))
        try:
            if form == "merged":
                formats.check_merged()
            else:
                parse = format_parsers.PARSERS[form](formats.source)
                format_parsers.check_that_it_can_fail(form, parse)
                formats.check(form, parse)
        except format_parsers.Missing as missing:
            print(f"{missing} is not installed here")
            return 77
    for failure in formats.failures:
        print("FAILED:", failure)
    return 1 if formats.failures else 0
