# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the scripts beside this file share. It is sourced, never run, and expects `set -u`.
#
# After sourcing: `top` is the repository, Debian's own tools come first in PATH, and no setting of an outer leakshim
# session is left in the environment.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Developers often have another python first (pyenv, conda), for which Debian's pytest and meson were not made. What
# only they have, such as a node of their own, is still found behind.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export PATH

# A build or test under somebody's session would record, and at its end reap, what our own tests do on purpose.
unset LD_PRELOAD LEAKSHIM LEAKSHIM_OPTIONS LEAKSHIM_RULES LEAKSHIM_KEEP LEAKSHIM_DIR LEAKSHIM_SESSION

say() { printf '%s\n' "$*"; }

complain() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# configure DIR CC CXX OPTION...: makes DIR (relative to the repository) a meson build directory with warnings as errors.
configure() {
  local dir=$top/$1 options=(-Dbuildtype=debugoptimized -Dwerror=true "${@:4}")
  if [[ -f $dir/meson-private/coredata.dat ]]; then
    if is_current "$dir"; then
      meson setup --reconfigure "${options[@]}" "$dir" "$top" >"$dir/reconfigure.log" 2>&1 && return
      cat "$dir/reconfigure.log"
      return 1
    fi
    say "$1 was made by another meson or in another place, and is made anew"
    rm -rf -- "$dir"
  fi
  CC=$2 CXX=$3 meson setup "${options[@]}" "$dir" "$top"
}

# is_current DIR: a build directory that this meson made for this place; meson refuses any other for ever.
is_current() {
  grep -qF "\"source\": \"$top\"" "$1/meson-info/meson-info.json" &&
    grep -qF "\"full\": \"$(meson --version)\"" "$1/meson-info/meson-info.json"
} 2>/dev/null

# build_in DIR CC CXX: configures DIR and builds everything in it.
build_in() {
  configure "$@" && ninja -C "$top/$1" -j "$(nproc)"
}
