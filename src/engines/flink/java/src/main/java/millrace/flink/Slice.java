package millrace.flink;

/**
 * A record of Flink: some bytes of a frame. Flink serializes a record as a whole, copies that into its buffers of 32 KiB, and puts
 * it together again in fresh memory where it does not lie in one of them. Slices go through that within the processor's cache, and
 * most of them in one buffer.
 *
 * <pre>
 *   frame    |---------------------------------|      all of its slices follow one another on their channel
 *   slices   |--------|--------|--------|------|      and no barrier comes between them
 *            0        from     to              frame.length
 * </pre>
 */
final class Slice {
  /** Four of them and what Flink adds fill a buffer. */
  static final int BYTES = (8 << 10) - 64;

  final Frame frame;
  final int from;
  final int to;

  Slice(Frame frame, int from) {
    this.frame = frame;
    this.from = from;
    to = Math.min(from + BYTES, frame.length);
  }

  /** Then the frame is whole. */
  boolean isLast() {
    return to == frame.length;
  }
}
