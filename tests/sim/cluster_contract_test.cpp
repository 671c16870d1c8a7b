// The model keeps to data/cluster_contract.txt, which tests/integration/contract_test.py holds
// against real brokers: so neither the model nor what we believe of Kafka can drift.
#include "sim/cluster.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace kstream::sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TopicPartition kResults{TopicRole::results, PartitionId{0}};
constexpr int kMaxTries = 100;

// ---- the file

using Words = std::vector<std::string>;

struct ContractStep {
    int line = 0;
    Words words;
    Words expected;

    [[nodiscard]] bool expects(const std::string& answer) const {
        return std::ranges::find(expected, answer) != expected.end();
    }
};

struct ContractCase {
    std::string name;
    std::vector<ContractStep> steps;

    [[nodiscard]] bool has(const std::string& verb) const {
        return std::ranges::any_of(
            steps, [&verb](const ContractStep& step) { return step.words.front() == verb; });
    }
};

Words words_of(const std::string& text) {
    std::istringstream in{text};
    Words words;
    for (std::string word; in >> word;) {
        words.push_back(word);
    }
    return words;
}

std::vector<ContractCase> read_contract(std::istream& in) {
    std::vector<ContractCase> cases;
    std::string text;
    for (int line = 1; std::getline(in, text); ++line) {
        const Words all = words_of(text);
        if (all.empty() || all.front().front() == '#') {
            continue;
        }
        if (all.front() == "case") {
            cases.push_back({text.substr(text.find("case") + 5), {}});
            continue;
        }
        const auto arrow = std::ranges::find(all, "->");
        ContractStep step{line, {all.begin(), arrow}, {}};
        std::copy_if(arrow, all.end(), std::back_inserter(step.expected),
                     [](const std::string& word) { return word != "->" && word != "|"; });
        if (arrow == all.end()) {
            step.expected = {code_name(Code::none)};
        }
        if (cases.empty() || step.words.empty() || step.expected.empty()) {
            throw std::runtime_error{fmt::format("line {} is no step of a case: {}", line, text)};
        }
        cases.back().steps.push_back(std::move(step));
    }
    return cases;
}

// ---- the model

// A member that takes what it is answered and does nothing by itself.
struct Member final : GroupClient {
    void on_join(std::uint64_t, Code code, std::int32_t generation_in) override {
        answer = code;
        if (code == Code::none) {
            generation = generation_in;
        }
    }
    void on_sync(std::uint64_t, Code, const std::vector<PartitionId>&) override {}
    void on_heartbeat(std::uint64_t, Code code) override { answer = code; }

    MemberName name;
    std::int32_t generation = -1;
    std::optional<Code> answer;
};

// Nobody is dropped and nothing times out, unless the case is about that.
Swarm swarm_for(const ContractCase& contract) {
    Swarm swarm;
    swarm.session_timeout = contract.has("silent") ? Duration{seconds{3}} : hours{1};
    swarm.transaction_timeout = contract.has("time-out") ? Duration{seconds{3}} : hours{1};
    swarm.rebalance_timeout = seconds{20};
    swarm.timeout_scan = seconds{1};
    swarm.request_timeout = seconds{1};
    return swarm;
}

class ContractRun {
public:
    explicit ContractRun(const ContractCase& contract) : swarm_(swarm_for(contract)) {}

    // What the step is answered, once what a client waits out has been waited out.
    std::string answer(const ContractStep& step) {
        std::string got;
        for (int i = 0; i < kMaxTries; ++i) {
            got = answer(step.words);
            if (step.expects(got) || !is_waited_out(got)) {
                return got;
            }
            run_for(milliseconds{10});
        }
        return got;
    }

private:
    struct Session {
        std::string id;
        ProducerId producer;
    };

    static bool is_waited_out(const std::string& answer) {
        return answer == code_name(Code::unavailable) ||
               answer == code_name(Code::concurrent_transactions);
    }

    std::string answer(const Words& words) {
        const std::string& verb = words.front();
        const auto argument = [&words](std::size_t i) { return i < words.size() ? words[i] : ""; };
        if (verb == "init") {
            return code_name(init(argument(1), argument(3)));
        }
        if (verb == "epoch") {
            return std::to_string(sessions_.at(argument(1)).producer.epoch);
        }
        if (verb == "join" || verb == "joining") {
            return join(argument(1), argument(3), verb == "join");
        }
        if (verb == "heartbeat" || verb == "leave" || verb == "silent") {
            return of_member(verb, argument(1), !argument(2).empty());
        }
        if (verb == "ended" || verb == "time-out") {
            run_for(verb == "ended" ? seconds{1} : seconds{6});  // no marker comes late here
            return code_name(Code::none);
        }
        if (sessions_.contains(argument(1))) {
            return code_name(transactional(words, sessions_.at(argument(1))));
        }
        return of_the_log(verb, argument(1));
    }

    Code init(const std::string& name, const std::string& of) {
        Session session{of.empty() ? name : sessions_.at(of).id, {}};
        const auto [code, producer] = transactions().init(session.id);
        session.producer = producer;
        if (code == Code::none) {
            sessions_[name] = session;
        }
        return code;
    }

    Code transactional(const Words& words, const Session& session) {
        const std::string& verb = words.front();
        const auto& [id, producer] = session;
        Code code = Code::none;
        if (verb == "add" || verb == "write") {
            code = transactions().add_partitions(id, producer, {kResults});
        }
        if (verb == "add-offsets" || verb == "offsets") {
            code = transactions().add_offsets(id, producer, group_.name());
        }
        if (code != Code::none || verb == "add" || verb == "add-offsets") {
            return code;
        }
        if (verb == "produce" || verb == "write") {
            OutputBatch batch;
            batch.append(TopicRole::results, PartitionId{0}, "k", "v");
            const std::vector<std::uint32_t> all{0};
            Offset at;
            return cluster_.produce(id, kResults,
                                    {producer, std::stoll(words.at(2)), &batch, &all, 0}, at);
        }
        if (verb == "commit-offsets" || verb == "offsets") {
            return commit_offsets(words, session);
        }
        if (verb == "end") {
            return transactions().end(id, producer, words.at(2) == "commit");
        }
        throw std::runtime_error{"no such step: " + verb};
    }

    Code commit_offsets(const Words& words, const Session& session) {
        MemberName name{words.at(2), ""};
        std::int32_t generation = 1;
        if (words[2] == "nobody") {
            name.id.clear();
            generation = -1;
        } else if (const auto known = members_.find(words[2]); known != members_.end()) {
            name = known->second.name;
            generation = known->second.generation - (words.size() > 4 ? 1 : 0);
        }
        return cluster_.commit_offsets(session.id, TopicRole::repartition, session.producer, name,
                                       generation,
                                       {{PartitionId{0}, Offset{std::stoll(words.at(3))}, ""}});
    }

    std::string join(const std::string& name, const std::string& instance, bool wait) {
        const auto [found, fresh] = members_.try_emplace(name);
        Member& member = found->second;
        if (fresh) {
            member.name = {name, instance};
        }
        member.answer.reset();
        group_.join(member.name, fresh, {}, {&member, kCluster, 1});
        run_for(seconds{1});
        if (!wait) {
            return member.answer ? "joined" : code_name(Code::none);
        }
        return member.answer ? code_name(*member.answer) : "no answer";
    }

    std::string of_member(const std::string& verb, const std::string& name, bool outdated) {
        Member& member = members_.at(name);
        if (verb == "leave") {
            group_.leave(member.name);
        } else if (verb == "silent") {
            run_for(seconds{4});
        } else {
            member.answer.reset();
            group_.heartbeat(member.name, member.generation - (outdated ? 1 : 0),
                             {&member, kCluster, 1});
            run_for(milliseconds{100});
            return member.answer ? code_name(*member.answer) : "no answer";
        }
        return code_name(Code::none);
    }

    std::string of_the_log(const std::string& verb, const std::string& argument) {
        PartitionLog& log = cluster_.log(kResults.topic, kResults.partition);
        if (verb == "append") {
            log.append("k", "v", 0);
            return code_name(Code::none);
        }
        if (verb == "visible") {
            std::vector<RecordView> records;
            log.read(PartitionId{0}, log.start(), 100, records);
            return std::to_string(records.size());
        }
        if (verb == "read") {
            const Offset from{std::stoll(argument)};
            return code_name(log.can_read(from) ? Code::none : Code::offset_out_of_range);
        }
        Query query;
        query.topic = kResults.topic;
        query.partitions = {PartitionId{0}};
        if (verb == "log-start") {
            query.kind = Query::Kind::log_start;
        } else if (verb == "end-offset") {
            query.kind = Query::Kind::log_end;
            query.isolation = argument == "read_committed" ? Isolation::read_committed
                                                           : Isolation::read_uncommitted;
        } else if (verb == "delete-below") {
            query.kind = Query::Kind::purge;
            query.before = {Offset{std::stoll(argument)}};
        } else if (verb != "committed") {
            throw std::runtime_error{"no such step: " + verb};
        }
        QueryAnswer answer;
        const Code code = cluster_.answer(query, TopicRole::repartition, answer);
        if (code != Code::none || verb == "delete-below") {
            return code_name(code);
        }
        const std::optional<Offset> offset = answer.offsets.at(0).offset;
        return offset ? std::to_string(offset->value) : "none";
    }

    void run_for(Duration span) {
        bool over = false;
        schedule_.after(span, kCluster, [&over] { over = true; });
        while (!over) {
            schedule_.run_next();
        }
    }
    TransactionCoordinator& transactions() { return cluster_.transactions(); }

    const Swarm swarm_;
    Schedule schedule_;
    VirtualClock clock_{schedule_};
    Tally tally_{schedule_};
    Cluster cluster_{schedule_, swarm_, tally_, clock_};
    Group& group_ = cluster_.group(TopicRole::repartition);
    std::map<std::string, Session> sessions_;
    std::map<std::string, Member> members_;
};

// The steps that were answered otherwise; what comes after the first means little, but is reported.
std::vector<std::string> differences(const ContractCase& contract) {
    ContractRun run{contract};
    std::vector<std::string> found;
    for (const ContractStep& step : contract.steps) {
        const std::string got = run.answer(step);
        if (!step.expects(got)) {
            found.push_back(fmt::format("line {}, {}: {} expected, the model answers {}", step.line,
                                        fmt::join(step.words, " "),
                                        fmt::join(step.expected, " or "), got));
        }
    }
    return found;
}

}  // namespace

TEST_CASE("the model answers as brokers do") {
    std::ifstream file{std::filesystem::path{KSTREAM_TEST_DATA} / "cluster_contract.txt"};
    REQUIRE(file.good());
    const std::vector<ContractCase> cases = read_contract(file);
    REQUIRE(cases.size() > 30);
    for (const ContractCase& contract : cases) {
        DYNAMIC_SECTION(contract.name) {
            INFO("of cluster_contract.txt");
            CHECK_FALSE(contract.steps.empty());
            CHECK(differences(contract) == std::vector<std::string>{});
        }
    }
}

TEST_CASE("what the model answers otherwise is reported with its line") {
    std::istringstream text{"# so\ncase wrong\n  init a -> 1 | 2\n  epoch a -> 0 | 1\n"};
    const std::vector<ContractCase> cases = read_contract(text);
    REQUIRE(cases.size() == 1);
    CHECK(cases[0].name == "wrong");
    CHECK(differences(cases[0]) ==
          std::vector<std::string>{"line 3, init a: 1 or 2 expected, the model answers NO_ERROR"});
}

TEST_CASE("a step outside a case or without words is refused") {
    for (const char* const text : {"  init a\n", "case c\n  -> 1\n", "case c\n  init a ->\n"}) {
        std::istringstream in{text};
        CHECK_THROWS_AS(read_contract(in), std::runtime_error);
    }
}

}  // namespace kstream::sim
