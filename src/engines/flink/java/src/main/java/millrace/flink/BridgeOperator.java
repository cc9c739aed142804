package millrace.flink;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.apache.flink.api.common.TaskInfo;
import org.apache.flink.api.common.operators.MailboxExecutor;
import org.apache.flink.metrics.Counter;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.metrics.TimerGauge;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.runtime.state.KeyGroupStatePartitionStreamProvider;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StatePartitionStreamProvider;
import org.apache.flink.streaming.api.operators.AbstractInput;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorV2;
import org.apache.flink.streaming.api.operators.BoundedMultiInput;
import org.apache.flink.streaming.api.operators.Input;
import org.apache.flink.streaming.api.operators.MultipleInputStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.operators.OperatorSnapshotFutures;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.LatencyMarker;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.StreamTask;
import org.apache.flink.streaming.runtime.watermarkstatus.WatermarkStatus;
import org.apache.flink.util.OutputTag;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One subtask of Flink that is run by one subtask in Node, with one input or with several. README.md has the protocol.
 *
 * <p>Everything here runs on the task's thread, but {@link #aside}, {@link #arrived} and {@link #failed}. Frames of Node are
 * emitted by {@link #drain}, called by a mail or by a wait. Waits go by the link and not by mails: a mailbox that is closing
 * takes none, and a final checkpoint runs then.
 */
final class BridgeOperator extends AbstractStreamOperatorV2<Slice>
    implements OneInputStreamOperator<Slice, Slice>, MultipleInputStreamOperator<Slice>, BoundedMultiInput, NodeLink.Owner {
  private static final Logger LOG = LoggerFactory.getLogger("millrace.node");
  private static final long NO_BARRIER = Long.MAX_VALUE;
  private static final long NO_DEADLINE = Long.MAX_VALUE;
  /** Frames that one mail emits, so that others, such as the trigger of a checkpoint, have their turn. */
  private static final int DRAIN_FRAMES = 16;

  private final Plan plan;
  private final Plan.Vertex vertex;
  private final boolean takesCheckpoints;
  private final List<Plan.Edge> inputs;
  private final Map<Integer, OutputTag<Slice>> outputs = new HashMap<>();
  private final MailboxExecutor mailbox;
  private final StreamTask<?, ?> streamTask;
  private final Environment task;
  private final String label;
  private final KeyGroupRange range;
  private final Snapshots snapshots;
  private final Rendezvous rendezvous;
  private final SideFrames sideFrames;
  private final AtomicBoolean woken = new AtomicBoolean();
  private CompletableFuture<Void> sourceEnd;
  private NodeHost host;
  private volatile NodeLink link;
  /** Where a failed node is replaced alone; else null. */
  private Succession succession;
  private long restoredId;
  private long epoch;
  private volatile boolean ready;
  private int endedInputs;
  private boolean finished;
  /** The barrier that Node was asked for and that Flink has not taken yet; nothing is emitted before the first wait is over. */
  private long barrier = -1;
  private long passed = -1;
  private long committed = -1;
  /** The newest checkpoint that Node was told to be complete. */
  private long completed = -1;
  /** The first barrier after Node had finished: its checkpoint has the end in it. */
  private long finalBarrier = -1;
  /** The savepoint of a stop has been taken: what Node emits after it belongs to the job that is restored from it. */
  private boolean stopped;

  BridgeOperator(StreamOperatorParameters<Slice> parameters, Plan plan, int id, boolean takesCheckpoints) {
    super(parameters, Math.max(1, plan.inputs(id).size()));
    this.plan = plan;
    vertex = plan.vertex(id);
    this.takesCheckpoints = takesCheckpoints;
    inputs = plan.inputs(id);
    plan.outputs(id).forEach(edge -> outputs.put(edge.id(), MillraceJob.tag(edge.id())));
    mailbox = parameters.getMailboxExecutor();
    streamTask = parameters.getContainingTask();
    task = streamTask.getEnvironment();
    TaskInfo info = task.getTaskInfo();
    int parallelism = info.getNumberOfParallelSubtasks();
    label = vertex.name() + (parallelism == 1 ? "" : " (subtask " + (info.getIndexOfThisSubtask() + 1) + " of " + parallelism + ")");
    range = KeyGroupRangeAssignment.computeKeyGroupRangeForOperatorIndex(info.getMaxNumberOfParallelSubtasks(), parallelism, info.getIndexOfThisSubtask());
    snapshots = new Snapshots(Path.of(task.getTaskManagerInfo().getTmpDirectories()[0]), range);
    rendezvous = new Rendezvous(task.getGlobalAggregateManager(), plan.component(id), info.getAttemptNumber(), vertex.uid() + "/" + info.getIndexOfThisSubtask());
    TimerGauge backPressured = task.getMetricGroup().getIOMetricGroup().getSoftBackPressuredTimePerSecond();
    sideFrames = new SideFrames(label, plan.millrace(), snapshots, rendezvous, new NodeMetrics(metrics), backPressured, () -> ready = true);
  }

  // ---- Life cycle

  @Override
  public void initializeState(StateInitializationContext context) throws Exception {
    if (inputs.isEmpty()) {
      sourceEnd = KeepAliveSource.finished();
    }
    String job = task.getJobID().toString();
    // Flink keeps the class loader while the job has a slot here, restarts included.
    getRuntimeContext().registerUserCodeClassLoaderReleaseHookIfAbsent("millrace-host", () -> NodeHost.endJob(job));
    host = acquireHost();
    if (isReplaceable()) {
      succession = new Succession(vertex.restarts());
    }
    epoch = rendezvous.epoch();
    restoredId = context.getRestoredCheckpointId().orElse(-1);
    connect(0);
    int chunks = sendState(context);
    link.send(Frame.of(Frame.START, 0));
    await(() -> ready, plan.host().startTimeoutMs(), "did not open");
    LOG.info("{}: opened in Node, restored checkpoint {}, {} chunks of state", label, restoredId, chunks);
  }

  private NodeHost acquireHost() throws Exception {
    return NodeHost.acquire(task.getJobID().toString(), !vertex.ownProcess(), plan.host(), task.getUserCodeClassLoader().asClassLoader());
  }

  /** @param acknowledged frames of data that predecessors have acknowledged */
  private void connect(long acknowledged) throws Exception {
    link = new NodeLink(host, host.connect(label), label, this, acknowledged);
    long own = epoch + (succession == null ? 0 : succession.restarts.count());
    OpenRequest.Node node = new OpenRequest.Node(own, succession, Math.max(passed, 0), acknowledged);
    link.send(Frame.of(Frame.OPEN, 0, OpenRequest.json(plan, vertex, host, task, range, restoredId, node)));
  }

  @Override
  public void open() throws Exception {
    super.open();
    barrier = NO_BARRIER;
    arrived();
  }

  private int sendState(StateInitializationContext context) throws Exception {
    int count = 0;
    for (KeyGroupStatePartitionStreamProvider group : context.getRawKeyedStateInputs()) {
      for (Iterator<byte[]> chunks = Snapshots.readGroup(group.getStream()); chunks.hasNext(); count++) {
        sendChunk(group.getKeyGroupId(), chunks.next());
      }
    }
    for (StatePartitionStreamProvider partition : context.getRawOperatorStateInputs()) {
      sendChunk(Frame.WHOLE_OPERATOR, Snapshots.readChunk(partition.getStream()));
      count++;
    }
    return count;
  }

  private void sendChunk(int keyGroup, byte[] chunk) throws Exception {
    await(() -> link.hasRoom(), plan.host().startTimeoutMs(), "did not take its state");
    Frame frame = Frame.state(keyGroup, chunk);
    if (succession != null) {
      succession.keepState(frame);
    }
    link.send(frame);
  }

  @Override
  public void close() throws Exception {
    try {
      if (link != null) {
        closeNode(isDrained());
      }
    } catch (InterruptedException e) {
      host.kill(label + " was interrupted while it closed");
      Thread.currentThread().interrupt();
    } finally {
      rendezvous.close();
      if (link != null) {
        link.close();
      }
      if (host != null) {
        host.release();
      }
      snapshots.dropAll();
      super.close();
    }
  }

  /**
   * The job has come to its end here. With checkpoints that is when the last one was committed; without, nobody but CLOSE
   * tells Node so, and a failure elsewhere must not.
   */
  private boolean isDrained() {
    if (!finished || streamTask.isCanceled() || streamTask.isFailing()) {
      return false;
    }
    return !takesCheckpoints || (finalBarrier >= 0 && committed >= finalBarrier);
  }

  private void closeNode(boolean drained) throws Exception {
    // Without checkpoints sinks commit on it.
    long timeoutMs = plan.host().closeTimeoutMs() + (drained ? plan.host().commitTimeoutMs() : 0);
    if (!link.finish(drained, timeoutMs)) {
      String late = label + " did not close within " + timeoutMs + " ms";
      host.kill(late);
      if (drained) {
        throw Failures.of("DEADLINE_EXCEEDED", late, true);
      }
    }
    if (drained) {
      link.check();
    }
  }

  // ---- Replacing a failed node

  /** By the plan, and as long as the adaptive scheduler has not given it more channels: what is read of several has no order. */
  private boolean isReplaceable() throws Exception {
    return vertex.restarts() != null && OpenRequest.channels(inputs, vertex.restarts().edge(), task) == 1;
  }

  /**
   * Puts a successor in the place of a failed node, while the task lives on. All that the failed one sent has been emitted; it is
   * given what that one did not acknowledge. Mails do not run meanwhile, as they would talk to a node that is not there.
   */
  private void replaceNode() throws Exception {
    NodeLink failed = link;
    long delayMs = succession.restarts.next(failed.failure(), System.currentTimeMillis());
    LOG.warn("{}: restarts alone in {} ms", label, delayMs, failed.failure());
    abandonCheckpoints(failed.failure());
    if (!failed.finish(false, plan.host().closeTimeoutMs())) {
      throw failed.failure();
    }
    failed.close();
    Thread.sleep(delayMs);
    if (!host.isAlive()) {
      host.release();
      host = acquireHost();
    }
    ready = false;
    connect(failed.acknowledged());
    succession.state().forEach(link::send);
    link.send(Frame.of(Frame.START, 0));
    untilReady();
    failed.unacknowledged().forEach(link::send);
    succession.endedInputs().forEach(edge -> link.send(Frame.endInput(edge)));
    if (completed > committed) {
      link.send(Frame.of(Frame.COMPLETE, completed));
    }
    LOG.info("{}: runs again, restart {} of its node in this attempt", label, succession.restarts.count());
  }

  /** What the failed node knew of a checkpoint under way is gone: it fails, and its barrier passes. */
  private void abandonCheckpoints(Exception cause) {
    snapshots.failUnfinished(cause);
    if (barrier != NO_BARRIER) {
      passed = Math.max(passed, barrier);
    }
  }

  private void untilReady() throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(plan.host().startTimeoutMs());
    while (!ready) {
      link.check();
      if (System.nanoTime() - deadline > 0) {
        throw Failures.of("DEADLINE_EXCEEDED", label + ": Node did not open within " + plan.host().startTimeoutMs() + " ms", true);
      }
      link.awaitNews();
    }
  }

  // ---- Input

  @Override
  @SuppressWarnings("unchecked")
  public List<Input> getInputs() {
    List<Input> result = new ArrayList<>();
    for (int i = 1; i <= inputs.size(); i++) {
      result.add(
          new AbstractInput<Slice, Slice>(this, i) {
            @Override
            public void processElement(StreamRecord<Slice> record) throws Exception {
              BridgeOperator.this.processElement(record);
            }

            @Override
            public void setKeyContextElement(StreamRecord record) {}
          });
    }
    return result;
  }

  @Override
  public void processElement(StreamRecord<Slice> record) throws Exception {
    Slice slice = record.getValue();
    Counter rows = task.getMetricGroup().getIOMetricGroup().getNumRecordsInCounter();
    // Flink has counted one; its UI is to show rows, and no marks.
    rows.dec();
    if (!slice.isLast()) {
      return;
    }
    Frame frame = slice.frame;
    await(() -> link.hasCredit(), NO_DEADLINE, "");
    rows.inc(frame.rows());
    link.send(frame);
  }

  @Override
  public void endInput(int input) throws Exception {
    if (inputs.isEmpty()) {
      // Node has said so itself, or Flink stops the job with a drain and its sources are to end.
      if (!finished) {
        link.send(Frame.of(Frame.DRAIN, 0));
      }
    } else {
      int edge = inputs.get(input - 1).id();
      if (succession != null) {
        succession.inputEnded(edge);
      }
      link.send(Frame.endInput(edge));
      if (++endedInputs < inputs.size()) {
        return;
      }
    }
    await(() -> finished, NO_DEADLINE, "");
  }

  /** Node owns keys and state; Java needs the range of key groups alone. */
  @Override
  public void setKeyContextElement1(StreamRecord<?> record) {}

  @Override
  protected boolean isUsingCustomRawKeyedState() {
    return true;
  }

  /** Marks travel in band, as frames. */
  @Override
  public void processWatermark(Watermark mark) {}

  @Override
  public void processWatermarkStatus(WatermarkStatus status) {}

  @Override
  public void processWatermarkStatus(WatermarkStatus status, int input) {}

  @Override
  public void processLatencyMarker(LatencyMarker marker) {
    output.emitLatencyMarker(marker);
  }

  // ---- Output

  /**
   * Emits what Node has sent, up to the barrier that is asked for: what follows it belongs behind it, and is left until Flink
   * has taken the barrier. A notification may come in the middle of the wait for a barrier, and wait too.
   */
  private void drain() throws Exception {
    woken.set(false);
    for (int count = 0; passed < barrier; count++) {
      if (count == DRAIN_FRAMES) {
        arrived();
        return;
      }
      // Asked first: what it sent before it was lost is emitted.
      boolean lost = link.isLost();
      Frame frame = link.poll();
      if (frame == null) {
        if (lost) {
          replaceNode();
        }
        return;
      }
      switch (frame.kind()) {
        case Frame.DATA -> emit(frame);
        case Frame.WATERMARK -> output.emitWatermark(new Watermark(frame.number()));
        case Frame.PASSED, Frame.DECLINED -> passed = Math.max(passed, frame.number());
        case Frame.COMMITTED -> committed = frame.number();
        case Frame.FINISHED -> finished();
        default -> throw Failures.of("PROTOCOL", label + ": Node sent a frame of the unknown kind " + frame.kind(), false);
      }
    }
  }

  private void finished() {
    finished = true;
    if (sourceEnd != null) {
      sourceEnd.complete(null);
    }
  }

  private void emit(Frame frame) throws Exception {
    OutputTag<Slice> edge = outputs.get(frame.edge());
    if (edge == null) {
      throw Failures.of("PROTOCOL", label + ": Node sent data for edge " + frame.edge() + "; its outputs are " + outputs.keySet(), false);
    }
    if (!stopped) {
      Counter rows = task.getMetricGroup().getIOMetricGroup().getNumRecordsOutCounter();
      for (int at = 0; at < frame.length; at += Slice.BYTES) {
        output.collect(edge, new StreamRecord<>(new Slice(frame, at)));
        rows.dec();
      }
      rows.inc(frame.rows());
    }
    if (succession != null) {
      succession.emitted(frame);
    }
    // No operator is chained behind this one: Flink has copied it into its buffers.
    frame.free();
  }

  /** Emits, and lets mails of this operator and notifications run, until something is so. Ends on a broken link and on an interrupt too. */
  private void await(BooleanSupplier done, long timeoutMs, String what) throws Exception {
    long deadline = timeoutMs == NO_DEADLINE ? NO_DEADLINE : System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMs);
    while (!done.getAsBoolean()) {
      link.check();
      drain();
      if (done.getAsBoolean()) {
        return;
      }
      if (deadline != NO_DEADLINE && System.nanoTime() - deadline > 0) {
        throw Failures.of("DEADLINE_EXCEEDED", label + ": Node " + what + " within " + timeoutMs + " ms", true);
      }
      if (!mailbox.tryYield()) {
        link.awaitNews();
      }
    }
  }

  // ---- Checkpoints

  @Override
  public void prepareSnapshotPreBarrier(long id) throws Exception {
    snapshots.begin(id);
    if (finished && finalBarrier < 0) {
      finalBarrier = id;
    }
    barrier = id;
    link.send(Frame.of(Frame.BARRIER, id));
    await(() -> passed >= id, NO_DEADLINE, "");
    barrier = NO_BARRIER;
    if (!link.isEmpty() || link.isLost()) {
      arrived();
    }
  }

  @Override
  public OperatorSnapshotFutures snapshotState(long id, long timestamp, CheckpointOptions options, CheckpointStreamFactory storage) throws Exception {
    OperatorSnapshotFutures futures = super.snapshotState(id, timestamp, options, storage);
    snapshots.store(id, storage, futures);
    stopped |= options.getCheckpointType() instanceof SavepointType savepoint && savepoint.isSynchronous();
    return futures;
  }

  @Override
  public void notifyCheckpointComplete(long id) throws Exception {
    super.notifyCheckpointComplete(id);
    completed = id;
    link.send(Frame.of(Frame.COMPLETE, id));
    // Waited for, as a task may close after it. Not within the wait for a later barrier: the answer may lie behind that barrier,
    // and another notification follows it.
    if (barrier == NO_BARRIER) {
      await(() -> committed >= id, plan.host().commitTimeoutMs(), "did not commit checkpoint " + id);
    }
  }

  @Override
  public void notifyCheckpointAborted(long id) throws Exception {
    super.notifyCheckpointAborted(id);
    snapshots.drop(id);
    link.send(Frame.of(Frame.ABORTED, id));
  }

  // ---- Threads of the link

  @Override
  public boolean aside(Frame frame) throws Exception {
    if (succession != null) {
      succession.sent(frame);
    }
    return sideFrames.take(frame, link);
  }

  @Override
  public void arrived() {
    if (woken.compareAndSet(false, true)) {
      try {
        mailbox.execute(this::drain, "frames of Node");
      } catch (RejectedExecutionException e) {
        // The mailbox is closing; whoever waits looks for itself.
      }
    }
  }

  @Override
  public boolean outlives(Exception failure) {
    return succession != null
        && ready
        && !succession.hasEnded()
        && Failures.isAlone(failure)
        && (host.isAlive() || vertex.ownProcess())
        && !streamTask.isCanceled()
        && !streamTask.isFailing();
  }

  @Override
  public void failed(Exception failure) {
    LOG.warn("{}: failed", label, failure);
    // Does not wait for the mailbox, which may be blocked by backpressure.
    task.failExternally(failure);
  }
}
