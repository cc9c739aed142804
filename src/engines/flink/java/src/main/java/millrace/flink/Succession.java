package millrace.flink;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;

/**
 * What is kept of a node that may be replaced alone, so that its successor goes on where it was; the frames that it has not
 * acknowledged are in {@link NodeLink}.
 *
 * <pre>
 *   inputs    ended edges            said again
 *   outputs   newest name per lane   told in OPEN: the successor leaves out what has been sent
 *   state     as the task got it     sent again
 * </pre>
 */
final class Succession {
  /** Kinds of a frame of DATA, in its flags; see src/memory/frame.ts. A reference is a batch that stays in its host. */
  private static final int BATCH = 1, END_OF_INPUT = 5, REFERENCE = 64;

  final NodeRestarts restarts;
  private final List<Frame> state = new ArrayList<>();
  private final TreeSet<Integer> endedInputs = new TreeSet<>();
  private final Map<Integer, Map<Integer, Long>> names = new HashMap<>();
  private volatile boolean ended;

  Succession(Plan.Restarts limits) {
    restarts = new NodeRestarts(limits);
  }

  /** A STATE frame that the first node was sent. */
  void keepState(Frame frame) {
    state.add(frame);
  }

  List<Frame> state() {
    return state;
  }

  void inputEnded(int edge) {
    endedInputs.add(edge);
  }

  Iterable<Integer> endedInputs() {
    return endedInputs;
  }

  /** Frame of DATA that is emitted. On the task's thread, in their order. */
  void emitted(Frame frame) {
    if ((frame.flags() == BATCH || frame.flags() == REFERENCE) && frame.number() > 0) {
      names.computeIfAbsent(frame.edge(), edge -> new HashMap<>()).put(frame.target(), frame.number());
    }
  }

  /** Adds the names of one edge: of each target, or of the only one of a forward edge. */
  void writeNames(int edge, int first, int targets, ArrayNode named) {
    Map<Integer, Long> known = names.getOrDefault(edge, Map.of());
    for (int target = first; target < first + targets; target++) {
      named.add(known.getOrDefault(target, 0L));
    }
  }

  /** A frame that Node has sent, whatever it is. What has ended is not replaced: its end would come twice. */
  void sent(Frame frame) {
    boolean end = frame.kind() == Frame.DATA && frame.flags() == END_OF_INPUT;
    if (end || frame.kind() == Frame.FINISHED) {
      ended = true;
    }
  }

  boolean hasEnded() {
    return ended;
  }
}
