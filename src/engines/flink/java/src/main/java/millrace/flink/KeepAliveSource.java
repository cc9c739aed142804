package millrace.flink;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * The source of a vertex without inputs: it emits nothing, and ends when the bridge operator behind it says that Node has
 * finished. Splits and positions are Node's, in the state of the operator.
 *
 * <pre>
 *   KeepAliveSource --(chained, no record ever)--> BridgeOperator <==> Node subtask
 *        ^------------- "finished" (a future) -----------'
 * </pre>
 */
final class KeepAliveSource implements Source<Slice, KeepAliveSource.NoSplit, Void> {
  private static final long serialVersionUID = 1;

  /**
   * From the operator to the source of its own chain. Flink opens both on the task's thread, the last one of a chain first,
   * so the source finds the future of its operator here.
   */
  private static final ThreadLocal<CompletableFuture<Void>> FINISHED = new ThreadLocal<>();

  /** The future that ends the source of the task whose thread calls; for the operator behind it. */
  static CompletableFuture<Void> finished() {
    CompletableFuture<Void> future = new CompletableFuture<>();
    FINISHED.set(future);
    return future;
  }

  @Override
  public Boundedness getBoundedness() {
    return Boundedness.CONTINUOUS_UNBOUNDED;
  }

  @Override
  public SourceReader<Slice, NoSplit> createReader(SourceReaderContext context) {
    return new Reader();
  }

  @Override
  public SplitEnumerator<NoSplit, Void> createEnumerator(SplitEnumeratorContext<NoSplit> context) {
    return new Enumerator();
  }

  @Override
  public SplitEnumerator<NoSplit, Void> restoreEnumerator(SplitEnumeratorContext<NoSplit> context, Void state) {
    return new Enumerator();
  }

  @Override
  public SimpleVersionedSerializer<NoSplit> getSplitSerializer() {
    return new Nothing<>();
  }

  @Override
  public SimpleVersionedSerializer<Void> getEnumeratorCheckpointSerializer() {
    return new Nothing<>();
  }

  private static final class Reader implements SourceReader<Slice, NoSplit> {
    private CompletableFuture<Void> finished;

    @Override
    public void start() {
      finished = FINISHED.get();
      FINISHED.remove();
    }

    @Override
    public InputStatus pollNext(ReaderOutput<Slice> output) {
      return finished.isDone() ? InputStatus.END_OF_INPUT : InputStatus.NOTHING_AVAILABLE;
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
      return finished;
    }

    @Override
    public List<NoSplit> snapshotState(long checkpointId) {
      return List.of();
    }

    @Override
    public void addSplits(List<NoSplit> splits) {}

    @Override
    public void notifyNoMoreSplits() {}

    @Override
    public void close() {}
  }

  private static final class Enumerator implements SplitEnumerator<NoSplit, Void> {
    @Override
    public void start() {}

    @Override
    public void handleSplitRequest(int subtask, String host) {}

    @Override
    public void addSplitsBack(List<NoSplit> splits, int subtask) {}

    @Override
    public void addReader(int subtask) {}

    @Override
    public Void snapshotState(long checkpointId) {
      return null;
    }

    @Override
    public void close() {}
  }

  /** There is none, ever. */
  static final class NoSplit implements SourceSplit {
    @Override
    public String splitId() {
      return "";
    }
  }

  private static final class Nothing<T> implements SimpleVersionedSerializer<T> {
    @Override
    public int getVersion() {
      return 1;
    }

    @Override
    public byte[] serialize(T value) {
      return new byte[0];
    }

    @Override
    public T deserialize(int version, byte[] bytes) {
      return null;
    }
  }
}
