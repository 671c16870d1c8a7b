// One pass over a record: is it a JSON object as docs/RECORDS.md asks for, and what stands in the
// fields that the job wants. The reader makes its verdict of that.
//
// simdjson finds the structural characters and checks UTF-8, quotes and control characters with the
// widest instructions of the machine (its stage 1); the walk over that index is ours: why, and what
// it is measured against, stands in docs/adr/0013-record-walk.md.
//
// Stage 1 is declared in simdjson's `internal` namespace, in its public header and with the same
// signature from 3.0 to 4.6; nothing else of that namespace is used, and only here.
#pragma once

#include "reader/json/record_shape.hpp"
#include "reader/json/wanted_field.hpp"

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

class RecordWalk {
public:
    // Numbers in wanted fields are read at `scale`.
    explicit RecordWalk(int scale);

    // The number of the field of that name, which is wanted from here on; the same name has the
    // same number. Not after the first run.
    [[nodiscard]] std::size_t want(std::string_view name);

    // False: the record is no JSON object, or not a valid one; the rest then says nothing.
    // Reads nothing outside of `record`.
    [[nodiscard]] bool run(std::string_view record);

    [[nodiscard]] bool has_duplicate() const { return has_duplicate_; }
    [[nodiscard]] bool has_all() const { return found_ == fields_.size(); }
    // The first field, in the order of want(), that stands there more than once, or not at all.
    // Precondition: there is one.
    [[nodiscard]] std::size_t first_duplicate() const;
    [[nodiscard]] std::size_t first_missing() const;
    [[nodiscard]] std::string_view name(std::size_t number) const { return fields_[number].name; }
    // When the last record had it.
    [[nodiscard]] const FieldValue& field(std::size_t number) const {
        return fields_[number].value;
    }

private:
    using Index = simdjson::internal::dom_parser_implementation;
    // A token is an entry of the index: where in the record it starts.
    using Token = const std::uint32_t*;

    // The key at the same place in the record before, which in nearly all topics is this one's too.
    // Compared 8 bytes at a time, the closing quote included; keys that do not fit are not guessed.
    class KeyGuess {
    public:
        void remember(std::string_view raw, WantedField* field);
        [[nodiscard]] bool matches(const char* at, const char* end) const;
        [[nodiscard]] WantedField* field() const { return field_; }

    private:
        static constexpr std::size_t kWords = 4;
        static constexpr std::size_t kBytes = kWords * sizeof(std::uint64_t);

        std::array<std::uint64_t, kWords> words_{};
        std::array<std::uint64_t, kWords> masks_{};
        std::size_t size_ = 0;  // 0: nothing remembered
        WantedField* field_ = nullptr;
    };
    static constexpr std::size_t kMaxGuesses = 64;

    void reserve_index(std::size_t bytes);
    [[nodiscard]] bool build_index(std::string_view record);
    [[nodiscard]] bool members();

    // Each takes the token to begin with and gives the one after what it read, nullptr for an
    // error. Fields that nobody wants are nullptr.
    [[nodiscard]] Token value(Token at, WantedField* field);
    [[nodiscard]] Token scalar(Token at, FieldValue* out);
    [[nodiscard]] Token string(Token at, FieldValue* out);
    [[nodiscard]] Token number(Token at, FieldValue* out);
    [[nodiscard]] Token word(Token at, std::string_view word, ValueKind kind, FieldValue* out);
    [[nodiscard]] Token container(Token at);
    [[nodiscard]] Token skipped_key(Token at);

    [[nodiscard]] bool look_up_key(Token at, KeyGuess* guess, WantedField*& field);
    [[nodiscard]] const char* find_backslash(const char* from) const;
    [[nodiscard]] bool has_escape(const char* begin, const char* end);
    [[nodiscard]] std::string_view raw_string(Token at) const;

    int scale_;
    std::vector<WantedField> fields_;
    std::size_t longest_name_ = 0;
    std::unique_ptr<Index> index_;
    std::array<KeyGuess, kMaxGuesses> guesses_;
    std::string unescaped_key_;

    KnownShapes shapes_;

    // Of the current record. `last_` is its closing brace: a token in front of it has one after
    // it, and no token after it is ever read.
    const char* text_ = nullptr;
    const char* end_ = nullptr;
    Token last_ = nullptr;
    const char* backslash_ = nullptr;  // the first one at or after where it was looked for
    std::uint64_t record_number_ = 0;
    std::size_t found_ = 0;  // wanted fields so far
    bool has_duplicate_ = false;
};

}  // namespace kstream
