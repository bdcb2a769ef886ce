// SPDX-License-Identifier: MIT
//
// One value of a saved report, with where it stands, so that a complaint can say so. Whatever does not fit is
// an exception of type Unfit; its text is the end of a sentence.
#pragma once

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "types.h"

namespace leakshim::tools {

struct Unfit : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Field {
  public:
    using Json = nlohmann::json;
    Field(const Json& json, std::string where) : json_(&json), where_(std::move(where)) {}

    [[noreturn]] void refuse(std::string_view why) const {
        throw Unfit(fmt::format("{} {}", where_.empty() ? "the whole" : where_, why));
    }

    /// A member; none where it is missing or null.
    std::optional<Field> find(const char* key) const {
        if (!json_->is_object()) refuse("is no object");
        auto member = json_->find(key);
        if (member == json_->end() || member->is_null()) return std::nullopt;
        return Field(*member, where_.empty() ? key : where_ + "/" + key);
    }
    Field at(const char* key) const {
        std::optional<Field> member = find(key);
        if (!member) refuse(fmt::format("has no \"{}\"", key));
        return *member;
    }
    std::vector<Field> list() const {
        if (!json_->is_array()) refuse("is no list");
        std::vector<Field> entries;
        entries.reserve(json_->size());
        for (const Json& entry : *json_)
            entries.emplace_back(entry, fmt::format("{}/{}", where_, entries.size()));
        return entries;
    }
    const std::string& text() const {
        if (!json_->is_string()) refuse("is no text");
        return json_->get_ref<const std::string&>();
    }
    bool flag() const {
        if (!json_->is_boolean()) refuse("is neither true nor false");
        return json_->get<bool>();
    }
    i64 number(i64 least, i64 most) const {
        bool whole =
            json_->is_number_integer() && (!json_->is_number_unsigned() || json_->get<u64>() <= INT64_MAX);
        if (!whole || json_->get<i64>() < least || json_->get<i64>() > most)
            refuse("is no number that it could be");
        return json_->get<i64>();
    }
    int small() const { return static_cast<int>(number(INT32_MIN, INT32_MAX)); }
    u64 count() const { return static_cast<u64>(number(0, INT64_MAX)); }

    std::string text_or(const char* key) const {
        std::optional<Field> member = find(key);
        return member ? member->text() : std::string();
    }
    bool is_set(const char* key) const {
        std::optional<Field> member = find(key);
        return member && member->flag();
    }

  private:
    const Json* json_;
    std::string where_;
};

}  // namespace leakshim::tools
