package millrace.flink;

import java.util.HashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.runtime.taskexecutor.GlobalAggregateManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How the nodes of a job find one another: a map in the JobMaster, shared by all subtasks. Calls block, so they have a thread
 * of their own.
 *
 * <p>Entries do not expire. Those of subtasks that Flink restarts together with the asker count only with the asker's own
 * attempt number; of the others, the newest.
 */
final class Rendezvous {
  private static final Logger LOG = LoggerFactory.getLogger("millrace.node");
  private static final String MAP = "millrace";
  /** From one question for a value that is not there yet to the next: the first, and the longest. */
  private static final long FIRST_POLL_MS = 10, LAST_POLL_MS = 100;
  private static final long CLOSE_MS = 2_000;
  private static final String EPOCHS = "millrace-epochs";
  /** An attempt's own, and those of the successors of its nodes. */
  static final long EPOCHS_PER_ATTEMPT = 1024;

  private final GlobalAggregateManager jobMaster;
  private final int component;
  private final int attempt;
  private final String publisher;
  private ScheduledExecutorService thread;
  private boolean published;

  /**
   * @param component the connected part of the graph that the subtask lies in
   * @param publisher names the subtask, the same in each attempt
   */
  Rendezvous(GlobalAggregateManager jobMaster, int component, int attempt, String publisher) {
    this.jobMaster = jobMaster;
    this.component = component;
    this.attempt = attempt;
    this.publisher = publisher + "#" + attempt;
  }

  /**
   * The lease epoch of this attempt: the same for all that Flink restarts together, and higher than any before, also where another
   * job of Flink, or another JobMaster, had them. Blocks.
   */
  long epoch() throws Exception {
    return EPOCHS_PER_ATTEMPT * jobMaster.updateGlobalAggregate(EPOCHS, component + "/" + attempt, new Epochs());
  }

  synchronized void publish(String key, String value) {
    published = true;
    thread().execute(() -> repeat(Call.publish(key, new String[] {value, publisher, "" + component, "" + attempt}), answer -> {}, FIRST_POLL_MS));
  }

  /** Calls back when the key has a value; until then it asks again and again, until this is closed. */
  synchronized void lookup(String key, BiConsumer<String, String> found) {
    thread().execute(() -> repeat(Call.lookup(key, component, attempt), value -> found.accept(key, value), FIRST_POLL_MS));
  }

  /** Takes the entries of this subtask back. */
  void close() {
    ScheduledExecutorService running;
    synchronized (this) {
      running = thread;
      if (running == null) {
        return;
      }
    }
    try {
      if (published) {
        running.submit(() -> call(Call.remove(publisher))).get(CLOSE_MS, TimeUnit.MILLISECONDS);
      }
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("Could not take back the addresses of {}: {}", publisher, e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      running.shutdownNow();
    }
  }

  private ScheduledExecutorService thread() {
    if (thread == null) {
      thread =
          Executors.newSingleThreadScheduledExecutor(
              body -> {
                Thread made = new Thread(body, "millrace-rendezvous " + publisher);
                made.setDaemon(true);
                return made;
              });
    }
    return thread;
  }

  private void repeat(Call request, Consumer<String> answered, long pollMs) {
    String answer = null;
    try {
      answer = call(request);
    } catch (Exception e) {
      LOG.debug("The JobMaster did not answer, asking again", e);
    }
    if (answer != null) {
      answered.accept(answer);
    } else if (!thread.isShutdown()) {
      long nextMs = Math.min(2 * pollMs, LAST_POLL_MS);
      thread.schedule(() -> repeat(request, answered, nextMs), pollMs, TimeUnit.MILLISECONDS);
    }
  }

  private String call(Call request) throws Exception {
    return jobMaster.updateGlobalAggregate(MAP, "", request);
  }

  /** The number of each attempt, by the clock where it was first asked for. It is never dropped: a straggler must not get a new one. */
  private record Epochs() implements AggregateFunction<String, HashMap<String, Long>, Long> {
    private static final String NEWEST = "";
    private static final String ASKED = " ";

    @Override
    public HashMap<String, Long> createAccumulator() {
      return new HashMap<>();
    }

    @Override
    public HashMap<String, Long> add(String asked, HashMap<String, Long> epochs) {
      long newest = epochs.getOrDefault(NEWEST, 0L);
      long epoch = epochs.computeIfAbsent(asked, first -> Math.max(System.currentTimeMillis(), newest + 1));
      epochs.merge(NEWEST, epoch, Math::max);
      epochs.put(ASKED, epoch);
      return epochs;
    }

    @Override
    public Long getResult(HashMap<String, Long> epochs) {
      return epochs.get(ASKED);
    }

    @Override
    public HashMap<String, Long> merge(HashMap<String, Long> one, HashMap<String, Long> other) {
      other.forEach((key, epoch) -> one.merge(key, epoch, Math::max));
      return one;
    }
  }

  /**
   * What is run in the JobMaster. Values there and on the way are of JDK classes only: the RPC does not know the job's class loader.
   * An entry is {value, publisher, component, attempt}.
   */
  private record Call(String publish, String[] entry, String lookup, int component, int attempt, String remove)
      implements AggregateFunction<String, HashMap<String, String[]>, String> {

    static Call publish(String key, String[] entry) {
      return new Call(key, entry, null, 0, 0, null);
    }

    static Call lookup(String key, int component, int attempt) {
      return new Call(null, null, key, component, attempt, null);
    }

    static Call remove(String publisher) {
      return new Call(null, null, null, 0, 0, publisher);
    }

    @Override
    public HashMap<String, String[]> createAccumulator() {
      return new HashMap<>();
    }

    @Override
    public HashMap<String, String[]> add(String nothing, HashMap<String, String[]> map) {
      if (publish != null) {
        map.put(publish, entry);
      }
      if (remove != null) {
        map.values().removeIf(other -> other[1].equals(remove));
      }
      return map;
    }

    @Override
    public String getResult(HashMap<String, String[]> map) {
      if (lookup == null) {
        return "";
      }
      String[] found = map.get(lookup);
      boolean counts = found != null && (!found[2].equals("" + component) || found[3].equals("" + attempt));
      return counts ? found[0] : null;
    }

    @Override
    public HashMap<String, String[]> merge(HashMap<String, String[]> one, HashMap<String, String[]> other) {
      one.putAll(other);
      return one;
    }
  }
}
