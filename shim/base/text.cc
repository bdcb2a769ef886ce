// SPDX-License-Identifier: MIT
#include "text.h"

namespace leakshim {

namespace {

/// `00`, `01`, … `99`, one behind the other: a division gives two digits.
struct Pairs {
    char text[200] = {};
    constexpr Pairs() {
        for (int i = 0; i < 100; ++i)
            text[2 * i] = static_cast<char>('0' + i / 10), text[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
};
constexpr Pairs kPairs;

constexpr u64 kOnes = 0x0101010101010101ULL, kTops = 0x8080808080808080ULL;

u64 load_word(const char* at) {
    u64 word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

}  // namespace

TextBuffer& TextBuffer::add(Str text) {
    size_t room = capacity_ - 1 - size_;
    size_t size = text.size() <= room ? text.size() : room;
    truncated_ = truncated_ || size < text.size();
    if (size != 0) __builtin_memmove(data_ + size_, text.data(), size);
    size_ += size;
    data_[size_] = '\0';
    return *this;
}

TextBuffer& TextBuffer::add_decimal(u64 value) {
    char digits[20];
    size_t at = sizeof digits;
    for (; value >= 100; value /= 100)
        at -= 2, __builtin_memcpy(digits + at, kPairs.text + value % 100 * 2, 2);
    if (value >= 10)
        at -= 2, __builtin_memcpy(digits + at, kPairs.text + value * 2, 2);
    else
        digits[--at] = static_cast<char>('0' + value);
    return add(Str(digits + at, sizeof digits - at));
}

TextBuffer& TextBuffer::add_hex(u64 value, int min_digits) {
    char digits[16];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (at != 0 && (value != 0 || sizeof digits - at < static_cast<size_t>(min_digits)));
    return add(Str(digits + at, sizeof digits - at));
}

TextBuffer& TextBuffer::add_duration(u64 ns) {
    if (ns < kSecond) return add_decimal(ns / kMillisecond).add("ms");
    add_decimal(ns / kSecond);
    u64 tenths = ns % kSecond / (100 * kMillisecond);
    if (tenths != 0) add('.').add_decimal(tenths);
    return add('s');
}

namespace {

/// Length of the well-formed UTF-8 sequence that `text` begins with, 0 when there is none or when it is a
/// control character: U+0080 to U+009F are escapes to a terminal just as ESC is.
size_t printable_sequence(Str text) {
    auto at = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    u32 first = at(0);
    if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) return 0;
    u32 code = first & (0x7fU >> size);
    for (size_t i = 1; i < size; ++i) {
        if ((at(i) & 0xc0) != 0x80) return 0;
        code = code << 6 | (at(i) & 0x3f);
    }
    constexpr u32 kSmallest[] = {0, 0, 0xa0, 0x800, 0x10000};
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < kSmallest[size] || code > 0x10ffff || surrogate ? 0 : size;
}

/// Length of what `text` begins with that is plain: in steps of eight bytes, all of them from 0x20 to 0x7e.
size_t plain_stretch(Str text) {
    size_t at = 0;
    for (; at + 8 <= text.size(); at += 8) {
        u64 word = load_word(text.data() + at);
        // A top bit is set by the second where a byte is below 0x20, by the third where it is above 0x7e; a
        // borrow or a carry from one byte to the next comes only out of one that has set its own.
        if (((word | (word - kOnes * 0x20) | (word + kOnes)) & kTops) != 0) break;
    }
    return at;
}

}  // namespace

TextBuffer& TextBuffer::add_safe(Str text) {
    while (!text.empty()) {
        size_t printable = plain_stretch(text);
        while (size_t size = printable_sequence(Str(text.data() + printable, text.size() - printable)))
            printable += size;
        add(Str(text.data(), printable));
        text.remove_prefix(printable);
        if (text.empty()) break;
        add("\\x").add_hex(static_cast<unsigned char>(text.front()), 2);
        text.remove_prefix(1);
    }
    return *this;
}

namespace {

/// A top bit for each byte of `word` that is zero, and perhaps for some above the lowest of those.
u64 zero_bytes(u64 word) {
    return (word - kOnes) & ~word & kTops;
}

/// Where `wanted` stands first in `text`, its size when it does not. Eight bytes at a time, the last of them
/// once more where they are no eight: all names go through here.
size_t find_byte(Str text, char wanted) {
    u64 pattern = kOnes * static_cast<unsigned char>(wanted);
    size_t size = text.size(), at = 0;
    for (; at + 8 <= size || (at < size && size >= 8); at += 8) {
        if (at + 8 > size) at = size - 8;
        u64 zeros = zero_bytes(load_word(text.data() + at) ^ pattern);
        if (zeros != 0) return at + static_cast<size_t>(__builtin_ctzll(zeros)) / 8;
    }
    while (at < size && text[at] != wanted)
        ++at;
    return at < size ? at : size;
}

}  // namespace

Str take_until(Str& text, char separator) {
    size_t end = find_byte(text, separator);
    Str head(text.data(), end);
    text.remove_prefix(end < text.size() ? end + 1 : end);
    return head;
}

Str next_field(Str& line) {
    while (!line.empty() && line.front() == ' ')
        line.remove_prefix(1);
    return take_until(line, ' ');
}

bool parse_decimal(Str text, u64& value) {
    if (text.empty()) return false;
    u64 sum = 0;
    for (char c : text) {
        if (c < '0' || c > '9') return false;
        if (__builtin_mul_overflow(sum, u64{10}, &sum)) return false;
        if (__builtin_add_overflow(sum, static_cast<u64>(c - '0'), &sum)) return false;
    }
    value = sum;
    return true;
}

bool parse_hex(Str text, u64& value) {
    if (text.empty() || text.size() > 16) return false;
    u64 sum = 0;
    for (char c : text) {
        u64 digit = 0;
        if (c >= '0' && c <= '9')
            digit = static_cast<u64>(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = static_cast<u64>((c | 0x20) - 'a' + 10);
        else
            return false;
        sum = sum << 4 | digit;
    }
    value = sum;
    return true;
}

namespace {

u64 unit_in_ns(Str unit) {
    if (unit == "us") return 1000;
    if (unit == "ms") return kMillisecond;
    if (unit == "s") return kSecond;
    if (unit == "m") return 60 * kSecond;
    if (unit == "h") return 3600 * kSecond;
    return 0;
}

}  // namespace

bool parse_duration(Str text, u64& ns) {
    size_t digits = 0;
    while (digits < text.size() && (text[digits] == '.' || (text[digits] >= '0' && text[digits] <= '9')))
        ++digits;
    Str number(text.data(), digits);
    u64 unit = unit_in_ns(Str(text.data() + digits, text.size() - digits));
    Str whole_text = take_until(number, '.');
    bool has_fraction = whole_text.size() < digits;
    u64 whole = 0, total = 0;
    if (unit == 0 || !parse_decimal(whole_text, whole) || __builtin_mul_overflow(whole, unit, &total))
        return false;
    if (has_fraction) {
        u64 fraction = 0, scale = 1;
        if (number.size() > 6 || !parse_decimal(number, fraction)) return false;
        for (size_t i = 0; i < number.size(); ++i)
            scale *= 10;
        if (__builtin_add_overflow(total, fraction * unit / scale, &total)) return false;
    }
    ns = total;
    return true;
}

namespace {

/// `same(p, t)` says whether a byte of the pattern that is no wildcard stands for one of the text.
template <typename Same>
bool match_glob(Str pattern, Str text, Same same) {
    // The classic two-pointer walk with one remembered star: linear in practice, no recursion.
    size_t p = 0, t = 0;
    size_t star = Str::npos, resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || same(pattern[p], text[t]))) {
            ++p, ++t;
        } else if (star != Str::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

}  // namespace

bool glob_match(Str pattern, Str text) {
    return match_glob(pattern, text, [](char p, char t) { return p == t; });
}

bool glob_match_arguments(Str pattern, Str arguments) {
    return match_glob(pattern, arguments, [](char p, char t) { return p == (t == '\0' ? ' ' : t); });
}

namespace {

u64 load_half(const char* at) {
    u32 half;
    __builtin_memcpy(&half, at, sizeof half);
    return half;
}

}  // namespace

u64 hash_bytes(const void* data, size_t size, u64 seed) {
    const auto* at = static_cast<const char*>(data);
    u64 hash = seed ^ size;
    size_t left = size;
    for (; left > 16; left -= 16, at += 16)
        hash = hash_pair(load_word(at) ^ hash, load_word(at + 8));
    // What is left is read from both of its ends, which overlap.
    u64 head = 0, rest = 0;
    if (left >= 8) {
        head = load_word(at), rest = load_word(at + left - 8);
    } else if (left >= 4) {
        head = load_half(at), rest = load_half(at + left - 4);
    } else {
        for (size_t i = 0; i < left; ++i)
            head = head << 8 | static_cast<unsigned char>(at[i]);
    }
    return hash_pair(hash_pair(head ^ hash, rest), size);
}

}  // namespace leakshim
