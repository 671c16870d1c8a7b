// Source records that are JSON objects. The walk and the shapes find the wanted values; here they
// become what the job asks for, in the order of its spec.
#pragma once

#include "kstream/reader/record_reader.hpp"
#include "reader/json/record_walk.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

class JsonReader final : public RecordReader {
public:
    explicit JsonReader(const AggregationSpec& spec);

    using RecordReader::read;
    [[nodiscard]] RecordVerdict read(const RecordView& record) override;
    [[nodiscard]] std::string_view field_name(const RecordVerdict& verdict) const override;
    [[nodiscard]] std::optional<int> scale_needed() const override;
    [[nodiscard]] std::string hint(const RecordVerdict& verdict,
                                   std::string_view value) const override;

private:
    [[nodiscard]] std::size_t want(const std::string& name);
    // Good when group and inputs are filled.
    RecordVerdict fill();
    std::optional<BadReason> fill_group(std::size_t i, const FieldValue& value);
    [[nodiscard]] RecordVerdict first_problem(const RecordVerdict& of_a_value) const;
    [[nodiscard]] const FieldValue& field(std::size_t number) const;

    int scale_;
    RecordWalk walk_;
    std::vector<std::string> names_;         // of the fields, by the walk's numbers
    std::vector<std::size_t> group_fields_;  // the walk's numbers, one per spec.group_by
    std::vector<std::optional<std::size_t>> input_fields_;  // one per spec.aggregates
    std::vector<std::string> group_texts_;  // of values that cannot point into the record
};

}  // namespace kstream
