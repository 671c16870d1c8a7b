// A JSON text that was read as a whole: results of an earlier run, reports and log lines of child
// processes. Places are JSON pointers (RFC 6901): "/latency_ms/p50".
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::bench {

class JsonDocument {
public:
    // None when the text is not JSON.
    [[nodiscard]] static std::optional<JsonDocument> read(std::string_view text);
    ~JsonDocument();
    JsonDocument(const JsonDocument&) = delete;
    JsonDocument& operator=(const JsonDocument&) = delete;
    JsonDocument(JsonDocument&&) noexcept;
    JsonDocument& operator=(JsonDocument&&) noexcept;

    // None when there is nothing at the place, or something of another type.
    [[nodiscard]] std::optional<double> number(const std::string& place) const;
    [[nodiscard]] std::optional<std::string> text(const std::string& place) const;
    // Of the array at the place, 0 when there is none.
    [[nodiscard]] std::size_t size(const std::string& place) const;

private:
    struct Impl;
    explicit JsonDocument(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace kstream::bench
