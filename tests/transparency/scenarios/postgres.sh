# SPDX-License-Identifier: MIT
#
# A cluster of its own, on a unix socket alone: made, started, used by several clients, crashed, stopped.
set -u
exec 2>&1
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
export PGHOST=$PWD PGDATA=$PWD/data PGUSER=me PGDATABASE=postgres
q() { "$bin/psql" -X -q -A -t "$@"; }

"$bin/initdb" -U me -A trust -N --locale=C >initdb.log; echo "initdb: $?"
printf "listen_addresses = ''\nunix_socket_directories = '%s'\nfsync = off\nmax_connections = 20\n" "$PWD" \
  >>data/postgresql.conf
"$bin/pg_ctl" -s -w -l log start; echo "started: $?"
q -c 'create table t (n int primary key, s text); insert into t select n, n::text from generate_series(1, 20000) n'
q -c 'select count(*), sum(n) from t'
q -c 'insert into t values (1)'; echo "refused: $?"
q -c 'set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0;
  set min_parallel_table_scan_size = 0; select count(*) from t where s like $$%7%$$'
for i in $(seq 8); do q -c "insert into t select $i * 100000 + n from generate_series(1, 500) n" & done; wait
q -c 'select count(*) from t'
q -c '\copy (select * from t where n < 4) to copy.txt'; cat copy.txt
q -c "copy (select 1) to program 'cat >program.txt'"; cat data/program.txt
q -c 'create index on t (s); vacuum analyze t; checkpoint'
q -c 'create temporary table u as select * from t order by md5(s); select count(*) from u'
"$bin/pg_dump" -t t | grep -c '^[0-9]'
q -c 'select pg_terminate_backend(pg_backend_pid())' | grep -c .
"$bin/pg_ctl" -s -w restart -l log; echo "restarted: $?"; q -c 'select count(*) from t'
"$bin/pg_ctl" -s -w -m immediate stop; echo "crashed: $?"
"$bin/pg_ctl" -s -w -l log start; echo "recovered: $?"; q -c 'select count(*) from t'
"$bin/pg_ctl" -s -w -m fast stop; echo "stopped: $?"
"$bin/pg_ctl" status; echo "status: $?"
grep -c -e PANIC -e 'WARNING' log
ls -A | sort
