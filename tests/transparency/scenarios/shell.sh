# SPDX-License-Identifier: MIT
#
# What shells are made of, in words that every POSIX shell knows: processes, descriptors, traps, jobs, limits. Prints
# what a shell can see of itself; nothing printed depends on time or pids.
set -u
exec 2>&1

descriptors() { ls /proc/self/fd | wc -l; }

echo "descriptors of a child: $(descriptors)"
exec 7>held 8<&0
echo "with two more: $(descriptors)"
echo text >&7
exec 7>&- 8<&-
echo "closed again: $(descriptors), kept $(cat held)"

echo "pipeline: $(printf 'c\na\nb\n' | sort | tr '\n' ' ' | sed 's/ /-/g')"
cat <<END
a document: $(echo nested $(echo twice))
END
(exit 42); echo "subshell: $?"
sh -c 'exit 43'; echo "child: $?"
sh -c 'kill -TERM $$'; echo "signalled: $?"
nothing-of-this-name; echo "not found: $?"
: >not-a-program; ./not-a-program; echo "not executable: $?"

trap 'echo "trapped TERM"' TERM
kill -TERM $$
trap 'echo "trapped USR1"' USR1
(sh -c "kill -USR1 $$")
trap - TERM USR1

sleep 0.05 & first=$!
(exit 7) & second=$!
wait "$second"; echo "second: $?"
wait "$first"; echo "first: $?"
wait; echo "none left: $?"
true & wait $!; echo "jobs: $(jobs | wc -l)"

ulimit -n 64; echo "limit: $(ulimit -n) $(sh -c 'ulimit -n')"
umask 027; mkdir made; touch made/file; stat -c '%a %n' made made/file
ln -s file made/link; ln made/file made/other; mv made/other made/moved; ls made
mkfifo pipe; echo through a fifo >pipe & cat pipe; wait
rm -r made pipe; ls | sort | tr '\n' ' '; echo
cd / && pwd; cd "$OLDPWD" && [ -f held ] && echo back
env -i PATH="$PATH" sh -c 'echo "empty environment: $(pwd | wc -l) $?"'
echo "variables: $(env | grep -v -e '^LEAKSHIM' -e '^LD_PRELOAD=' -e '^_=' | sort | cut -d= -f1 | tr '\n' ' ')"
dd if=/dev/zero bs=1 count=3 status=none | od -An -c
set -- 1 2 3; for i; do printf '%s ' "$((i * i))"; done; echo
i=0; while [ $i -lt 200 ]; do sh -c : || echo failed; i=$((i + 1)); done; echo "many: $i"
trap 'echo "the end"' EXIT
exit 9
