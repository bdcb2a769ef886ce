# SPDX-License-Identifier: MIT
"""The hot pairs take no more instructions than they did, with a margin for another compiler. Exact, not timed."""

import os
import unittest

import counting
from cases import Case
from given import Given

# What is added to each pair: a limit about a fifth above what g++ 12 makes of it.
LIMITS = {
    "dup+close": 265,
    "open+close": 265,
    "socket+close": 250,
    "accept": 660,
    "mkdtemp+rmdir": 3450,
    "mkstemp+unlink+close": 3750,
    "fork+exit+wait": 2320,
    "pthread_create+join": 1200,
}


@unittest.skipUnless(counting.available(), "valgrind is not installed")
class Instructions(Case):
    def test_no_hot_pair_takes_more_than_its_limit(self):
        for pair, limit in LIMITS.items():
            with self.subTest(pair=pair), counting.clean_directory() as directory:
                ledgers = os.path.join(directory, "ledgers")
                os.mkdir(ledgers, 0o700)
                added = counting.added(Given.loops, pair, Given.library, ledgers, directory)
                print(f"{pair}: {added:.1f} instructions added, limit {limit}", flush=True)
                self.assertGreater(added, 10, "the library was not there")
                self.assertLess(added, limit)
