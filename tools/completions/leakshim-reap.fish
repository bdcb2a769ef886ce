# SPDX-License-Identifier: MIT
#
# Completion of leakshim-reap for fish.

complete -c leakshim-reap -f
complete -c leakshim-reap -s h -l help -d 'print a summary of the options'
complete -c leakshim-reap -l version -d 'print versions of tool and ledger layout'
complete -c leakshim-reap -l dead -d 'reap all dead sessions'
complete -c leakshim-reap -l session -x -a '(leakshim-report --list --color=never 2>/dev/null | string replace -r " +" "\t")' -d 'reap this session'
complete -c leakshim-reap -l scope -x -d 'reap only this test of a session that runs'
complete -c leakshim-reap -s n -l dry-run -d 'say what would be done, and why'
complete -c leakshim-reap -l keep-tmp -d 'leave temporary trees as they are'
complete -c leakshim-reap -l force -d 'also reap what ran under LEAKSHIM=report'
complete -c leakshim-reap -l user -x -a '(__fish_complete_users)' -d 'the sessions of this user'
complete -c leakshim-reap -l all-users -d 'the sessions of all users'
complete -c leakshim-reap -l json -d 'print a document of the schema leakshim.reap/1'
complete -c leakshim-reap -s q -l quiet -d 'say only what could not be reaped'
