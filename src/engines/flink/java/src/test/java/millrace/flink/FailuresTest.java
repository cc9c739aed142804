package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.junit.jupiter.api.Test;

class FailuresTest {
  @Test
  void keepsTheErrorOfNodeOnALineBehindTheMarker() {
    String json = "{\"code\":\"KAFKA\",\"message\":\"two\\nlines\",\"details\":{\"a\":1},\"retryable\":true}";
    assertEquals("[KAFKA] two\nlines\nMILLRACE " + json, Failures.fromNode(json).getMessage());
  }

  @Test
  void suppressesRestartsOfWhatNoRestartCures() {
    Exception failure = Failures.of("FILE_NOT_FOUND", "there is no node", false);
    assertInstanceOf(SuppressRestartsException.class, failure);
    assertEquals(
        "[FILE_NOT_FOUND] there is no node\nMILLRACE {\"code\":\"FILE_NOT_FOUND\",\"message\":\"there is no node\",\"retryable\":false,\"details\":{}}",
        failure.getCause().getMessage());
    assertFalse(Failures.of("THREAD_LOST", "gone", true) instanceof SuppressRestartsException);
  }

  @Test
  void refusesAnErrorThatIsNoJson() {
    assertEquals("[PROTOCOL] Node sent an error that is not JSON: {", Failures.fromNode("{").getCause().getMessage().lines().findFirst().orElseThrow());
  }
}
