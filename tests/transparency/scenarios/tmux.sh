# SPDX-License-Identifier: MIT
#
# A tmux server on a socket of its own: started, used, detached from, ended.
set -u
exec 2>&1
export TMUX_TMPDIR=$TMPDIR TERM=xterm SHELL=/bin/sh
t() { tmux -L transparency -f /dev/null "$@"; }
until_true() { for _ in $(seq 1000); do "$@" && return; sleep 0.02; done; echo "gave up: $*"; exit 1; }

t list-sessions; echo "no server: $?"
# A window without a name is renamed after what runs in it, now or a moment later.
t new-session -d -s first -n shell -x 80 -y 24 'PS1="> " sh'
t new-session -d -s first; echo "twice: $?"
t list-sessions -F '#{session_name} #{session_windows} #{session_attached}'
t send-keys -t first 'echo $((6 * 7)) >answer; ls /proc/self/fd | wc -l >descriptors' Enter
until_true test -s descriptors; cat answer descriptors
t split-window -t first 'exec sleep 1000'; t new-window -t first -n named 'cat'
t list-panes -s -t first -F '#{window_name} #{pane_index} #{pane_current_command} #{pane_dead}'
t send-keys -t first:named 'typed' Enter
# By the terminal, and by cat.
typed_twice() { [[ $(t capture-pane -p -t first:named | grep -c typed) == 2 ]]; }
until_true typed_twice; echo "typed twice"
t set-environment -g MADE up; t show-environment -g | grep MADE
t run-shell 'echo from run-shell >ran'; cat ran
t if-shell false 'run-shell "echo true"' 'run-shell "echo false >which"'; until_true test -s which; cat which
t set-buffer text; t save-buffer saved; cat saved; echo
t pipe-pane -t first:named 'cat >piped'; t send-keys -t first:named 'more' Enter; until_true test -s piped; echo piped
t wait-for -S channel; t wait-for channel; echo "waited: $?"
script -qec "tmux -L transparency attach -t first \; detach" /dev/null </dev/null >/dev/null; echo "attached: $?"
t kill-session -t absent; echo "absent: $?"
t kill-server; echo "ended: $?"
gone() { ! t list-sessions >/dev/null 2>&1; }
until_true gone; t list-sessions 2>&1 | wc -l
