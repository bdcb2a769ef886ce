# SPDX-License-Identifier: MIT
#
# A build of forty files by make with several jobs, a recursive one that shares its job server, one that fails.
set -u
exec 2>&1
for i in $(seq 40); do echo "int f$i(void) { return $i; }" >"f$i.c"; done
{ echo '#include <stdio.h>'; for i in $(seq 40); do echo "int f$i(void);"; done
  echo 'int main(void) { int sum = 0;'; for i in $(seq 40); do echo "sum += f$i();"; done
  echo 'printf("%d\n", sum); return 0; }'; } >main.c
cat >Makefile <<'END'
objects := $(patsubst %.c,%.o,$(wildcard *.c))
all: program; ./program
program: $(objects); @$(CC) -o $@ $^ && echo linked
%.o: %.c; @$(CC) -c -O1 -o $@ $<
clean: ; @rm -f $(objects) program && echo clean
deep: ; @+$(MAKE) -s -j2 one two
one two: ; @sleep 0.05; echo in $@ | tr a-z A-Z >$@.txt
broken: ; @exit 3
$(shell echo "shell function" >&2)
END
make -s -j4 -O; echo "status: $?"
make -s -j4 -q; echo "nothing to do: $?"
touch f7.c; make -j2 | sort
make -s -j3 deep; cat one.txt two.txt
make broken; echo "failed: $?"
make -k -j4 broken clean | sort; echo "went on: ${PIPESTATUS[0]}"
make -n | wc -l
ls | wc -l
