package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.junit.jupiter.api.Test;

class NodeRestartsTest {
  private static Exception failure(String text) {
    return Failures.of("USER_FUNCTION", text, true);
  }

  @Test
  void waitsLongerFromFailureToFailureAndFailsWithTheFirst() throws Exception {
    NodeRestarts restarts = new NodeRestarts(new Plan.Restarts("worker", 0, 3, 60_000, false, 100, 2, 300));
    assertEquals(100, restarts.next(failure("first"), 0));
    assertEquals(200, restarts.next(failure("second"), 1_000));
    assertEquals(300, restarts.next(failure("third"), 2_000));
    Exception end = assertThrows(SuppressRestartsException.class, () -> restarts.next(failure("last"), 3_000));
    assertEquals(
        "first (its node restarted 3 times, the limit of role worker is 3; the last failure was: last)", Failures.encoded(end).path("message").asText());
    assertEquals("USER_FUNCTION", Failures.encoded(end).path("code").asText());
    assertEquals(3, restarts.count());
  }

  @Test
  void aQuietTimeEndsTheStreak() throws Exception {
    NodeRestarts restarts = new NodeRestarts(new Plan.Restarts("worker", 0, 1, 1_000, false, 100, 2, 300));
    assertEquals(100, restarts.next(failure("a"), 0));
    assertEquals(100, restarts.next(failure("b"), 1_001));
    assertEquals(2, restarts.count());
    Exception end = assertThrows(Exception.class, () -> restarts.next(failure("c"), 2_001));
    assertTrue(Failures.encoded(end).path("message").asText().startsWith("b ("), end.getMessage());
  }

  @Test
  void aRateCountsWhatIsRecent() throws Exception {
    NodeRestarts restarts = new NodeRestarts(new Plan.Restarts("worker", 0, 2, 1_000, true, 50, 1, 50));
    restarts.next(failure("a"), 0);
    restarts.next(failure("b"), 900);
    assertEquals(50, restarts.next(failure("c"), 1_100));
    assertThrows(Exception.class, () -> restarts.next(failure("d"), 1_200));
  }

  @Test
  void onlyWhatIsTheNodesOwnIsAlone() {
    assertTrue(Failures.isAlone(Failures.of("THREAD_LOST", "gone", true)));
    assertTrue(Failures.isAlone(Failures.fromNode("{\"code\": \"USER_FUNCTION\", \"message\": \"m\", \"retryable\": true, \"alone\": true}")));
    assertFalse(Failures.isAlone(Failures.fromNode("{\"code\": \"UNAVAILABLE\", \"message\": \"m\", \"retryable\": true, \"alone\": false}")));
    assertFalse(Failures.isAlone(Failures.of("PROTOCOL", "m", false)));
  }
}
