package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class FrameQueueTest {
  private final FrameQueue queue = new FrameQueue();

  private static Frame frame(int length) {
    return new Frame(new byte[length], length);
  }

  /** Puts a frame on a thread of its own, which has to wait. */
  private CountDownLatch putWaiting(Frame frame) throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    Thread thread =
        new Thread(
            () -> {
              try {
                queue.put(frame);
                done.countDown();
              } catch (InterruptedException e) {
                // The test has ended.
              }
            });
    thread.setDaemon(true);
    thread.start();
    while (thread.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    return done;
  }

  @Test
  void keepsTheOrder() throws Exception {
    Frame first = frame(30);
    Frame second = frame(40);
    queue.put(first);
    queue.put(second);
    assertSame(first, queue.poll());
    assertSame(second, queue.poll());
    assertNull(queue.poll());
    assertTrue(queue.isEmpty());
  }

  @Test
  void takesAFrameOfAnySizeAndMakesTheNextOneWaitForItsBytes() throws Exception {
    Frame large = frame(4 << 20);
    queue.put(large);
    Frame next = frame(24);
    CountDownLatch done = putWaiting(next);
    assertEquals(1, done.getCount());
    assertSame(large, queue.poll());
    assertTrue(done.await(30, TimeUnit.SECONDS));
    assertSame(next, queue.poll());
  }

  @Test
  void makesTheSeventeenthWait() throws Exception {
    for (int i = 0; i < 16; i++) {
      queue.put(frame(24));
    }
    CountDownLatch done = putWaiting(frame(24));
    assertEquals(1, done.getCount());
    queue.clear();
    assertTrue(done.await(30, TimeUnit.SECONDS));
    assertEquals(24, queue.poll().length);
  }
}
