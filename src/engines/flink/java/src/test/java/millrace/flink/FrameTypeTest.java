package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;

class FrameTypeTest {
  private final TypeSerializer<Frame> serializer = new FrameType().createSerializer(new ExecutionConfig());

  /** Memory of a frame is longer than the frame. */
  private static Frame frame(int length) {
    byte[] bytes = new byte[length + 100];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i * 7);
    }
    return new Frame(bytes, length);
  }

  private static byte[] content(Frame frame) {
    return Arrays.copyOf(frame.bytes, frame.length);
  }

  @Test
  void carriesFramesOneAfterAnother() throws Exception {
    DataOutputSerializer out = new DataOutputSerializer(16);
    serializer.serialize(frame(24), out);
    serializer.serialize(frame(70_000), out);
    DataInputDeserializer in = new DataInputDeserializer(out.getCopyOfBuffer());
    assertArrayEquals(content(frame(24)), content(serializer.deserialize(in)));
    assertArrayEquals(content(frame(70_000)), content(serializer.deserialize(in)));
    assertEquals(0, in.available());
  }

  @Test
  void hasTheLayoutOfFlinksArrays() throws Exception {
    DataOutputSerializer out = new DataOutputSerializer(16);
    serializer.serialize(frame(50), out);
    assertArrayEquals(content(frame(50)), BytePrimitiveArraySerializer.INSTANCE.deserialize(new DataInputDeserializer(out.getCopyOfBuffer())));
  }

  @Test
  void copiesWithoutReading() throws Exception {
    DataOutputSerializer out = new DataOutputSerializer(16);
    serializer.serialize(frame(50), out);
    DataOutputSerializer copy = new DataOutputSerializer(16);
    serializer.copy(new DataInputDeserializer(out.getCopyOfBuffer()), copy);
    assertArrayEquals(out.getCopyOfBuffer(), copy.getCopyOfBuffer());
  }
}
