package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.apache.flink.runtime.plugable.SerializationDelegate;
import org.apache.flink.streaming.runtime.streamrecord.StreamElementSerializer;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.junit.jupiter.api.Test;

class TargetPartitionerTest {
  private final TargetPartitioner partitioner = new TargetPartitioner();

  private int select(int target, int channels) {
    partitioner.setup(channels);
    @SuppressWarnings({"unchecked", "rawtypes"})
    SerializationDelegate<StreamRecord<Slice>> delegate = new SerializationDelegate<>((StreamElementSerializer) new StreamElementSerializer<>(new SliceType.Serializer()));
    delegate.setInstance(new StreamRecord<>(new Slice(Frame.make(Frame.DATA, 1, 5, target, 0, new byte[0]), 0)));
    return partitioner.selectChannel(delegate);
  }

  @Test
  void sendsAFrameToTheSubtaskOfItsHeader() {
    assertEquals(0, select(0, 3));
    assertEquals(2, select(2, 3));
  }

  @Test
  void refusesASubtaskThatIsNotThere() {
    for (int target : new int[] {-1, 3}) {
      String message = assertThrows(IllegalStateException.class, () -> select(target, 3)).getMessage();
      assertEquals("[PROTOCOL] edge 5: a frame is for subtask " + target + ", but the edge leads to subtasks 0 to 2", message);
    }
  }

  @Test
  void isNeverUnaligned() {
    assertFalse(partitioner.isSupportsUnalignedCheckpoint());
    assertFalse(partitioner.isPointwise());
  }
}
