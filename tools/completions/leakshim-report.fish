# SPDX-License-Identifier: MIT
#
# Completion of leakshim-report for fish.

complete -c leakshim-report -l session -x -a '(leakshim-report --list --color=never 2>/dev/null | string replace -r " +" "\t")' -d 'show the session whose id begins so'
complete -c leakshim-report -l live -d 'show the newest session that still runs'
complete -c leakshim-report -l watch -d 'keep watching a session that runs'
complete -c leakshim-report -l list -d 'list the sessions, newest first'
complete -c leakshim-report -l why-hanging -d 'what a process that does not end waits for'
complete -c leakshim-report -l port -x -d 'whose is this port'
complete -c leakshim-report -l path -r -F -d 'whose is this path'
complete -c leakshim-report -l pid -x -a '(__fish_complete_pids)' -d 'whose is this process'
complete -c leakshim-report -l preflight -d 'what is left, and what is short'
complete -c leakshim-report -l doctor -d 'whether leakshim works, for this command'
complete -c leakshim-report -l require-observed -d 'exit 4 when no run was seen'
complete -c leakshim-report -l since -x -d 'the point in time for --require-observed'
complete -c leakshim-report -l format -x -a 'text json jsonl junit github github-summary gitlab tap prometheus' -d 'how it is written'
complete -c leakshim-report -l json -d 'the same as --format json'
complete -c leakshim-report -l output -r -F -d 'write it there, whole or not at all'
complete -c leakshim-report -l all -d 'every record, and command lines whole'
complete -c leakshim-report -l no-redact -d 'secrets in command lines too'
complete -c leakshim-report -l color -x -a 'always never auto' -d 'when to use colours'
complete -c leakshim-report -l help -d 'print a summary of the options'
complete -c leakshim-report -l version -d 'print versions of tool and ledger layout'
