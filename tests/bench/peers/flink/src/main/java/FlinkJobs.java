import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/**
 * The jobs of run.py as Flink SQL, exactly-once, with the settings that suit them best: runs the
 * scripts that it is given, whose last statement is the job. Goes on from the newest checkpoint in
 * its folder, if there is one. Arguments are NAME=VALUE: brokers, source, results, application,
 * scratch, scripts (FILE,FILE), state (hashmap or rocksdb), grace_s, interval_ms, and statement
 * where a script wants one.
 */
public final class FlinkJobs {
    // The thread that fetches hands over 10,000 records at a time, and not 500.
    private static final String FROM_SOURCE = """
        'connector' = 'kafka', 'topic' = '${source}', 'properties.bootstrap.servers' = '${brokers}',
        'properties.group.id' = '${application}', 'properties.isolation.level' = 'read_committed',
        'properties.max.poll.records' = '10000', 'scan.startup.mode' = 'earliest-offset',
        'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601'""";
    private static final String TO_RESULTS = """
        'connector' = 'upsert-kafka', 'topic' = '${results}',
        'properties.bootstrap.servers' = '${brokers}',
        'key.format' = 'json', 'key.json.timestamp-format.standard' = 'ISO-8601',
        'value.format' = 'json', 'value.json.timestamp-format.standard' = 'ISO-8601',
        'value.json.encode.decimal-as-plain-number' = 'true',
        'sink.delivery-guarantee' = 'exactly-once',
        'sink.transactional-id-prefix' = '${application}',
        'properties.transaction.timeout.ms' = '600000'""";

    static Configuration settings(Map<String, String> options) throws IOException {
        Path checkpoints = Path.of(options.get("scratch"), "checkpoints");
        Duration interval = Duration.ofMillis(Long.parseLong(options.get("interval_ms")));
        Configuration settings = new Configuration();
        settings.set(CoreOptions.DEFAULT_PARALLELISM, 2);
        settings.set(CoreOptions.TMP_DIRS, options.get("scratch"));
        settings.set(TaskManagerOptions.NUM_TASK_SLOTS, 2);
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(128));
        // RocksDB's; the other one takes nothing of it.
        settings.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(512));
        // Results are visible at a checkpoint. Each costs a transaction, as in kstream.
        settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, interval);
        settings.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints.toUri().toString());
        settings.set(CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION,
                     ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
        settings.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
        settings.set(StateBackendOptions.STATE_BACKEND, options.get("state"));
        // No copy of each row between one operator and the next: there is no code of ours among
        // them that might keep one.
        settings.set(PipelineOptions.OBJECT_REUSE, true);
        newest(checkpoints).ifPresent(checkpoint ->
            settings.set(StateRecoveryOptions.SAVEPOINT_PATH, checkpoint.toUri().toString()));
        // Combining before the shuffle: what makes an aggregation fast in Flink.
        settings.setString("table.exec.mini-batch.enabled", "true");
        settings.setString("table.exec.mini-batch.allow-latency",
                           interval.toMillis() / 2 + " ms");
        settings.setString("table.exec.mini-batch.size", "100000");
        settings.setString("table.optimizer.agg-phase-strategy", "TWO_PHASE");
        // The distinct values of one group by several tasks.
        settings.setString("table.optimizer.distinct-agg.split.enabled", "true");
        settings.setString("table.local-time-zone", "UTC");
        return settings;
    }

    /** The checkpoint with the highest number that is complete: its metadata is written last. */
    private static Optional<Path> newest(Path checkpoints) throws IOException {
        if (!Files.isDirectory(checkpoints)) {
            return Optional.empty();
        }
        try (Stream<Path> files = Files.walk(checkpoints, 3)) {
            return files.filter(file -> file.endsWith("_metadata")).map(Path::getParent)
                .max(Comparator.comparingLong(FlinkJobs::number));
        }
    }

    private static long number(Path checkpoint) {
        return Long.parseLong(checkpoint.getFileName().toString().substring("chk-".length()));
    }

    private static String filledIn(String text, Map<String, String> options) {
        text = text.replace("${from source}", FROM_SOURCE).replace("${to results}", TO_RESULTS);
        for (Map.Entry<String, String> option : options.entrySet()) {
            text = text.replace("${" + option.getKey() + "}", option.getValue());
        }
        return text;
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> options = Arrays.stream(args).map(arg -> arg.split("=", 2))
            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
        StringBuilder script = new StringBuilder();
        for (String file : options.get("scripts").split(",")) {
            script.append(Files.readString(Path.of(file)));
        }
        TableEnvironment tables = TableEnvironment.create(
            EnvironmentSettings.newInstance().inStreamingMode()
                .withConfiguration(settings(options)).build());
        // No line within a statement ends with a semicolon.
        String[] statements = filledIn(script.toString(), options).split(";\\s*\\n\\s*");
        for (int i = 0; i < statements.length - 1; ++i) {
            tables.executeSql(statements[i]);
        }
        tables.executeSql(statements[statements.length - 1]).await();
    }
}
