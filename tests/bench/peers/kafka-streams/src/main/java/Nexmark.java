import com.fasterxml.jackson.core.JsonParser;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.state.DslStoreSuppliers;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Queries of Nexmark over the bids of `kstream produce --shape nexmark`. q5, q7, q11 and q12
 * publish each window once, when it has closed (suppress); q15 to q17 whatever has changed, with
 * each commit. A grace is counted from the newest bid that the task has met, whichever partition of
 * the source it came from: while a backlog is read, records may be late here that are so nowhere
 * else.
 */
final class Nexmark {
    private static final Duration TEN_SECONDS = Duration.ofSeconds(10);
    private static final byte[] NOTHING = {}; // for what is only counted
    private static final int BID = 2;

    private static final class Event implements Wire.Member {
        int kind;
        long ms;
        long auction;
        long bidder;
        long price;
        String channel;

        static Event of(byte[] value) {
            Event event = new Event();
            Wire.readObject(value, event);
            return event;
        }

        @Override
        public void read(String name, JsonParser parser) throws IOException {
            switch (name) {
                case "event_type" -> kind = parser.getIntValue();
                case "person", "auction", "bid" -> Wire.readMembers(parser, this::readMember);
                default -> parser.skipChildren();
            }
        }

        private void readMember(String name, JsonParser parser) throws IOException {
            switch (name) {
                case "dateTime" -> ms = Instant.parse(parser.getText()).toEpochMilli();
                case "auction" -> auction = parser.getLongValue();
                case "bidder" -> bidder = parser.getLongValue();
                case "price" -> price = parser.getLongValue();
                case "channel" -> channel = parser.getText();
                default -> parser.skipChildren();
            }
        }

        String day() {
            return Instant.ofEpochMilli(ms).atOffset(ZoneOffset.UTC).toLocalDate().toString();
        }

        /** One of the three classes that q15 to q17 count by. */
        int rank() {
            return price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3;
        }
    }

    private final KStream<byte[], Event> bids;
    private final String results;
    private final Duration grace;

    Nexmark(StreamsBuilder builder, String source, String results, long graceSeconds) {
        Serde<Event> events = Wire.serde(event -> NOTHING, Event::of); // never written
        bids = builder
            .stream(source, Consumed.with(Serdes.ByteArray(), events)
                .withTimestampExtractor((record, time) -> ((Event) record.value()).ms))
            .filter((key, event) -> event.kind == BID);
        this.results = results;
        grace = Duration.ofSeconds(graceSeconds);
    }

    void build(String query) {
        switch (query) {
            case "q5" -> q5();
            case "q7" -> q7();
            case "q11" -> q11();
            case "q12" -> q12();
            case "q15" -> q15();
            case "q16" -> q16();
            case "q17" -> q17();
            default -> throw new IllegalArgumentException(query);
        }
    }

    // ---- windows ----

    private void q5() {
        KTable<Windowed<Long>, Long> counts = counted(bids.map((key, bid) ->
                KeyValue.pair(bid.auction, NOTHING)))
            .windowedBy(TimeWindows.ofSizeAndGrace(TEN_SECONDS, grace)
                .advanceBy(Duration.ofSeconds(2)))
            .count(stored(BuiltInDslStoreSuppliers.IN_MEMORY));
        publishClosed(counts, (auction, start, end, count) -> """
            {"auction":%d,"window_start":"%s","window_end":"%s","num":%d}"""
            .formatted(auction, start, end, count));
    }

    private void q7() {
        KTable<Windowed<Long>, Long> highest = bids
            .map((key, bid) -> KeyValue.pair(0L, bid.price))
            .groupByKey(Grouped.with(Serdes.Long(), Serdes.Long()))
            .windowedBy(TimeWindows.ofSizeAndGrace(TEN_SECONDS, grace))
            .reduce(Math::max, stored(BuiltInDslStoreSuppliers.IN_MEMORY));
        publishClosed(highest, (all, start, end, price) -> """
            {"window_start":"%s","window_end":"%s","maxprice":%d}"""
            .formatted(start, end, price));
    }

    private void q11() {
        KTable<Windowed<Long>, Long> counts = counted(bids.map((key, bid) ->
                KeyValue.pair(bid.bidder, NOTHING)))
            .windowedBy(SessionWindows.ofInactivityGapAndGrace(TEN_SECONDS, grace))
            // The store in memory is ordered by time, and looks for a key's sessions among those of
            // all keys; RocksDB's is ordered by key.
            .count(stored(BuiltInDslStoreSuppliers.ROCKS_DB));
        // The end of a session is its last time here, without the gap.
        publishClosed(counts, (bidder, start, last, count) ->
            bidderRow(bidder, start, last.plus(TEN_SECONDS), count));
    }

    private void q12() {
        KTable<Windowed<Long>, Long> counts = counted(bids.map((key, bid) ->
                KeyValue.pair(bid.bidder, NOTHING)))
            .windowedBy(TimeWindows.ofSizeAndGrace(TEN_SECONDS, grace))
            .count(stored(BuiltInDslStoreSuppliers.IN_MEMORY));
        publishClosed(counts, Nexmark::bidderRow);
    }

    private static String bidderRow(long bidder, Instant start, Instant end, long count) {
        return """
            {"bidder":%d,"bid_count":%d,"starttime":"%s","endtime":"%s"}"""
            .formatted(bidder, count, start, end);
    }

    private static KGroupedStream<Long, byte[]> counted(KStream<Long, byte[]> records) {
        return records.groupByKey(Grouped.with(Serdes.Long(), Serdes.ByteArray()));
    }

    private static <S extends StateStore> Materialized<Long, Long, S> stored(
            DslStoreSuppliers where) {
        return Materialized.<Long, Long, S>as(where)
            .withKeySerde(Serdes.Long()).withValueSerde(Serdes.Long());
    }

    private interface WindowRow {
        String json(long key, Instant start, Instant end, long value);
    }

    private void publishClosed(KTable<Windowed<Long>, Long> windows, WindowRow row) {
        windows.suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()))
            .toStream()
            .map((key, value) -> KeyValue.pair(
                key.key() + "@" + key.window().start(),
                row.json(key.key(), key.window().startTime(), key.window().endTime(), value)))
            .to(results, Produced.with(Serdes.String(), Serdes.String()));
    }

    // ---- days ----

    private void q15() {
        publishStatistics(bids.selectKey((key, bid) -> bid.day()), (day, numbers) ->
            "{\"day\":\"" + day + "\"," + statistics(numbers) + "}");
    }

    private void q16() {
        publishStatistics(
            bids.selectKey((key, bid) -> bid.day() + bid.channel),
            (key, numbers) -> {
                int ofDay = 10;
                long minute = numbers[MINUTE];
                return """
                    {"channel":"%s","day":"%s","minute":"%02d:%02d",%s}""".formatted(
                        key.substring(ofDay), key.substring(0, ofDay), minute / 60, minute % 60,
                        statistics(numbers));
            });
    }

    private void q17() {
        KStream<String, long[]> prices = bids.map((key, bid) ->
            KeyValue.pair(bid.day() + bid.auction, new long[] {bid.price, bid.rank()}));
        prices.groupByKey(Grouped.with(Serdes.String(), Wire.numbers()))
            .aggregate(() -> new long[] {0, 0, 0, 0, Long.MAX_VALUE, Long.MIN_VALUE, 0},
                       (key, bid, before) -> {
                           long[] total = before.clone();
                           total[0] += 1;
                           total[(int) bid[1]] += 1;
                           total[4] = Math.min(total[4], bid[0]);
                           total[5] = Math.max(total[5], bid[0]);
                           total[6] += bid[0];
                           return total;
                       },
                       Materialized.<String, long[]>as(Stores.inMemoryKeyValueStore("totals"))
                           .withKeySerde(Serdes.String()).withValueSerde(Wire.numbers()))
            .toStream()
            .mapValues((key, total) -> """
                {"auction":%s,"day":"%s","total_bids":%d,"rank1_bids":%d,"rank2_bids":%d,\
                "rank3_bids":%d,"min_price":%d,"max_price":%d,"avg_price":%s,"sum_price":%d}"""
                .formatted(key.substring(10), key.substring(0, 10), total[0], total[1], total[2],
                           total[3], total[4], total[5],
                           BigDecimal.valueOf(total[6])
                               .divide(BigDecimal.valueOf(total[0]), 2, RoundingMode.HALF_UP),
                           total[6]))
            .to(results, Produced.with(Serdes.String(), Serdes.String()));
    }

    // Bids, bidders and auctions, each of any price and of the three ranks; then the last minute.
    private static final String[] COUNTED = {"bids", "bidders", "auctions"};
    private static final int MINUTE = 12;

    private static String statistics(long[] numbers) {
        return LongStream.range(0, MINUTE)
            .mapToObj(i -> "\"" + (i % 4 == 0 ? "total" : "rank" + i % 4) + "_"
                + COUNTED[(int) i / 4] + "\":" + numbers[(int) i])
            .collect(Collectors.joining(","));
    }

    private interface StatisticsRow {
        String json(String key, long[] numbers);
    }

    private void publishStatistics(KStream<String, Event> keyed, StatisticsRow row) {
        keyed.mapValues(bid -> new long[] {bid.auction, bid.bidder, bid.rank(),
                                           bid.ms / 60_000 % 1_440})
            .repartition(Repartitioned.with(Serdes.String(), Wire.numbers()))
            .processValues(new FirstSeen())
            .groupByKey(Grouped.with(Serdes.String(), Wire.numbers()))
            .aggregate(() -> new long[MINUTE + 1],
                       (key, more, before) -> {
                           long[] total = before.clone();
                           for (int i = 0; i < MINUTE; ++i) {
                               total[i] += more[i];
                           }
                           total[MINUTE] = Math.max(total[MINUTE], more[MINUTE]);
                           return total;
                       },
                       Materialized.<String, long[]>as(Stores.inMemoryKeyValueStore("totals"))
                           .withKeySerde(Serdes.String()).withValueSerde(Wire.numbers()))
            .toStream()
            .mapValues(row::json)
            .to(results, Produced.with(Serdes.String(), Serdes.String()));
    }

    /**
     * From a bid to what it adds to the counts: 1 to those of bidders and auctions that are new.
     * Whom it has seen stands in RocksDB, which Streams is at home in: millions of them would not
     * suit the heap.
     */
    private static final class FirstSeen
            implements FixedKeyProcessorSupplier<String, long[], long[]> {
        private static final String SEEN = "seen";
        private static final byte[] NO_RANKS = {0};

        @Override
        public Set<StoreBuilder<?>> stores() {
            return Set.of(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(SEEN),
                                                      Serdes.ByteArray(), Serdes.ByteArray()));
        }

        @Override
        public FixedKeyProcessor<String, long[], long[]> get() {
            return new FixedKeyProcessor<>() {
                private FixedKeyProcessorContext<String, long[]> context;
                private KeyValueStore<byte[], byte[]> seen;

                @Override
                public void init(FixedKeyProcessorContext<String, long[]> given) {
                    context = given;
                    seen = given.getStateStore(SEEN);
                }

                @Override
                public void process(FixedKeyRecord<String, long[]> record) {
                    long[] bid = record.value();
                    int rank = (int) bid[2];
                    long[] more = new long[MINUTE + 1];
                    more[0] = 1;
                    more[rank] = 1;
                    count(more, 4, record.key(), bid[1], rank);
                    count(more, 8, record.key(), bid[0], rank);
                    more[MINUTE] = bid[3];
                    context.forward(record.withValue(more));
                }

                private void count(long[] more, int first, String group, long id, int rank) {
                    byte[] text = group.getBytes(StandardCharsets.UTF_8);
                    byte[] key = ByteBuffer.allocate(text.length + 1 + Long.BYTES)
                        .put(text).put((byte) first).putLong(id).array();
                    byte[] found = seen.get(key);
                    byte ranks = (found == null ? NO_RANKS : found)[0];
                    more[first] = ranks == 0 ? 1 : 0;
                    more[first + rank] = (ranks >> rank & 1) == 0 ? 1 : 0;
                    if (more[first + rank] == 1) {
                        seen.put(key, new byte[] {(byte) (ranks | 1 << rank)});
                    }
                }
            };
        }
    }
}
