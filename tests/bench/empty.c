// SPDX-License-Identifier: MIT
//
// A preload with nothing in it: what start-up times are compared with.
extern int leakshim_bench_nothing;
int leakshim_bench_nothing;
