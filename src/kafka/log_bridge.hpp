// librdkafka's log lines -> the Log port.
#pragma once

#include "kafka/handles.hpp"
#include "kstream/ports/log.hpp"

namespace kstream::kafka {

// Every client made from `conf` writes its log lines to `log`, which must outlive the clients. Does
// not use the opaque pointer of the configuration. Lines that repeat are cut to a few per facility
// and ten seconds, over all clients of one log; the next line that passes says how many were
// left out. Safe from any thread; the lines come from librdkafka's own threads.
void attach_log(rd_kafka_conf_t& conf, Log& log);

}  // namespace kstream::kafka
