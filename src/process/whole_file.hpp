// A file that is there whole or not at all, also after a loss of power: written beside its place
// under a name of its own, synced, renamed, and the directory synced. And a file that is read.
#pragma once

#include "kstream/ports/byte_stream.hpp"

#include <fstream>
#include <memory>
#include <string>

namespace kstream::process {

// `what`: how messages call it, "--save-base FILE". Errors have ExitCode::usage: the path was
// given.
[[nodiscard]] Result<std::unique_ptr<ByteSink>> write_whole_file(std::string path,
                                                                 std::string what);

class FileSource final : public ByteSource {
public:
    explicit FileSource(const std::string& path) : in_(path, std::ios::binary) {}
    [[nodiscard]] bool is_open() const { return in_.is_open(); }
    [[nodiscard]] bool read(std::span<char> room) override {
        in_.read(room.data(), static_cast<std::streamsize>(room.size()));
        return static_cast<bool>(in_);
    }

private:
    std::ifstream in_;
};

}  // namespace kstream::process
