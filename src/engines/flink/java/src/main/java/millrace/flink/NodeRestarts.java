package millrace.flink;

import java.util.ArrayDeque;
import java.util.Deque;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;

/**
 * How often a node starts again inside its subtask, and after which wait: the strategy of its role, by the rules of
 * {@code src/engines/embedded/restart-policy.ts}. Counted by subtask, from 0 again where Flink has restarted that.
 */
final class NodeRestarts {
  /** Successors share the epoch of their attempt and what follows it, up to the next one's. */
  static final int MOST = (int) Rendezvous.EPOCHS_PER_ATTEMPT - 1;

  private final Plan.Restarts limits;
  private final Deque<Long> timesMs = new ArrayDeque<>();
  private Exception first;
  private int count;

  NodeRestarts(Plan.Restarts limits) {
    this.limits = limits;
  }

  /** So far. */
  int count() {
    return count;
  }

  /**
   * One more.
   *
   * @return milliseconds to wait before it
   * @throws Exception the first failure of the streak, where the limit is reached: that ends the job, as on one machine
   */
  long next(Exception cause, long nowMs) throws Exception {
    if (timesMs.isEmpty() || nowMs - timesMs.peekLast() > limits.quietMs()) {
      timesMs.clear();
      first = cause;
    }
    while (limits.slides() && !timesMs.isEmpty() && nowMs - timesMs.peekFirst() > limits.quietMs()) {
      timesMs.removeFirst();
    }
    if (timesMs.size() >= limits.failures() || count >= MOST) {
      throw exhausted(cause);
    }
    timesMs.add(nowMs);
    count++;
    double delayMs = limits.delayMs() * Math.pow(limits.factor(), timesMs.size() - 1);
    return (long) Math.min(delayMs, limits.maxDelayMs());
  }

  private Exception exhausted(Exception last) {
    JsonNode cause = Failures.encoded(first);
    JsonNode latest = Failures.encoded(last);
    String then = cause.path("message").equals(latest.path("message")) ? "" : "; the last failure was: " + latest.path("message").asText();
    String text =
        cause.path("message").asText() + " (its node restarted " + timesMs.size() + " times, the limit of role " + limits.role() + " is " + limits.failures() + then + ")";
    return Failures.of(cause.path("code").asText("INTERNAL"), text, false);
  }
}
