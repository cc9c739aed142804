package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;

class SliceTypeTest {
  private final TypeSerializer<Slice> serializer = new SliceType().createSerializer(new ExecutionConfig());

  /** A frame of subtask `from`, in memory that is longer than it is. */
  private static Frame frame(int length, int from) {
    byte[] bytes = new byte[length + 100];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 7 + from);
    }
    Arrays.fill(bytes, 8, 12, (byte) 0);
    bytes[8] = (byte) from;
    return new Frame(bytes, length);
  }

  private static byte[] content(Frame frame) {
    return Arrays.copyOf(frame.bytes, frame.length);
  }

  private static List<Slice> slices(Frame frame) {
    List<Slice> slices = new ArrayList<>();
    for (int at = 0; at < frame.length; at += Slice.BYTES) {
      slices.add(new Slice(frame, at));
    }
    return slices;
  }

  private byte[] written(List<Slice> slices) throws IOException {
    DataOutputSerializer out = new DataOutputSerializer(16);
    for (Slice slice : slices) {
      serializer.serialize(slice, out);
    }
    return out.getCopyOfBuffer();
  }

  @Test
  void putsFramesTogether() throws Exception {
    for (int length : new int[] {24, Slice.BYTES - 1, Slice.BYTES, Slice.BYTES + 1, 300_000}) {
      Frame frame = frame(length, 3);
      List<Slice> slices = slices(frame);
      DataInputDeserializer in = new DataInputDeserializer(written(slices));
      for (int i = 0; i < slices.size(); i++) {
        Slice read = serializer.deserialize(in);
        assertEquals(i == slices.size() - 1, read.isLast());
        if (read.isLast()) {
          assertArrayEquals(content(frame), content(read.frame));
        }
      }
      assertEquals(0, in.available());
    }
  }

  @Test
  void keepsChannelsApart() throws Exception {
    Frame first = frame(20_000, 1);
    Frame second = frame(20_000, 2);
    List<Slice> mixed = new ArrayList<>();
    for (int i = 0; i < slices(first).size(); i++) {
      mixed.add(slices(first).get(i));
      mixed.add(slices(second).get(i));
    }
    DataInputDeserializer in = new DataInputDeserializer(written(mixed));
    List<byte[]> whole = new ArrayList<>();
    while (in.available() > 0) {
      Slice read = serializer.deserialize(in);
      if (read.isLast()) {
        whole.add(content(read.frame));
      }
    }
    assertEquals(2, whole.size());
    assertArrayEquals(content(first), whole.get(0));
    assertArrayEquals(content(second), whole.get(1));
  }

  @Test
  void refusesASliceThatDoesNotFollow() throws Exception {
    List<Slice> slices = slices(frame(30_000, 1));
    DataInputDeserializer in = new DataInputDeserializer(written(List.of(slices.get(0), slices.get(2))));
    assertFalse(serializer.deserialize(in).isLast());
    String message = assertThrows(IOException.class, () -> serializer.deserialize(in)).getMessage();
    assertTrue(message.startsWith("[PROTOCOL] a slice at " + 2 * Slice.BYTES + " of a frame of 30000 bytes follows " + Slice.BYTES), message);
  }

  @Test
  void copiesWithoutPuttingTogether() throws Exception {
    byte[] written = written(slices(frame(20_000, 1)));
    DataInputDeserializer in = new DataInputDeserializer(written);
    DataOutputSerializer copy = new DataOutputSerializer(16);
    while (in.available() > 0) {
      serializer.copy(in, copy);
    }
    assertArrayEquals(written, copy.getCopyOfBuffer());
  }
}
