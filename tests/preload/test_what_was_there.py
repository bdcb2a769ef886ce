# SPDX-License-Identifier: MIT
"""What was there before a run, in a temporary place or elsewhere, has to be there after it, whatever the run does to it.

`data` is a directory under /tmp that is neither the run's TMPDIR nor its working directory.
"""

import os

from cases import Case
from sandbox import Sandbox

REPLACE = """
import os, tempfile
place = os.environ["DATA"]
fd, name = tempfile.mkstemp(dir=place)
os.write(fd, b"new")
os.close(fd)
os.replace(name, place + "/app.conf")
"""
WRITE = """
import os
for name in ("out/file", "leak"):
    open(os.path.join(os.environ["DATA"], name), "w").close()
"""


class WhatWasThere(Case):
    def data(self, sandbox):
        data = sandbox.base / "data"
        data.mkdir()
        (data / "app.conf").write_text("old\n", encoding="utf-8")
        return data

    def run_in_ci(self, sandbox, command, **more):
        ended = sandbox.run(command, "reap", DATA=str(sandbox.base / "data"), **more)
        self.assertEqual((ended.status, ended.own_stderr), (0, b""))

    def names(self, directory):
        return sorted(os.listdir(directory))

    def replaced(self, command):
        with Sandbox() as sandbox:
            data = self.data(sandbox)
            self.run_in_ci(sandbox, command)
            self.assertEqual(self.names(data), ["app.conf"])
            self.assertEqual((data / "app.conf").read_text(encoding="utf-8").strip(), "new")

    def test_what_the_run_makes_beside_it_goes(self):
        with Sandbox() as sandbox:
            data = self.data(sandbox)
            self.run_in_ci(sandbox, ["sh", "-c", 'echo x > "$DATA/leak"; mkdir "$DATA/tree"; mv "$DATA/leak" "$DATA/moved"'])
            self.assertEqual(self.names(data), ["app.conf"])

    def test_a_file_that_is_written_anew_in_one_step_stays(self):
        self.replaced(["sh", "-c", 'sed -i s/old/new/ "$DATA/app.conf"'])
        self.replaced(["/usr/bin/python3", "-c", REPLACE])

    def test_it_stays_at_a_desk_too_when_its_session_is_an_old_one(self):
        with Sandbox() as sandbox:
            data = self.data(sandbox)
            for command in (["sh", "-c", 'sed -i s/old/new/ "$DATA/app.conf"'], ["true"], ["true"]):
                self.run_in_ci(sandbox, command, ci=False, LEAKSHIM_OPTIONS="keep-ledgers=0")
            self.assertEqual(self.names(data), ["app.conf"])

    def test_a_file_that_is_linked_to_and_moved_back_stays(self):
        with Sandbox() as sandbox:
            data = self.data(sandbox)
            script = 'cd "$DATA"; ln app.conf bak; rm app.conf; mv bak app.conf'
            self.run_in_ci(sandbox, ["sh", "-c", script])
            self.assertEqual((data / "app.conf").read_text(encoding="utf-8"), "old\n")

    def test_what_is_made_through_a_link_into_the_home_directory_stays(self):
        with Sandbox() as sandbox:
            data = self.data(sandbox)
            (data / "home").symlink_to(sandbox.home)
            script = 'echo x > "$DATA/home/result.xml"; mkdir "$DATA/home/results"; mv "$(mktemp)" "$DATA/home/moved"'
            self.run_in_ci(sandbox, ["sh", "-c", script])
            self.assertEqual(self.names(sandbox.home), ["moved", "result.xml", "results"])
            self.assertEqual(sandbox.report()[0]["records"], [])

    def test_a_temporary_directory_behind_a_link_is_cleaned(self):
        with Sandbox() as sandbox:
            link = sandbox.base / "link"
            link.symlink_to(sandbox.tmp)
            self.data(sandbox)
            self.run_in_ci(sandbox, ["sh", "-c", 'echo x > "$TMPDIR/leak"; mkdir "$TMPDIR/tree"'], TMPDIR=str(link))
            self.assertEqual(self.names(sandbox.tmp), [])

    def test_what_an_argument_names_stays_however_it_is_written(self):
        for form in ("{}", "of={}", "-o{}", "--output={}", "json:{}", "x,{}"):
            with self.subTest(form), Sandbox() as sandbox:
                data = self.data(sandbox)
                (data / "out").mkdir()
                self.run_in_ci(sandbox, ["/usr/bin/python3", "-c", WRITE, form.format(data / "out")])
                self.assertEqual((self.names(data), self.names(data / "out")), (["app.conf", "out"], ["file"]))
        with Sandbox() as sandbox:
            data = self.data(sandbox)
            self.run_in_ci(sandbox, ["dd", f"of={data}/image", "if=/dev/zero", "count=1", "status=none"])
            self.assertEqual(self.names(data), ["app.conf", "image"])
