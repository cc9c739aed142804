package millrace.flink;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * One message between Java and Node, and one Flink record: a header of 24 bytes and a payload, little endian.
 *
 * <pre>
 *   0      1       2       4        8       12      16               24
 *   +------+-------+-------+--------+-------+-------+----------------+---------
 *   | kind | flags | edge  | target | from  | rows  | number         | payload
 *   | u8   | u8    | u16   | i32    | i32   | i32   | i64            |
 *   +------+-------+-------+--------+-------+-------+----------------+---------
 * </pre>
 *
 * On the socket a u32 length of header and payload stands before it. A DATA frame is passed on as it came in: the record that
 * Node made is the one that the next Node reads. Its memory comes from the {@link FramePool}, and is given back by {@link #free}.
 */
final class Frame {
  static final int HEADER = 24;
  /** Only a guard against a peer that is out of step; a chunk of state may be large. */
  static final int MAX_LENGTH = 1 << 30;
  /** In {@code target} of STATE and SNAPSHOT: the chunk is of the whole operator, of no key group. */
  static final int WHOLE_OPERATOR = -1;

  static final byte OPEN = 1, STATE = 2, START = 3, DATA = 4, BARRIER = 5, COMPLETE = 6, ABORTED = 7, END_INPUT = 8, CLOSE = 9, FOUND = 10, DRAIN = 11;
  static final byte READY = 32, WATERMARK = 33, ACK = 34, PASSED = 35, SNAPSHOT = 36, SNAPSHOT_DONE = 37, COMMITTED = 38, FINISHED = 39;
  static final byte METRICS = 40, PUBLISH = 41, LOOKUP = 42, ERROR = 43, LOG = 44, DECLINED = 45, CLOSED = 46, BACKPRESSURED = 47;

  private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** Of which the first {@link #length} are the frame. */
  final byte[] bytes;
  final int length;

  Frame(byte[] bytes, int length) {
    this.bytes = bytes;
    this.length = length;
  }

  /** Its memory is of the pool, or is to become so: nobody reads the frame any more. Once, and only for DATA. */
  void free() {
    FramePool.SHARED.give(bytes);
  }

  byte kind() {
    return bytes[0];
  }

  int flags() {
    return bytes[1];
  }

  int edge() {
    return (short) SHORT.get(bytes, 2) & 0xffff;
  }

  int target() {
    return (int) INT.get(bytes, 4);
  }

  int from() {
    return (int) INT.get(bytes, 8);
  }

  int rows() {
    return (int) INT.get(bytes, 12);
  }

  long number() {
    return (long) LONG.get(bytes, 16);
  }

  String text() {
    return new String(bytes, HEADER, length - HEADER, StandardCharsets.UTF_8);
  }

  /** A frame of a number alone: a barrier, an answer. */
  static Frame of(byte kind, long number) {
    return make(kind, 0, 0, 0, number, new byte[0]);
  }

  static Frame of(byte kind, long number, String text) {
    return make(kind, 0, 0, 0, number, text.getBytes(StandardCharsets.UTF_8));
  }

  static Frame state(int keyGroup, byte[] chunk) {
    return make(STATE, 0, 0, keyGroup, 0, chunk);
  }

  static Frame endInput(int edge) {
    return make(END_INPUT, 0, edge, 0, 0, new byte[0]);
  }

  static Frame close(boolean drained) {
    return make(CLOSE, drained ? 1 : 0, 0, 0, 0, new byte[0]);
  }

  static Frame make(byte kind, int flags, int edge, int target, long number, byte[] payload) {
    byte[] frame = new byte[HEADER + payload.length];
    frame[0] = kind;
    frame[1] = (byte) flags;
    SHORT.set(frame, 2, (short) edge);
    INT.set(frame, 4, target);
    LONG.set(frame, 16, number);
    System.arraycopy(payload, 0, frame, HEADER, payload.length);
    return new Frame(frame, frame.length);
  }
}
