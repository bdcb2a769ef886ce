# SPDX-License-Identifier: MIT
"""A pytest plugin that fails the very test that leaked.

Runs under libleakshim.so (LD_PRELOAD, or leakshim-run) and asks it, through the functions of leakshim.h, what each test
has left: processes, threads, descriptors, ports, temporary files and directories, sockets, IPC objects; and itself for
asyncio tasks left pending. Each test is a scope; so is each fixture of a wider scope, which is judged when it is torn
down, under its own name, and never blamed on the test that used it first.

    LD_PRELOAD=.../libleakshim.so PYTHONPATH=.../leakshim/python pytest -p leakshim_pytest

Without the library it does nothing, and says so in one line. It must never change what a test sees: it takes no
reference to a test's objects, starts no thread, opens nothing that stays open. Needs nothing but pytest 7.2 or newer;
works with pytest-xdist, and with runners that fork for each test.
"""

import contextlib
import ctypes
import fnmatch
import gc
import os
import re
import sys
import sysconfig
import threading
import weakref

import pytest

MODES = ("off", "warn", "fail")
GROUPS = ((1, 1, "process"), (2, 2, "thread"), (8, 18, "fd"), (32, 37, "path"))  # of kinds; the others are IPC
FINISHED, OWN = 2, 8  # bits of leakshim_leak.flags
LEAKS = pytest.StashKey()
SETTINGS = (
    ("leakshim", "off, warn or fail (the default)", None, ""),
    ("leakshim_ignore", "what is no leak, one a line: kind or kind:glob", "linelist", []),
    ("leakshim_linger", "ms to wait for what is on its way out; -1 (the default): as the library says", None, "-1"),
    ("leakshim_sites", "note the line of Python that makes each thing", "bool", True),
    ("leakshim_tasks", "look for asyncio tasks left pending", "bool", True),
    ("leakshim_reap", "as --leakshim-reap", "bool", False),
)

# What stays by design of Python and pytest, and is nobody's leak: more of `leakshim_ignore`.
BUILTIN_IGNORES = (
    "process:*multiprocessing.resource_tracker*",  # started once, ends when the last pipe to it is closed
    "process:*multiprocessing.forkserver*",
    "path:*/pytest-of-*",                          # pytest's own, removed by later runs
)

ADVICE = {
    "process": "wait for it, or end it in a fixture's teardown: terminate(), then wait()",
    "thread": "tell it to end and join() it before the test ends",
    "task": "await it, or cancel() and await it before the loop goes",
    "listening_port": "shut the server down and close its socket before the test ends",
    "pipe": "close both ends; subprocess.Popen closes its own when used with `with`",
    "path": "use tmp_path or `with tempfile.TemporaryDirectory()`, or remove it in a teardown",
    "ipc": "unlink() it, and close() it in every process",
    "fd": "close it, or use `with`",
}


UNSEEN = "leakshim: libleakshim.so is not loaded, leaks are not looked for"
# What a command line says behind the name of a secret, or as the password of a URL. leakshim-report knows more of them.
_NAME = r"[\w.-]*(?:pass|passw(?:or)?d|passphrase|secret|token|api[-_]?key|credentials?|bearer|auth(?:orization)?)\b"
SECRETS = re.compile(rf"((?:--?{_NAME} |{_NAME}(?:=|: ?))(?:bearer |basic )?)(?:'[^']*'|\"[^\"]*\"|[^\s'\"&;]+)"
                     r"|(://[^/\s:@]+:)[^/\s]+(?=@)", re.IGNORECASE)


class Leak(ctypes.Structure):  # struct leakshim_leak
    _fields_ = [("size", ctypes.c_uint), ("kind", ctypes.c_uint), ("flags", ctypes.c_uint), ("number", ctypes.c_int),
                ("maker", ctypes.c_int), ("port", ctypes.c_uint), ("born", ctypes.c_ulonglong),
                ("start_routine", ctypes.c_ulonglong), ("kind_name", ctypes.c_char * 32),
                ("what", ctypes.c_char * 1024), ("site", ctypes.c_char * 512), ("test", ctypes.c_char * 512)]


class Library:
    """The functions of leakshim.h, as this process has them."""

    def __init__(self):
        self._c = ctypes.CDLL(None)  # releases the GIL: a thread on its way out may need it
        self.begin = self._function("scope_begin", ctypes.c_uint, ctypes.c_char_p)
        self.end = self._function("scope_end", None, ctypes.c_uint)
        self.enter = self._function("scope_enter", ctypes.c_uint, ctypes.c_uint)
        self.reap = self._function("scope_reap", ctypes.c_int, ctypes.c_uint)
        self.site = self._function("site", ctypes.c_uint, ctypes.c_char_p)
        self.keep_path = self._function("keep_path", ctypes.c_int, ctypes.c_char_p)
        self._verdict = self._function("scope_verdict", ctypes.c_int, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
        self._next = self._function("scope_next", ctypes.c_int, ctypes.c_uint, ctypes.POINTER(ctypes.c_ulonglong),
                                    ctypes.POINTER(Leak))
        # Called for every open: it does not wait, so the GIL may stay where it is.
        self.annotate = ctypes.PyDLL(None).leakshim_v1_annotate
        self.annotate.restype, self.annotate.argtypes = None, [ctypes.c_uint, ctypes.c_ulonglong, ctypes.c_uint]

    def _function(self, name, result, *arguments):
        function = getattr(self._c, "leakshim_v1_" + name)
        function.restype, function.argtypes = result, arguments
        return function

    @classmethod
    def load(cls):
        """The library, or None where it is not loaded, too old, or switched off."""
        try:
            active = ctypes.CDLL(None).leakshim_v1_active
            return cls() if active() else None
        except AttributeError:
            return None

    def leaks(self, scope, linger):
        """What the scope has left, as a list of dicts of plain values; empty as a rule."""
        return list(self.all_in(scope)) if self._verdict(scope, linger, None) else []

    def all_in(self, scope):
        """What is there now, without a wait; of all scopes when it is 0."""
        cursor, leak = ctypes.c_ulonglong(0), Leak(size=ctypes.sizeof(Leak))
        while self._next(scope, cursor, leak):
            what, site, test = (text.decode("utf-8", "backslashreplace") for text in (leak.what, leak.site, leak.test))
            group = next((name for first, last, name in GROUPS if first <= leak.kind <= last), "ipc")
            yield {"kind": leak.kind_name.decode(), "group": group, "number": leak.number, "what": what, "site": site,
                   "test": test, "pid": leak.maker, "flags": leak.flags, "start": leak.start_routine}


def symbol_at(address):
    """The function at an address of this process, or the library that it lies in; for threads that have no name."""
    info = (ctypes.c_void_p * 4)()  # Dl_info of dladdr(3): file, where it is loaded, symbol, its address
    if not address or not ctypes.CDLL(None).dladdr(ctypes.c_void_p(address), info):
        return ""
    name = ctypes.string_at(info[2] or info[0]).decode("utf-8", "backslashreplace")
    return name if info[2] else f"{os.path.basename(name)}+0x{address - (info[1] or 0):x}"


class Sites:
    """Says to the library, before Python makes something, which line of whose source makes it.

    A hook of sys.addaudithook sees each audited event of the interpreter; for all but a few it costs one look into a
    dict. For those few it walks up to the first frame of the project, else the first outside of the standard library,
    and hands the library a number for that line. Measured with Python 3.11 on x86-64: 0.2 us for an event that is none
    of ours, 2 us for one of ours; open and close together 8 us without, 11 us with. An audit hook can't be removed
    again, only told to do nothing.
    """

    # Of which kinds the next records may be: bits of leakshim.h. An event comes before the thing.
    _FD, _PROCESS, _THREAD, _PATH = 0x7FF00, 0x2, 0x4, 0x3F << 32
    EVENTS = {
        "open": _FD | _PATH, "socket.__new__": 1 << 10, "socket.bind": _PATH, "sqlite3.connect": _FD | _PATH,
        "subprocess.Popen": _PROCESS, "os.fork": _PROCESS, "os.forkpty": _PROCESS, "os.posix_spawn": _PROCESS,
        "os.system": _PROCESS, "os.mkdir": _PATH, "os.link": _PATH, "os.symlink": _PATH, "os.rename": _PATH,
        "tempfile.mkdtemp": _PATH, "tempfile.mkstemp": _FD | _PATH, "_thread.start_joinable_thread": _THREAD,
    }

    def __init__(self, library, root):
        self._library, self._root = library, os.path.join(os.path.realpath(root), "")
        paths = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
        self._standard = tuple(os.path.join(path, "") for path in paths if path)
        self._ranks, self._sites = {}, {}
        self.on = True

        def hook(event, _arguments, events=self.EVENTS):
            if event in events and self.on:
                self._note(events[event])

        sys.addaudithook(hook)
        if sys.version_info < (3, 13):  # which have no event for a thread
            start = threading.Thread.start

            def start_noted(thread):
                hook("_thread.start_joinable_thread", ())
                return start(thread)

            threading.Thread.start = start_noted

    def _note(self, kinds):
        """This thread is about to make one of `kinds`."""
        best, rank, frame = None, 0, sys._getframe(1)
        for _ in range(40):
            if frame is None or rank == 2:
                break
            name = frame.f_code.co_filename
            here = self._ranks.get(name)
            if here is None:
                here = self._ranks[name] = self._rank(name)
            if here > rank:
                best, rank = (name, frame.f_lineno), here
            frame = frame.f_back
        site = self._sites.get(best) if best else 0
        if site is None:
            name = os.path.relpath(best[0], self._root) if rank == 2 else best[0]
            text = f"{name}:{best[1]}".encode("utf-8", "backslashreplace")
            site = self._sites[best] = self._library.site(text)
        self._library.annotate(site, kinds, 1)

    def _rank(self, name):
        """2 for a file of the project, 1 for one of another package, 0 for the standard library and this file."""
        foreign = "site-packages" in name or "dist-packages" in name
        if name == __file__ or name.startswith("<frozen") or (name.startswith(self._standard) and not foreign):
            return 0
        return 2 if os.path.realpath(name).startswith(self._root) and not foreign else 1


class Tasks:
    """Which asyncio tasks a test has left pending, and which line made each."""

    def __init__(self, root):
        self._made_at = weakref.WeakKeyDictionary()
        self._known = weakref.WeakSet()
        self._wrapped, self._root = False, root

    def watch(self):
        """Notes the line of each create_task from now on; nothing before asyncio is used."""
        loops = sys.modules.get("asyncio.base_events")
        if self._wrapped or loops is None:
            return
        self._wrapped = True
        create_task, made_at, root = loops.BaseEventLoop.create_task, self._made_at, self._root

        def create_task_noted(loop, *arguments, **more):
            task = create_task(loop, *arguments, **more)
            frame = sys._getframe(1)
            while frame and "/asyncio/" in frame.f_code.co_filename:
                frame = frame.f_back
            with contextlib.suppress(TypeError):
                if frame:
                    made_at[task] = f"{os.path.relpath(frame.f_code.co_filename, root)}:{frame.f_lineno}"
            return task

        loops.BaseEventLoop.create_task = create_task_noted

    @staticmethod
    def pending():
        """All tasks that are not done, of any loop and any thread."""
        tasks, found = sys.modules.get("asyncio.tasks"), set()
        for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"):  # until 3.11; from 3.12 on
            for _ in range(8):  # another thread may be adding to it
                with contextlib.suppress(RuntimeError):
                    found.update(getattr(tasks, name, ()))
                    break
        return {task for task in found if not task.done()}

    def news(self):
        """The pending tasks that no earlier call has returned."""
        new = self.pending() - set(self._known)
        self._known.update(new)
        return new

    def describe(self, tasks):
        """Those of `tasks` that are still pending, as leaks."""
        left = []
        for task in (task for task in tasks if not task.done()):
            coroutine = task.get_coro()
            name = getattr(coroutine, "__qualname__", None) or type(coroutine).__name__
            left.append({"kind": "task", "group": "task", "number": 0, "what": f"{name}, {task.get_name()}",
                         "pid": os.getpid(), "site": self._made_at.get(task, ""), "flags": OWN})
        return left


class Rules:
    """Patterns of what is no leak: `kind`, `kind:glob`. A kind is a group too: process, thread, fd, path, ipc, task."""

    def __init__(self, patterns):
        self._rules = [pattern.strip().partition(":")[::2] for pattern in patterns if pattern.strip()]

    def allow(self, leak):
        texts = (leak["what"], leak.get("routine", ""), str(leak["number"]))
        return any(kind in ("*", leak["kind"], leak["group"]) and
                   (not glob or any(text and fnmatch.fnmatchcase(text, glob) for text in texts))
                   for kind, glob in self._rules)


def describe(leak):
    """One leak for people: what it is, where it was made, how to mend it."""
    numbered = leak["group"] in ("process", "thread", "fd") and leak["kind"] != "listening_port"
    text = leak["kind"].replace("_", " ") + (f" {leak['number']}" if numbered else "")
    what = SECRETS.sub(r"\1\2_REDACTED_", leak["what"]) if leak["group"] == "process" else leak["what"]
    text += ": " + what if what else ""
    if leak["group"] == "thread":
        text += " (finished, never joined)" if leak["flags"] & FINISHED else " (still running)"
        text += f", runs {leak['routine']}" if leak.get("routine") else ""
    if not leak["flags"] & OWN and leak["group"] != "process":
        text += f" (made by process {leak['pid']})"
    text += f"\n    made at {leak['site']}" if leak["site"] else ""
    return f"{text}\n    {ADVICE.get(leak['kind']) or ADVICE[leak['group']]}"


def counted(number, kind):
    """`1 process`, `2 processes`, `3 temp dirs`."""
    ending = "" if number == 1 else "es" if kind.endswith("s") else "s"
    return f"{number} {kind.replace('_', ' ')}{ending}"


def message(name, leaks):
    return "\n".join([f"leakshim: {name} left {counted(len(leaks), 'thing')} behind"] + [describe(leak) for leak in leaks])


class Leaked(Exception):
    """A test left something behind."""


class Scope:
    """One test or fixture: its number in the library, and the tasks that it made."""

    def __init__(self, plugin, name):
        self.name = name
        self.tasks = weakref.WeakSet()
        if plugin.tasks:
            plugin.tasks.news()  # nobody's, or another's
        self.before = plugin.library.enter(0)
        plugin.library.enter(self.before)
        self.number = plugin.library.begin(name.encode("utf-8", "backslashreplace"))


class Plugin:
    """The hooks, where the library is loaded."""

    def __init__(self, config, library):
        self.library = library
        self.mode = config.getoption("--leakshim") or config.getini("leakshim") or "fail"
        self.reap = config.getoption("--leakshim-reap") or config.getini("leakshim_reap")
        self.linger = int(config.getini("leakshim_linger"))
        self.ignore = Rules(list(config.getini("leakshim_ignore")) + list(BUILTIN_IGNORES))
        self.tasks = Tasks(str(config.rootpath)) if config.getini("leakshim_tasks") else None
        self.sites = Sites(library, config.rootpath) if config.getini("leakshim_sites") else None
        self.worker = hasattr(config, "workerinput")
        self.config = config
        self.tests, self.fixtures, self.found = {}, {}, {}

    def judge(self, scope, rules=None):
        """The leaks of a scope; the library waits for what is on its way out."""
        leaks = self.library.leaks(scope.number, self.linger)
        if leaks:
            gc.collect()  # what only a cycle of garbage holds is closed by the collector, sooner or later
            leaks = self.library.leaks(scope.number, 0)
        names = {thread.native_id: thread.name for thread in threading.enumerate()}
        for leak in (leak for leak in leaks if leak["group"] == "thread"):
            leak["routine"] = "" if leak["number"] in names else symbol_at(leak["start"])
            leak["what"] = names.get(leak["number"], leak["what"])
        if self.tasks:
            scope.tasks.update(self.tasks.news())
            leaks += self.tasks.describe(scope.tasks)
        left = [leak for leak in leaks if not self.ignore.allow(leak) and not (rules and rules.allow(leak))]
        scope.spared = len(left) != len(leaks)  # what is allowed may be in use: nothing is taken away then
        return left

    def settle(self, scope, failed=False):
        """The scope is over: what a failed test left in the file system is for its developer, the rest may go."""
        if failed:
            for leak in self.library.leaks(scope.number, 0):
                if leak["group"] == "path":
                    self.library.keep_path(os.fsencode(leak["what"]))
        if self.reap and not scope.spared:
            self.library.reap(scope.number)
        self.library.end(scope.number)

    @staticmethod
    def settings_of(item, mode):
        """(mode, rules) of a test, from its markers: the nearest says the mode, all say what is allowed."""
        allowed = []
        for marker in reversed(list(item.iter_markers("leakshim"))):
            mode = marker.args[0] if marker.args else mode
            allow = marker.kwargs.get("allow", ())
            allowed += [allow] if isinstance(allow, str) else list(allow)
        if mode not in MODES:
            raise pytest.UsageError(f"{item.nodeid}: leakshim({mode!r}): it is one of {', '.join(MODES)}")
        return mode, Rules(allowed)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        mode, rules = self.settings_of(item, self.mode)
        if mode == "off":
            return (yield)
        if self.tasks:
            self.tasks.watch()
        scope = Scope(self, item.nodeid)
        self.tests[item.nodeid] = [scope, mode, rules, False]
        yield
        self.tests.pop(item.nodeid, None)
        self.library.enter(scope.before)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item):
        outcome = yield
        if item.nodeid not in self.tests:
            return
        scope, mode, rules, failed = self.tests[item.nodeid]
        leaks = self.judge(scope, rules)
        self.settle(scope, failed or outcome.excinfo is not None)
        if not leaks:
            return
        item.stash[LEAKS] = leaks
        text = message(item.nodeid, leaks)
        if mode == "fail" and not failed and outcome.excinfo is None:
            outcome.force_exception(Leaked(text)) if hasattr(outcome, "force_exception") else force(outcome, text)
        else:
            item.add_report_section("teardown", "leakshim", text)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        report = outcome.get_result()
        test = self.tests.get(item.nodeid)
        if test is not None and call.when != "teardown":
            test[3] |= report.failed
        if call.when == "teardown" and LEAKS in item.stash:
            report.leakshim = [leak["kind"] for leak in item.stash[LEAKS]]  # plain values: xdist sends them on
            del item.stash[LEAKS]
            if call.excinfo is not None and call.excinfo.errisinstance(Leaked):
                report.longrepr = str(call.excinfo.value)

    def pytest_runtest_logreport(self, report):
        if getattr(report, "leakshim", None):
            self.found[report.nodeid] = report.leakshim

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef, request):
        """Fixtures of wider scope than a test are scopes of their own, from their setup to their teardown."""
        if fixturedef.scope == "function" or self.mode == "off" or fixturedef in self.fixtures:
            return (yield)
        where = getattr(fixturedef, "baseid", "") or request.node.nodeid
        scope = Scope(self, f"{where}::{fixturedef.argname} [{fixturedef.scope} fixture]".lstrip(":"))
        self.fixtures[fixturedef] = scope
        yield
        if self.tasks:
            scope.tasks.update(self.tasks.news())
        self.library.enter(scope.before)
        # The last to be added is the first to run, before the fixture's own teardown.
        fixturedef.addfinalizer(lambda: setattr(scope, "before", self.library.enter(scope.number)))

    @pytest.hookimpl(trylast=True)
    def pytest_fixture_post_finalizer(self, fixturedef, request):
        # pytest may call this more than once, and for fixtures that were never set up.
        if fixturedef not in self.fixtures:
            return
        scope = self.fixtures.pop(fixturedef)
        self.library.enter(scope.before)
        leaks = self.judge(scope)
        self.settle(scope)
        blamed = (scope.name, message(scope.name, leaks), [leak["kind"] for leak in leaks])
        if leaks and self.worker:
            # A worker of xdist can only report tests: it tells its controller.
            self.config.workeroutput.setdefault("leakshim", []).append(blamed)
        elif leaks:
            self.log_fixture(*blamed)

    def log_fixture(self, name, text, kinds):
        """Reports a fixture as if it were a test of its own name."""
        failed = self.mode == "fail"
        report = pytest.TestReport(
            nodeid=name, location=(name.partition("::")[0], None, name), keywords={}, when="teardown",
            outcome="failed" if failed else "passed", longrepr=text if failed else None,
            sections=[] if failed else [("leakshim", text)])
        report.leakshim = kinds
        self.config.hook.pytest_runtest_logreport(report=report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        for blamed in (getattr(node, "workeroutput", None) or {}).get("leakshim", ()):
            self.log_fixture(*blamed)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter):
        if self.found:
            terminalreporter.section("leakshim")
            for nodeid, kinds in self.found.items():
                words = ", ".join(counted(kinds.count(kind), kind) for kind in dict.fromkeys(kinds))
                terminalreporter.write_line(f"{nodeid}: {words}")
            things = counted(sum(map(len, self.found.values())), "thing")
            who = counted(len(self.found), "test or fixture" if len(self.found) == 1 else "tests or fixture")
            terminalreporter.write_line(f"leakshim: {things} left behind by {who}; `leakshim-report` shows all")
        for group, number, name in waited_for_at_exit():
            label = "pid" if group == "process" else "tid"
            terminalreporter.write_line(f"leakshim: Python waits at its exit for the {group} {name!r} "
                                        f"({label} {number}){self._maker_of(group, number)}")
        if self.sites:
            self.sites.on = False

    def _maker_of(self, group, number):
        """Which test started a thread or process that holds up the end, and where."""
        for leak in self.library.all_in(0):
            if (leak["group"], leak["number"]) == (group, number):
                test, site = leak["test"], leak["site"]
                return (f", started by {test}" if test else "") + (f", made at {site}" if site else "")
        return ""


def waited_for_at_exit():
    """(group, tid or pid, name) of each thread and process that Python waits for at its exit."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon and thread.is_alive():
            yield "thread", thread.native_id, thread.name
    if "multiprocessing.process" in sys.modules:
        for process in sys.modules["multiprocessing.process"].active_children():
            if not process.daemon:
                yield "process", process.pid, process.name


def force(outcome, text):
    """Makes a hook's outcome an exception; older pluggy has no public way."""
    try:
        raise Leaked(text)
    except Leaked:
        outcome._result, outcome._excinfo = None, sys.exc_info()


def pytest_addoption(parser):
    group = parser.getgroup("leakshim", "what tests leave behind")
    group.addoption("--leakshim", choices=MODES, default=None, help="what a leak does to its test (default: fail)")
    group.addoption("--leakshim-require", action="store_true", help="an error when libleakshim.so is not loaded")
    group.addoption("--leakshim-reap", action="store_true", help="take away at each test's end what it left")
    for name, help_text, kind, default in SETTINGS:
        parser.addini(name, help_text, type=kind, default=default)


def pytest_configure(config):
    config.addinivalue_line("markers", "leakshim(mode, allow=[...]): off, warn or fail; what is no leak of this test")
    mode = config.getini("leakshim")
    if mode and mode not in MODES:
        raise pytest.UsageError(f"leakshim = {mode}: it is one of {', '.join(MODES)}")
    library = Library.load()
    if library is None and config.getoption("--leakshim-require"):
        raise pytest.UsageError("--leakshim-require: libleakshim.so is not loaded; is LD_PRELOAD set, LEAKSHIM=off?")
    if library is not None:
        config.pluginmanager.register(Plugin(config, library), "leakshim")


def pytest_report_header(config):
    if not config.pluginmanager.has_plugin("leakshim"):
        return UNSEEN
    return f"leakshim: {config.pluginmanager.get_plugin('leakshim').mode} on leaks"


def pytest_terminal_summary(terminalreporter, config):
    """With -q there is no header to say it in."""
    without_header = config.getoption("verbose") < 0 or config.getoption("no_header", False)
    if without_header and not config.pluginmanager.has_plugin("leakshim"):
        terminalreporter.write_line(UNSEEN)
