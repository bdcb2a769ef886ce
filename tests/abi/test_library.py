# SPDX-License-Identifier: MIT
"""What libleakshim.so is to the dynamic linker: the names it takes, the few that it asks for, and nothing else.

Everything here is a promise to a host that has not agreed to anything: a library more in NEEDED, a symbol that an older
libc or musl does not have, a large thread-local block or a second constructor is felt by every program of a run.
"""

import re

import elf
from cases import Case
from given import Given
from hook_table import read_rows

LIBRARY = LIBC = None
ROWS, API = [], []  # ROWS: (HOOK, OPTIONAL or ALIAS, name, target or None)

# All that the library may ask of others, each with its reason. Everything else that it calls of libc is found behind
# it by dlsym, so that a host which exports the name is never asked in its place.
ALLOWED = {
    "__errno_location": "errno belongs to libc, and every hook must leave it as the real call did",
    "environ": "the root publishes its session there, and a program started by libc itself takes it from there",
    "__environ": "the same variable: the linker names both where one is asked for",
    "fileno": "the descriptor of a stream is known to libc alone",
    "dirfd": "and so is that of a directory stream",
    "exit": "ends once more with the status of a leaky run, so that buffered output is still written",
}
# dlsym, in libc.so.6 since glibc 2.34 alone and not found before in a program without libdl; and the list of what is
# loaded, which musl does not have.
ALLOWED_WEAK = {"dlsym", "_r_debug"}
# The newest version that a glibc must have, by machine: the first that each had at all. Raising it shuts hosts out.
NEWEST_GLIBC = {62: (2, 2, 5), 183: (2, 17)}

MOST_THREAD_LOCAL = 256  # bytes; it is carved out of the stack of every thread of the host
POINTER = 8
# Aliases that are functions of their own in glibc, though they mean the same.
OWN_CODE = {"freopen64": "the same source compiled twice; the flag that differs is 0 on 64-bit machines"}


def names_of_api(header):
    """The names of the public header's functions."""
    with open(header, encoding="utf-8") as text:
        return sorted(set(re.findall(r"\b(leakshim_v1_\w+)\([^()]*\);$", text.read(), re.MULTILINE)))


def setUpModule():  # pylint: disable=invalid-name
    """The library and libc of Given, which may be another machine's."""
    global LIBRARY, LIBC, ROWS, API
    LIBRARY, LIBC = elf.Elf(Given.library), elf.Elf(Given.libc)
    ROWS, API = read_rows(Given.hooks), names_of_api(Given.header)


class Library(Case):
    def test_every_row_of_the_hook_table_is_exported_and_nothing_else_is(self):
        self.assertGreater(len(ROWS), 150)
        self.assertGreater(len(API), 5)
        wanted = sorted([name for _, name, _ in ROWS] + API)
        self.assertEqual(sorted(symbol.name for symbol in LIBRARY.exports()), wanted)

    def test_exported_names_bear_no_version(self):
        # With a version of our own on them, a program's versioned imports would be bound past us.
        self.assertEqual(LIBRARY.tag(elf.DT_VERDEF), 0)
        self.assertEqual([symbol for symbol in LIBRARY.exports() if symbol.version or not symbol.default], [])

    def test_exported_names_are_ordinary_global_functions(self):
        # A unique or indirect one would make ld.so do more than look it up. Our own are weak, as the header says.
        odd = [symbol.name for symbol in LIBRARY.exports()
               if symbol.type != elf.STT_FUNC
               or symbol.binding != (elf.STB_WEAK if symbol.name in API else elf.STB_GLOBAL)]
        self.assertEqual(odd, [])

    def test_only_libc_is_needed(self):
        self.assertEqual(LIBRARY.needed, ["libc.so.6"])

    def test_nothing_is_imported_without_a_reason(self):
        strong = {symbol.name for symbol in LIBRARY.imports() if symbol.binding == elf.STB_GLOBAL}
        weak = {symbol.name for symbol in LIBRARY.imports() if symbol.binding == elf.STB_WEAK}
        self.assertEqual(strong, set(ALLOWED))
        self.assertLessEqual(weak, ALLOWED_WEAK)

    def test_no_newer_glibc_is_needed_than_promised(self):
        versions = {symbol.version for symbol in LIBRARY.imports() if symbol.version}
        numbers = {tuple(int(part) for part in version.removeprefix("GLIBC_").split(".")) for version in versions}
        self.assertEqual(max(numbers), NEWEST_GLIBC[LIBRARY.machine])

    def test_thread_local_storage_is_small_and_found_without_a_call(self):
        self.assertLessEqual(LIBRARY.segment(elf.PT_TLS).memory_size, MOST_THREAD_LOCAL)
        types = LIBRARY.relocation_types()
        self.assertEqual(types & elf.DYNAMIC_TLS[LIBRARY.machine], set())
        self.assertNotEqual(types & elf.STATIC_TLS[LIBRARY.machine], set())

    def test_code_is_never_written_and_data_never_run(self):
        self.assertFalse(LIBRARY.tag(elf.DT_FLAGS) & elf.DF_TEXTREL)
        self.assertNotIn(elf.DT_TEXTREL, [tag for tag, _ in LIBRARY.dynamic])
        both = elf.PF_W | elf.PF_X
        self.assertEqual([one for one in LIBRARY.segments if one.flags & both == both], [])
        # Without the mark ld.so would make the stacks of the whole host executable.
        self.assertEqual(LIBRARY.segment(elf.PT_GNU_STACK).flags & elf.PF_X, 0)

    def test_everything_is_bound_at_load_and_read_only_afterwards(self):
        # A lazy binding would be done by ld.so within a hook, that is, within a signal handler or a vfork child.
        self.assertTrue(LIBRARY.tag(elf.DT_FLAGS) & elf.DF_BIND_NOW or LIBRARY.tag(elf.DT_FLAGS_1) & elf.DF_1_NOW)
        self.assertIsNotNone(LIBRARY.segment(elf.PT_GNU_RELRO))

    def test_it_does_not_ask_to_be_initialised_first(self):
        # Only one library of a process can be, and libc would not be ready.
        self.assertFalse(LIBRARY.tag(elf.DT_FLAGS_1) & elf.DF_1_INITFIRST)
        self.assertEqual(LIBRARY.tag(elf.DT_PREINIT_ARRAYSZ), 0)

    def test_it_has_one_constructor_and_no_destructor(self):
        # One more is a global with a constructor: it would run after hooks that libraries before ours called.
        self.assertEqual(LIBRARY.tag(elf.DT_INIT_ARRAYSZ), POINTER)
        # No destructor, and none of the compiler's start files either, which would be run in each process.
        for tag in (elf.DT_FINI_ARRAYSZ, elf.DT_INIT, elf.DT_FINI):
            self.assertEqual(LIBRARY.tag(tag), 0)

    def test_every_hook_stands_before_a_function_of_libc(self):
        # A row that is not OPTIONAL is looked up at every start, and a lookup in vain allocates memory.
        functions = {symbol.name for symbol in LIBC.exports()
                     if symbol.default and symbol.type in (elf.STT_FUNC, elf.STT_GNU_IFUNC)}
        self.assertEqual([name for kind, name, _ in ROWS if kind == "HOOK" and name not in functions], [])

    def test_every_alias_is_the_same_function_in_libc_as_its_target(self):
        address = {symbol.name: symbol.value for symbol in LIBC.exports() if symbol.default}
        hooks = {name for kind, name, _ in ROWS if kind != "ALIAS"}
        aliases = {name: target for kind, name, target in ROWS if kind == "ALIAS"}
        self.assertGreater(len(aliases), 20)
        self.assertLessEqual(set(aliases.values()), hooks)
        differing = {name for name, target in aliases.items() if name in address and address[name] != address[target]}
        self.assertEqual(differing, set(OWN_CODE))

    def test_an_alias_is_exported_at_the_address_of_its_target(self):
        address = {symbol.name: symbol.value for symbol in LIBRARY.exports()}
        differing = [name for kind, name, target in ROWS if kind == "ALIAS" and address[name] != address[target]]
        self.assertEqual(differing, [])

    def test_every_hook_can_be_unwound_wherever_its_function_in_libc_can(self):
        # noexcept is a word of the headers. What leaves a function of libc all the same, a cancelled thread's unwinding or
        # an exception out of a signal handler, gets as far with a hook around it.
        def unwound(library, symbol):
            return any(start <= symbol.value and symbol.value + symbol.size <= end for start, end in ranges[library])

        ranges = {library: library.unwinding_ranges() for library in (LIBRARY, LIBC)}
        ours = {symbol.name: symbol for symbol in LIBRARY.exports()}
        theirs = {symbol.name: symbol for symbol in LIBC.exports() if symbol.default}
        both = [name for _, name, _ in ROWS if name in theirs and unwound(LIBC, theirs[name])]
        self.assertGreater(len(both), 100)
        self.assertEqual([name for name in both if not unwound(LIBRARY, ours[name])], [])
