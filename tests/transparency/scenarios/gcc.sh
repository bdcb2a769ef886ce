# SPDX-License-Identifier: MIT
#
# Compilers make temporary files, pipes and processes; what they write must be the same to the byte.
set -u
exec 2>&1
cat >good.c <<'END'
#include <stdio.h>
int main(int argc, char **argv) { printf("%d %s\n", argc, argc > 1 ? argv[1] : ""); return 3; }
END
cat >good.cc <<'END'
#include <iostream>
#include <map>
#include <string>
int main() { std::map<std::string, int> m{{"a", 1}}; std::cout << m["a"] << std::endl; throw m; }
END
echo 'int main(void) { return undeclared; }' >bad.c
echo 'int f(void); int main(void) { return f(); }' >unlinked.c
gcc -O2 -Wall -o good good.c; echo "gcc: $?"; ./good argument; echo "ran: $?"
gcc -O2 -pipe -c -o piped.o good.c && gcc -O2 -c -o plain.o good.c && cmp piped.o plain.o && echo "the same"
gcc -O2 -S -o - good.c | sha256sum
gcc bad.c; echo "refused: $?"
gcc unlinked.c 2>&1 | sed 's,/tmp/[^ :]*,,g; s,^.*ld:,ld:,'; echo "not linked: ${PIPESTATUS[0]}"
gcc -save-temps -flto -O2 -o lto good.c; echo "lto: $?"; ls lto* | wc -l
g++ -O1 -o good++ good.cc; echo "g++: $?"; (ulimit -c 0; ./good++) | head -3; echo "aborted: ${PIPESTATUS[0]}"
gcc -E - </dev/null | wc -l
echo 'int x;' | gcc -c -x c -o x.o - && ar rcs x.a x.o && nm x.a | grep -c ' x$'
gcc -fsyntax-only nothing-there.c; echo "absent: $?"
ls "$TMPDIR" | wc -l
