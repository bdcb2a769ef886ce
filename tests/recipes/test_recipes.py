# SPDX-License-Identifier: MIT
"""Each recipe of the README on a small project: it leaks without leakshim, and with it the test is named, what it left
is gone, and the exit status is as it is documented.
"""

import os
import pathlib
import re

from given import Given
from recipe import Project, RecipeTest, section

PYTEST = {"test_a.py": """\
import subprocess, sys

def test_leaves():
    subprocess.run([sys.executable, "-S", "leave.py"], check=True)

def test_tidy():
    pass
"""}
CTEST = {"CMakeLists.txt": """\
cmake_minimum_required(VERSION 3.20)
project(small NONE)
enable_testing()
add_test(NAME leaves COMMAND python3 -S leave.py WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
add_test(NAME tidy COMMAND true)
"""}
MESON = {"meson.build": """\
project('small')
test('leaves', find_program('python3'), args: ['-S', files('leave.py')])
test('tidy', find_program('true'))
"""}
CARGO = {"Cargo.toml": '[package]\nname = "small"\nversion = "0.1.0"\nedition = "2021"\n', "src/lib.rs": """\
#[cfg(test)]
mod tests {
    #[test]
    fn leaves() {
        assert!(std::process::Command::new("python3").args(["-S", "leave.py"]).status().unwrap().success());
    }
    #[test]
    fn tidy() {}
}
"""}
GO = {"go.mod": "module small\n\ngo 1.18\n", "pkg/a_test.go": """\
package pkg

import (
    "os/exec"
    "testing"
)

func TestLeaves(t *testing.T) {
    if out, err := exec.Command("python3", "-S", "leave.py").CombinedOutput(); err != nil {
        t.Fatal(err, string(out))
    }
}

func TestTidy(t *testing.T) {}
"""}
BATS = {"test/a.bats": "@test 'leaves' { python3 -S leave.py 3>&-; }\n@test 'tidy' { true; }\n"}
JEST = {"package.json": '{"name": "small"}\n', "a.test.js": """\
const { execFileSync } = require("child_process");
test("leaves", () => { execFileSync("python3", ["-S", "leave.py"], { stdio: "ignore" }); });
test("tidy", () => {});
"""}


class Recipes(RecipeTest):
    def test_pytest(self):
        self.needs("pytest")
        whole, one = section("pytest")
        with Project(PYTEST) as project:
            self.holds(project, whole, test="test_a.py::test_leaves")
        with Project(PYTEST) as project:
            said = self.holds(project, one, status=1, test="test_a.py::test_leaves")
            self.assertRegex(said, "(FAILED|ERROR) test_a.py::test_leaves")
            self.assertNotRegex(said, "(FAILED|ERROR) test_a.py::test_tidy")

    def test_pytest_with_its_own_temporary_directories(self):
        """What pytest itself leaves, by its nature, is a finding too; and none where it lies in the project."""
        self.needs("pytest")
        line = section("pytest")[0]
        with Project({"test_a.py": "def test_tidy(tmp_path):\n    pass\n"}) as project:
            elsewhere = re.sub(r" --basetemp=\S+", "", line)
            self.assertEqual((project.shell(elsewhere).returncode, os.listdir(project.tmp)), (24, []))
            done = project.shell(elsewhere + " --basetemp=.tmp")
            self.assertEqual((done.returncode, re.findall("leakshim: .*", done.stdout)), (0, []), done.stdout)

    def test_ctest(self):
        self.needs("cmake", "ctest")
        (line,) = [line for line in section("ctest, meson test") if "ctest" in line]
        with Project(CTEST) as project:
            self.assertEqual(project.shell("cmake -B build").returncode, 0)
            self.holds(project, line, test="leave.py")

    def test_meson(self):
        one_session, each_its_own = [line for line in section("ctest, meson test") if "meson" in line]
        with Project(MESON) as project:
            self.assertEqual(project.shell("meson setup build").returncode, 0)
            self.holds(project, one_session, test="leave.py")
            said = self.holds(project, each_its_own, status=1)
            self.assertRegex(said, r"leaves +FAIL .*exit status 24")
            self.assertRegex(said, r"tidy +OK ")

    def test_cargo(self):
        self.needs("cargo")
        line = section("cargo test, nextest")[0]
        with Project(CARGO) as project:
            if project.shell("cargo --version").returncode != 0:
                self.skipTest("cargo does not run here")
            self.holds(project, line, test="tests::leaves")

    def test_nextest(self):
        self.needs("cargo-nextest")
        line = section("cargo test, nextest")[1]
        with Project(CARGO) as project:
            self.holds(project, line, test="tests::leaves")

    def test_go(self):
        self.needs("go")
        (line,) = section("go test")
        with Project(GO) as project:
            cache = {"GOCACHE": Given.go_cache} if os.path.isdir(getattr(Given, "go_cache", "")) else {}
            os.environ.update(cache)
            self.holds(project, line)

    def test_bats(self):
        self.needs("bats")
        (line,) = section("bats")
        with Project(BATS) as project:
            self.holds(project, line, test="leaves")

    def test_jest(self):
        modules = pathlib.Path(os.environ.get("LEAKSHIM_TEST_NODE_MODULES", "/usr/share/nodejs"))
        if not (modules / "jest").is_dir():
            self.skipTest("there is no jest here; LEAKSHIM_TEST_NODE_MODULES may name the node_modules that has it")
        (line,) = section("Jest")
        with Project(JEST) as project:
            os.symlink(modules, project.cwd / "node_modules")
            self.holds(project, line)
