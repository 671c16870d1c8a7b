#include "kstream/pipeline/bad_record.hpp"

#include "kstream/check.hpp"
#include "kstream/model/decimal.hpp"
#include "kstream/pipeline/time_unit.hpp"

#include <fmt/format.h>

#include <utility>

namespace kstream {

std::unique_ptr<RecordReader> reader_of(const Job& job) {
    if (job.statement == nullptr) {
        return make_record_reader(job.spec);
    }
    auto made = make_record_reader(job.statement->statement, job.zones);
    KSTREAM_CHECK(made.has_value(), "the statement was compiled before, at the start");
    return std::move(*made);
}

std::string_view bad_subject(const Job& job, const RecordReader& reader,
                             const RecordVerdict& verdict) {
    const std::string_view field = reader.field_name(verdict);
    if (!field.empty() || job.statement == nullptr) {
        return field;
    }
    const std::optional<job::Place> place = reader.place(verdict);
    return place ? job.statement->text_at(*place) : std::string_view{};
}

std::string bad_hint(const Job& job, const RecordReader& reader, const RecordView& record,
                     const RecordVerdict& verdict) {
    if (verdict.reason == BadReason::time_range && job.event_time() != nullptr &&
        !reader.event_time()) {
        return time_unit_hints(*job.statement).out_of_range;
    }
    if (verdict.reason != BadReason::scale) {
        return reader.hint(verdict, record.value());
    }
    const std::optional<int> needed = reader.scale_needed();
    if (job.statement != nullptr) {
        return "a larger --scale takes it, or round() around the expression";
    }
    return needed ? fmt::format("a larger --scale takes it: {} is enough for this one", *needed)
                  : fmt::format("no --scale up to {} takes it", kMaxScale);
}

}  // namespace kstream
