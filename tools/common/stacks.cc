// SPDX-License-Identifier: MIT
#include "stacks.h"

#include "frames.h"

namespace leakshim::tools {

void StackTable::add(const ledger::Entry& entry) {
    std::string text(entry.text.data(), entry.text.size());
    if ((entry.flags & ledger::flag::kStack) != 0)
        stacks_[entry.handle] = {static_cast<ledger::Handle>(entry.c), std::move(text)};
    else
        modules_[entry.handle] = std::move(text);
}

ledger::Handle StackTable::site_of(ledger::Handle site) const {
    auto stack = stacks_.find(site);
    return stack == stacks_.end() ? site : stack->second.site;
}

std::vector<SourceFrame> StackTable::frames_of(ledger::Handle site, Symbolizer& symbolizer) const {
    std::vector<SourceFrame> found;
    auto stack = stacks_.find(site);
    if (stack == stacks_.end()) return found;
    ledger::FrameReader frames(Str(stack->second.frames.data(), stack->second.frames.size()));
    ledger::Frame frame;
    while (frames.next(frame)) {
        auto module = modules_.find(frame.module);
        found.push_back(symbolizer.find(module == modules_.end() ? "" : module->second, frame.offset));
    }
    return found;
}

}  // namespace leakshim::tools
