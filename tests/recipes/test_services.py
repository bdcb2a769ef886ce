# SPDX-License-Identifier: MIT
"""The README's steps for GitHub Actions, GitLab and Jenkins: their shell lines, run as each service runs them, and what
they write, read as it is read there.
"""

import pathlib
import re

import format_parsers
from given import Given
from recipe import Project, RecipeTest, section
from test_recipes import PYTEST

try:
    import yaml
except ImportError:
    yaml = None

ERRORS = 2  # a process with its port, and a directory; the port goes with the process and is counted with it


class Services(RecipeTest):
    def job(self, title):
        """The block as YAML."""
        if yaml is None:
            self.skipTest("Python has no yaml here")
        return yaml.safe_load("\n".join(section(title)))

    def reported(self, parse, text):
        self.assertGreaterEqual(parse(text), ERRORS, text)

    def test_github_actions(self):
        self.needs("pytest")
        tests, report = self.job("GitHub Actions")
        self.assertEqual(report["if"], "always()")
        with Project(PYTEST) as project:
            self.leaks(project, tests["run"])
            summary = project.base / "summary"
            runner = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary),
                      "GITHUB_WORKSPACE": str(project.cwd)}
            # The runner writes each step into a file and gives that to `bash -e`.
            step = project.shell(tests["run"], **runner)
            self.assertEqual(step.returncode, 24, step.stdout)
            self.assertEqual(project.wait_for_survivors(0), [])
            script = project.base / "step.sh"
            script.write_text(report["run"], encoding="utf-8")
            step = project.shell(f"bash -e {script}", **runner)
            self.assertEqual(step.returncode, 0, step.stdout)
            self.reported(format_parsers.github_parser(None), step.stdout)
            self.assertIn("test_a.py%3A%3Atest_leaves,file=test_a.py::", step.stdout)
            self.reported(format_parsers.github_summary_parser(None), summary.read_text(encoding="utf-8"))

    def test_gitlab(self):
        self.needs("pytest", "xmllint")
        job = self.job("GitLab")
        with Project(PYTEST) as project:
            self.leaks(project, job["script"])
            self.assertEqual(project.shell(job["script"], GITLAB_CI="true").returncode, 24)
            self.assertEqual(project.wait_for_survivors(0), [])
            for line in job["after_script"]:
                done = project.shell(line, GITLAB_CI="true")
                self.assertEqual((done.returncode, done.stdout), (0, ""))
            reports = job["artifacts"]["reports"]
            self.assertEqual(job["artifacts"]["when"], "always")
            for kind, parse in (("codequality", format_parsers.gitlab_parser(None)),
                                ("junit", format_parsers.junit_parser(pathlib.Path(Given.schemas)))):
                self.reported(parse, (project.cwd / reports[kind]).read_text(encoding="utf-8"))

    def test_jenkins(self):
        self.needs("pytest", "xmllint")
        text = "\n".join(section("Jenkins"))
        tests, report = re.findall(r"sh '([^']*)'", text)
        (read,) = re.findall(r"junit '([^']*)'", text)
        with Project(PYTEST) as project:
            self.leaks(project, tests)
            script = project.base / "script.sh"
            for line, status in ((tests, 24), (report, 0)):  # `sh -xe` is what its sh step starts
                script.write_text(line, encoding="utf-8")
                done = project.shell(f"sh -xe {script}", JENKINS_URL="http://localhost/", BUILD_ID="1")
                self.assertEqual(done.returncode, status, done.stdout)
            self.assertEqual(project.wait_for_survivors(0), [])
            self.reported(format_parsers.junit_parser(pathlib.Path(Given.schemas)),
                          (project.cwd / read).read_text(encoding="utf-8"))
