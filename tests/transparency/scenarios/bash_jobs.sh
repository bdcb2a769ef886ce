# SPDX-License-Identifier: MIT
#
# What only bash has: job control, coprocesses, process substitution, sockets by name, its own setenv and getenv.
exec 2>&1
set -m
sleep 60 & kill -STOP %1; wait -f %1 2>/dev/null & sleep 0.2
echo "stopped: $(jobs -l | grep -c 'Stopped')"
kill -CONT %1; kill %1; wait %1; echo "ended: $?"
set +m
coproc twice { while read -r line; do echo "$line $line"; done; }
echo word >&"${twice[1]}"; read -r answer <&"${twice[0]}"; echo "coproc: $answer"
exec {twice[1]}>&-; wait "$twice_PID"; echo "coproc ended: $?"
diff <(seq 3) <(seq 4); echo "diff: $?"
tee >(cat >copy) <<<"here string" >/dev/null; until [[ -s copy ]]; do sleep 0.01; done; cat copy
(exec 3<>/dev/tcp/127.0.0.1/1); echo "refused: $?"
mapfile -t lines < <(seq 5); echo "lines: ${#lines[@]}"
export FOO=bar; FOO=baz env | grep ^FOO=; unset FOO; env | grep -c ^FOO=
exec {fd}<>file; echo "a number above 9: $((fd > 9))"; ls -l /proc/$$/fd | grep -c "/file$"; exec {fd}>&-
pids=(); for i in {1..50}; do (exit $((i % 3))) & pids+=($!); done
sum=0; for pid in "${pids[@]}"; do wait "$pid"; ((sum += $?)); done; echo "sum: $sum"
sleep 0.05 & wait -n; echo "any: $?"; wait -n; echo "none: $?"
trap 'echo chld >>children' CHLD; for i in 1 2 3; do /bin/true; done; trap - CHLD; sort -u children
{ sleep 60 & echo "$!"; } >pid; disown -a; kill "$(cat pid)" && echo killed
shopt -s lastpipe; echo value | read -r kept; echo "lastpipe: $kept"
{ time -p true; } 2>&1 | cut -d' ' -f1 | tr '\n' ' '; echo
timeout 0.1 sleep 60; echo "timeout: $?"
bash -c 'exec -a renamed sleep 0'; echo "exec -a: $?"
compgen -e | grep -v -e '^LEAKSHIM' -e '^LD_PRELOAD$' | sort | tr '\n' ' '; echo
