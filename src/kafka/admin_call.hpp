// One administrative request: options, a queue of its own and the wait for its answer. Shared by
// the admin_*.cpp files only.
#pragma once

#include "kafka/admin.hpp"
#include "kafka/connection_trouble.hpp"
#include "kafka/handles.hpp"
#include "kstream/error.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace kstream::kafka {

using DeleteTopicPtr =
    std::unique_ptr<rd_kafka_DeleteTopic_t, Deleter<&rd_kafka_DeleteTopic_destroy>>;
using DeleteGroupPtr =
    std::unique_ptr<rd_kafka_DeleteGroup_t, Deleter<&rd_kafka_DeleteGroup_destroy>>;
using DeleteRecordsPtr =
    std::unique_ptr<rd_kafka_DeleteRecords_t, Deleter<&rd_kafka_DeleteRecords_destroy>>;
using TopicCollectionPtr =
    std::unique_ptr<rd_kafka_TopicCollection_t, Deleter<&rd_kafka_TopicCollection_destroy>>;
using ConfigResourcePtr =
    std::unique_ptr<rd_kafka_ConfigResource_t, Deleter<&rd_kafka_ConfigResource_destroy>>;
using ListGroupOffsetsPtr = std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t,
                                            Deleter<&rd_kafka_ListConsumerGroupOffsets_destroy>>;

// What the clients of one Admin have to say about their connections, to all who wait.
class SharedTrouble {
public:
    void note(rd_kafka_resp_err_t code, std::string_view text) {
        const std::lock_guard lock{mutex_};
        trouble_.note(code, text);
    }
    void clear() {
        const std::lock_guard lock{mutex_};
        trouble_.clear();
    }
    [[nodiscard]] std::optional<Error> reason(std::string_view what) const {
        const std::lock_guard lock{mutex_};
        return trouble_.reason(what);
    }
    [[nodiscard]] std::optional<Error> hopeless(std::string_view what) const {
        const std::lock_guard lock{mutex_};
        return trouble_.hopeless(what);
    }

private:
    mutable std::mutex mutex_;
    ConnectionTrouble trouble_;
};

// A client, for as long as a call or the Admin uses it. From any thread.
class AdminClient {
public:
    AdminClient(std::shared_ptr<SharedTrouble> trouble, HandlePtr handle)
        : trouble_(std::move(trouble)), handle_(std::move(handle)) {}
    ~AdminClient();
    AdminClient(const AdminClient&) = delete;
    AdminClient& operator=(const AdminClient&) = delete;

    [[nodiscard]] rd_kafka_t* get() const { return handle_.get(); }
    [[nodiscard]] SharedTrouble& trouble() const { return *trouble_; }
    // Its end may wait for ever (Admin::replace()): whoever lets go of it last does not.
    void spend() { spent_.store(true); }

private:
    std::shared_ptr<SharedTrouble> trouble_;  // before the handle, whose callback writes to it
    HandlePtr handle_;
    std::atomic<bool> spent_ = false;
};

// What one attempt of a call goes by.
struct AdminTurn {
    std::shared_ptr<AdminClient> client;
    AdminSettings settings;
};

// The queue belongs to the call, so that the late answer of one that was given up cannot be taken
// for the answer of the next.
class AdminCall {
public:
    // Who ends a call that gets no answer.
    //
    // librdkafka (2.14.2) must not when a coordinator is asked: a call that it has ended while it
    // was looking for the coordinator stays on its list, and is sent when that broker comes up. It
    // then finds its request gone and lets go of it twice (rdkafka_admin.c,
    // rd_kafka_admin_coord_request; rdkafka_coord.c, rd_kafka_coord_req_fsm): a failed assertion
    // in the best case. We end it, and whoever asks drops the client with all that it has left.
    enum class EndedBy : std::uint8_t { library, us };

    // `turn` outlives the call.
    AdminCall(const AdminTurn& turn, rd_kafka_admin_op_t operation,
              EndedBy ended_by = EndedBy::library);

    [[nodiscard]] rd_kafka_AdminOptions_t* options() { return options_.get(); }
    [[nodiscard]] rd_kafka_queue_t* queue() { return queue_.get(); }

    // How long the brokers may work on it (create, delete): a little less than the whole call.
    void set_operation_timeout();

    // The answer of the request that was just submitted to queue(). `what` begins the message of an
    // error.
    [[nodiscard]] Result<EventPtr> wait(std::string_view what);

private:
    AdminClient& client_;
    const AdminSettings& settings_;
    std::optional<std::chrono::steady_clock::time_point> end_;  // when we end it
    AdminOptionsPtr options_;
    QueuePtr queue_;
};

// Whether asking again soon may help: the cluster is electing or loading, as every fresh one does
// when its first group or transaction is asked for. A pending transaction (try_again) is not waited
// for here.
[[nodiscard]] bool is_passing(const Error& error);

// Asks until the answer no longer is a passing error, for as long as one call may take. `trouble`
// gives the answer's passing error, or nullptr; `prepare` is called before each repetition.
template <typename Ask, typename Trouble, typename Prepare>
[[nodiscard]] auto ask_again(const AdminSettings& settings, Ask ask, Trouble trouble,
                             Prepare prepare) {
    const auto deadline = std::chrono::steady_clock::now() + settings.timeout;
    auto answer = ask();
    while (trouble(answer) != nullptr && std::chrono::steady_clock::now() < deadline &&
           !(settings.canceled && settings.canceled())) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        prepare();
        answer = ask();
    }
    return answer;
}

template <typename Ask, typename Trouble>
[[nodiscard]] auto ask_again(const AdminSettings& settings, Ask ask, Trouble trouble) {
    return ask_again(settings, std::move(ask), std::move(trouble), [] {});
}

// For questions that librdkafka may send to a broker that is gone: see Admin::replace(). Each
// repetition has a new client, and none is left behind that still waits. A turn without an answer
// is given up after as long as has been asked already, so that a lost broker costs about a second
// and slow brokers are waited for all the same.
template <typename Ask, typename Trouble>
auto Admin::ask_in_turns(Ask ask, Trouble trouble) {
    constexpr std::chrono::milliseconds kFirst{1000};
    constexpr std::chrono::milliseconds kLongest{4000};
    const auto began = std::chrono::steady_clock::now();
    AdminTurn turn;
    const auto one_turn = [&] {
        const auto asked = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - began);
        turn = this->turn();
        turn.settings.timeout = std::min(settings_.timeout, std::clamp(asked, kFirst, kLongest));
        return ask(std::as_const(turn));
    };
    auto answer = ask_again(settings_, one_turn, trouble, [&] { replace(*turn.client); });
    if (trouble(answer) != nullptr) {
        replace(*turn.client);
    }
    return answer;
}

// The passing error of a call as a whole.
template <typename T>
[[nodiscard]] const Error* passing_error(const Result<T>& answer) {
    return !answer && is_passing(answer.error()) ? &answer.error() : nullptr;
}

// The same, or that of the first of the things that the call was about (each has `error`).
template <typename T>
[[nodiscard]] const Error* first_passing_error(const Result<std::vector<T>>& answer) {
    if (!answer) {
        return passing_error(answer);
    }
    for (const T& one : *answer) {
        if (one.error && is_passing(*one.error)) {
            return &*one.error;
        }
    }
    return nullptr;
}

// The rights that an answer lists; not known when it lists none.
[[nodiscard]] Rights rights_of(const rd_kafka_AclOperation_t* operations, std::size_t count);

// The raw pointers of a vector of owners, as librdkafka's calls want them.
template <typename Owner>
[[nodiscard]] auto raw_pointers(const std::vector<Owner>& owners) {
    std::vector<typename Owner::pointer> raw;
    raw.reserve(owners.size());
    for (const Owner& owner : owners) {
        raw.push_back(owner.get());
    }
    return raw;
}

// The same for names.
[[nodiscard]] inline std::vector<const char*> c_strings(const std::vector<std::string>& names) {
    std::vector<const char*> raw;
    raw.reserve(names.size());
    for (const std::string& name : names) {
        raw.push_back(name.c_str());
    }
    return raw;
}

}  // namespace kstream::kafka
