#include "sim/group.hpp"

#include "kstream/planted_bug.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace kstream::sim {

using std::chrono::milliseconds;

namespace {

constexpr Duration kInitialDelay = milliseconds{200};
constexpr Duration kExpiryScan = milliseconds{250};

}  // namespace

Group::Group(Schedule& schedule, Network& network, const Swarm& swarm, Tally& tally,
             std::string name, std::int32_t partitions)
    : schedule_(schedule),
      network_(network),
      swarm_(swarm),
      tally_(tally),
      name_(std::move(name)),
      partitions_(partitions) {
    expire_members();
}

// ---- membership --------------------------------------------------------------------------------

Code Group::check(const MemberName& name, std::int32_t generation) const {
    if (away()) {
        return Code::unavailable;
    }
    const auto member = members_.find(name.id);
    if (member == members_.end()) {
        const bool replaced =
            !name.instance.empty() && std::ranges::any_of(members_, [&name](const auto& entry) {
                return entry.second.instance == name.instance;
            });
        return replaced ? Code::fenced_instance_id : Code::unknown_member_id;
    }
    return generation == generation_ ? Code::none : Code::illegal_generation;
}

void Group::answer_join(const Sender& to, Code code) {
    network_.answer(to.link, [to, code, generation = generation_] {
        to.client->on_join(to.request, code, generation);
    });
}

void Group::join(const MemberName& name, bool fresh, Claim claim, const Sender& sender) {
    if (away()) {
        answer_join(sender, Code::unavailable);
        return;
    }
    auto member = members_.find(name.id);
    if (member == members_.end() && !fresh) {
        answer_join(sender, check(name, -1));
        return;
    }
    if (member == members_.end()) {
        const auto before = std::ranges::find_if(members_, [&name](const auto& entry) {
            return !name.instance.empty() && entry.second.instance == name.instance;
        });
        Member made;
        const bool replaces = before != members_.end();
        if (replaces) {
            made = std::move(before->second);  // with its assignment (KIP-345)
            made.joined = false;
            members_.erase(before);
        }
        made.instance = name.instance;
        made.heard = schedule_.now();
        member = members_.emplace(name.id, std::move(made)).first;
        // What nobody has waits for the member to join again that is to give it up: this one will
        // not, so the others have to hear of it.
        if (replaces && !rebalancing_ && all_assigned()) {
            answer_join(sender, Code::none);
            return;
        }
    }
    member->second.heard = schedule_.now();
    member->second.joined = true;
    member->second.waiting = sender;
    member->second.claim = std::move(claim);
    if (!rebalancing_) {
        begin_rebalance();
    }
    complete_if_all_joined();
}

void Group::begin_rebalance() {
    if (rebalancing_) {
        return;
    }
    rebalancing_ = true;
    const bool first = generation_ == 0;
    schedule_.after(first ? kInitialDelay : swarm_.rebalance_timeout, kCluster,
                    [this, number = ++rebalance_] {
                        if (rebalancing_ && rebalance_ == number) {
                            complete();
                        }
                    });
}

void Group::complete_if_all_joined() {
    if (rebalancing_ && generation_ > 0 &&
        std::ranges::all_of(members_, [](const auto& entry) { return entry.second.joined; })) {
        complete();
    }
}

void Group::complete() {
    std::erase_if(members_, [](const auto& entry) { return !entry.second.joined; });
    rebalancing_ = false;
    ++generation_;
    tally_.event(Event::rebalance);
    tally_.note("generation", name_, generation_, static_cast<std::int64_t>(members_.size()));
    assign();
    for (auto& [id, member] : members_) {
        member.joined = false;
        member.heard = schedule_.now();
        answer_join(member.waiting, Code::none);
    }
}

// Cooperative: everybody keeps what it has up to its share, and what has to move is given to nobody
// before its owner has given it up. Eager: everybody came with nothing.
void Group::assign() {
    if (members_.empty()) {
        return;
    }
    std::map<PartitionId, std::string> owner;
    std::map<PartitionId, std::int32_t> as_of;
    for (auto& [id, member] : members_) {
        member.assigned.clear();
        for (const PartitionId partition : member.claim.owned) {
            const auto known = as_of.find(partition);
            if (known == as_of.end() || known->second < member.claim.generation) {
                owner[partition] = id;
                as_of[partition] = member.claim.generation;
            }
        }
    }
    const auto share =
        (static_cast<std::size_t>(partitions_) + members_.size() - 1) / members_.size();
    std::vector<PartitionId> free;
    for (std::int32_t p = 0; p < partitions_; ++p) {
        const auto held = owner.find(PartitionId{p});
        if (held == owner.end()) {
            free.push_back(PartitionId{p});
        } else if (members_.at(held->second).assigned.size() < share) {
            members_.at(held->second).assigned.push_back(PartitionId{p});
        }
    }
    for (const PartitionId partition : free) {
        auto& least = std::ranges::min_element(members_, [](const auto& a, const auto& b) {
                          return a.second.assigned.size() < b.second.assigned.size();
                      })->second;
        least.assigned.push_back(partition);
    }
}

bool Group::all_assigned() const {
    std::size_t assigned = 0;
    for (const auto& [id, member] : members_) {
        assigned += member.assigned.size();
    }
    return assigned == static_cast<std::size_t>(partitions_);
}

void Group::sync(const MemberName& name, std::int32_t generation, const Sender& sender) {
    Code code = check(name, generation);
    std::vector<PartitionId> assigned;
    if (code == Code::none && rebalancing_) {
        code = Code::rebalance_in_progress;
    }
    if (code == Code::none) {
        Member& member = members_.at(name.id);
        member.heard = schedule_.now();
        assigned = member.assigned;
    }
    network_.answer(sender.link, [sender, code, assigned = std::move(assigned)] {
        sender.client->on_sync(sender.request, code, assigned);
    });
}

void Group::heartbeat(const MemberName& name, std::int32_t generation, const Sender& sender) {
    Code code = check(name, generation);
    if (code == Code::none) {
        members_.at(name.id).heard = schedule_.now();
        code = rebalancing_ ? Code::rebalance_in_progress : Code::none;
    }
    network_.answer(sender.link,
                    [sender, code] { sender.client->on_heartbeat(sender.request, code); });
}

void Group::leave(const MemberName& name) {
    if (!away() && members_.erase(name.id) > 0 && !members_.empty()) {
        begin_rebalance();
        complete_if_all_joined();
    }
}

void Group::expire_members() {
    if (!away()) {
        const auto gone = std::erase_if(members_, [this](const auto& entry) {
            return !entry.second.joined &&
                   schedule_.now() - entry.second.heard > swarm_.session_timeout;
        });
        if (gone > 0 && !members_.empty()) {
            begin_rebalance();
            complete_if_all_joined();
        }
    }
    schedule_.after(kExpiryScan, kCluster, [this] { expire_members(); });
}

void Group::drop_member(std::size_t number) {
    if (number >= members_.size() || away()) {
        return;
    }
    members_.erase(std::next(members_.begin(), static_cast<std::ptrdiff_t>(number)));
    if (!members_.empty()) {
        begin_rebalance();
        complete_if_all_joined();
    }
}

// ---- offsets -----------------------------------------------------------------------------------

Code Group::commit(const ProducerId& producer, const MemberName& name, std::int32_t generation,
                   const Offsets& offsets) {
    if (away()) {
        return Code::unavailable;
    }
    // What the group coordinator accepts from anybody (P5).
    const bool anybody = generation < 0 && name.id.empty();
    if (const Code code = anybody ? Code::none : check(name, generation); code != Code::none) {
        return code;
    }
    Pending& pending = pending_[producer.id];
    if (producer.epoch < pending.epoch) {
        return Code::invalid_producer_epoch;
    }
    pending.epoch = producer.epoch;
    for (const Sent& one : offsets) {
        pending.offsets[one.partition] = {one.offset, one.metadata, ++appended_};
    }
    return Code::none;
}

void Group::marker(const ProducerId& producer, bool commit) {
    Pending& pending = pending_[producer.id];
    if (producer.epoch < pending.epoch) {
        return;
    }
    pending.epoch = producer.epoch;
    for (auto& [partition, offset] : pending.offsets) {
        Committed& now = committed_[partition];
        if (commit && offset.appended > now.appended) {
            tally_.note("offset", name_, partition.value, offset.offset.value);
            now = std::move(offset);
        } else if (now.appended == 0) {
            committed_.erase(partition);
        }
    }
    pending.offsets.clear();
}

Code Group::fetch(const std::vector<PartitionId>& partitions,
                  std::vector<std::optional<Committed>>& out) const {
    if (away()) {
        return Code::unavailable;
    }
    for (const PartitionId partition : partitions) {
        for (const auto& [producer, pending] : pending_) {
            if (pending.offsets.contains(partition) && !planted(PlantedBug::unstable_offsets)) {
                return Code::unstable_offset_commit;
            }
        }
        const auto found = committed_.find(partition);
        out.push_back(found == committed_.end() ? std::nullopt : std::optional{found->second});
    }
    return Code::none;
}

bool Group::expire_offsets() {
    const bool pending = std::ranges::any_of(
        pending_, [](const auto& entry) { return !entry.second.offsets.empty(); });
    if (!members_.empty() || pending || committed_.empty()) {
        return false;
    }
    committed_.clear();
    has_forgotten_ = true;
    return true;
}

}  // namespace kstream::sim
