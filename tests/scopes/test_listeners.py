# SPDX-License-Identifier: MIT
"""The listeners of Catch2 and GoogleTest: a leak fails the test that made it, in the framework's own XML.
"""

import xml.etree.ElementTree as xml

from cases import Case
from given import Given
from sandbox import Sandbox


class Listener(Case):
    def run_program(self, sandbox, mode):
        """{test: text of its failures}, and how it ended."""
        result = sandbox.cwd / "result.xml"  # a file in /tmp would be taken for a leak
        ended = sandbox.run([Given.program] + Given.option.format(result).split(), mode)
        failures = {}
        for case in xml.parse(result).iter("testcase"):
            name = case.get("name").partition("/")[0].replace(" ", "_")
            text = "".join((bad.text or "") + (bad.get("message") or "") for bad in case if bad.tag == "failure")
            failures[name] = failures.get(name, "") + text
        return failures, ended.status

    def test_without_the_library_it_does_nothing(self):
        with Sandbox() as sandbox:
            failures, status = self.run_program(sandbox, None)
            self.assertEqual(({name for name, text in failures.items() if text}, status), (set(), 0))
            left = [path for path in sandbox.left_over() if b"left-" in path]
            self.assertEqual(len(left), 2)  # they do leak
            self.assertEqual(len(sandbox.survivors()), 1)

    def test_every_planted_leak_fails_its_own_test(self):
        with Sandbox() as sandbox:
            failures, status = self.run_program(sandbox, "reap")
            self.assertNotEqual(status, 0)
            self.assertGreater(len(failures), 8)
            for name, text in failures.items():
                with self.subTest(name):
                    if name.startswith("leaves_"):
                        kind = max((kind for kind in ("socket", "temp_dir", "process", "thread")
                                    if name.startswith("leaves_" + kind)), key=len)
                        self.assertIn("left 1 thing behind", text)
                        self.assertIn(f"\n{kind}", text)
                    else:
                        self.assertEqual(text, "")
