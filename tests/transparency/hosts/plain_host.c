// SPDX-License-Identifier: MIT
//
// A program that needs no header of libc, so that it can be built for a machine word whose headers nobody
// installed: with -DALONE it brings its own entry point. Makes $TMPDIR/NAME and says so; where the dynamic
// linker took TMPDIR away, as from programs with capabilities, in the working directory.
//
//     plain_host NAME
int mkdir(const char* path, unsigned mode);
char* getenv(const char* name);
int snprintf(char* to, unsigned long size, const char* format, ...);
int printf(const char* format, ...);
unsigned long getauxval(unsigned long type);
void exit(int status);
extern char** environ;

enum { AT_SECURE_HERE = 23, STATUS = 7 };

static int run(const char* name) {
    char path[4096];
    const char* directory = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/%s", directory == 0 ? "." : directory, name);
    printf("%u bits, secure %lu, mkdir %d\n", (unsigned)sizeof(void*) * 8, getauxval(AT_SECURE_HERE),
           mkdir(path, 0755));
    return STATUS;
}

#ifdef ALONE
__attribute__((force_align_arg_pointer)) void _start(void) {
    exit(run("of-32-bits"));
}
#else
int main(int argc, char** argv) {
    return run(argc > 1 ? argv[1] : "of-64-bits");
}
#endif
