import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/**
 * The jobs of run.py in Kafka Streams, exactly_once_v2: one topology for each, in Sales, Nexmark
 * and Shuffle. Arguments are NAME=VALUE: brokers, source, results, application, scratch, job,
 * grace_s, interval_ms.
 */
public final class StreamsJobs {
    static StreamsBuilder topology(String job, String source, String results, long graceSeconds) {
        StreamsBuilder builder = new StreamsBuilder();
        switch (job) {
            case "default" -> Sales.totals(builder, source, results);
            case "shuffle" -> Shuffle.totals(builder, source, results);
            default -> new Nexmark(builder, source, results, graceSeconds).build(job);
        }
        return builder;
    }

    private static Properties settings(Map<String, String> options) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, options.get("application"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.get("brokers"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, options.get("interval_ms"));
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, -1);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, options.get("scratch"));
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG),
                     "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        // A process that was killed is missed after this long, as with kstream.
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), 8_000);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 1_000_000);
        return settings;
    }

    public static void main(String[] args) throws InterruptedException {
        Map<String, String> options = Arrays.stream(args).map(arg -> arg.split("=", 2))
            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
        StreamsBuilder builder =
            topology(options.get("job"), options.get("source"), options.get("results"),
                     Long.parseLong(options.get("grace_s")));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings(options));
        streams.start();
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        Thread.currentThread().join();
    }
}
