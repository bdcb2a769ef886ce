# SPDX-License-Identifier: MIT
"""Installs leakshim into an empty directory and looks at what is there: neither more nor less than belongs, the tool
runs from there, pkg-config tells where the library is, and the manual pages are in order.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BELONGS = {
    "bin/leakshim-reap",
    "bin/leakshim-report",
    "bin/leakshim-run",
    "include/leakshim.h",
    "lib/leakshim/leakshim-guard",
    "lib/libleakshim.so",
    "lib/pkgconfig/leakshim.pc",
    "share/bash-completion/completions/leakshim-reap",
    "share/bash-completion/completions/leakshim-report",
    "share/bash-completion/completions/leakshim-run",
    "share/fish/vendor_completions.d/leakshim-reap.fish",
    "share/fish/vendor_completions.d/leakshim-report.fish",
    "share/fish/vendor_completions.d/leakshim-run.fish",
    "share/zsh/site-functions/_leakshim",
    "share/leakshim/leakshim.checks.1.schema.json",
    "share/leakshim/leakshim.watch.1.schema.json",
    "share/leakshim/leakshim.whose.1.schema.json",
    "share/leakshim/leakshim.hang.1.schema.json",
    "share/leakshim/leakshim.reap.1.schema.json",
    "share/leakshim/leakshim.lines.1.schema.json",
    "share/leakshim/leakshim.report.1.schema.json",
    "share/leakshim/python/leakshim_pytest.py",
    "include/leakshim_catch2.h",
    "include/leakshim_gtest.h",
    "include/leakshim_listener.h",
    "share/leakshim/leakshim.sessions.1.schema.json",
    "share/man/man1/leakshim-reap.1",
    "share/man/man1/leakshim-report.1",
    "share/man/man1/leakshim-run.1",
    "share/man/man3/leakshim.h.3",
    "share/man/man7/leakshim.7",
}


def installed_files(top, prefix):
    """Paths below the prefix; the library directory is called lib, whatever a distribution makes of it."""
    for base, _, names in os.walk(top):
        for name in names:
            path = os.path.relpath(os.path.join(base, name), str(top) + prefix)
            yield re.sub(r"^lib(64|/[^/]*-linux-[^/]*)/", "lib/", path), os.path.join(base, name)


def run(*command, **settings):
    return subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **settings)


def main():
    meson, build, prefix = sys.argv[1:]
    wrong = []
    with tempfile.TemporaryDirectory(prefix="leakshim-install-") as top:
        done = run(meson, "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", top)
        if done.returncode != 0:
            sys.exit(f"meson install failed:\n{done.stdout}")
        files = dict(installed_files(top, prefix))
        wrong += [f"{path} is not installed" for path in sorted(BELONGS - set(files))]
        wrong += [f"{path} does not belong there" for path in sorted(set(files) - BELONGS)]
        if wrong:
            sys.exit("\n".join(wrong))
        version = run(files["bin/leakshim-report"], "--version")
        if version.returncode != 0 or "ledger layout" not in version.stdout:
            wrong.append(f"leakshim-report --version: {version.stdout}")
        found = run("pkg-config", "--variable=preload", "leakshim",
                    env={**os.environ, "PKG_CONFIG_LIBDIR": str(pathlib.Path(files["lib/pkgconfig/leakshim.pc"]).parent)})
        if top + found.stdout.strip() != files["lib/libleakshim.so"]:
            wrong.append(f"pkg-config says that the library is {found.stdout}")
        preload = run(files["bin/leakshim-run"], "--print-preload")
        if preload.stdout != files["lib/libleakshim.so"] + "\n":
            wrong.append(f"leakshim-run --print-preload: {preload.stdout}")
        for page in (path for path in BELONGS if path.startswith("share/man/")):
            if re.search(r"^@", pathlib.Path(files[page]).read_text(encoding="utf-8"), re.MULTILINE):
                wrong.append(f"{page} has a place that was not filled in")
            if shutil.which("mandoc"):
                lint = run("mandoc", "-T", "lint", "-W", "warning", files[page]).stdout
                wrong += [f"{page}: {line}" for line in lint.splitlines() if "WARNING" in line or "ERROR" in line]
    print("\n".join(wrong) or "as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
