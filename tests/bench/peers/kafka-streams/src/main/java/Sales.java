import com.fasterxml.jackson.core.JsonParser;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.Stores;

/** The default job of kstream: sum and count of each seller. */
final class Sales {
    private Sales() {}

    private static final class Sale implements Wire.Member {
        String seller;
        BigDecimal amount;

        static Sale of(byte[] value) {
            Sale sale = new Sale();
            Wire.readObject(value, sale);
            return sale;
        }

        @Override
        public void read(String name, JsonParser parser) throws IOException {
            switch (name) {
                case "id_vendedor" -> seller = parser.getText();
                case "valor" -> amount = parser.getDecimalValue();
                default -> parser.skipChildren();
            }
        }
    }

    private record Total(BigDecimal sum, long count) {
        String json(String seller) {
            return "{\"id_vendedor\":\"" + seller + "\",\"valor_total_por_vendedor\":"
                + sum.toPlainString() + ",\"numero_transacoes\":" + count + "}";
        }

        byte[] bytes() {
            return (count + " " + sum.toPlainString()).getBytes(StandardCharsets.UTF_8);
        }

        static Total of(byte[] bytes) {
            String text = new String(bytes, StandardCharsets.UTF_8);
            int blank = text.indexOf(' ');
            return new Total(new BigDecimal(text.substring(blank + 1)),
                             Long.parseLong(text.substring(0, blank)));
        }
    }

    static void totals(StreamsBuilder builder, String source, String results) {
        Serde<BigDecimal> amounts = Wire.serde(
            amount -> amount.toPlainString().getBytes(StandardCharsets.UTF_8),
            bytes -> new BigDecimal(new String(bytes, StandardCharsets.UTF_8)));
        builder.stream(source, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .map((key, value) -> {
                Sale sale = Sale.of(value);
                return KeyValue.pair(sale.seller, sale.amount);
            })
            .groupByKey(Grouped.with(Serdes.String(), amounts))
            .aggregate(() -> new Total(BigDecimal.ZERO, 0),
                       (seller, amount, total) ->
                           new Total(total.sum().add(amount), total.count() + 1),
                       Materialized.<String, Total>as(Stores.inMemoryKeyValueStore("totals"))
                           .withKeySerde(Serdes.String())
                           .withValueSerde(Wire.serde(Total::bytes, Total::of)))
            .toStream()
            .mapValues((seller, total) -> total.json(seller))
            .to(results, Produced.with(Serdes.String(), Serdes.String()));
    }
}
