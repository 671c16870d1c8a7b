// One pass over a record: is it a JSON object as docs/RECORDS.md asks for, and what stands at the
// paths that the job wants. The reader makes its verdict of that.
//
// simdjson finds the structural characters and checks UTF-8, quotes and control characters with the
// widest instructions of the machine (its stage 1); the walk over that index is ours: why, and what
// it is measured against, stands in docs/adr/0013-record-walk.md.
//
// Stage 1 is declared in simdjson's `internal` namespace, in its public header and with the same
// signature from 3.0 to 4.6; nothing else of that namespace is used, and only here.
#pragma once

#include "kstream/model/field_value.hpp"
#include "reader/json/record_shape.hpp"
#include "reader/json/wanted_paths.hpp"

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kstream {

class RecordWalk {
public:
    RecordWalk();

    // The number of the path, which is wanted from here on; the same path has the same number, and
    // they count from 0. Not after the first run.
    [[nodiscard]] std::size_t want(std::span<const job::PathStep> path);

    // False: the record is no JSON object, or not a valid one; the rest then says nothing.
    // Reads nothing outside of `record`.
    [[nodiscard]] bool run(std::string_view record);

    // What the last record has at each path, by the paths' numbers.
    [[nodiscard]] std::span<FieldValue> fields() { return fields_; }
    [[nodiscard]] std::span<const FieldValue> fields() const { return fields_; }

private:
    using Index = simdjson::internal::dom_parser_implementation;
    // A token is an entry of the index: where in the record it starts.
    using Token = const std::uint32_t*;

    // The key at the same place in the record before, which in nearly all topics is this one's too.
    // Compared 8 bytes at a time, the closing quote included; keys that do not fit are not guessed.
    class KeyGuess {
    public:
        void remember(std::string_view raw, WantedNode* node);
        [[nodiscard]] bool matches(const char* at, const char* end) const;
        [[nodiscard]] WantedNode* node() const { return node_; }

    private:
        static constexpr std::size_t kWords = 4;
        static constexpr std::size_t kBytes = kWords * sizeof(std::uint64_t);

        std::array<std::uint64_t, kWords> words_{};
        std::array<std::uint64_t, kWords> masks_{};
        std::size_t size_ = 0;  // 0: nothing remembered
        WantedNode* node_ = nullptr;
    };
    static constexpr std::size_t kMaxGuesses = 64;

    void reserve_index(std::size_t bytes);
    [[nodiscard]] bool build_index(std::string_view record);
    [[nodiscard]] bool members();

    // Each takes the token to begin with and gives the one after what it read, nullptr for an
    // error. What nobody wants is nullptr; `depth` brackets are open.
    [[nodiscard]] Token value(Token at, WantedNode* node, int depth);
    [[nodiscard]] Token wanted_value(Token at, WantedNode& node, int depth);
    [[nodiscard]] Token wanted_members(Token at, WantedNode& node, int depth);
    [[nodiscard]] Token wanted_elements(Token at, WantedNode& node, int depth);
    [[nodiscard]] std::int32_t count_elements(Token at, int depth);
    [[nodiscard]] Token scalar(Token at, FieldValue* out);
    [[nodiscard]] Token string(Token at, FieldValue* out);
    [[nodiscard]] Token number(Token at, FieldValue* out);
    [[nodiscard]] Token word(Token at, std::string_view word, FieldKind kind, FieldValue* out);
    [[nodiscard]] Token container(Token at, int around);
    [[nodiscard]] Token skipped_key(Token at);

    void mark_repeated(const WantedNode& node);
    [[nodiscard]] bool look_up_key(Token at, const WantedNode& object, KeyGuess* guess,
                                   WantedNode*& node);
    [[nodiscard]] const char* find_backslash(const char* from) const;
    [[nodiscard]] bool has_escape(const char* begin, const char* end);
    [[nodiscard]] std::string_view raw_string(Token at) const;

    WantedPaths paths_;
    std::vector<FieldValue> fields_;
    std::unique_ptr<Index> index_;
    std::array<KeyGuess, kMaxGuesses> guesses_;
    std::string unescaped_key_;

    KnownShapes shapes_;

    // Of the current record. `last_` is its closing brace: a token in front of it has one after
    // it, and no token after it is ever read.
    const char* text_ = nullptr;
    const char* end_ = nullptr;
    Token last_ = nullptr;
    const char* backslash_ = nullptr;  // the first one at or after where it was looked for: to
                                       // read something again, it has to go back as well
    std::uint64_t record_number_ = 0;
    std::vector<std::uint32_t> repeated_;  // fields that stand there more than once
};

}  // namespace kstream
