// The audit, unchanged, over the simulated cluster: its calls let the time of the simulation go on,
// so that the job lives, dies and commits while it reads.
#pragma once

#include "kstream/audit/session.hpp"
#include "sim/process.hpp"
#include "sim/sim_reader.hpp"
#include "support/fakes/seeded.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace kstream::sim {

// A base file in memory.
using Bytes = std::shared_ptr<std::string>;

class SimAudit final : public audit::Surroundings {
public:
    SimAudit(sim::Surroundings& world, std::uint64_t seed)
        : world_(world), dice_(seed), owner_(world.schedule.add_owner()) {}

    [[nodiscard]] Result<audit::Report> run(std::uint64_t memory, bool from_base = false,
                                            bool save = false);

    [[nodiscard]] std::string name(TopicRole topic) const override;
    [[nodiscard]] Result<std::optional<Topic>> describe(TopicRole topic) override;
    [[nodiscard]] std::optional<bool> compacted(TopicRole) override { return source_is_compacted; }
    [[nodiscard]] Result<audit::Positions> starts(TopicRole topic,
                                                  std::int32_t partitions) override;
    [[nodiscard]] Result<audit::Positions> ends(TopicRole topic, std::int32_t partitions,
                                                Isolation isolation) override;
    [[nodiscard]] std::unique_ptr<LogReader> reader(std::string_view name) override;
    [[nodiscard]] const Clock& clock() const override { return world_.clock; }
    [[nodiscard]] bool stopped() const override { return false; }
    [[nodiscard]] Result<std::unique_ptr<ByteSource>> open_base() override;
    [[nodiscard]] Result<std::unique_ptr<ByteSink>> save_base() override;

    // Lets the simulation go on.
    void pass(Duration time);

    std::optional<bool> source_is_compacted = false;
    std::function<void(TopicRole)> before_read;  // a test's, before each reader is made

private:
    sim::Surroundings& world_;
    testing::Seeded dice_;
    const Owner owner_;
    Bytes base_ = std::make_shared<std::string>();
};

}  // namespace kstream::sim
