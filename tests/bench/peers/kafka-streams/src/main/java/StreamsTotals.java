import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/** The default job of kstream in Kafka Streams, exactly_once_v2. */
public final class StreamsTotals {
    record Total(BigDecimal sum, long count) {
        String json(String seller) {
            return "{\"id_vendedor\":\"" + seller + "\",\"valor_total_por_vendedor\":"
                + sum.toPlainString() + ",\"numero_transacoes\":" + count + "}";
        }
    }

    private static final JsonFactory JSON = new JsonFactory();

    private record Sale(String seller, BigDecimal amount) {
        static Sale of(byte[] value) {
            String seller = null;
            BigDecimal amount = null;
            try (JsonParser parser = JSON.createParser(value)) {
                parser.nextToken();
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    String name = parser.currentName();
                    parser.nextToken();
                    switch (name) {
                        case "id_vendedor" -> seller = parser.getText();
                        case "valor" -> amount = parser.getDecimalValue();
                        default -> parser.skipChildren();
                    }
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return new Sale(seller, amount);
        }
    }

    private static <T> Serde<T> textSerde(
            java.util.function.Function<T, String> write,
            java.util.function.Function<String, T> read) {
        Serializer<T> serializer =
            (topic, value) ->
                value == null ? null : write.apply(value).getBytes(StandardCharsets.UTF_8);
        Deserializer<T> deserializer =
            (topic, bytes) ->
                bytes == null ? null : read.apply(new String(bytes, StandardCharsets.UTF_8));
        return Serdes.serdeFrom(serializer, deserializer);
    }

    public static void main(String[] args) throws InterruptedException {
        String brokers = args[0];
        String source = args[1];
        String results = args[2];
        String application = args[3];

        Serde<BigDecimal> amounts = textSerde(BigDecimal::toPlainString, BigDecimal::new);
        Serde<Total> totals = textSerde(
            total -> total.count() + " " + total.sum().toPlainString(),
            text -> {
                int blank = text.indexOf(' ');
                return new Total(new BigDecimal(text.substring(blank + 1)),
                                 Long.parseLong(text.substring(0, blank)));
            });

        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(source, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .map((key, value) -> {
                Sale sale = Sale.of(value);
                return KeyValue.pair(sale.seller(), sale.amount());
            })
            .groupByKey(Grouped.with(Serdes.String(), amounts))
            .aggregate(() -> new Total(BigDecimal.ZERO, 0),
                       (seller, amount, total) ->
                           new Total(total.sum().add(amount), total.count() + 1),
                       Materialized.<String, Total>as(Stores.inMemoryKeyValueStore("totals"))
                           .withKeySerde(Serdes.String()).withValueSerde(totals))
            .toStream()
            .mapValues((seller, total) -> total.json(seller))
            .to(results, Produced.with(Serdes.String(), Serdes.String()));

        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, -1);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, args[4]);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG),
                     "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 1_000_000);
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        streams.start();
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        Thread.currentThread().join();
    }
}
