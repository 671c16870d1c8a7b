import java.time.Duration;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** The default job of kstream as Flink SQL, exactly-once, with the settings that suit it best. */
public final class FlinkTotals {
    public static void main(String[] args) throws Exception {
        String brokers = args[0];
        String source = args[1];
        String results = args[2];
        String application = args[3];

        Configuration settings = new Configuration();
        settings.set(CoreOptions.DEFAULT_PARALLELISM, 2);
        settings.set(TaskManagerOptions.NUM_TASK_SLOTS, 2);
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(128));
        // Results are visible at a checkpoint. Each costs a transaction, as in kstream.
        settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofSeconds(1));
        TableEnvironment tables = TableEnvironment.create(
            EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings)
                .build());
        // Combining before the shuffle: what makes an aggregation fast in Flink.
        tables.getConfig().set("table.exec.mini-batch.enabled", "true");
        tables.getConfig().set("table.exec.mini-batch.allow-latency", "500 ms");
        tables.getConfig().set("table.exec.mini-batch.size", "100000");
        tables.getConfig().set("table.optimizer.agg-phase-strategy", "TWO_PHASE");

        tables.executeSql("""
            CREATE TABLE transactions (id_vendedor STRING, valor DECIMAL(29, 9)) WITH (
              'connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s',
              'properties.group.id' = '%s', 'properties.isolation.level' = 'read_committed',
              'scan.startup.mode' = 'earliest-offset', 'format' = 'json')
            """.formatted(source, brokers, application));
        tables.executeSql("""
            CREATE TABLE totals (
              id_vendedor STRING, valor_total_por_vendedor DECIMAL(38, 9),
              numero_transacoes BIGINT, PRIMARY KEY (id_vendedor) NOT ENFORCED) WITH (
              'connector' = 'upsert-kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s',
              'key.format' = 'raw', 'value.format' = 'json',
              'value.json.encode.decimal-as-plain-number' = 'true',
              'sink.delivery-guarantee' = 'exactly-once',
              'sink.transactional-id-prefix' = '%s',
              'properties.transaction.timeout.ms' = '600000')
            """.formatted(results, brokers, application));
        tables.executeSql("""
            INSERT INTO totals SELECT id_vendedor, sum(valor), count(*) FROM transactions
            GROUP BY id_vendedor
            """).await();
    }
}
