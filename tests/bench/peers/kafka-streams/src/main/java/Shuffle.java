import com.fasterxml.jackson.core.JsonParser;
import java.io.IOException;
import java.time.Instant;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/** docs/shapes/shuffle.sql: of each id the records, the sum of a number, first and last time. */
final class Shuffle {
    private static final int TAKEN = 20; // selectors below it: a fifth of the records

    private Shuffle() {}

    private static final class Event implements Wire.Member {
        long id;
        long selector;
        long value;
        long ms;

        static Event of(byte[] value) {
            Event event = new Event();
            Wire.readObject(value, event);
            return event;
        }

        @Override
        public void read(String name, JsonParser parser) throws IOException {
            switch (name) {
                case "id" -> id = parser.getLongValue();
                case "selector" -> selector = parser.getLongValue();
                case "value" -> value = parser.getLongValue();
                case "ts" -> ms = parser.getLongValue();
                default -> parser.skipChildren();
            }
        }
    }

    static void totals(StreamsBuilder builder, String source, String results) {
        builder.stream(source, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .mapValues(Event::of)
            .filter((key, event) -> event.selector < TAKEN)
            .map((key, event) -> KeyValue.pair(event.id, new long[] {event.value, event.ms}))
            .groupByKey(Grouped.with(Serdes.Long(), Wire.numbers()))
            .aggregate(() -> new long[] {0, 0, Long.MAX_VALUE, Long.MIN_VALUE},
                       (id, event, total) -> new long[] {
                           total[0] + 1, total[1] + event[0],
                           Math.min(total[2], event[1]), Math.max(total[3], event[1])},
                       Materialized.<Long, long[]>as(Stores.inMemoryKeyValueStore("totals"))
                           .withKeySerde(Serdes.Long()).withValueSerde(Wire.numbers()))
            .toStream()
            .map((id, total) -> KeyValue.pair(id.toString(), """
                {"id":%d,"records":%d,"total":%d,"first":"%s","last":"%s"}""".formatted(
                    id, total[0], total[1], Instant.ofEpochMilli(total[2]),
                    Instant.ofEpochMilli(total[3]))))
            .to(results, Produced.with(Serdes.String(), Serdes.String()));
    }
}
