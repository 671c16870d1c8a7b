#include "kstream/reader/record_export.hpp"

#include "kstream/job/postgres.hpp"
#include "kstream/model/bad_reason.hpp"
#include "reader/json/json_fields.hpp"
#include "text/utf8.hpp"

namespace kstream {
namespace {

constexpr std::string_view kNull = "\t\\N";

// Where the record stands, its time, and why it is none of the job: the columns of every export.
constexpr std::size_t kPlaceColumns = 4;

std::string_view kind_name(FieldKind kind) {
    switch (kind) {
        case FieldKind::absent:
            return "absent";
        case FieldKind::null:
            return "null";
        case FieldKind::string:
            return "string";
        case FieldKind::number:
            return "number";
        case FieldKind::boolean:
            return "boolean";
        case FieldKind::object:
            return "object";
        case FieldKind::array:
            return "array";
        case FieldKind::repeated:
            return "repeated";
        case FieldKind::nul_text:
            return "nul_text";
    }
    return "";
}

void append_value(std::string& out, std::string_view text) {
    out += '\t';
    for (const char c : text) {
        switch (c) {
            case '\\':
                out += "\\\\";
                break;
            case '\t':
                out += "\\t";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            default:
                out += c;
                break;
        }
    }
}

void append_field(std::string& out, std::string_view kind, std::string_view text, bool has_text) {
    out += '\t';
    out += kind;
    if (has_text) {
        append_value(out, text);
    } else {
        out += kNull;
    }
}

void append_field(std::string& out, const FieldValue& value) {
    const bool has_text = value.kind == FieldKind::string || value.kind == FieldKind::number ||
                          value.kind == FieldKind::boolean;
    append_field(out, kind_name(value.kind), value.raw, has_text);
}

// Of a text that is no part of the record's value, so that nobody has looked at it yet.
void append_outside(std::string& out, std::optional<std::string_view> text) {
    const std::string_view kind = !text                   ? "absent"
                                  : !text::is_utf8(*text) ? "encoding"
                                  : text->contains('\0')  ? "nul_text"
                                                          : "string";
    append_field(out, kind, text.value_or(""), kind == "string");
}

}  // namespace

RecordExport::RecordExport(const job::Statement& statement)
    : statement_(statement), fields_(std::make_unique<JsonFields>(statement.fields)) {
    for (const job::Field& field : statement.fields) {
        if (field.origin == job::FieldOrigin::header) {
            header_names_.push_back(field.header);
        }
    }
}

RecordExport::~RecordExport() = default;

bool RecordExport::append(std::string& out, const RecordView& record,
                          std::span<const Header> headers) {
    const std::optional<BadReason> bad = fields_->read(record.value());
    out +=
        std::to_string(record.partition.value) + '\t' + std::to_string(record.record_offset.value);
    if (record.timestamp_ms < 0) {
        out += kNull;
    } else {
        out += '\t' + std::to_string(record.timestamp_ms);
    }
    if (bad) {
        append_value(out, bad_reason_name(*bad));
    } else {
        out += kNull;
    }
    std::size_t value = 0;
    std::size_t header = 0;
    for (const job::Field& field : statement_.fields) {
        switch (field.origin) {
            case job::FieldOrigin::value:
                if (bad) {
                    out += kNull;
                    out += kNull;
                } else {
                    append_field(out, fields_->values()[value]);
                }
                ++value;
                break;
            case job::FieldOrigin::key:
                append_outside(out, record.has_key() ? std::optional{record.key()} : std::nullopt);
                break;
            case job::FieldOrigin::header:
                append_outside(out, headers[header++]);
                break;
            case job::FieldOrigin::timestamp:
            case job::FieldOrigin::partition:
            case job::FieldOrigin::offset:
                break;
        }
    }
    out += '\n';
    return !bad;
}

void RecordExport::append_advance(std::string& out, PartitionId partition, Offset position,
                                  std::optional<std::int64_t> watermark) const {
    out += std::to_string(partition.value) + '\t' + std::to_string(position.value);
    out += watermark ? '\t' + std::to_string(*watermark) : std::string{kNull};
    append_value(out, "advance");
    for (std::size_t column = kPlaceColumns; column < job::export_columns(statement_).size();
         ++column) {
        out += kNull;
    }
    out += '\n';
}

}  // namespace kstream
