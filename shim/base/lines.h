// SPDX-License-Identifier: MIT
//
// A file of /proc line by line, in a block of memory that the caller owns.
#pragma once

#include "text.h"

namespace leakshim {

/// Cuts what is read in pieces into lines. Of a line that is longer than the block its beginning is handed
/// out, the rest is passed over.
class Lines {
  public:
    Lines(char* block, size_t size) : block_(block), size_(size) {}

    /// The next line without its newline, in the block: good until the next call. False at the end.
    /// `read(to, size)` fetches more, as read(2) does; what is no more than 0 is the end.
    template <typename Read>
    bool next(Str& line, Read read) {
        for (;;) {
            bool whole = take(line);
            if (!whole && !take_full_block(line)) {
                make_room();
                long got = read(block_ + filled_, size_ - filled_);
                if (got > 0) {
                    filled_ += static_cast<size_t>(got);
                    continue;
                }
                line = Str(block_, filled_);
                seen_ = filled_ = 0;
                if (line.empty() || in_tail_) return false;
                return true;
            }
            bool is_tail = in_tail_;
            in_tail_ = !whole;
            if (!is_tail) return true;
        }
    }

  private:
    /// A line that is here as a whole.
    bool take(Str& line) {
        Str rest(block_ + seen_, filled_ - seen_);
        size_t size = rest.size();
        Str found = take_until(rest, '\n');
        seen_ += found.size();
        if (found.size() == size) return false;
        line = Str(block_ + at_, seen_ - at_);
        at_ = ++seen_;
        return true;
    }

    bool take_full_block(Str& line) {
        if (at_ != 0 || filled_ != size_) return false;
        line = Str(block_, filled_);
        seen_ = filled_ = 0;
        return true;
    }

    void make_room() {
        if (at_ == 0) return;
        __builtin_memmove(block_, block_ + at_, filled_ - at_);
        seen_ -= at_, filled_ -= at_, at_ = 0;
    }

    char* block_;
    size_t size_;
    size_t filled_ = 0;     ///< bytes that were read
    size_t at_ = 0;         ///< where the next line begins
    size_t seen_ = 0;       ///< up to here there is no newline in it
    bool in_tail_ = false;  ///< in what is passed over
};

}  // namespace leakshim
