// Standard output, for what is a result and not a log line.
#pragma once

#include "kstream/error.hpp"

#include <string_view>

namespace kstream::process {

// Writes all of it, blocking. false: the reader has left (kstream results | head), which is not an
// error: it has had what it wanted. Errors: incomplete, with the system's reason (a full disk).
[[nodiscard]] Result<bool> write_to_stdout(std::string_view text);

}  // namespace kstream::process
