#include "results/result_writer.hpp"

#include "text/json_writer.hpp"
#include "text/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace kstream::results {

namespace {

// The columns of a table are as wide as the widest of this many first rows; a later cell that is
// wider stands out.
constexpr std::size_t kRowsMeasured = 1000;
constexpr std::string_view kGap = "  ";

std::size_t shown_width(std::string_view text) {
    std::string shown;
    return text::append_shown(shown, text);
}

void append_padded(std::string& out, std::string_view text, std::size_t width, bool right) {
    std::string shown;
    const std::size_t characters = text::append_shown(shown, text);
    const std::string blanks(width > characters ? width - characters : 0, ' ');
    out += right ? blanks + shown : shown + blanks;
}

void drop_trailing_blanks(std::string& out) {
    out.erase(out.find_last_not_of(' ') + 1);
}

// RFC 4180: quoted where a separator, a quote or a line break stands in it.
void append_csv(std::string& out, std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
        out += text;
        return;
    }
    out += '"';
    for (const char c : text) {
        out += c;
        if (c == '"') {
            out += '"';
        }
    }
    out += '"';
}

}  // namespace

void ResultWriter::row(std::string& out, std::string_view value, Row cells) {
    ++rows_;
    switch (format_) {
        case Format::json:
            out += value;
            out += '\n';
            return;
        case Format::csv: {
            header(out, cells);
            std::vector<std::string_view> texts;
            texts.reserve(cells.size());
            for (const Cell& cell : cells) {
                texts.emplace_back(cell.text);
            }
            csv_row(out, texts);
            return;
        }
        case Format::table:
            if (header_written_) {
                table_row(out, cells);
                return;
            }
            held_.push_back(std::move(cells));
            if (held_.size() == kRowsMeasured) {
                flush(out);
            }
            return;
    }
}

void ResultWriter::deleted(std::string& out, std::string_view key) {
    switch (format_) {
        case Format::json:
            out += "{\"deleted\":";
            text::append_json_text(out, key);
            out += "}\n";
            return;
        case Format::csv:
            return;
        case Format::table:
            flush(out);
            text::append_shown(out, key);
            out += "  (deleted)\n";
            return;
    }
}

void ResultWriter::flush(std::string& out) {
    if (held_.empty()) {
        return;
    }
    widths_.assign(held_.front().size(), 0);
    for (std::size_t i = 0; i < widths_.size(); ++i) {
        widths_[i] = shown_width(held_.front()[i].name);
        for (const Row& row : held_) {
            widths_[i] = std::max(widths_[i], shown_width(row[i].text));
        }
    }
    header(out, held_.front());
    for (const Row& row : std::exchange(held_, {})) {
        table_row(out, row);
    }
}

void ResultWriter::finish(std::string& out) {
    flush(out);
    if (format_ == Format::table) {
        fmt::format_to(std::back_inserter(out), "({} {})\n", rows_, rows_ == 1 ? "row" : "rows");
    }
}

void ResultWriter::header(std::string& out, const Row& like) {
    if (std::exchange(header_written_, true)) {
        return;
    }
    if (format_ == Format::csv) {
        std::vector<std::string_view> names;
        names.reserve(like.size());
        for (const Cell& cell : like) {
            names.emplace_back(cell.name);
        }
        csv_row(out, names);
        return;
    }
    for (std::size_t i = 0; i < like.size(); ++i) {
        append_padded(out, like[i].name, widths_[i], like[i].is_number);
        out += i + 1 < like.size() ? kGap : "";
    }
    drop_trailing_blanks(out);
    out += '\n';
    for (std::size_t i = 0; i < widths_.size(); ++i) {
        out += std::string(widths_[i], '-');
        out += i + 1 < widths_.size() ? kGap : "";
    }
    out += '\n';
}

void ResultWriter::table_row(std::string& out, const Row& cells) const {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        append_padded(out, cells[i].text, widths_[i], cells[i].is_number);
        out += i + 1 < cells.size() ? kGap : "";
    }
    drop_trailing_blanks(out);
    out += '\n';
}

void ResultWriter::csv_row(std::string& out, const std::vector<std::string_view>& texts) const {
    for (std::size_t i = 0; i < texts.size(); ++i) {
        append_csv(out, texts[i]);
        out += i + 1 < texts.size() ? "," : "";
    }
    out += "\r\n";
}

}  // namespace kstream::results
