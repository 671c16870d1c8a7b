// The names behind the roles, for the adapters. Empty: the job has no such topic, which is neither
// asked for nor written to.
#pragma once

#include "kstream/model/ids.hpp"

#include <array>
#include <string>
#include <utility>

namespace kstream::kafka {

class TopicNames {
public:
    void set(TopicRole role, std::string name) {
        names_[static_cast<std::size_t>(role)] = std::move(name);
    }
    [[nodiscard]] const std::string& of(TopicRole role) const {
        return names_[static_cast<std::size_t>(role)];
    }

private:
    std::array<std::string, kTopicRoleCount> names_;
};

}  // namespace kstream::kafka
