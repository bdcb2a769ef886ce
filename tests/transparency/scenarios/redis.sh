# SPDX-License-Identifier: MIT
#
# redis on a unix socket: started as a daemon, used, forked for its snapshots, stopped.
set -u
exec 2>&1
r() { redis-cli -s "$PWD/redis.sock" "$@"; }
until_true() { for _ in $(seq 1000); do "$@" && return; sleep 0.02; done; echo "gave up: $*"; exit 1; }
answers() { [[ $(r ping 2>/dev/null) == PONG ]]; }

start() {
  redis-server --port 0 --unixsocket "$PWD/redis.sock" --dir "$PWD" --daemonize yes --pidfile "$PWD/pid" --save "" \
    --logfile "$PWD/log" "$@"
  echo "started: $?"
  until_true answers
}
start
r set key value; r get key; r incr number; r lpush list a b c; r lrange list 0 -1
for i in $(seq 100); do echo "SET k$i $i"; done | r | sort | uniq -c
r save; ls dump.rdb
r bgsave; saved() { [[ $(r info persistence | grep -c 'rdb_bgsave_in_progress:0') == 1 ]]; }; until_true saved
r info persistence | tr -d '\r' | grep -e last_bgsave_status -e rdb_saves
r eval 'return redis.call("dbsize")' 0
r config set appendonly yes
rewritten() { [[ $(r info persistence | grep -c 'aof_rewrite_in_progress:0') == 1 ]]; }; until_true rewritten
r info clients | tr -d '\r' | grep connected
r config get maxclients
r nonsense; r debug sleep 0
(r subscribe channel & echo $! >subscriber; wait) >heard &
listened() { [[ $(r pubsub numsub channel | tail -1) == 1 ]]; }; until_true listened
r publish channel message; heard() { grep -q '^message$' heard; }; until_true heard
kill "$(cat subscriber)"; wait; grep -c message heard
r shutdown nosave; gone() { [[ ! -e redis.sock && ! -e pid ]]; }; until_true gone; echo stopped
start --appendonly yes; r dbsize; r get key
kill -TERM "$(cat pid)"; until_true gone; echo terminated
grep -c -i -e warning -e error log
ls
