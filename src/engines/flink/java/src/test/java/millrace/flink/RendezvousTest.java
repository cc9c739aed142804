package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.runtime.taskexecutor.GlobalAggregateManager;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;

class RendezvousTest {
  /** As the JobMaster keeps it: functions arrive serialized, one call at a time. */
  private static final class JobMaster implements GlobalAggregateManager {
    private final Map<String, Object> accumulators = new HashMap<>();

    @Override
    @SuppressWarnings("unchecked")
    public synchronized <IN, ACC, OUT> OUT updateGlobalAggregate(String name, Object value, AggregateFunction<IN, ACC, OUT> function) throws IOException {
      AggregateFunction<IN, ACC, OUT> received;
      try {
        received = InstantiationUtil.clone(function);
      } catch (ClassNotFoundException e) {
        throw new IOException(e);
      }
      ACC accumulator = (ACC) accumulators.computeIfAbsent(name, key -> received.createAccumulator());
      accumulators.put(name, received.add((IN) value, accumulator));
      return received.getResult(accumulator);
    }
  }

  private final JobMaster jobMaster = new JobMaster();

  private static String find(Rendezvous rendezvous, String key) throws Exception {
    CompletableFuture<String> found = new CompletableFuture<>();
    rendezvous.lookup(key, (name, value) -> found.complete(name + "=" + value));
    return found.get(10, TimeUnit.SECONDS);
  }

  @Test
  void waitsForTheValueOfItsOwnAttemptWithinItsPartOfTheGraph() throws Exception {
    new Rendezvous(jobMaster, 0, 0, "ps/0").publish("ps/0", "old");
    Rendezvous worker = new Rendezvous(jobMaster, 0, 1, "worker/0");
    CompletableFuture<String> found = new CompletableFuture<>();
    worker.lookup("ps/0", (key, value) -> found.complete(value));
    new Rendezvous(jobMaster, 0, 1, "ps/0").publish("ps/0", "new");
    assertEquals("new", found.get(10, TimeUnit.SECONDS));
  }

  @Test
  void takesTheNewestOfAnotherPart() throws Exception {
    Rendezvous am = new Rendezvous(jobMaster, 7, 3, "am/0");
    am.publish("am", "first");
    am.publish("am", "second");
    // On the same thread, so both are there.
    assertEquals("am=second", find(am, "am"));
    assertEquals("am=second", find(new Rendezvous(jobMaster, 0, 0, "worker/0"), "am"));
  }

  @Test
  void aClosingSubtaskTakesBackItsOwnEntriesOnly() throws Exception {
    Rendezvous old = new Rendezvous(jobMaster, 7, 0, "am/0");
    old.publish("am", "old");
    old.publish("gone", "x");
    assertEquals("gone=x", find(old, "gone"));
    Rendezvous next = new Rendezvous(jobMaster, 7, 1, "am/0");
    next.publish("am", "next");
    assertEquals("am=next", find(next, "am"));
    old.close();
    @SuppressWarnings("unchecked")
    Map<String, String[]> left = (Map<String, String[]>) jobMaster.accumulators.get("millrace");
    assertEquals(java.util.Set.of("am"), left.keySet());
    assertEquals("next", left.get("am")[0]);
  }
}
