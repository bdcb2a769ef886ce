// SPDX-License-Identifier: MIT
//
// The main of the constructor harness: the body of the victim ran before this, in the constructor of the
// library that this program is linked to; main only hands its status on.

extern int victim_status;

int main(void) {
    return victim_status;
}
