import java.time.Duration;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/**
 * A job of kstream as Flink SQL, exactly-once, with the settings that suit it best: the default
 * one, or the statement that is given, which reads the table that is named as the source topic.
 */
public final class FlinkTotals {
    /**
     * What is read of a record, what is published of a seller, and the SELECT between them. The
     * connector decodes all fields of its table, whatever is selected: so it has no others.
     */
    private record Job(String fields, String columns, String select) {
        static Job totals(String source) {
            return new Job(
                "id_vendedor STRING, valor DECIMAL(29, 9)",
                "id_vendedor STRING, valor_total_por_vendedor DECIMAL(38, 9), "
                    + "numero_transacoes BIGINT",
                "SELECT id_vendedor, sum(valor), count(*) FROM " + source
                    + " GROUP BY id_vendedor");
        }

        // The amounts have cents. As a DECIMAL of up to 18 digits they are compared as longs.
        static Job of(String statement) {
            return new Job(
                "id_vendedor STRING, valor DECIMAL(18, 2), metodo_pagamento STRING, moeda STRING",
                "id_vendedor STRING, n BIGINT, total DECIMAL(38, 2), menor DECIMAL(18, 2), "
                    + "maior DECIMAL(18, 2), media DECIMAL(38, 2)",
                statement);
        }
    }

    public static void main(String[] args) throws Exception {
        String brokers = args[0];
        String source = args[1];
        String results = args[2];
        String application = args[3];
        Job job = args.length > 5 ? Job.of(args[5]) : Job.totals(source);

        Configuration settings = new Configuration();
        settings.set(CoreOptions.DEFAULT_PARALLELISM, 2);
        settings.set(TaskManagerOptions.NUM_TASK_SLOTS, 2);
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(128));
        // Results are visible at a checkpoint. Each costs a transaction, as in kstream.
        settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofSeconds(1));
        // No copy of each row between one operator and the next: there is no code of ours among
        // them that might keep one.
        settings.set(PipelineOptions.OBJECT_REUSE, true);
        TableEnvironment tables = TableEnvironment.create(
            EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings)
                .build());
        // Combining before the shuffle: what makes an aggregation fast in Flink.
        tables.getConfig().set("table.exec.mini-batch.enabled", "true");
        tables.getConfig().set("table.exec.mini-batch.allow-latency", "500 ms");
        tables.getConfig().set("table.exec.mini-batch.size", "100000");
        tables.getConfig().set("table.optimizer.agg-phase-strategy", "TWO_PHASE");

        // The thread that fetches hands over 10,000 records at a time, and not 500.
        tables.executeSql("""
            CREATE TABLE %s (%s) WITH (
              'connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s',
              'properties.group.id' = '%s', 'properties.isolation.level' = 'read_committed',
              'properties.max.poll.records' = '10000',
              'scan.startup.mode' = 'earliest-offset', 'format' = 'json')
            """.formatted(source, job.fields(), source, brokers, application));
        tables.executeSql("""
            CREATE TABLE totals (%s, PRIMARY KEY (id_vendedor) NOT ENFORCED) WITH (
              'connector' = 'upsert-kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s',
              'key.format' = 'raw', 'value.format' = 'json',
              'value.json.encode.decimal-as-plain-number' = 'true',
              'sink.delivery-guarantee' = 'exactly-once',
              'sink.transactional-id-prefix' = '%s',
              'properties.transaction.timeout.ms' = '600000')
            """.formatted(job.columns(), results, brokers, application));
        tables.executeSql("INSERT INTO totals " + job.select()).await();
    }
}
