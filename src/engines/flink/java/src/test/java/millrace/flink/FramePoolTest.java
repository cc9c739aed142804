package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class FramePoolTest {
  private final FramePool pool = new FramePool();

  @Test
  void givesTheNewestMemoryOfThatSizeAgain() {
    Frame first = pool.take(70_000);
    Frame second = pool.take(66_000);
    assertNotSame(first.bytes, second.bytes);
    pool.give(first.bytes);
    pool.give(second.bytes);
    Frame third = pool.take(131_072);
    assertSame(second.bytes, third.bytes);
    assertEquals(131_072, third.length);
    assertSame(first.bytes, pool.take(65_537).bytes);
    assertNotSame(first.bytes, pool.take(65_537).bytes);
  }

  @Test
  void hasRoomForEachLength() {
    for (int length : new int[] {24, 1_023, 1_024, 1_025, 4 << 20, (4 << 20) + 1}) {
      Frame frame = pool.take(length);
      assertEquals(length, frame.length);
      assertTrue(frame.bytes.length >= length, () -> frame.bytes.length + " bytes for " + length);
      pool.give(frame.bytes);
      assertTrue(pool.take(length).bytes.length >= length);
    }
  }

  @Test
  void keepsNoMemoryThatIsNotItsOwn() {
    byte[] odd = new byte[1_500];
    pool.give(odd);
    assertNotSame(odd, pool.take(1_500).bytes);
    byte[] large = pool.take(5 << 20).bytes;
    pool.give(large);
    assertNotSame(large, pool.take(5 << 20).bytes);
  }

  @Test
  void keepsSoMuchOfASizeAndNoMore() {
    Frame[] taken = new Frame[20];
    for (int i = 0; i < taken.length; i++) {
      taken[i] = pool.take(1 << 20);
    }
    for (Frame frame : taken) {
      pool.give(frame.bytes);
    }
    for (int i = 15; i >= 0; i--) {
      assertSame(taken[i].bytes, pool.take(1 << 20).bytes);
    }
    byte[] fresh = pool.take(1 << 20).bytes;
    for (Frame frame : taken) {
      assertNotSame(frame.bytes, fresh);
    }
  }
}
