package millrace.flink;

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The connection of one subtask with its Node thread. The task's thread never touches the socket.
 *
 * <pre>
 *   task --send--> queue --writer thread--> socket ==> Node      at most WINDOW frames of data not acknowledged, or SMALL_WINDOW
 *   task <--poll-- queue <--reader thread-- socket <== Node      so much as FrameQueue takes, then the socket fills and Node waits
 *                            '--aside: frames whose order does not matter
 * </pre>
 *
 * Neither side blocks on a write while it owes a read, so the two cannot wait for one another.
 */
final class NodeLink implements Closeable {
  /** Data frames on their way to Node: enough to keep it busy. A barrier waits for all of them, and a successor is given them again. */
  static final int WINDOW = 4;
  /** More where they are small: each time that Node is woken, it finds some. */
  static final int SMALL_WINDOW = 16;
  private static final long SMALL_BYTES = 64 << 10;

  /** What is read and written at a time: it is copied on from the processor's cache. */
  private static final int BUFFER_BYTES = 64 << 10;
  private static final long STATE_BYTES = 16 << 20;
  /** The longest that a waiting task goes without a look at its mailbox. */
  private static final long NAP_MS = 20;

  /** What the link tells its subtask, on the reader or the writer thread. */
  interface Owner {
    /** Takes a frame whose order among the others does not matter; false for one that is to be queued. */
    boolean aside(Frame frame) throws Exception;

    /** A frame was queued, or the node is lost. */
    void arrived();

    /** True where a successor takes over from a node that failed so: what it has sent is kept, and {@link #failed} not called. */
    boolean outlives(Exception failure);

    /** The link, or Node, has failed; told once. */
    void failed(Exception failure);
  }

  private final NodeHost host;
  private final String label;
  private final SocketChannel channel;
  private final Owner owner;
  private final LinkedBlockingQueue<Frame> toNode = new LinkedBlockingQueue<>();
  private final FrameQueue fromNode = new FrameQueue();
  private final AtomicInteger inFlight = new AtomicInteger();
  private final AtomicLong inFlightBytes = new AtomicLong();
  private final AtomicLong unsentBytes = new AtomicLong();
  private final Semaphore news = new Semaphore(0);
  private final CountDownLatch closed = new CountDownLatch(1);
  private final AtomicBoolean failing = new AtomicBoolean();
  /** Frames of Node are dropped. */
  private volatile boolean closing;
  /** The connection is closed by us. */
  private volatile boolean ended;
  /** What broke it, and whether a successor goes on: seen together, or a task that looks in between would fail for good. */
  private volatile Broken broken;
  /** Frames of data that Node has not acknowledged. */
  private final Queue<Frame> unacknowledged = new ConcurrentLinkedQueue<>();
  private final AtomicLong acknowledged = new AtomicLong();
  private final Thread writer;
  private final Thread reader;

  /** @param acknowledged frames of data that predecessors have acknowledged */
  NodeLink(NodeHost host, SocketChannel channel, String label, Owner owner, long acknowledged) {
    this.acknowledged.set(acknowledged);
    this.host = host;
    this.label = label;
    this.channel = channel;
    this.owner = owner;
    writer = start("millrace-writer " + label, this::write);
    reader = start("millrace-reader " + label, this::read);
  }

  private record Broken(Exception cause, boolean replaced) {}

  private static Thread start(String name, Runnable body) {
    Thread thread = new Thread(body, name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  void send(Frame frame) {
    if (frame.kind() == Frame.DATA) {
      inFlight.incrementAndGet();
      inFlightBytes.addAndGet(frame.length);
      unacknowledged.add(frame);
    }
    unsentBytes.addAndGet(frame.length);
    toNode.add(frame);
  }

  boolean hasCredit() {
    int frames = inFlight.get();
    return frames < WINDOW || (frames < SMALL_WINDOW && inFlightBytes.get() < SMALL_BYTES);
  }

  /** Few enough bytes wait for the writer: state is not read faster than Node takes it. */
  boolean hasRoom() {
    return unsentBytes.get() < STATE_BYTES;
  }

  Frame poll() {
    return fromNode.poll();
  }

  boolean isEmpty() {
    return fromNode.isEmpty();
  }

  /** What a successor is to be given again. */
  List<Frame> unacknowledged() {
    return List.copyOf(unacknowledged);
  }

  long acknowledged() {
    return acknowledged.get();
  }

  boolean isLost() {
    Broken seen = broken;
    return seen != null && seen.replaced;
  }

  Exception failure() {
    Broken seen = broken;
    return seen == null ? null : seen.cause;
  }

  /** Throws what broke the link for good, if anything did. */
  void check() throws Exception {
    Broken seen = broken;
    if (seen != null && !seen.replaced) {
      throw seen.cause;
    }
  }

  /** Sleeps until Node says something, or for a nap: a closing mailbox takes no wake-up, so a task must not rely on one. */
  void awaitNews() throws InterruptedException {
    if (news.tryAcquire(NAP_MS, TimeUnit.MILLISECONDS)) {
      news.drainPermits();
    }
  }

  /**
   * Asks Node to close the subtask and waits for its answer; false when there is none in time. What Node still emits is
   * dropped; an error of it is kept for {@link #check}.
   */
  boolean finish(boolean drained, long timeoutMs) throws InterruptedException {
    closing = true;
    fromNode.clear();
    send(Frame.close(drained));
    return closed.await(timeoutMs, TimeUnit.MILLISECONDS);
  }

  @Override
  public void close() {
    closing = true;
    ended = true;
    writer.interrupt();
    reader.interrupt();
    try {
      channel.close();
    } catch (IOException e) {
      // It is of no use any more, and there is nothing to save in it.
    }
  }

  private void fail(Exception cause) {
    if (failing.compareAndSet(false, true)) {
      boolean told = !closing;
      closing = true;
      boolean replaced = told && owner.outlives(cause);
      broken = new Broken(cause, replaced);
      if (told) {
        if (replaced) {
          owner.arrived();
        } else {
          fromNode.clear();
          owner.failed(cause);
        }
      }
    }
    news.release();
  }

  private void write() {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try {
      while (true) {
        Frame frame = toNode.poll();
        if (frame == null) {
          flush(buffer);
          frame = toNode.take();
        }
        if (buffer.remaining() < Integer.BYTES) {
          flush(buffer);
        }
        buffer.putInt(frame.length);
        for (int at = 0; at < frame.length; ) {
          if (!buffer.hasRemaining()) {
            flush(buffer);
          }
          int count = Math.min(buffer.remaining(), frame.length - at);
          buffer.put(frame.bytes, at, count);
          at += count;
        }
        unsentBytes.addAndGet(-frame.length);
      }
    } catch (InterruptedException e) {
      // close()
    } catch (IOException e) {
      // The reader meets the end of the connection too, and what Node said before it.
    }
  }

  private void flush(ByteBuffer buffer) throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }

  private void read() {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN).limit(0);
    try {
      while (true) {
        receive(next(buffer));
      }
    } catch (IOException e) {
      // Closed by us, or Node is gone: then its exit code says more than the broken connection.
      if (closed.getCount() > 0 && !ended) {
        fail(host.lost(label));
      }
    } catch (InterruptedException e) {
      // close()
    } catch (Exception e) {
      // Out of step: nothing that follows can be understood.
      fail(e);
    } finally {
      closed.countDown();
    }
  }

  private void receive(Frame frame) throws InterruptedException {
    switch (frame.kind()) {
      case Frame.ACK -> acknowledge((int) frame.number());
      case Frame.CLOSED -> closed.countDown();
      default -> {
        try {
          if (!owner.aside(frame) && !closing) {
            fromNode.put(frame);
            owner.arrived();
          }
        } catch (InterruptedException e) {
          throw e;
        } catch (Exception e) {
          // Node is not gone by its own error: read on, so that it can be closed.
          fail(e);
        }
      }
    }
    if (news.availablePermits() == 0) {
      news.release();
    }
  }

  private void acknowledge(int count) {
    // After a failure what Node says of its frames is not true any more: their outputs are dropped.
    if (failing.get()) {
      return;
    }
    for (int i = 0; i < count; i++) {
      Frame done = unacknowledged.remove();
      inFlightBytes.addAndGet(-done.length);
      done.free();
    }
    acknowledged.addAndGet(count);
    inFlight.addAndGet(-count);
  }

  private Frame next(ByteBuffer buffer) throws Exception {
    fill(buffer, Integer.BYTES + 1);
    int length = buffer.getInt();
    if (length < Frame.HEADER || length > Frame.MAX_LENGTH) {
      throw Failures.of("PROTOCOL", label + ": Node sent a frame of " + length + " bytes; " + Frame.HEADER + " to " + Frame.MAX_LENGTH + " are allowed", false);
    }
    // Only frames of data have an end of which the task knows: when they are emitted.
    boolean isData = buffer.get(buffer.position()) == Frame.DATA;
    Frame frame = isData ? FramePool.SHARED.take(length) : new Frame(new byte[length], length);
    for (int at = 0; at < length; ) {
      if (!buffer.hasRemaining()) {
        fill(buffer, 1);
      }
      int count = Math.min(buffer.remaining(), length - at);
      buffer.get(frame.bytes, at, count);
      at += count;
    }
    return frame;
  }

  private void fill(ByteBuffer buffer, int need) throws IOException {
    while (buffer.remaining() < need) {
      buffer.compact();
      int count = channel.read(buffer);
      buffer.flip();
      if (count < 0) {
        throw new EOFException();
      }
    }
  }
}
