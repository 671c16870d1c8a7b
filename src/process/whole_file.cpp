#include "process/whole_file.hpp"

#include "process/random_id.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace kstream::process {

namespace {

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() { close(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return fd_; }
    // NFS and some others say only now that the bytes could not be written.
    bool close() { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0; }

private:
    int fd_;
};

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

class WholeFile final : public ByteSink {
public:
    WholeFile(std::string path, std::string what)
        : path_(std::move(path)),
          what_(std::move(what)),
          // Two that write the same file at once must not write into one another.
          unfinished_(fmt::format("{}.{:08x}.new", path_, static_cast<std::uint32_t>(random_id()))),
          file_(::open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) {}

    WholeFile(const WholeFile&) = delete;
    WholeFile& operator=(const WholeFile&) = delete;
    ~WholeFile() override {
        if (is_open_ && !renamed_) {
            ::unlink(unfinished_.c_str());
        }
    }

    [[nodiscard]] Result<void> opened() {
        is_open_ = file_.get() >= 0;
        return is_open_ ? Result<void>{} : failed("cannot be written");
    }

    Result<void> write(std::string_view bytes) override {
        while (!bytes.empty()) {
            const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
            if (written < 0 && errno != EINTR) {
                return failed("cannot be written");
            }
            bytes.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
        }
        return {};
    }

    // A rename may reach the disk before the bytes of the file do: then a loss of power leaves an
    // empty file where a good one was.
    Result<void> commit() override {
        if (::fsync(file_.get()) != 0 || !file_.close()) {
            return failed("cannot be written");
        }
        if (std::rename(unfinished_.c_str(), path_.c_str()) != 0) {
            return failed("cannot be put in its place");
        }
        renamed_ = true;
        const Descriptor directory(
            ::open(directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (directory.get() < 0 || ::fsync(directory.get()) != 0) {
            return failed("is written, but its directory cannot be synced");
        }
        return {};
    }

private:
    [[nodiscard]] std::unexpected<Error> failed(std::string_view how) const {
        return fail(ExitCode::usage, fmt::format("{}: {}: {}", what_, how, std::strerror(errno)));
    }

    const std::string path_;
    const std::string what_;
    const std::string unfinished_;
    Descriptor file_;
    bool is_open_ = false;
    bool renamed_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteSink>> write_whole_file(std::string path, std::string what) {
    auto file = std::make_unique<WholeFile>(std::move(path), std::move(what));
    if (Result<void> opened = file->opened(); !opened) {
        return std::unexpected(std::move(opened.error()));
    }
    return file;
}

}  // namespace kstream::process
