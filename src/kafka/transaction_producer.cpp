#include "kafka/transaction_producer.hpp"

#include "kafka/client_stats.hpp"
#include "kafka/delivery.hpp"
#include "kafka/error_map.hpp"
#include "kafka/group_consumer.hpp"
#include "kafka/topic_proof.hpp"
#include "kstream/planted_bug.hpp"

#include <fmt/format.h>

#include <cstring>

namespace kstream::kafka {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// Blocking calls are cut into slices, so that a thread that was given up ends soon.
constexpr milliseconds kSlice{500};
constexpr milliseconds kInitSlice{1000};
constexpr milliseconds kRetryPause{50};
constexpr milliseconds kSayAgain{10000};
// For the answer to which topic a step was read from; it is on its way while the step is written.
constexpr milliseconds kProofPatience{3000};

int to_ms(milliseconds duration) {
    return static_cast<int>(duration.count());
}

}  // namespace

void TransactionSession::Producer::run() {
    if (make_client() && init_transactions()) {
        serve();
    }
    for (TopicPtr& topic : topics_) {
        topic.reset();
    }
    if (client_) {
        rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        client_.reset();
    }
    const std::lock_guard lock{mutex_};
    ended_ = true;
    detached_.reset();
    wake_.notify_all();
}

void TransactionSession::Producer::serve() {
    {
        const std::lock_guard lock{mutex_};
        state_ = State::ready;
    }
    while (wait_for_work()) {
        std::optional<StepResult> result = write_step();
        if (!result) {
            return;
        }
        result->gap_in_log = gap_in_log_;
        written_->raise(ends_);
        const bool unanswered = watch_.unanswered() > 0 && !planted(PlantedBug::producer_kept);
        const bool unusable = result->outcome == TransactionResult::uncertain ||
                              result->outcome == TransactionResult::fenced || unanswered;
        const std::lock_guard lock{mutex_};
        if (unanswered) {
            client_config_.log->write(
                LogLevel::warn, "a transaction request was not answered: the producer is replaced",
                {{"transactional_id", config_.transactional_id}});
        }
        result_ = *std::move(result);
        if (unusable || given_up_) {
            state_ = State::starting;
            given_up_ = true;
            return;
        }
        state_ = State::ready;
    }
}

// Until there is a step, or the first part of one. False: the producer was given up.
bool TransactionSession::Producer::wait_for_work() {
    std::unique_lock lock{mutex_};
    while (!step_ && parts_.empty() && !given_up_) {
        // Statistics and errors are served while idle.
        wake_.wait_for(lock, kSlice);
        lock.unlock();
        rd_kafka_poll(client_.get(), 0);
        lock.lock();
    }
    return !given_up_;
}

bool TransactionSession::Producer::make_client() {
    Result<ConfPtr> conf = make_conf(
        client_config_, ClientKind::transactional_producer,
        {{"transactional.id", config_.transactional_id},
         {"transaction.timeout.ms", fmt::format("{}", config_.transaction_timeout.count())},
         {"client.id", fmt::format("{}-{}", client_config_.client_id, config_.name)},
         {"message.max.bytes", fmt::format("{}", config_.most_message_bytes)},
         {"batch.size", fmt::format("{}", config_.max_batch_bytes)},
         {"statistics.interval.ms", "1000"}});
    if (!conf) {
        fail_with(std::move(conf.error()));
        return false;
    }
    rd_kafka_conf_set_opaque(conf->get(), this);
    // Also without errors to report: without a delivery callback flush(), and with it every commit,
    // polls in steps of 10 ms (rdkafka.c, rd_kafka_flush).
    rd_kafka_conf_set_dr_msg_cb(conf->get(), &Producer::delivery_cb);
    rd_kafka_conf_set_stats_cb(conf->get(), &Producer::stats_cb);
    watch_.attach(**conf);
    Result<HandlePtr> client = kafka::make_client(std::move(*conf), RD_KAFKA_PRODUCER);
    if (!client) {
        fail_with(std::move(client.error()));
        return false;
    }
    client_ = std::move(*client);
    for (std::size_t role = 0; role < kTopicRoleCount; ++role) {
        const std::string& name = config_.topics.of(static_cast<TopicRole>(role));
        if (!name.empty()) {
            topics_[role].reset(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
        }
    }
    return true;
}

// init_transactions asks for its coordinator at once, and when no connection is up, which is so for
// every new client, again only half a second later (rdkafka_txnmgr.c, rd_kafka_txn_coord_query). A
// metadata request waits for the first connection. That one goes by the address from the
// configuration and is given up when the answer has told the brokers' own: the second request waits
// for a connection to one of these.
void TransactionSession::Producer::wait_for_broker() {
    for (int i = 0; i < 2; ++i) {
        const struct rd_kafka_metadata* metadata = nullptr;
        (void)rd_kafka_metadata(client_.get(), 0, nullptr, &metadata, to_ms(kInitSlice));
        const MetadataPtr owner{metadata};
    }
}

// Waits for the cluster as long as it takes; init_transactions is resumable.
bool TransactionSession::Producer::init_transactions() {
    TimePoint say_next = Clock::now() + kSayAgain;
    while (!is_given_up()) {
        wait_for_broker();
        const ErrorPtr error{rd_kafka_init_transactions(client_.get(), to_ms(kInitSlice))};
        if (!error) {
            // What the predecessor left unanswered is fenced by the new epoch.
            watch_.reset();
            return true;
        }
        Error described = with_right(map_error(*error, "initializing transactions"),
                                     "Write on transactional id " + config_.transactional_id);
        if (rd_kafka_error_is_fatal(error.get()) != 0 ||
            described.disposition == Disposition::stop) {
            described.disposition = Disposition::stop;
            fail_with(std::move(described));
            return false;
        }
        if (Clock::now() >= say_next) {
            say_next = Clock::now() + kSayAgain;
            client_config_.log->write(
                LogLevel::warn, "waiting for the transaction coordinator",
                {{"transactional_id", config_.transactional_id}, {"reason", described.message}});
        }
        std::unique_lock lock{mutex_};
        wake_.wait_for(lock, kRetryPause, [this] { return given_up_; });
    }
    return false;
}

void TransactionSession::Producer::fail_with(Error error) {
    const std::lock_guard lock{mutex_};
    state_ = State::failed;
    error_ = std::move(error);
}

// ---- one transaction ---------------------------------------------------------------------------

// begin, produce, send_offsets, commit (P7: a transaction is open only in here). The whole has to
// end well within transaction.timeout.ms, or the broker aborts it and fences this producer.
//
// Parts come while the step is sealed, and after the last of them the step. When one could not be
// written the others are only taken. None: given up before the step came, and nobody waits for it.
//
// A producer that was given up stops between these calls: what it has not begun it must not begin.
std::optional<StepResult> TransactionSession::Producer::write_step() {
    const TimePoint deadline = Clock::now() + config_.transaction_timeout * 8 / 10;
    std::optional<StepResult> broken = begin();
    while (std::optional<StepPart> part = next_part()) {
        if (broken) {
            continue;
        }
        if (std::optional<Error> error = produce(part->outputs, part->log_ends)) {
            broken = failed(std::move(*error), deadline);
        }
    }
    std::unique_lock lock{mutex_};
    if (!step_) {
        return std::nullopt;
    }
    const Step step = std::move(*step_);
    step_.reset();
    if (given_up_) {
        return given_up_result(step.number);
    }
    lock.unlock();
    StepResult result = broken ? *std::move(broken) : write(step, deadline);
    result.number = step.number;
    return result;
}

// None: the step is there, or the producer was given up.
std::optional<StepPart> TransactionSession::Producer::next_part() {
    std::unique_lock lock{mutex_};
    wake_.wait(lock, [this] { return !parts_.empty() || step_ || given_up_; });
    if (parts_.empty() || given_up_) {
        return std::nullopt;
    }
    StepPart part = std::move(parts_.front());
    parts_.pop_front();
    return part;
}

std::optional<StepResult> TransactionSession::Producer::begin() {
    delivery_error_.reset();
    gap_in_log_ = false;
    if (const ErrorPtr error{rd_kafka_begin_transaction(client_.get())}) {
        return StepResult{0, TransactionResult::uncertain,
                          map_error(*error, "beginning a transaction")};
    }
    return std::nullopt;
}

StepResult TransactionSession::Producer::write(const Step& step, TimePoint deadline) {
    const auto* membership = dynamic_cast<const GroupMembership*>(step.membership.get());
    KSTREAM_CHECK(membership != nullptr, "P5: no offsets without the group's generation");
    TopicProof proof{*client_, config_.input_topic, membership->brokers(), kProofPatience};
    if (planted(PlantedBug::offsets_before_outputs) &&
        send_offsets(step, deadline).outcome == TransactionResult::committed) {
        cut_in_two(deadline);
    }
    if (std::optional<Error> error = produce(step.outputs, step.log_ends)) {
        return failed(std::move(*error), deadline);
    }
    if (planted(PlantedBug::outputs_before_offsets)) {
        cut_in_two(deadline);
    }
    if (is_given_up()) {
        return given_up_result();
    }
    if (planted(PlantedBug::offsets_not_sent)) {
        return commit(deadline);
    }
    if (StepResult sent = send_offsets(step, deadline);
        sent.outcome != TransactionResult::committed) {
        return sent;
    }
    if (std::optional<Error> error = wait_for_deliveries(deadline)) {
        return failed(std::move(*error), deadline);
    }
    const Result<void> same = proof.wait(config_.input_topic_id, [this] { return is_given_up(); });
    if (is_given_up()) {
        return given_up_result();
    }
    if (!same && !planted(PlantedBug::topic_not_proved)) {
        return failed(same.error(), deadline);
    }
    return commit(deadline);
}

std::optional<Error> TransactionSession::Producer::produce(const OutputBatch& outputs,
                                                           const std::vector<LogEnd>& log_ends) {
    for (const LogEnd& log : log_ends) {
        raise_end(log);
    }
    for (const OutputBatch::Record& record : outputs.records()) {
        if (std::optional<Error> error = produce_one(outputs, record)) {
            return error;
        }
    }
    rd_kafka_poll(client_.get(), 0);
    return delivery_error_;
}

std::optional<Error> TransactionSession::Producer::produce_one(const OutputBatch& outputs,
                                                               const OutputBatch::Record& record) {
    const std::optional<std::string_view> key = outputs.key(record);
    const std::optional<std::string_view> value = outputs.value(record);
    // An empty key or value is not null: it needs a pointer to nothing.
    const auto pointer = [](const std::optional<std::string_view>& bytes) {
        return bytes ? const_cast<char*>(bytes->empty() ? "" : bytes->data()) : nullptr;
    };
    const auto role = static_cast<std::size_t>(record.topic);
    KSTREAM_CHECK(topics_[role] != nullptr, "a step writes to topics that the job has");
    for (;;) {
        HeadersPtr headers;
        if (record.headers != OutputBatch::kNoHeaders) {
            const OutputBatch::Headers& set = outputs.header_sets()[record.headers];
            headers.reset(rd_kafka_headers_new(set.size()));
            for (const auto& [name, text] : set) {
                // The size of a null value is not looked at.
                rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()),
                                    text ? text->data() : nullptr,
                                    static_cast<ssize_t>(text ? text->size() : 0));
            }
        }
        std::array<rd_kafka_vu_t, 6> fields{};
        std::size_t count = 0;
        fields[count].vtype = RD_KAFKA_VTYPE_RKT;
        fields[count++].u.rkt = topics_[role].get();
        fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
        fields[count++].u.i32 = record.partition.value;
        fields[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
        fields[count++].u.i = RD_KAFKA_MSG_F_COPY;
        fields[count].vtype = RD_KAFKA_VTYPE_KEY;
        fields[count++].u.mem = {pointer(key), record.key_size};
        fields[count].vtype = RD_KAFKA_VTYPE_VALUE;
        fields[count++].u.mem = {pointer(value), record.value_size};
        if (headers) {
            fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
            fields[count++].u.headers = headers.get();
        }
        const ErrorPtr error{rd_kafka_produceva(client_.get(), fields.data(), count)};
        if (!error) {
            (void)headers.release();  // owned by the message now
            return std::nullopt;
        }
        if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR__QUEUE_FULL || is_given_up()) {
            return map_error(*error, where(record));
        }
        rd_kafka_poll(client_.get(), 10);
        if (delivery_error_) {
            return delivery_error_;
        }
    }
}

// What commit would wait for as well. Here so that a log that was cut off is seen before the step
// is committed that would hide it.
// Every record's own answer is looked at before the commit: rd_kafka_commit_transaction() would
// flush and commit in one, also what was reported as delivered and is in no log (delivery.hpp).
std::optional<Error> TransactionSession::Producer::wait_for_deliveries(TimePoint deadline) {
    while (!is_given_up()) {
        const rd_kafka_resp_err_t code = rd_kafka_flush(client_.get(), to_ms(kSlice));
        if (delivery_error_) {
            return delivery_error_;
        }
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            break;
        }
        if (Clock::now() >= deadline) {
            return map_error(code, "waiting for the records of a step to be written");
        }
    }
    return cut_off_ ? std::optional{cut_off()} : std::nullopt;
}

Error TransactionSession::Producer::cut_off() {
    const std::string& topic = config_.topics.of(cut_off_->topic);
    constexpr std::array<std::int32_t, 1> kAny{-1};
    TopicProof proof{*client_, topic, kAny, kProofPatience};
    const TopicId& expected = config_.topic_ids[static_cast<std::size_t>(cut_off_->topic)];
    if (const Result<void> same = proof.wait(expected, [this] { return is_given_up(); }); !same) {
        return same.error();  // another topic: who watches them ends the process
    }
    return Error::stop(
        ExitCode::integrity,
        fmt::format("topic {} partition {}: records below offset {} were written, but the log went "
                    "on at {}",
                    topic, cut_off_->partition.value, cut_off_->before.value, cut_off_->at.value),
        "the log was truncated (an unclean leader election?): totals or deltas in it are lost; run "
        "`kstream reset` to start over");
}

// Offsets only grow, whoever else writes to the partition.
void TransactionSession::Producer::note_written(const rd_kafka_message_t& message) {
    const auto role = static_cast<std::size_t>(
        std::ranges::find(topics_, message.rkt, &TopicPtr::get) - topics_.begin());
    if (role >= kTopicRoleCount) {
        return;
    }
    const PartitionId partition{message.partition};
    const Offset at{message.offset};
    const Offset before = raise_end({static_cast<TopicRole>(role), partition, at.next()});
    if (at < before && !cut_off_ && !planted(PlantedBug::cut_log_written_on)) {
        cut_off_ = {static_cast<TopicRole>(role), partition, before, at};
    }
}

// What the end was before.
Offset TransactionSession::Producer::raise_end(const LogEnd& log) {
    std::vector<Offset>& ends = ends_[static_cast<std::size_t>(log.topic)];
    const auto partition = static_cast<std::size_t>(log.partition.value);
    if (partition >= ends.size()) {
        ends.resize(partition + 1);
    }
    return std::exchange(ends[partition], std::max(ends[partition], log.end));
}

StepResult TransactionSession::Producer::send_offsets(const Step& step, TimePoint deadline) {
    const PartitionListPtr offsets{
        rd_kafka_topic_partition_list_new(static_cast<int>(step.ranges.size()))};
    for (std::size_t i = 0; i < step.ranges.size(); ++i) {
        const StepRange& range = step.ranges[i];
        const std::string& metadata = step.offset_metadata[i];
        rd_kafka_topic_partition_t* const entry = rd_kafka_topic_partition_list_add(
            offsets.get(), config_.input_topic.c_str(), range.partition.value);
        entry->offset = range.to.value;
        entry->metadata = strdup(metadata.c_str());  // freed with the list
        entry->metadata_size = metadata.size();
    }
    const auto* membership = dynamic_cast<const GroupMembership*>(step.membership.get());
    KSTREAM_CHECK(membership != nullptr, "P5: no offsets without the group's generation");
    for (;;) {
        // The time-out is not kept while the coordinator is unknown (librdkafka #5456): the
        // session's watchdog gives this producer up.
        const ErrorPtr error{rd_kafka_send_offsets_to_transaction(
            client_.get(), offsets.get(), membership->metadata(), to_ms(kSlice * 4))};
        if (!error) {
            return {0, TransactionResult::committed, {}};  // so far
        }
        Error described = map_error(*error, "sending offsets to the transaction");
        // Retriable, but not resumable: the same call with the same arguments (rdkafka.h).
        if (rd_kafka_error_is_retriable(error.get()) == 0 || Clock::now() >= deadline ||
            is_given_up()) {
            if (rd_kafka_error_txn_requires_abort(error.get()) != 0) {
                return failed(std::move(described), deadline);
            }
            // A record that was refused meanwhile makes this call one in the wrong state, which
            // says neither that the transaction is to be aborted nor why: its report does. (The
            // producer was given up instead, again and again, and nobody heard of the record.)
            if (std::optional<Error> refused = wait_for_deliveries(deadline)) {
                return failed(std::move(*refused), deadline);
            }
            return {0, TransactionResult::uncertain, std::move(described)};
        }
    }
}

// Of planted bugs.
void TransactionSession::Producer::cut_in_two(TimePoint deadline) {
    (void)commit(deadline);
    (void)ErrorPtr{rd_kafka_begin_transaction(client_.get())};
}

StepResult TransactionSession::Producer::commit(TimePoint deadline) {
    for (;;) {
        const ErrorPtr error{rd_kafka_commit_transaction(client_.get(), to_ms(kSlice))};
        if (!error) {
            return {0, TransactionResult::committed, {}};
        }
        Error described = map_error(*error, "committing the transaction");
        if (rd_kafka_error_txn_requires_abort(error.get()) != 0) {
            if (delivery_error_) {
                described = *delivery_error_;  // says which record, and why
            }
            return failed(std::move(described), deadline);
        }
        if (rd_kafka_error_is_fatal(error.get()) != 0 ||
            rd_kafka_error_is_retriable(error.get()) == 0 || Clock::now() >= deadline ||
            is_given_up()) {
            // P6: the EndTxn may be on its way.
            const bool fenced = rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__FENCED;
            return {0, fenced ? TransactionResult::fenced : TransactionResult::uncertain,
                    std::move(described)};
        }
    }
}

// A step that cannot be written: abort it if the producer is good for that.
StepResult TransactionSession::Producer::failed(Error cause, TimePoint deadline) {
    std::array<char, 512> reason{};
    const rd_kafka_resp_err_t fatal =
        rd_kafka_fatal_error(client_.get(), reason.data(), reason.size());
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
        gap_in_log_ |= fatal == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
        return {0,
                fatal == RD_KAFKA_RESP_ERR__FENCED ? TransactionResult::fenced
                                                   : TransactionResult::uncertain,
                map_error(fatal, "the producer is unusable", reason.data())};
    }
    return abort(std::move(cause), deadline);
}

StepResult TransactionSession::Producer::abort(Error cause, TimePoint deadline) {
    if (is_missing_topic(cause)) {
        cause.disposition = Disposition::abort_and_rewind;
    }
    for (;;) {
        const ErrorPtr error{rd_kafka_abort_transaction(client_.get(), to_ms(kSlice))};
        if (!error) {
            // Of a record that was refused the reports may have come only now.
            return {0, TransactionResult::aborted,
                    delivery_error_ ? std::move(*delivery_error_) : std::move(cause)};
        }
        if (rd_kafka_error_is_fatal(error.get()) != 0 ||
            rd_kafka_error_is_retriable(error.get()) == 0 || Clock::now() >= deadline ||
            is_given_up()) {
            const bool fenced = rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__FENCED;
            return {0, fenced ? TransactionResult::fenced : TransactionResult::uncertain,
                    map_error(*error, "aborting the transaction")};
        }
    }
}

std::string TransactionSession::Producer::where(const OutputBatch::Record& record) const {
    return fmt::format("writing to topic {} partition {}", config_.topics.of(record.topic),
                       record.partition.value);
}

void TransactionSession::Producer::delivery_cb(rd_kafka_t*, const rd_kafka_message_t* message,
                                               void* opaque) {
    auto& self = *static_cast<Producer*>(opaque);
    const rd_kafka_resp_err_t code = message->err;
    if (delivery_of(*message) == Delivery::acknowledged) {
        self.note_written(*message);
        return;
    }
    // librdkafka reports it of the first batch that waits alone: later ones it sends again.
    self.gap_in_log_ |= code == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    // Purged messages are those of an abort: their cause is known already.
    if (code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
        (self.delivery_error_ && !is_of_another_record(*self.delivery_error_))) {
        return;
    }
    const std::string what = fmt::format("writing to topic {} partition {}",
                                         rd_kafka_topic_name(message->rkt), message->partition);
    self.delivery_error_ =
        code == RD_KAFKA_RESP_ERR_NO_ERROR
            ? Error{Disposition::abort_and_rewind, ExitCode::incomplete,
                    what + ": a record was reported as delivered, but at no offset", "", 0}
            : map_error(code, what);
}

int TransactionSession::Producer::stats_cb(rd_kafka_t*, char* json, std::size_t size,
                                           void* opaque) {
    auto& self = *static_cast<Producer*>(opaque);
    ClientStats stats;
    if (self.config_.status != nullptr && read_client_stats({json, size}, {}, stats)) {
        self.throttle_.add_up(stats.brokers, std::chrono::steady_clock::now());
        self.config_.status->publish(ClientStatus{self.config_.name, std::move(stats.brokers)});
    }
    return 0;  // librdkafka frees the text
}

}  // namespace kstream::kafka
