import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.function.Function;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** What the topologies share of reading records and writing states. */
final class Wire {
    private static final JsonFactory JSON = new JsonFactory();

    /** What is done with the value of a member, at which the parser stands. */
    interface Member {
        void read(String name, JsonParser parser) throws IOException;
    }

    private Wire() {}

    static void readObject(byte[] value, Member member) {
        try (JsonParser parser = JSON.createParser(value)) {
            parser.nextToken();
            readMembers(parser, member);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Of the object at whose beginning the parser stands. */
    static void readMembers(JsonParser parser, Member member) throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            member.read(name, parser);
        }
    }

    static <T> Serde<T> serde(Function<T, byte[]> write, Function<byte[], T> read) {
        return Serdes.serdeFrom(
            (topic, value) -> value == null ? null : write.apply(value),
            (topic, bytes) -> bytes == null ? null : read.apply(bytes));
    }

    static Serde<long[]> numbers() {
        return serde(
            values -> {
                ByteBuffer buffer = ByteBuffer.allocate(Long.BYTES * values.length);
                buffer.asLongBuffer().put(values);
                return buffer.array();
            },
            bytes -> {
                long[] values = new long[bytes.length / Long.BYTES];
                ByteBuffer.wrap(bytes).asLongBuffer().get(values);
                return values;
            });
    }
}
