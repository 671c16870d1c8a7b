#include "app/explain_sample.hpp"

#include "app/topic_scan.hpp"
#include "kstream/codec/spec_hash.hpp"
#include "process/random_id.hpp"
#include "topics/ensure_topics.hpp"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace kstream::app {
namespace {

// So that a job which publishes each window when it is closed shows those too that are not yet.
std::shared_ptr<const job::StatementJob> with_open_windows(
    const std::shared_ptr<const job::StatementJob>& statement) {
    const std::optional<job::EventTime>& event = statement->statement.event_time;
    if (!event || event->emit == job::Emit::updates) {
        return statement;
    }
    auto shown = std::make_shared<job::StatementJob>(*statement);
    shown->statement.event_time->emit = job::Emit::updates;
    return shown;
}

Job job_of(const cli::ExplainConfig& config, const expr::ZoneFiles& zones) {
    Job job;
    job.application_id = config.application_id;
    job.spec = config.spec;
    if (job.spec.statement) {
        job.statement = with_open_windows(config.query.job);
        job.zones = zones;
    }
    job.spec_text = canonical_text(job.spec);
    job.kinds = Job::kinds_of(job.spec);
    job.identity.spec_hash = spec_hash(job.spec);
    job.identity.scale = static_cast<std::uint8_t>(job.spec.scale);
    job.identity.state_partitions = 1;
    job.identity.results_partitions = 1;
    job.hash_seed = process::random_id();
    return job;
}

}  // namespace

Result<SampleReport> take_sample(const cli::ExplainConfig& config, const expr::ZoneFiles& zones,
                                 AppContext& context) {
    Result<kafka::Admin> admin = topics::reach_cluster(config.common, context.log, context.stop);
    if (!admin) {
        return std::unexpected(std::move(admin.error()));
    }
    const std::string& topic = config.spec.source_topic;
    const Result<TopicStretch> all = committed_stretch(topic, *admin);
    if (!all) {
        return std::unexpected(all.error());
    }
    const std::vector<SampleRange> ranges = newest_offsets(all->from, all->to, *config.sample);
    TopicStretch newest;
    for (const SampleRange& range : ranges) {
        newest.from[range.partition] = range.from;
        newest.to[range.partition] = range.to;
    }
    const Job job = job_of(config, zones);
    kafka::TopicReader reader =
        topic_reader(config.common, config.application_id, topic, "sample", context.log);
    Sample sample{job, context.log, &reader};
    if (Result<void> opened = sample.open(ranges); !opened) {
        return std::unexpected(std::move(opened.error()));
    }
    if (Result<void> read =
            scan_topic(topic, newest, reader, context,
                       [&sample](RecordBatch records) { return sample.fold(records); });
        !read) {
        return std::unexpected(std::move(read.error()));
    }
    if (Result<void> finished = sample.finish(); !finished) {
        return std::unexpected(std::move(finished.error()));
    }
    return SampleReport{.topic = topic,
                        .offsets = offsets_in(newest),
                        .counts = sample.counts(),
                        .bad = bad_rows(sample.counts(), sample.firsts()),
                        .results = sample.results()};
}

}  // namespace kstream::app
