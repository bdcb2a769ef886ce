// SPDX-License-Identifier: MIT
//
// A call stack as it lies in the ledger: an interned text (Kind::scope with flag::kStack), which equal stacks
// share. A frame is a module and an offset in it, so the stacks of processes that were loaded to different
// addresses are equal too, and are told apart into functions and lines when the processes are long gone.
//
// A number is written in groups of seven bits, the lowest first, each in a byte with its highest bit set; the
// last six bits come in a byte between 0x40 and 0x7f. So no byte is NUL, as the ledger wants of a text. A
// frame is `offset * 2 + changed`, followed by the module's handle where that is not the frame's before.
#pragma once

#include "layout.h"
#include "text.h"

namespace leakshim::ledger {

struct Frame {
    Handle module = 0;  ///< a text with flag::kModule; 0: code that lies in no file
    u64 offset = 0;  ///< of the call, from where the file's first byte was mapped; with no module an address
};

/// Writes frames one after the other. Async-signal-safe.
class FrameWriter {
  public:
    static constexpr size_t kSize = 256;

    /// False, with nothing written, when there is no room left.
    bool add(const Frame& frame) {
        if (kSize - size_ < 2 * kLongest) return false;
        bool changed = frame.module != module_;
        put(frame.offset << 1 | (changed ? 1 : 0));
        if (changed) put(module_ = frame.module);
        return true;
    }
    Str text() const { return Str(text_, size_); }

  private:
    static constexpr size_t kLongest = 10;  ///< bytes of a number

    void put(u64 number) {
        for (; number >= 0x40; number >>= 7)
            text_[size_++] = static_cast<char>(0x80 | (number & 0x7f));
        text_[size_++] = static_cast<char>(0x40 | number);
    }

    char text_[kSize];
    size_t size_ = 0;
    Handle module_ = 0;
};

/// Reads what FrameWriter wrote, or whatever a damaged ledger holds: what is no frame ends the stack.
class FrameReader {
  public:
    explicit FrameReader(Str text) : text_(text) {}

    bool next(Frame& frame) {
        u64 word = 0, module = module_;
        if (!take(word) || ((word & 1) != 0 && !take(module)) || module > ~Handle{0}) return false;
        module_ = static_cast<Handle>(module);
        frame.module = module_, frame.offset = word >> 1;
        return true;
    }

  private:
    bool take(u64& number) {
        number = 0;
        for (u32 shift = 0; at_ < text_.size() && shift < 64; shift += 7) {
            auto byte = static_cast<unsigned char>(text_[at_++]);
            if (byte < 0x40) return false;
            bool last = byte < 0x80;
            number |= static_cast<u64>(byte & (last ? 0x3f : 0x7f)) << shift;
            if (last) return true;
        }
        return false;
    }

    Str text_;
    size_t at_ = 0;
    Handle module_ = 0;
};

}  // namespace leakshim::ledger
