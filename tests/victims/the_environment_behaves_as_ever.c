// SPDX-License-Identifier: MIT
//
// setenv, putenv, unsetenv and clearenv with what they return and what getenv says afterwards, wrong names
// included.
//
// expect: nothing
// status: 0
#include "victim.h"

extern char** environ;

static void show_value(const char* name) {
    const char* value = getenv(name);
    say("%s is %s\n", name, value != NULL ? value : "not set");
}

int main(int argc, char** argv) {
    tag_of(argc, argv);
    static char put[] = "VICTIM_B=put";
    SHOW(setenv("VICTIM_A", "one", 1));
    SHOW(setenv("VICTIM_A", "two", 0));
    show_value("VICTIM_A");
    SHOW(setenv("VICTIM_A", "", 1));
    show_value("VICTIM_A");
    SHOW(setenv("", "value", 1));
    SHOW(setenv("WITH=SIGN", "value", 1));
    SHOW(putenv(put));
    put[9] = 'P';
    show_value("VICTIM_B");
    say("the very string: %s\n", getenv("VICTIM_B") == put + 9 ? "yes" : "no");
    SHOW(unsetenv("VICTIM_B"));
    SHOW(unsetenv("VICTIM_NEVER_SET"));
    SHOW(unsetenv(""));
    SHOW(unsetenv("WITH=SIGN"));
    show_value("VICTIM_B");
    SHOW(clearenv());
    say("empty: %s\n", environ == NULL || environ[0] == NULL ? "yes" : "no");
    SHOW(setenv("VICTIM_C", "again", 1));
    show_value("VICTIM_C");
    return 0;
}
