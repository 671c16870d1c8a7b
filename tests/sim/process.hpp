// A process of the job: its loops, unchanged, over the simulated ports. It runs in virtual time,
// ends by itself, or is killed.
#pragma once

#include "kstream/pipeline/delta_purge.hpp"
#include "kstream/pipeline/end_watch.hpp"
#include "kstream/pipeline/idle_watch.hpp"
#include "kstream/pipeline/job.hpp"
#include "kstream/pipeline/step_loop.hpp"
#include "kstream/pipeline/topic_watch.hpp"
#include "kstream/ports/log.hpp"
#include "kstream/ports/status_sink.hpp"
#include "sim/cluster.hpp"
#include "sim/sim_queries.hpp"
#include "sim/sim_reader.hpp"
#include "sim/sim_sink.hpp"
#include "sim/sim_source.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kstream::sim {

// What the log of the loops is put into: the trace.
class TraceLog final : public Log {
public:
    explicit TraceLog(Tally& tally) : tally_(tally) {}
    void write(LogLevel level, std::string_view event,
               std::initializer_list<LogField> fields) override;

private:
    Tally& tally_;
};

class NoStatus final : public StatusSink {
public:
    void publish(const LoopStatus&) override {}
};

// What all processes share.
struct Surroundings {
    Schedule& schedule;
    const VirtualClock& clock;
    const Swarm& swarm;
    Tally& tally;
    Cluster& cluster;
    TraceLog log;
    NoStatus status;
    std::uint64_t runs = 0;  // run ids given so far
};

class Process;

// One loop of a worker with everything that it touches.
class WorkerLoop final : public Waker {
public:
    WorkerLoop(Surroundings& world, Process& process, Owner owner, Stage stage,
               const std::string& instance);

    void wake() override;
    void request_stop() { loop_->request_stop(); }
    [[nodiscard]] bool ended() const { return ended_; }
    // Partitions whose records flow.
    [[nodiscard]] std::size_t flowing() const { return loop_->committed_positions().size(); }

private:
    void step();
    void end();
    void step_after(Duration delay);
    [[nodiscard]] Duration pause();

    Surroundings& world_;
    Process& process_;
    const Owner owner_;
    testing::Seeded dice_;
    Job job_;
    SimSource source_;
    SimSink sink_;
    SimQueries recovery_queries_;
    SimQueries takeover_queries_;
    SimQueries purge_queries_;
    SimQueries idle_queries_;
    SimReader reader_;
    std::unique_ptr<Fold> fold_;
    std::unique_ptr<Takeover> takeover_;
    std::unique_ptr<DeltaPurge> purge_;
    std::unique_ptr<IdleWatch> idle_;
    std::unique_ptr<StepLoop> loop_;
    std::uint64_t next_ = 0;  // number of the step that is to come
    bool stepping_ = false;
    bool woken_ = false;
    bool ended_ = false;
};

// Whether the topics of a process are still the same.
class TopicWatcher final : public Waker {
public:
    TopicWatcher(Surroundings& world, Process& process, Owner owner);
    void wake() override;

private:
    void step();
    void step_after(Duration delay);

    Surroundings& world_;
    Process& process_;
    const Owner owner_;
    SimQueries queries_;
    TopicWatch watch_;
    std::uint64_t next_ = 0;
};

class Process {
public:
    // `instance`: of transactional ids and, when members are static, of the groups.
    Process(Surroundings& world, const std::string& instance);
    ~Process() { world_.schedule.kill(owner_); }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    // SIGTERM.
    void request_stop();
    // SIGSTOP, and SIGCONT when the time has come.
    void pause(Duration span) { world_.schedule.stop(owner_, world_.schedule.now() + span); }
    void go_on() { world_.schedule.go_on(owner_); }

    // All loops have ended: with what the first one that failed said, if any.
    [[nodiscard]] bool ended() const;
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }
    // Partitions of both inputs that this process has, and whose records flow.
    [[nodiscard]] std::size_t flowing() const;
    [[nodiscard]] Owner owner() const { return owner_; }
    void failed(Error error);

private:
    Surroundings& world_;
    const Owner owner_;
    std::vector<std::unique_ptr<WorkerLoop>> loops_;
    TopicWatcher topics_;
    std::optional<Error> error_;
};

// What `--until end` waits for, in a process of its own.
class EndWatcher final : public Waker {
public:
    explicit EndWatcher(Surroundings& world);
    void wake() override {}
    // Whether the end is reached, as far as is known.
    [[nodiscard]] const Result<bool>& reached() const { return reached_; }

private:
    void step();

    Surroundings& world_;
    const Owner owner_;
    const Job job_;
    SimQueries queries_;
    SimReader reader_;
    EndWatch watch_;
    Result<bool> reached_ = false;
};

// The job of the seed, for the topics of this cluster.
[[nodiscard]] Job make_job(Cluster& cluster, const Swarm& swarm);

}  // namespace kstream::sim
