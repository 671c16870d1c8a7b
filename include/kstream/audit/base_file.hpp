// What a proved audit saves, so that a later one can begin where it ended when the source no longer
// holds its first records: for each state partition how far it was, for each key what was counted.
//
// A file is the magic, then frames, each a u32 length and that many bytes (docs/PROTOCOL.md):
//   meta   u8 1, varint state partition, a meta value as the changelog has it
//   total  u8 2, text state key, a total value as the changelog has it
//   end    u8 0, u64 number of frames before it, 2 u64 their hashes' sum: it was written whole
#pragma once

#include "kstream/audit/audited_job.hpp"
#include "kstream/codec/changelog.hpp"
#include "kstream/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kstream::audit {

inline constexpr std::string_view kBaseMagic = "kstream-audit-base 1\n";

class BaseWriter {
public:
    explicit BaseWriter(const AuditedJob& job) : job_(job) {}

    // Each appends its bytes to `out`: first begin(), last end(), metas before totals.
    static void begin(std::string& out) { out.append(kBaseMagic); }
    void meta(std::string& out, std::uint32_t state_partition, const Meta& meta);
    void total(std::string& out, std::string_view state_key, std::uint64_t transaction,
               const Row& row);
    void end(std::string& out);

private:
    void frame(std::string& out);

    const AuditedJob& job_;
    std::string frame_;
    std::uint64_t frames_ = 0;
    UInt128 sum_ = 0;
};

// One frame after another. Errors: cannot_tell, for a file that is damaged or of another kind.
class BaseReader {
public:
    struct Total {
        std::string_view state_key;  // into the frame
        Row row;
    };
    enum class Frame : std::uint8_t { end, meta, total };

    explicit BaseReader(const AuditedJob& job) : job_(job), metas_(job.state_partitions) {}

    [[nodiscard]] Result<Frame> take(std::string_view frame);
    [[nodiscard]] const std::vector<std::optional<Meta>>& metas() const { return metas_; }
    [[nodiscard]] const Total& total() const { return total_; }  // of the frame that was taken

private:
    const AuditedJob& job_;
    std::vector<std::optional<Meta>> metas_;
    Total total_;
    std::uint64_t frames_ = 0;
    UInt128 sum_ = 0;
};

}  // namespace kstream::audit
