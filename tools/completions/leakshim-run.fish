# SPDX-License-Identifier: MIT
#
# Completion of leakshim-run for fish.

complete -c leakshim-run -f -a '(__fish_complete_subcommand --fcs-skip=1)'
complete -c leakshim-run -s h -l help -d 'print a summary of the options'
complete -c leakshim-run -l version -d 'print versions of tool and ledger layout'
complete -c leakshim-run -l report -d 'record and report, touch nothing'
complete -c leakshim-run -l reap -d 'also reap at the end'
complete -c leakshim-run -l fail -d 'exit with 24 instead of 0 when something leaked'
complete -c leakshim-run -l ci -d 'reap temporary trees too'
# Written down, since asking for them would be a run of its own.
complete -c leakshim-run -s o -x -a 'help= tmp= linger= polite= term= deadline= tree-limit= temp-roots= roots= keep-ledgers= hang= guard= stacks=' -d 'a key of LEAKSHIM_OPTIONS'
complete -c leakshim-run -l rules -r -F -d 'what to keep and to ignore'
complete -c leakshim-run -l timeout -x -d 'end the command after so long'
complete -c leakshim-run -l private-tmp -d 'a TMPDIR of its own, removed as a whole'
complete -c leakshim-run -l cgroup -d 'a cgroup of its own, whose kill ends what outruns all else'
complete -c leakshim-run -l session -x -d 'run in the session of this name'
complete -c leakshim-run -l library -r -F -d 'this libleakshim.so instead of the own one'
complete -c leakshim-run -l print-preload -d 'print the path of the library'
