package millrace.peers;

import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/**
 * source -> identity map -> sink, a record of Flink for each record, at parallelism 1: {@code <records> <bytes> chained|apart}. The
 * job's accumulators say when the sink had a fifth of the records, and when it had all: fifthAt and allAt, ms since 1970.
 */
public final class IdentityJob {
  private IdentityJob() {}

  public static void main(String[] args) throws Exception {
    Configuration configuration = new Configuration();
    configuration.setString("pipeline.object-reuse", "true");
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
    environment.setParallelism(1);
    long records = Long.parseLong(args[0]);
    boolean chained = args[2].equals("chained");
    SingleOutputStreamOperator<byte[]> mapped = records(environment, records, Integer.parseInt(args[1])).map(record -> record).returns(byte[].class);
    SingleOutputStreamOperator<byte[]> counted = counted(chained ? mapped : mapped.startNewChain(), records);
    if (!chained) {
      counted.startNewChain();
    }
    counted.sinkTo(new DiscardingSink<>());
    environment.executeAsync("identity in Java");
  }

  /** The same record, again and again: the least that a source can cost. */
  public static DataStream<byte[]> records(StreamExecutionEnvironment environment, long count, int bytes) {
    byte[] record = new byte[bytes];
    return environment
        .fromSource(new NumberSequenceSource(1, count), WatermarkStrategy.noWatermarks(), "records")
        .map(number -> record)
        .returns(PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
  }

  /** Counts, and emits nothing. */
  public static SingleOutputStreamOperator<byte[]> counted(DataStream<byte[]> records, long count) {
    return records.flatMap(new Count(count)).returns(PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO).name("count");
  }

  private static final class Count extends RichFlatMapFunction<byte[], byte[]> {
    private static final long serialVersionUID = 1;

    private final long count;
    private final LongCounter fifthAt = new LongCounter();
    private final LongCounter allAt = new LongCounter();
    private long seen;

    Count(long count) {
      this.count = count;
    }

    @Override
    public void open(OpenContext context) {
      getRuntimeContext().addAccumulator("fifthAt", fifthAt);
      getRuntimeContext().addAccumulator("allAt", allAt);
    }

    @Override
    public void flatMap(byte[] record, Collector<byte[]> output) {
      seen++;
      if (seen == count / 5) {
        fifthAt.add(System.currentTimeMillis());
      } else if (seen == count) {
        allAt.add(System.currentTimeMillis());
      }
    }
  }
}
