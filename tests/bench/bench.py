#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What leakshim costs, side by side with the bare program, with an empty preload, and with one that only forwards.

    bench.py BUILD_DIRECTORY [--only SECTION,...] [--scale N] [--json FILE]

Sections: instructions, extras, time, live, parallel, start, scan, growth, reap, suite, peers. `--scale 10` makes ten times fewer
turns and things. One table comes out, with the target of each row and a `!` where it is missed; `--json` writes the same for
comparing two commits (`-`: to stdout, in place of the table). Absolute times depend on the machine and on what else
it does: rows compare runs that take turns, and show medians.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

import counting

# Added instructions, and ratio to the bare program: performance is judged by these.
PAIRS = {
    "dup+close": (80, 1.05, 100_000),
    "open+close": (95, 1.03, 40_000),
    "socket+close": (95, 1.02, 20_000),
    "accept": (180, 1.02, 4_000),
    "mkdtemp+rmdir": (700, 1.02, 2_000),
    "mkstemp+unlink+close": (900, 1.03, 2_000),
    "fork+exit+wait": (250, 1.05, 300),
    "pthread_create+join": (250, 1.03, 4_000),
}
# What is paid for only where it is asked for.
EXTRAS = (("scope", ""), ("scope with socket and mkdtemp", ""), ("socket+close, ten calls deep", ""),
          ("socket+close, ten calls deep", ":stacks=fp"), ("socket+close, ten calls deep", ":stacks=unwind"))
REAPING = {"directories": 0.6, "sockets": 1.0, "trees": 1.1}


class Bench:
    def __init__(self, build, scale):
        self.build = pathlib.Path(build).resolve()
        self.scale = scale
        self.rows = []
        self.shim = str(self.build / "shim" / "libleakshim.so")
        self.floor = self.program("libfloor.so")
        self.empty = self.program("libempty.so")

    def program(self, name):
        return str(self.build / "tests" / "bench" / name)

    def row(self, section, name, unit, value, target=None, **more):
        missed = target is not None and value > target
        self.rows.append({"section": section, "name": name, "unit": unit, "value": value, "target": target,
                          "missed": missed, **more})
        print(".", end="", file=sys.stderr, flush=True)

    def environment(self, preload, directory, **more):
        environment = {"PATH": "/usr/bin:/bin", "BENCH_DIR": directory, "LEAKSHIM_DIR": self.ledgers,
                       "LEAKSHIM": "reap", **more}
        if preload:
            environment["LD_PRELOAD"] = preload
        return environment

    def loop(self, preload, directory, pair, count, *more):
        """ns of one pair, and bytes of the ledger."""
        out = subprocess.run([self.program("loops"), pair, str(count), *more], cwd="/", check=True, text=True,
                             env=self.environment(preload, directory), stdin=subprocess.DEVNULL,
                             capture_output=True).stdout.split()
        return float(out[0]), int(out[1])

    def in_turn(self, pair, count, *more, base="", rounds=15):
        """ns of the base, and the median ratio of the shim, and of the floor, to it."""
        times = {"base": [], "floor": [], "shim": []}
        with counting.clean_directory("/tmp") as directory:
            for _ in range(max(3, rounds // self.scale)):
                for name, preload in (("base", base), ("floor", self.floor), ("shim", self.shim)):
                    times[name].append(self.loop(preload, directory, pair, count, *more)[0])
        ratio = {name: statistics.median(one / bare for one, bare in zip(times[name], times["base"]))
                 for name in ("floor", "shim")}
        return min(times["base"]), ratio["floor"], ratio["shim"]

    def instructions(self):
        if not counting.available():
            print("valgrind is not installed: no instructions are counted", file=sys.stderr)
            return
        for pair, (target, _, _) in PAIRS.items():
            with counting.clean_directory() as directory:
                bare, floor, shim = (counting.instructions(self.program("loops"), pair, preload, self.ledgers,
                                                           directory) for preload in ("", self.floor, self.shim))
            self.row("instructions", pair, "added", shim - bare, target, bare=bare, floor=floor - bare)

    def extras(self):
        if not counting.available():
            print("valgrind is not installed: no instructions are counted", file=sys.stderr)
            return
        for pair, options in EXTRAS:
            with counting.clean_directory() as directory:
                bare, shim = (counting.instructions(self.program("loops"), pair, preload, self.ledgers, directory,
                                                    options) for preload in ("", self.shim))
            self.row("extras", pair + options.replace(":", ", "), "added", shim - bare, bare=bare)

    def time(self):
        for pair, (_, target, count) in PAIRS.items():
            base = self.empty if pair.startswith("fork") else ""
            bare, floor, shim = self.in_turn(pair, count // self.scale + 1, base=base)
            self.row("time", pair, "ratio", shim, target, bare=bare, floor=floor)

    def live(self):
        bare, floor, shim = self.in_turn("dup+close", 100_000 // self.scale, "live=15000")
        self.row("live", "dup+close beside 15,000 open", "ratio", shim, 1.15, bare=bare, floor=floor)

    def parallel(self):
        count = 40_000 // self.scale
        alone = self.in_turn("dup+close", count)[2]
        for more in ("threads=2", "threads=4", "threads=8", "processes=2", "processes=4"):
            bare, floor, shim = self.in_turn("dup+close", count, more)
            self.row("parallel", f"dup+close, {more}", "ratio", shim, max(alone, 1.05) + 0.03, bare=bare, floor=floor)
        count = 3_000 // self.scale
        with counting.clean_directory() as directory:
            small, large = (self.loop(self.shim, directory, "fork+exit+wait", turns)[1] for turns in (10, count))
        self.row("parallel", f"ledger's growth after {count} processes", "KiB", (large - small) / 1024, 64)

    def spawn(self, rounds, wrapper, variants):
        command = [self.program("spawner"), str(rounds), self.program("tiny"), *variants]
        out = subprocess.run([*wrapper, *command], cwd="/", check=True, text=True, capture_output=True,
                             env=self.environment(self.shim if wrapper else "", "/tmp")).stdout
        times = {}
        for line in out.splitlines():
            name, start, end = line.split()
            times.setdefault(name, []).append((int(start), int(end)))
        return times

    def start(self):
        rounds = 1000 // self.scale
        session = self.spawn(rounds, ["sh", "-c", '"$@"; exit', "sh"],
                             ["bare=", f"empty={self.empty}", f"joins={self.shim}"])
        alone = self.spawn(rounds // 4, [], [f"empty={self.empty}", f"root={self.shim}"])

        def extra(times, name, which):
            pairs = zip(times[name], times["empty"])
            return statistics.median(one[which] - other[which] for one, other in pairs) / 1000

        bare = statistics.median(time[0] for time in session["bare"])
        self.row("start", "start of a process that joins, over an empty .so", "µs", extra(session, "joins", 0), 15,
                 bare=bare, floor=-extra(session, "bare", 0))
        self.row("start", "exit of such a process", "µs", extra(session, "joins", 1), 20)
        self.row("start", "start of a session, over an empty .so", "µs", extra(alone, "root", 0))
        self.row("start", "exit of a clean root", "µs", extra(alone, "root", 1))

    def scan(self):
        path = os.path.join(self.ledgers, "scan.ledger")
        out = subprocess.run([self.program("scan"), path, str(1_000_000 // self.scale)], check=True, text=True,
                             capture_output=True).stdout
        found = json.loads(out)
        self.row("scan", f"scan of {found['seen']:,} records by the end", "ms", found["scan_ms"],
                 8 * found["records"] / 1e6)
        self.row("scan", "the same, all of them the root's own", "ms", found["own_ms"])
        self.row("scan", "each of them read in full", "ms", found["read_ms"])
        self.row("scan", "ledger for a descriptor", "bytes", found["bytes"], 68)
        self.row("scan", "a record written", "ns", found["write_ns"])
        for kind, sizes in found["growth_ns"].items():
            few, many = list(sizes)[0], list(sizes)[-1]
            self.row("scan", f"one of {kind} made, found, released beside {int(many):,}", "ns", sizes[many], bare=sizes[few])

    def leave(self, what, count, preload, directory):
        """Seconds from the program's last act to its death, and with nobody reaping, of rm -rf."""
        shutil.rmtree(directory, ignore_errors=True)
        os.mkdir(directory)
        command = [self.program("leaver"), what, str(count)]
        process = subprocess.Popen(command, env=self.environment(preload, directory, CI="1"), cwd="/", text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        out = process.communicate()[0]
        ended = time.clock_gettime(time.CLOCK_MONOTONIC)
        if process.returncode != 0:
            raise RuntimeError(f"leaver {what} ended with {process.returncode}")
        if preload:
            if os.listdir(directory):
                raise RuntimeError(f"{what} are left after reaping")
            return ended - int(out) * 1e-9
        started = time.monotonic()
        subprocess.run(["rm", "-rf", directory], check=True)
        return time.monotonic() - started

    def reap(self):
        count = 100_000 // self.scale
        for where in ("/dev/shm", "/tmp"):
            for what, target in REAPING.items():
                # The kernel may take minutes to make as many on a disk: ten times fewer there.
                number = count if where == "/dev/shm" else max(count // 10, 1000)
                with counting.clean_directory(where) as top:
                    directory = os.path.join(top, "left")
                    times = [(self.leave(what, number, "", directory), self.leave(what, number, self.shim, directory))
                             for _ in range(3)]
                ratio = statistics.median(reaped / removed for removed, reaped in times)
                self.row("reap", f"{number:,} {what} in {where}", "of rm -rf", ratio, target,
                         bare=min(removed for removed, _ in times) * 1e9)

    def report(self):
        """What a report on a crowded ledger takes."""
        count = 1_000_000 // self.scale
        path = os.path.join(self.ledgers, "crowded.ledger")
        subprocess.run([self.program("crowded"), path, str(count)], check=True)
        report = str(self.build / "tools" / "leakshim-report")
        for form in ("text", "json", "jsonl", "junit"):
            with subprocess.Popen([report, "--format", form, path], stdout=subprocess.DEVNULL) as process:
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise RuntimeError(f"leakshim-report --format {form} ended with {process.returncode}")
            self.row("report", f"report on {count:,} records as {form}", "s of CPU", usage.ru_utime + usage.ru_stime)
            self.row("report", f"memory of a report on {count:,} as {form}", "MiB", usage.ru_maxrss / 1024)
        os.unlink(path)

    def ledger_after(self, count):
        """Bytes of the ledger when a static program has started so many others."""
        command = ["sh", "-c", '"$@" >/dev/null && stat -c %b "$LEAKSHIM_SESSION"', "sh", self.program("spawner"),
                   str(count), self.program("tiny"), f"joins={self.shim}"]
        out = subprocess.run(command, cwd="/", check=True, text=True, capture_output=True,
                             env=self.environment(self.shim, "/tmp")).stdout
        return int(out) * 512

    def growth(self):
        """Nothing is dearer for what is there already, and the ledger is as large as what is there, not as what ever was."""
        with counting.clean_directory() as directory:
            for live in (10, 1_000, 15_000):
                pair = (self.program("loops"), "dup+close")
                with_it, bare = (counting.instructions(*pair, preload, self.ledgers, directory, more=(f"live={live}",))
                                 for preload in (self.shim, ""))
                self.row("growth", f"dup+close beside {live:,} descriptors", "added", with_it - bare, bare=bare)
            for waiting in (10, 400):  # valgrind has room for 500
                pair, more = (self.program("loops"), "pthread_create+join"), (f"waiting={waiting}",)
                with_it, bare = (counting.instructions(*pair, preload, self.ledgers, directory, more=more)
                                 for preload in (self.shim, ""))
                self.row("growth", f"pthread_create+join beside {waiting} threads", "added", with_it - bare, bare=bare)
            for waiting in (10, 1_000, 10_000):
                if waiting > most_threads():
                    continue
                bare, floor, shim = self.in_turn("pthread_create+join", 2_000 // self.scale, f"waiting={waiting}", rounds=9)
                self.row("growth", f"pthread_create+join beside {waiting:,} threads", "ratio", shim, bare=bare, floor=floor)
            for processes in (1_000, 10_000, 100_000):
                count = processes // self.scale
                size = self.loop(self.shim, directory, "fork+exit+wait", count)[1]
                self.row("growth", f"ledger after {count:,} short processes", "KiB", size / 1024)
                size = self.ledger_after(count)
                self.row("growth", f"ledger after {count:,} that a static program started", "KiB", size / 1024)

    def cpu_time(self, command, preload, directory):
        """Seconds of CPU of a command and all that it started."""
        before = os.times()
        subprocess.run(command, cwd="/", check=True, stdin=subprocess.DEVNULL, capture_output=True,
                       env=self.environment(preload, directory, TMPDIR=directory, SOCKET_WRAPPER_DIR=directory))
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    def suite(self):
        """A Python suite bare, under leakshim, and under what people use today; the start of the session is in it."""
        program = str(pathlib.Path(__file__).with_name("suite.py"))
        command = [sys.executable, program, str(max(1, 8 // self.scale))]
        tools = {"leakshim": ([], self.shim, 1.02), "a preload that only forwards": ([], self.floor, None)}
        wrapper = "libsocket_wrapper.so"
        if any(wrapper in name for path in ("/usr/lib", "/usr/lib/x86_64-linux-gnu") for name in os.listdir(path)):
            tools["socket_wrapper"] = ([], wrapper, None)
        if shutil.which("strace"):
            tools["strace -f"] = (["strace", "-f", "-o", "/dev/null"], "", None)
        with counting.clean_directory("/tmp") as directory:
            times = {name: [] for name in tools}
            bare = []
            for _ in range(max(3, 9 // self.scale)):
                bare.append(self.cpu_time(command, "", directory))
                for name, (prefix, preload, _) in tools.items():
                    times[name].append(self.cpu_time([*prefix, *command], preload, directory))
        for name, (_, _, target) in tools.items():
            ratio = statistics.median(one / other for one, other in zip(times[name], bare))
            self.row("suite", f"a Python suite under {name}", "of its CPU time", ratio, target, bare=min(bare) * 1e9)

    def peers(self):
        tools = {"strace -f": ["strace", "-f", "-o", "/dev/null"],
                 "strace -f --seccomp-bpf": ["strace", "-f", "--seccomp-bpf", "-e", "trace=socket", "-o", "/dev/null"],
                 "valgrind --track-fds": ["valgrind", "-q", "--tool=none", "--track-fds=yes"]}
        for pair, count in (("socket+close", 4_000), ("open+close", 4_000), ("fork+exit+wait", 60)):
            count = count // self.scale + 1
            with counting.clean_directory("/tmp") as directory:
                bare = min(self.loop("", directory, pair, count)[0] for _ in range(5))
                for name, tool in tools.items():
                    if shutil.which(tool[0]) is None:
                        continue
                    out = subprocess.run([*tool, self.program("loops"), pair, str(count)], cwd="/", text=True,
                                         env=self.environment("", directory), stdin=subprocess.DEVNULL,
                                         capture_output=True, check=True).stdout
                    self.row("peers", f"{pair} under {name}", "ratio", float(out.split()[0]) / bare, bare=bare)

    def run(self, sections):
        with counting.clean_directory() as self.ledgers:
            for section in sections:
                getattr(self, section)()
        print(file=sys.stderr)


SECTIONS = ("instructions", "extras", "time", "live", "parallel", "start", "scan", "growth", "reap", "report", "suite", "peers")


def most_threads():
    """Threads that the bench may hold: a third of what there are numbers for, which others need as well."""
    limits = (pathlib.Path("/proc/sys/kernel", name).read_text(encoding="ascii") for name in ("pid_max", "threads-max"))
    return min(map(int, limits)) // 3


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return f"{len(os.sched_getaffinity(0))} × {names[0] if names else platform.machine()}"


def table(result):
    yield f"{result['machine']}, Linux {result['kernel']}, {result['date']}"
    yield f"{'':52} {'bare':>10} {'floor':>8} {'leakshim':>10} {'target':>8}"
    section = None
    for row in result["rows"]:
        if row["section"] != section:
            section = row["section"]
            yield f"{section}"
        bare, floor = row.get("bare"), row.get("floor")
        unit = row["unit"]
        shown = "" if bare is None else f"{bare:.0f}" if unit == "added" else f"{bare:,.0f} ns"
        target = "" if row["target"] is None else f"≤ {row['target']:.4g}"
        value = f"{row['value']:.0f}" if abs(row["value"]) >= 100 else f"{row['value']:.4g}"
        yield (f"  {row['name'] + ', ' + unit:50} {shown:>10} {'' if floor is None else f'{floor:.3g}':>8} {value:>10} "
               f"{target:>8} {'!' if row['missed'] else ''}").rstrip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build")
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    sections = arguments.only.split(",")
    unknown = [section for section in sections if section not in SECTIONS]
    if unknown or arguments.scale < 1:
        parser.error(f"unknown section: {', '.join(unknown)}" if unknown else "--scale is at least 1")
    bench = Bench(arguments.build, arguments.scale)
    bench.run(sections)
    result = {"schema": "leakshim.bench/1", "machine": processor(), "kernel": platform.release(),
              "date": time.strftime("%Y-%m-%d", time.gmtime()), "scale": arguments.scale, "rows": bench.rows}
    if arguments.json == "-":
        json.dump(result, sys.stdout, indent=1)
        print()
        return
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("\n".join(table(result)))


if __name__ == "__main__":
    main()
