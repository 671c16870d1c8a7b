#include "kstream/reader/record_reader.hpp"

#include "kstream/check.hpp"
#include "reader/json/json_reader.hpp"

namespace kstream {

std::unique_ptr<RecordReader> make_record_reader(const AggregationSpec& spec) {
    switch (spec.format) {
        case RecordFormat::json:
            return std::make_unique<JsonReader>(spec);
    }
    KSTREAM_CHECK(false, "a job of no known format has problems() and is not run");
    return nullptr;
}

}  // namespace kstream
