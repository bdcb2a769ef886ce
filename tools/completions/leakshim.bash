# SPDX-License-Identifier: MIT
#
# Completion of leakshim-report, leakshim-run and leakshim-reap for bash. Installed under the name of each, as
# bash-completion looks for it; works without bash-completion as well, when it is sourced.

# The first word of each session that there is.
_leakshim_sessions() {
  local id rest
  leakshim-report --list --color=never 2>/dev/null | while read -r id rest; do printf '%s\n' "$id"; done
}

# The keys of LEAKSHIM_OPTIONS. Written down, since asking for them would be a run of its own.
_leakshim_option_keys='
  help tmp linger polite term deadline tree-limit temp-roots roots keep-ledgers hang guard stacks'

_leakshim_words() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$1" -- "$2"))
}

_leakshim_files() {
  local IFS=$'\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -- "$1"))
}

# The value of the option before the cursor. Fails when that takes none.
_leakshim_value() {
  case $1 in
    --session) _leakshim_words "$(_leakshim_sessions)" "$2" ;;
    --format) _leakshim_words $'text\njson\njsonl\njunit\ngithub\ngithub-summary\ngitlab\ntap\nprometheus' "$2" ;;
    --color) _leakshim_words $'always\nnever\nauto' "$2" ;;
    --output | --path | --rules | --library | --baseline) _leakshim_files "$2" ;;
    --user) COMPREPLY=($(compgen -u -- "$2")) ;;
    --pid) _leakshim_words "$(cd /proc && printf '%s\n' [0-9]*)" "$2" ;;
    -o) compopt -o nospace 2>/dev/null
      COMPREPLY=($(compgen -S = -W "$_leakshim_option_keys" -- "$2")) ;;
    --port | --since | --timeout | --scope) COMPREPLY=() ;;
    *) return 1 ;;
  esac
}

# Where the command of leakshim-run, or of --doctor, begins; fails before it.
_leakshim_command_at() {
  local i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      --) printf '%s\n' $((i + 1)); return ;;
      -o | --rules | --timeout | --session | --library) [ "$1" = leakshim-run ] && ((++i)) ;;
      -*) ;;
      *) [ "$1" = leakshim-run ] && { printf '%s\n' "$i"; return; } ;;
    esac
  done
  return 1
}

_leakshim() {
  local command=${1##*/} word=$2 before=$3 at options
  COMPREPLY=()
  if at=$(_leakshim_command_at "$command"); then
    if declare -F _command_offset >/dev/null; then
      _command_offset "$at"
    elif ((at == COMP_CWORD)); then
      COMPREPLY=($(compgen -c -- "$word"))
    else
      _leakshim_files "$word"
    fi
    return
  fi
  # --format=j arrives as three words.
  if [ "$before" = "=" ]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  elif [ "$word" = "=" ]; then
    word=
  fi
  _leakshim_value "$before" "$word" && return
  case $command in
    leakshim-report) options='--session --live --watch --list --why-hanging --port --path --pid --preflight --doctor
      --require-observed --since --baseline --update-baseline --gen-rules --format --json --output --all --no-redact
      --color --help --version' ;;
    leakshim-run) options='-h --help --version --report --reap --fail --ci -o --rules --timeout --private-tmp --cgroup
      --session --library --print-preload' ;;
    leakshim-reap) options='-h --help --version --dead --session --scope -n --dry-run --keep-tmp --force --user
      --all-users --json -q --quiet' ;;
  esac
  case $command/$word in
    */-*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    leakshim-report/*) _leakshim_files "$word" ;;
    leakshim-run/*) COMPREPLY=($(compgen -c -- "$word")) ;;
  esac
}

complete -F _leakshim leakshim-report leakshim-run leakshim-reap
