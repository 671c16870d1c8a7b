// Bugs that are planted on purpose, to see that tests find them (docs/adr/0022-planted-bugs.md).
//
// In an ordinary build planted() is a constant, and nothing of a bug is in the binary: neither its
// code nor its name. The preset `planted` builds with KSTREAM_PLANTED_BUGS; there one bug at a time
// is chosen by name, by the environment variable KSTREAM_PLANTED_BUG or with plant().
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

// BUG(name, the rule that it breaks, what it does). The rules P1 to P12 and E1 to E7
// are those of docs/PROTOCOL.md. `loop` bugs are in pipeline and codec, and there whatever the
// ports are; `kafka` bugs are in the adapters of src/kafka: what stands in their place has to have
// them too.
#define KSTREAM_PLANTED_BUG_LIST(BUG)                                                              \
    BUG(release_at_revoke, loop, "P1", "revoked partitions are released while a step holds them")  \
    BUG(drop_on_rebalance, loop, "P1", "what fills when a revocation comes is dropped")            \
    BUG(generation_missed, loop, "P1", "a generation without this member passes unnoticed")        \
    BUG(republish_unseen, loop, "P1",                                                              \
        "who missed a generation takes equal offsets for its own state")                           \
    BUG(step_not_compared, loop, "P1", "a step that moved no offset counts as committed")          \
    BUG(closed_window_reopened, loop, "E3", "a change of a window that is closed is applied")      \
    BUG(close_too_early, loop, "E3", "windows close without their grace")                          \
    BUG(closed_total_stays, loop, "E3", "what is closed stays in the changelog")                   \
    BUG(closing_not_undone, loop, "E3", "what an aborted step has closed is not closed again")     \
    BUG(retired_forgotten, loop, "E3", "the sums of closed windows are forgotten")                 \
    BUG(closed_elements_stay, loop, "E3", "elements of closed windows stay in the changelog")      \
    BUG(to_sweep_forgotten, loop, "E3", "meta does not say how many elements are left to sweep")   \
    BUG(numbers_not_moved, loop, "E3", "keys move together, and their numbers stay behind")        \
    BUG(pane_dies_early, loop, "E3", "a pane is gone with the first of the windows over it")       \
    BUG(cursor_forgotten, loop, "E3", "a restored state does not know which windows are closed")   \
    BUG(value_of_each_pane, loop, "E3", "a value that panes of a window share counts for each")    \
    BUG(window_sizes_not_undone, loop, "E3", "windows keep values of an aborted step as counted")  \
    BUG(pane_late_in_part, loop, "E2", "a record is late by its own time and not by its pane's")   \
    BUG(session_tombstone_missing, loop, "E6",                                                     \
        "the result of a session that became part of another one stays")                           \
    BUG(gap_exclusive, loop, "E6", "a record at the very end of the gap begins a session")         \
    BUG(step_joins_sessions, loop, "E6",                                                           \
        "records of one step that are up to two gaps apart are one session")                       \
    BUG(merge_not_undone, loop, "E6", "sessions that an aborted step has touched are not found")   \
    BUG(joined_values_twice, loop, "E6", "values of two sessions that become one count twice")     \
    BUG(joined_values_stay, loop, "E6", "what sessions had before they became one stays, too")     \
    BUG(session_late_by_end, loop, "E2", "of sessions a record is late by the end of a session")   \
    BUG(late_at_less, loop, "E2", "a record is not late at the very end of its grace")             \
    BUG(duplicate_over_late, loop, "E7", "a late record is not asked whether it is a duplicate")   \
    BUG(rewind_keeps_ids, loop, "E7", "ids of records of an aborted step stay remembered")         \
    BUG(horizon_too_late, loop, "E7", "a new owner is told that no id matters any more")           \
    BUG(floor_dropped, loop, "E4", "of advances before the source begins none is kept")            \
    BUG(from_not_checked, loop, "P2", "a batch is applied wherever its ranges begin")              \
    BUG(duplicate_batch_applied, loop, "P2", "the deltas of a batch that came again are applied")  \
    BUG(batch_only_where_deltas, loop, "P2", "a state partition without deltas gets no batch")     \
    BUG(half_map_step_sealed, loop, "P2", "a totals step is sealed between chunks of a map step")  \
    BUG(last_record_skipped, loop, "P2", "the last record of each batch is passed over")           \
    BUG(waiting_records_lost, loop, "P2", "of many keys, those of a group not full are left out")  \
    BUG(committed_one_too_low, loop, "P2", "each committed offset is one below the position")      \
    BUG(committed_one_too_high, loop, "P2", "each committed offset is one above the position")     \
    BUG(open_step_left_out, loop, "P3", "a new partition is read before its base is committed")    \
    BUG(watermark_forgotten, loop, "P3", "whoever takes a partition over begins its clock anew")   \
    BUG(chain_end_ignored, loop, "P3", "without a committed offset, reading starts over")          \
    BUG(added_partition_from_end, loop, "P3", "a partition that was added is read from its end")   \
    BUG(position_behind_end, loop, "P3", "a position after the end of the log is gone on from")    \
    BUG(cut_log_written_on, kafka, "P3", "a log that has lost what was written is written on")     \
    BUG(topic_id_not_checked, loop, "P4", "a re-created topic is taken for the old one")           \
    BUG(topic_not_proved, kafka, "P4", "a step is committed whatever topic it was read from")      \
    BUG(generation_not_sent, kafka, "P5", "offsets are sent without generation and member id")     \
    BUG(application_not_named, kafka, "P5", "groups do not name their application")                \
    BUG(producer_kept, kafka, "P6", "a producer with an unanswered request is used again")         \
    BUG(uncertain_as_committed, loop, "P6", "an unknown outcome is taken for committed")           \
    BUG(uncertain_as_aborted, loop, "P6", "an unknown outcome is taken for aborted")               \
    BUG(recovery_too_early, loop, "P6", "committed offsets are read too early in a recovery")      \
    BUG(takeover_too_early, loop, "P6", "a takeover does not wait for the new producer's epoch")   \
    BUG(no_rewind_after_abort, loop, "P7", "records of an aborted step are not read again")        \
    BUG(no_undo_after_abort, loop, "P7", "what an aborted step did to the state stays")            \
    BUG(having_flag_not_undone, loop, "P7", "whether a group has a result stays as aborted")       \
    BUG(elements_not_undone, loop, "P7", "elements of an aborted step stay in their sets")         \
    BUG(over_forgotten, loop, "P7", "a set that had too many values is counted anew")              \
    BUG(undo_in_wrong_order, loop, "P7", "the step in flight is undone before the filling one")    \
    BUG(old_records_folded, loop, "P7", "records below the expected position are folded again")    \
    BUG(watermark_not_taken_back, loop, "P7", "records of an aborted step have moved the clock")   \
    BUG(restored_to_last_stable, loop, "P8", "a restore ends at the last stable offset")           \
    BUG(end_before_offsets, loop, "P8", "the log's end is asked for before the committed offsets") \
    BUG(unstable_offsets, kafka, "P8", "committed offsets are read past pending transactions")     \
    BUG(uncommitted_read, kafka, "P8", "records of open and aborted transactions are read")        \
    BUG(meta_not_written, loop, "P9", "a totals step writes no meta record")                       \
    BUG(old_keys_not_in_changelog, loop, "P9", "only keys that are new go to the changelog")       \
    BUG(partitioned_by_run, loop, "P9", "the state partition of a key depends on the process")     \
    BUG(unread_deltas_purged, loop, "P10", "deltas are purged by age alone, read or not")          \
    BUG(end_in_one_partition, loop, "P11", "--until end waits for one state partition, not all")   \
    BUG(tail_markers_ignored, loop, "P11", "a position does not move over control records")        \
    BUG(offsets_not_sent, kafka, "P12", "transactions carry no offsets")                           \
    BUG(offsets_before_outputs, kafka, "P12", "offsets are committed before the outputs")          \
    BUG(outputs_before_offsets, kafka, "P12", "outputs are committed before the offsets")          \
    BUG(stopped_group_stays, loop, "results", "a group that HAVING stops keeps its result")        \
    BUG(advance_among_records, loop, "E4", "an advance is made in a step that has read records")   \
    BUG(advance_not_logged, loop, "E4", "an advance is applied and not kept")                      \
    BUG(advance_not_in_metadata, loop, "E4", "a committed offset has the watermark before it")     \
    BUG(idle_not_said, loop, "E4", "an idle partition does not say so: others wait for it")        \
    BUG(idle_before_caught_up, loop, "E4", "a partition is idle though its log has more")          \
    BUG(timer_over_a_pause, loop, "E4", "the time of a pause counts as time without records")      \
    BUG(new_partition_pulls_back, loop, "E5", "an added partition is read before it has joined")   \
    BUG(joined_too_early, loop, "E5", "a partition joins before all state partitions know it")     \
    BUG(dead_letters_lost, loop, "accounting", "dead letters are counted and not written")         \
    BUG(late_records_lost, loop, "accounting", "late records are counted and not written")         \
    BUG(sum_through_float, loop, "decimals", "an amount passes through a floating-point number")   \
    BUG(repeated_field_accepted, loop, "records", "of a field that is there twice, one counts")    \
    BUG(flow_stays_closed, loop, "liveness", "fetching that was paused is not resumed")

namespace kstream {

enum class PlantedBug : std::uint8_t {
    none,
#define KSTREAM_PLANTED_BUG_ID(name, place, rule, what) name,
    KSTREAM_PLANTED_BUG_LIST(KSTREAM_PLANTED_BUG_ID)
#undef KSTREAM_PLANTED_BUG_ID
};

#ifndef KSTREAM_PLANTED_BUGS

// Whether the code at hand is to be wrong in this way.
consteval bool planted(PlantedBug) {
    return false;
}

#else

[[nodiscard]] bool planted(PlantedBug bug);

// Before any thread that runs planted code is started; `none` takes it away.
void plant(PlantedBug bug);

struct PlantedBugInfo {
    PlantedBug bug;
    std::string name;  // as it is chosen by: release-at-revoke
    std::string_view place;
    std::string_view rule;
    std::string_view what;
};
[[nodiscard]] std::span<const PlantedBugInfo> planted_bugs();

#endif

}  // namespace kstream
