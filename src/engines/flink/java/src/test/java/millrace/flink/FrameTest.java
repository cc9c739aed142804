package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class FrameTest {
  /** The layout as Node writes it, by offsets and not by our own accessors. */
  @Test
  void readsTheHeaderThatNodeWrites() {
    byte[] bytes =
        ByteBuffer.allocate(Frame.HEADER + 3)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put((byte) 4)
            .put((byte) 1)
            .putShort((short) 40_000)
            .putInt(7)
            .putInt(2)
            .putInt(1_000)
            .putLong(Long.MAX_VALUE)
            .put(new byte[] {'a', 'b', 'c'})
            .array();
    Frame frame = new Frame(bytes, bytes.length);
    assertEquals(Frame.DATA, frame.kind());
    assertEquals(40_000, frame.edge());
    assertEquals(7, frame.target());
    assertEquals(1_000, frame.rows());
    assertEquals(Long.MAX_VALUE, frame.number());
    assertEquals("abc", frame.text());
  }

  @Test
  void writesTheHeaderThatNodeReads() {
    Frame frame = Frame.make(Frame.SNAPSHOT, 1, 40_000, Frame.WHOLE_OPERATOR, -5, new byte[] {9, 8});
    ByteBuffer read = ByteBuffer.wrap(frame.bytes).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(Frame.HEADER + 2, frame.length);
    assertEquals(36, read.get());
    assertEquals(1, read.get());
    assertEquals(40_000, Short.toUnsignedInt(read.getShort()));
    assertEquals(-1, read.getInt());
    assertEquals(0, read.getInt());
    assertEquals(0, read.getInt());
    assertEquals(-5, read.getLong());
    assertEquals(9, read.get());
    assertEquals(8, read.get());
  }

  @Test
  void encodesTextAsUtf8() {
    Frame frame = Frame.of(Frame.FOUND, 3, "Zürich");
    assertEquals("Zürich", frame.text());
    assertEquals(3, frame.number());
    assertArrayEquals(new byte[] {'Z', (byte) 0xc3, (byte) 0xbc, 'r'}, java.util.Arrays.copyOfRange(frame.bytes, Frame.HEADER, Frame.HEADER + 4));
  }
}
