// SPDX-License-Identifier: MIT
//
// Ends with status 5: what a root becomes by exec, linked statically and not.
int main(void) {
    return 5;
}
