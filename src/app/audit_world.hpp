// What an audit stands on, as it is: brokers, files, the clock.
#pragma once

#include "app/commands.hpp"
#include "cli/config.hpp"
#include "kafka/admin.hpp"
#include "kstream/audit/surroundings.hpp"
#include "topics/topic_plan.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kstream::app {

class AuditWorld final : public audit::Surroundings {
public:
    // All of it must outlive this.
    AuditWorld(const cli::AuditConfig& config, topics::Names names, kafka::Admin& admin,
               AppContext& context)
        : config_(config), names_(std::move(names)), admin_(admin), context_(context) {}

    [[nodiscard]] std::string name(TopicRole topic) const override { return names_.topic(topic); }
    [[nodiscard]] Result<std::optional<Topic>> describe(TopicRole topic) override;
    [[nodiscard]] std::string suggestion(TopicRole topic) override;
    [[nodiscard]] std::optional<bool> compacted(TopicRole topic) override;
    [[nodiscard]] Result<audit::Positions> starts(TopicRole topic,
                                                  std::int32_t partitions) override;
    [[nodiscard]] Result<audit::Positions> ends(TopicRole topic, std::int32_t partitions,
                                                Isolation isolation) override;
    [[nodiscard]] std::unique_ptr<LogReader> reader(std::string_view name) override;
    [[nodiscard]] const Clock& clock() const override { return context_.clock; }
    [[nodiscard]] bool stopped() const override { return context_.stop.requested(); }
    [[nodiscard]] Result<std::unique_ptr<ByteSource>> open_base() override;
    [[nodiscard]] Result<std::unique_ptr<ByteSink>> save_base() override;

private:
    const cli::AuditConfig& config_;
    topics::Names names_;
    kafka::Admin& admin_;
    AppContext& context_;
};

}  // namespace kstream::app
