#include "sim/sim_audit.hpp"

#include "kstream/audit/statement_audit.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace kstream::sim {

namespace {

using std::chrono::milliseconds;

class Reader final : public LogReader {
public:
    Reader(SimAudit& audit, sim::Surroundings& world, Owner owner)
        : audit_(audit), world_(world), inner_(world.cluster, world.swarm, owner) {}

    Result<void> open(TopicRole topic, PartitionId partition, Offset from) override {
        return inner_.open(topic, partition, from);
    }
    void close(TopicRole topic, PartitionId partition) override { inner_.close(topic, partition); }
    Result<RecordBatch> poll(TopicRole topic, Duration wait) override {
        const Instant until = world_.schedule.now() + wait;
        while (true) {
            Result<RecordBatch> batch = inner_.poll(topic, Duration{0});
            if (!batch || !batch->empty() || world_.schedule.now() >= until) {
                return batch;
            }
            audit_.pass(milliseconds{5});
        }
    }
    [[nodiscard]] std::optional<std::string_view> header(const RecordView& record,
                                                         const char* name) const override {
        return inner_.header(record, name);
    }
    [[nodiscard]] Offset position(TopicRole topic, PartitionId partition) const override {
        return inner_.position(topic, partition);
    }

private:
    SimAudit& audit_;
    sim::Surroundings& world_;
    SimReader inner_;
};

class MemorySource final : public ByteSource {
public:
    explicit MemorySource(Bytes bytes) : bytes_(std::move(bytes)) {}
    bool read(std::span<char> room) override {
        if (bytes_->size() - at_ < room.size()) {
            return false;
        }
        std::memcpy(room.data(), bytes_->data() + at_, room.size());
        at_ += room.size();
        return true;
    }

private:
    Bytes bytes_;
    std::size_t at_ = 0;
};

class MemorySink final : public ByteSink {
public:
    explicit MemorySink(Bytes into) : into_(std::move(into)) {}
    Result<void> write(std::string_view bytes) override {
        written_ += bytes;
        return {};
    }
    Result<void> commit() override {
        *into_ = written_;
        return {};
    }

private:
    Bytes into_;
    std::string written_;
};

}  // namespace

Result<audit::Report> SimAudit::run(std::uint64_t memory, bool from_base, bool save) {
    const Job job = make_job(world_.cluster, world_.swarm);
    std::shared_ptr<const audit::StatementAudit> statement;
    if (job.statement != nullptr) {
        auto made = audit::StatementAudit::make(job.statement, job.zones);
        if (!made) {
            return std::unexpected(std::move(made.error()));
        }
        statement = *std::move(made);
    }
    return audit::Session({.application_id = "sim",
                           .spec = job.spec,
                           .statement = std::move(statement),
                           .memory = memory,
                           .quick = false,
                           .base = from_base ? "base" : "",
                           .save_base = save ? "base" : ""},
                          *this)
        .run();
}

void SimAudit::pass(Duration time) {
    bool over = false;
    world_.schedule.after(time, kCluster, [&over] { over = true; });
    while (!over && world_.schedule.run_next()) {
    }
}

std::string SimAudit::name(TopicRole topic) const {
    switch (topic) {
        case TopicRole::source:
            return "source";
        case TopicRole::repartition:
            return "repartition";
        case TopicRole::changelog:
            return "changelog";
        case TopicRole::results:
            return "results";
        case TopicRole::dead_letters:
            return "dead letters";
        case TopicRole::late:
            return "late";
    }
    return "";
}

Result<std::optional<audit::Surroundings::Topic>> SimAudit::describe(TopicRole topic) {
    pass(milliseconds{dice_.below(10)});
    return Topic{.id = world_.cluster.topic_id(topic),
                 .partitions = world_.cluster.partitions(topic)};
}

Result<audit::Positions> SimAudit::starts(TopicRole topic, std::int32_t partitions) {
    audit::Positions found;
    for (std::int32_t p = 0; p < partitions; ++p) {
        pass(milliseconds{dice_.below(3)});
        found[PartitionId{p}] = world_.cluster.log(topic, PartitionId{p}).start();
    }
    return found;
}

Result<audit::Positions> SimAudit::ends(TopicRole topic, std::int32_t partitions,
                                        Isolation isolation) {
    audit::Positions found;
    for (std::int32_t p = 0; p < partitions; ++p) {
        pass(milliseconds{dice_.below(3)});
        found[PartitionId{p}] = world_.cluster.log(topic, PartitionId{p}).end(isolation);
    }
    return found;
}

std::unique_ptr<LogReader> SimAudit::reader(std::string_view name) {
    if (before_read) {
        for (const TopicRole role : {TopicRole::source, TopicRole::changelog, TopicRole::results,
                                     TopicRole::repartition}) {
            if (this->name(role) == name) {
                before_read(role);
            }
        }
    }
    return std::make_unique<Reader>(*this, world_, owner_);
}

Result<std::unique_ptr<ByteSource>> SimAudit::open_base() {
    return std::make_unique<MemorySource>(base_);
}

Result<std::unique_ptr<ByteSink>> SimAudit::save_base() {
    return std::make_unique<MemorySink>(base_);
}

}  // namespace kstream::sim
