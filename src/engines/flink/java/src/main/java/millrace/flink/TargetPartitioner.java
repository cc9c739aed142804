package millrace.flink;

import org.apache.flink.runtime.io.network.api.writer.SubtaskStateMapper;
import org.apache.flink.runtime.plugable.SerializationDelegate;
import org.apache.flink.streaming.runtime.partitioner.StreamPartitioner;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * Sends a frame to the subtask that its header names: Node has split the batch already, by key group or in turn.
 *
 * <p>Never unaligned. A frame is for a subtask, not for a key group, so frames in flight could not be restored with another
 * parallelism; and a parameter server's cut needs aligned barriers.
 */
public final class TargetPartitioner extends StreamPartitioner<Slice> {
  private static final long serialVersionUID = 1;

  public TargetPartitioner() {
    disableUnalignedCheckpoints();
  }

  @Override
  public int selectChannel(SerializationDelegate<StreamRecord<Slice>> record) {
    Frame frame = record.getInstance().getValue().frame;
    int target = frame.target();
    if (target < 0 || target >= numberOfChannels) {
      throw new IllegalStateException(
          "[PROTOCOL] edge " + frame.edge() + ": a frame is for subtask " + target + ", but the edge leads to subtasks 0 to " + (numberOfChannels - 1));
    }
    return target;
  }

  @Override
  public StreamPartitioner<Slice> copy() {
    return this;
  }

  @Override
  public boolean isPointwise() {
    return false;
  }

  @Override
  public SubtaskStateMapper getDownstreamSubtaskStateMapper() {
    return SubtaskStateMapper.UNSUPPORTED;
  }

  /** The name of the exchange in Flink's UI. */
  @Override
  public String toString() {
    return "TARGET";
  }
}
