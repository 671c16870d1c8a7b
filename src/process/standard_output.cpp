#include "process/standard_output.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace kstream::process {

Result<bool> write_to_stdout(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written > 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EPIPE) {
            return false;
        } else if (errno != EINTR) {
            return fail(ExitCode::incomplete,
                        fmt::format("cannot write to standard output: {}", std::strerror(errno)));
        }
    }
    return true;
}

}  // namespace kstream::process
