// Forgets the state of a job, so that its application id can be used anew.
//
// The order is that of the dangers. The groups go first, because the broker refuses it while they
// have members: nobody is running from there on. Then the internal topics, then the results. A
// reset that is cut off anywhere is finished by giving it again; an aggregate that starts in
// between either goes on from what is left (offsets gone, meta there) or stops with the identity
// code.
#pragma once

#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/error.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/ports/log.hpp"
#include "process/stop_signal.hpp"
#include "topics/topic_plan.hpp"

#include <functional>
#include <string>
#include <vector>

namespace kstream::topics {

// Each line that a person has asked for, without its end.
using SayLine = std::function<void(const std::string&)>;

// What it looks at, in the order in which it says it; the results last.
[[nodiscard]] std::vector<TopicRole> topics_of_reset(const Names& names);

// Without config.yes only says what it would do.
[[nodiscard]] Result<void> reset(const cli::ResetConfig& config, kafka::Admin& admin, Log& log,
                                 const process::StopSignal& stop, const SayLine& say_line);

}  // namespace kstream::topics
