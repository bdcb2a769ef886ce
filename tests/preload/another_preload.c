// SPDX-License-Identifier: MIT
//
// A preload that somebody else put into LD_PRELOAD, built twice under two names: what counts is that it is
// still loaded, and in the same order, after an exec that the shim had to mend.

extern const char another_preload_is_loaded[];
const char another_preload_is_loaded[] = "yes";
