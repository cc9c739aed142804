package millrace.flink;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Memory of frames of data, used again. Fresh arrays of that size are written three times before they are read (zeros, pieces,
 * moves of the collector), and walk through the whole of the young heap, so that none is in the processor's cache. The last one
 * given is the first one taken, as it is there.
 */
final class FramePool {
  /** Of the job's subtasks on this TaskManager: Flink loads this class once for each job. */
  static final FramePool SHARED = new FramePool();

  private static final int SMALLEST = 1 << 10;
  /** Node cuts its frames to it; what is larger is rare. */
  private static final int LARGEST = 4 << 20;
  /** Kept of one size. No more than can be on its way at a time is ever there, and credits bound that. */
  private static final int KEPT_BYTES = 16 << 20;

  /** By size: a power of two each. */
  private final List<ArrayDeque<byte[]>> free = new ArrayList<>();

  FramePool() {
    for (int size = SMALLEST; size <= LARGEST; size *= 2) {
      free.add(new ArrayDeque<>());
    }
  }

  /** A frame of so many bytes; whatever was in them. */
  Frame take(int length) {
    if (length > LARGEST) {
      return new Frame(new byte[length], length);
    }
    int index = index(length);
    byte[] bytes;
    synchronized (this) {
      bytes = free.get(index).pollLast();
    }
    return new Frame(bytes == null ? new byte[SMALLEST << index] : bytes, length);
  }

  void give(byte[] bytes) {
    int index = index(bytes.length);
    // Made elsewhere, or too large to be kept.
    if (index >= free.size() || bytes.length != SMALLEST << index) {
      return;
    }
    synchronized (this) {
      ArrayDeque<byte[]> same = free.get(index);
      if ((same.size() + 1) * (long) bytes.length <= KEPT_BYTES) {
        same.addLast(bytes);
      }
    }
  }

  private static int index(int length) {
    return Math.max(0, 32 - Integer.numberOfLeadingZeros(length - 1) - Integer.numberOfTrailingZeros(SMALLEST));
  }
}
