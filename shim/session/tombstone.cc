// SPDX-License-Identifier: MIT
#include "tombstone.h"

#include "output.h"
#include "sys.h"

namespace leakshim::session {

namespace {

/// A line of its own for each, since an argument may hold blanks, or be empty; a line feed in it is `\n`,
/// and a backslash two.
void write_arguments(Str arguments, PiecewiseOutput& to) {
    while (!arguments.empty()) {
        Str argument = take_until(arguments, '\0');
        to.add("argument ");
        size_t from = 0;
        for (size_t at = 0; at < argument.size(); ++at) {
            if (argument[at] != '\n' && argument[at] != '\\') continue;
            to.add(Str(argument.data() + from, at - from)).add(argument[at] == '\n' ? "\\n" : "\\\\");
            from = at + 1;
        }
        to.add(Str(argument.data() + from, argument.size() - from)).add("\n");
    }
}

void write_facts(const ledger::Header& header, int fd) {
    PiecewiseOutput to(fd);
    Text<256> numbers;
    numbers.add("ended ").add_decimal(header.ended_realtime.load(std::memory_order_relaxed));
    numbers.add("\nstarted ").add_decimal(header.created_realtime);
    numbers.add("\nflags ").add_decimal(header.flags);
    numbers.add("\nended-by ").add_decimal(static_cast<u64>(header.ended_by.load(std::memory_order_relaxed)));
    numbers.add("\nstatus ")
        .add_decimal(static_cast<u32>(header.exit_status.load(std::memory_order_relaxed)) & 0xff);
    numbers.add("\npid ").add_decimal(static_cast<u64>(header.root_pid)).add('\n');
    to.add(numbers.str());
    if (header.name.size > 1 && header.name.size <= sizeof header.name.text)
        to.add("name ").add(Str(header.name.text, header.name.size - 1)).add("\n");
    Str cwd = header.cwd.text;
    Str first_line = cwd;
    if (take_until(first_line, '\n') == cwd) to.add("cwd ").add(cwd).add("\n");
    size_t size = header.command.size <= sizeof header.command.text ? header.command.size : 0;
    write_arguments(Str(header.command.text, size), to);
}

}  // namespace

int open_beside(Str path, Str suffix) {
    Text<560> name;
    name.add(Str(path.data(), path.size() - Str("ledger").size())).add(suffix);
    return sys::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool write_tombstone(const ledger::Header& header, Str path) {
    int fd = open_beside(path, "clean");
    if (fd < 0) return false;
    write_facts(header, fd);
    sys::close(fd);
    return true;
}

}  // namespace leakshim::session
