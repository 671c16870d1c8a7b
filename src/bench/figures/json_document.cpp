#include "bench/figures/json_document.hpp"

#include <simdjson.h>

#include <utility>

namespace kstream::bench {

struct JsonDocument::Impl {
    simdjson::dom::parser parser;  // owns what `root` points into
    simdjson::dom::element root;
};

JsonDocument::JsonDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonDocument::~JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;

std::optional<JsonDocument> JsonDocument::read(std::string_view text) {
    auto impl = std::make_unique<Impl>();
    if (impl->parser.parse(text.data(), text.size()).get(impl->root) != simdjson::SUCCESS) {
        return std::nullopt;
    }
    return JsonDocument(std::move(impl));
}

std::optional<double> JsonDocument::number(const std::string& place) const {
    double value = 0;
    if (impl_->root.at_pointer(place).get(value) != simdjson::SUCCESS) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::string> JsonDocument::text(const std::string& place) const {
    std::string_view value;
    if (impl_->root.at_pointer(place).get(value) != simdjson::SUCCESS) {
        return std::nullopt;
    }
    return std::string(value);
}

std::size_t JsonDocument::size(const std::string& place) const {
    simdjson::dom::array values;
    return impl_->root.at_pointer(place).get(values) == simdjson::SUCCESS ? values.size() : 0;
}

}  // namespace kstream::bench
