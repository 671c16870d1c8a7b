// Records of a statement's topic as rows that PostgreSQL's COPY reads (text format), with what the
// statement wants of each and nothing else: the columns of job::export_columns(). Values stand
// there as the record has them, with their kind: what becomes of them is PostgreSQL's to find out.
#pragma once

#include "kstream/job/statement.hpp"
#include "kstream/model/ids.hpp"
#include "kstream/model/record.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

class JsonFields;

class RecordExport {
public:
    // Of a record's header, the last one of that name; none where it is absent or null.
    using Header = std::optional<std::string_view>;

    // The statement outlives it.
    explicit RecordExport(const job::Statement& statement);
    ~RecordExport();

    // Names of the headers that a record's row needs, in the order of append()'s `headers`.
    [[nodiscard]] std::span<const std::string> header_names() const { return header_names_; }

    // One row, with its line feed. False: the record's value is no JSON object, and the row says
    // why. Not of a tombstone.
    bool append(std::string& out, const RecordView& record, std::span<const Header> headers);

    // Of a job with windows: a source partition that was moved on in event time without a record,
    // to that watermark, or, with none, one that has no time. A row as well, in which `bad_record`
    // says so.
    void append_advance(std::string& out, PartitionId partition, Offset position,
                        std::optional<std::int64_t> watermark) const;

private:
    const job::Statement& statement_;
    std::unique_ptr<JsonFields> fields_;
    std::vector<std::string> header_names_;
};

}  // namespace kstream
