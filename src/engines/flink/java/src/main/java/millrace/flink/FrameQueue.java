package millrace.flink;

import java.util.ArrayDeque;

/** What Node has sent and the task has not taken yet, bounded by frames and by bytes: more would only wait, outside the processor's cache. */
final class FrameQueue {
  private static final int FRAMES = 16;
  /** From here on the next one waits; a frame of any size goes into an empty queue. */
  private static final int BYTES = 1 << 20;

  private final ArrayDeque<Frame> frames = new ArrayDeque<>();
  private int bytes;

  /** Waits for room. */
  synchronized void put(Frame frame) throws InterruptedException {
    while (frames.size() >= FRAMES || bytes >= BYTES) {
      wait();
    }
    frames.add(frame);
    bytes += frame.length;
  }

  /** Null where there is none. */
  synchronized Frame poll() {
    Frame frame = frames.poll();
    if (frame != null) {
      bytes -= frame.length;
      notifyAll();
    }
    return frame;
  }

  synchronized boolean isEmpty() {
    return frames.isEmpty();
  }

  synchronized void clear() {
    frames.clear();
    bytes = 0;
    notifyAll();
  }
}
