import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.to_json;

import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The default job of kstream in Spark Structured Streaming. Its Kafka sink is at-least-once. */
public final class SparkTotals {
    public static void main(String[] args) throws Exception {
        String brokers = args[0];
        String source = args[1];
        String results = args[2];
        SparkSession spark = SparkSession.builder().master("local[2]").appName(args[3])
            .config("spark.sql.shuffle.partitions", 2)
            .config("spark.ui.enabled", false)
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .getOrCreate();
        StructType schema = new StructType()
            .add("id_vendedor", DataTypes.StringType)
            .add("valor", DataTypes.createDecimalType(29, 9));
        spark.readStream().format("kafka")
            .option("kafka.bootstrap.servers", brokers)
            .option("kafka.isolation.level", "read_committed")
            .option("subscribe", source)
            .option("startingOffsets", "earliest")
            .load()
            .select(from_json(col("value").cast("string"), schema).as("sale"))
            .groupBy(col("sale.id_vendedor").as("id_vendedor"))
            .agg(sum("sale.valor").as("valor_total_por_vendedor"),
                 count(lit(1)).as("numero_transacoes"))
            .select(col("id_vendedor").as("key"),
                    to_json(struct(col("id_vendedor"), col("valor_total_por_vendedor"),
                                   col("numero_transacoes"))).as("value"))
            .writeStream().format("kafka").outputMode("update")
            .option("kafka.bootstrap.servers", brokers)
            .option("topic", results)
            .option("checkpointLocation", args[4])
            .trigger(Trigger.ProcessingTime(0))
            .start().awaitTermination();
    }
}
