# SPDX-License-Identifier: MIT
"""A parser for each format of leakshim-report: the format's own where there is one, else a small one that follows its
documentation. Each raises ValueError or AssertionError on what it can't accept, and returns how many errors it was told,
or None where the format does not tell."""

import json
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree


class Missing(Exception):
    """A parser is not installed."""


def run(command, text, **kwargs):
    try:
        done = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=120, **kwargs)
    except FileNotFoundError as missing:
        raise Missing(command[0]) from missing
    assert done.returncode == 0, done.stdout.decode(errors="replace")[:2000]
    return done.stdout.decode()


def errors_in_json(text):
    report = json.loads(text)
    counted = sum(record["degree"] == "error" for record in report["records"])
    assert counted == report["summary"]["errors"]
    return counted


def text_parser(_source):
    def parse(text):
        assert all(c == "\n" or (c >= " " and c != "\x7f") for c in text), "a control character"
        summary = text.splitlines()[-1]
        match = re.fullmatch(r"SUMMARY: leakshim: (?:\d+ sessions, )?(?:(\d+) errors?\b.*|nothing leaked); blind: .+", summary)
        assert match, summary
        return int(match[1] or 0)
    return parse


def schema_validator(source, name):
    try:
        import jsonschema
    except ImportError as missing:
        raise Missing("jsonschema") from missing
    directory = source.parent.parent / "tools" / "report"
    texts = {name: (directory / f"leakshim.{name}.1.schema.json").read_text(encoding="utf-8") for name in ("report", name)}
    # Taken into one, since few validators follow a reference to a URN.
    schema = json.loads(texts[name].replace("urn:leakshim:schema:report:1#", "#"))
    schema["definitions"] = json.loads(texts["report"])["definitions"]
    return jsonschema.Draft7Validator(schema)


def json_parser(source):
    validator = schema_validator(source, "report")

    def parse(text):
        report = json.loads(text)
        problem = next(validator.iter_errors(report), None)
        assert problem is None, problem
        return errors_in_json(text)
    return parse


def jsonl_parser(source):
    """A head, records, and a foot that counts them, for each session."""
    validator = schema_validator(source, "lines")

    def parse(text):
        errors, of_session, session = 0, 0, None
        for line in text.splitlines():
            entry = json.loads(line)
            problem = next(validator.iter_errors(entry), None)
            assert problem is None, problem
            if "session" in entry:
                assert session is None, "a session in a session"
                session, of_session = entry["session"]["id"], 0
            elif "record" in entry:
                assert entry["record"]["session"] == session
                of_session += entry["record"]["degree"] == "error"
            else:
                assert entry["id"] == session and entry["summary"]["errors"] == of_session
                errors, session = errors + of_session, None
        assert session is None, "no last line"
        return errors
    return parse


def junit_parser(source):
    def parse(text):
        # It reads what it checks from a file.
        with tempfile.NamedTemporaryFile(suffix=".xml") as file:
            file.write(text.encode())
            file.flush()
            run(["xmllint", "--noout", "--nonet", "--schema", str(source / "junit.xsd"), file.name], "")
        errors = 0
        for suite in xml.etree.ElementTree.fromstring(text):
            cases = suite.findall("testcase")
            names = [(case.get("classname"), case.get("name")) for case in cases]
            assert len(names) == len(set(names)) == int(suite.get("tests")), "cases are counted wrongly or not unique"
            failures = suite.findall("testcase/failure")
            assert len(failures) == int(suite.get("failures"))
            for failure in failures:
                told = int(re.fullmatch(r"left (\d+) things? behind", failure.get("message"))[1])
                assert told == failure.text.count("\n")
                errors += told
        return errors
    return parse


COMMAND = re.compile(r"::(?P<level>error|warning|notice) (?P<properties>[^:]*)::(?P<message>[^\r\n]*)")


def github_unescaped(text, of_property):
    if of_property:
        text = text.replace("%3A", ":").replace("%2C", ",")
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def github_parser(_source):
    """As the runner reads it; more than ten of a level in a step are not shown."""
    def parse(text):
        counts = {"error": 0, "warning": 0}
        hidden = 0
        for line in text.splitlines():
            command = COMMAND.fullmatch(line)
            assert command, line
            counts[command["level"]] += 1
            properties = dict(pair.split("=", 1) for pair in command["properties"].split(","))
            assert set(properties) <= {"title", "file", "line"}, properties
            assert github_unescaped(properties["title"], True).startswith("leakshim")
            assert "%" not in re.sub(r"%(25|0D|0A)", "", command["message"]), line
            more = re.match(r"and (\d+) more of this level", command["message"])
            if more and command["level"] == "error":
                hidden = int(more[1]) - 1
        assert max(counts.values()) <= 10, counts
        return counts["error"] + hidden
    return parse


def github_summary_parser(_source):
    """Outside of code spans there is nothing but our own words."""
    def parse(text):
        errors = re.match(r"### leakshim: (?:\d+ sessions, )?(?:(\d+) leaks?|nothing leaked)\n", text)
        assert errors, text.splitlines()[0]
        for line in text.splitlines():
            plain = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", line)
            assert re.fullmatch(r"[A-Za-z0-9 ,:*#.()-]*", plain), line
        assert len(text.encode()) < 1 << 20
        return int(errors[1] or 0)
    return parse


def gitlab_parser(_source):
    """The fields that GitLab requires, and what it says of them."""
    def parse(text):
        findings = json.loads(text)
        prints = [finding["fingerprint"] for finding in findings]
        assert len(prints) == len(set(prints)), "fingerprints are not unique"
        for finding in findings:
            assert set(finding) == {"description", "check_name", "fingerprint", "severity", "location"}
            assert finding["severity"] in ("info", "minor", "major", "critical", "blocker")
            assert isinstance(finding["location"]["lines"]["begin"], int) and finding["location"]["lines"]["begin"] > 0
            assert finding["location"]["path"] and not finding["location"]["path"].startswith("./")
            assert finding["description"] and finding["check_name"]
        return sum(finding["severity"] != "minor" for finding in findings)
    return parse


TAP_READER = r"""
use strict; use warnings; use TAP::Parser;
local $/; my $parser = TAP::Parser->new({ tap => <STDIN> });
my $errors = 0;
while (my $result = $parser->next) {
    die "not understood: " . $result->raw . "\n" if $result->is_unknown && $result->raw =~ /\S/;
    die "a directive: " . $result->raw . "\n" if $result->is_test && $result->directive;
    $errors += @{ $result->data->{errors} || [] } if $result->is_yaml;
}
die join("\n", $parser->parse_errors) . "\n" if $parser->parse_errors;
print $errors;
"""


def tap_parser(_source):
    return lambda text: int(run(["perl", "-e", TAP_READER], text, env={"PATH": os.environ["PATH"]}))


def prometheus_parser(_source):
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError as missing:
        raise Missing("prometheus_client") from missing

    def parse(text):
        assert text.endswith("\n")
        seen, errors = set(), 0
        for family in text_string_to_metric_families(text):
            assert family.type == "gauge" and family.documentation and family.samples, family
            for sample in family.samples:
                assert sample.timestamp is None, "the textfile collector refuses timestamps"
                series = (sample.name, tuple(sorted(sample.labels.items())))
                assert series not in seen, series
                seen.add(series)
                errors += int(sample.value) if sample.name == "leakshim_leaks" else 0
        assert seen, "nothing in it"
        return errors
    return parse


PARSERS = {"text": text_parser, "json": json_parser, "jsonl": jsonl_parser, "junit": junit_parser,
           "github": github_parser, "github-summary": github_summary_parser, "gitlab": gitlab_parser, "tap": tap_parser,
           "prometheus": prometheus_parser}

WRONG = {"text": "SUMMARY: all is well\n", "json": "{}", "jsonl": "{}\n", "junit": "<testsuites><x/></testsuites>",
         "github": "::error title=a:b::c\n", "github-summary": "### leakshim: 1 leak\n<script>\n",
         "gitlab": "[{}]", "tap": "TAP version 13\n1..2\nok 1\n", "prometheus": "leakshim_leaks{kind=\"a} 1\n"}


def check_that_it_can_fail(form, parse):
    """A parser that accepts anything would make the whole test worthless."""
    try:
        parse(WRONG[form])
    except (ValueError, AssertionError, KeyError):
        return
    raise AssertionError(f"the parser of {form} accepts what is wrong")
