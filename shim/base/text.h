// SPDX-License-Identifier: MIT
//
// Text without heap and locale: a bounded buffer to write into, and parsers for numbers and durations.
// Used inside the host, in signal handlers too; nothing here allocates, throws or reads global state.
#pragma once

#include <string_view>

#include "types.h"

namespace leakshim {

using Str = std::string_view;

/// Appends to memory that the caller owns. Never writes beyond it: what does not fit is cut off and
/// `truncated()` says so. The content is NUL-terminated at every moment (one byte is kept for that).
class TextBuffer {
  public:
    TextBuffer(char* storage, size_t capacity) : data_(storage), capacity_(capacity) { data_[0] = '\0'; }

    TextBuffer& add(Str text);
    TextBuffer& add(char c);
    TextBuffer& add_decimal(u64 value);
    TextBuffer& add_hex(u64 value, int min_digits = 1);
    /// A duration as a person writes it: `250ms`, `1.5s`.
    TextBuffer& add_duration(u64 ns);
    /// Text from the outside: control characters, and bytes that are no UTF-8, become `\xNN`, so that no
    /// terminal escape gets through.
    TextBuffer& add_safe(Str text);

    /// Cuts the text back to `size` bytes (no more than there are).
    void cut(size_t size) { size_ = size < size_ ? size : size_, data_[size_] = '\0'; }
    /// The kernel wrote `size` bytes (less than the capacity) into the storage: they are the text now.
    void adopt(size_t size) { size_ = size, data_[size_] = '\0'; }
    void clear() { size_ = 0, data_[0] = '\0', truncated_ = false; }
    Str str() const { return {data_, size_}; }
    const char* c_str() const { return data_; }
    size_t size() const { return size_; }
    bool truncated() const { return truncated_; }

  private:
    char* data_;
    size_t capacity_;
    size_t size_ = 0;
    bool truncated_ = false;
};

inline TextBuffer& TextBuffer::add(char c) {
    if (size_ + 1 < capacity_)
        data_[size_++] = c, data_[size_] = '\0';
    else
        truncated_ = true;
    return *this;
}

/// A TextBuffer with its own storage, for the stack.
template <size_t kSize>
class Text : public TextBuffer {
  public:
    static constexpr size_t kCapacity = kSize;
    Text() : TextBuffer(storage_, kSize) {}
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;

  private:
    char storage_[kSize];
};

/// A short text that lies in a table itself. For tables of the library: a Str in one has the dynamic linker
/// write an address, and the kernel copy the page, in every process that starts.
template <size_t kSize>
struct TableText {
    char text[kSize] = {};

    template <size_t kLength>
    constexpr TableText(const char (&from)[kLength]) {
        static_assert(kLength <= kSize, "no room for the text and its NUL");
        for (size_t i = 0; i < kLength; ++i)
            text[i] = from[i];
    }
    constexpr operator Str() const { return text; }
    constexpr operator const char*() const { return text; }
};

/// The part of `text` up to the first `separator`, which is taken off `text` together with it.
/// When there is no separator, all of `text` is taken.
Str take_until(Str& text, char separator);

/// The next field of a line whose fields are separated by runs of spaces, taken off it.
Str next_field(Str& line);

inline bool starts_with(Str text, Str prefix) {
    return text.size() >= prefix.size() && Str(text.data(), prefix.size()) == prefix;
}

/// `text` as an unsigned decimal. False, with `value` untouched, when it is anything else or overflows.
bool parse_decimal(Str text, u64& value);

/// `text` as a hexadecimal number without a prefix. False, with `value` untouched, when it is none of 64
/// bits.
bool parse_hex(Str text, u64& value);

/// `200ms`, `3s`, `1.5s`, `2m`, `1h`, in nanoseconds. A number without a unit is refused: nobody remembers
/// which unit was meant. False, with `ns` untouched, when malformed.
bool parse_duration(Str text, u64& ns);

/// Shell-style match of a whole text: `*` any run, `?` one byte. `*` matches `/` too, as fnmatch(3) without
/// flags.
bool glob_match(Str pattern, Str text);
/// The same for a command line with NUL between its arguments: a space in the pattern matches such a NUL as
/// well.
bool glob_match_arguments(Str pattern, Str arguments);

/// Mixes two words into one hash: both halves of a product of 128 bits.
inline u64 hash_pair(u64 a, u64 b) {
    __extension__ using Wide = unsigned __int128;
    Wide product = static_cast<Wide>(a ^ 0x9e3779b97f4a7c15ULL) * (b ^ 0xbf58476d1ce4e5b9ULL);
    return static_cast<u64>(product) ^ static_cast<u64>(product >> 64);
}
/// Sixteen bytes at a time through hash_pair(); stable across processes, since shared tables are keyed by it.
u64 hash_bytes(const void* data, size_t size, u64 seed = 0xcbf29ce484222325ULL);
inline u64 hash_text(Str text) {
    return hash_bytes(text.data(), text.size());
}

}  // namespace leakshim
