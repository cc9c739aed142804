package millrace.flink;

import java.util.List;
import org.apache.flink.api.common.TaskInfo;
import org.apache.flink.runtime.execution.Environment;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.graph.NonChainedOutput;
import org.apache.flink.streaming.api.graph.StreamConfig;
import org.apache.flink.streaming.api.graph.StreamEdge;

/**
 * The payload of OPEN: what Node needs to know of its subtask. Parallelism is read from the running task and not from the
 * plan, as the adaptive scheduler may start a job with less.
 */
final class OpenRequest {
  static final int PROTOCOL = 2;

  /**
   * The node that is to run the subtask.
   *
   * @param succession where it may be replaced alone; else null
   * @param barrier the last one in front of what it is given
   * @param acknowledged frames of data that its predecessors have acknowledged
   */
  record Node(long epoch, Succession succession, long barrier, long acknowledged) {}

  private OpenRequest() {}

  static String json(Plan plan, Plan.Vertex vertex, NodeHost host, Environment task, KeyGroupRange range, long restoredId, Node node) throws Exception {
    ClassLoader loader = task.getUserCodeClassLoader().asClassLoader();
    StreamConfig config = new StreamConfig(task.getTaskConfiguration());
    TaskInfo info = task.getTaskInfo();
    ObjectNode open = Json.object();
    open.put("protocol", PROTOCOL).put("millrace", plan.millrace()).put("fingerprint", plan.fingerprint());
    open.putObject("job").put("name", plan.job().name()).put("id", plan.job().id()).put("flinkId", task.getJobID().toString());
    open.set("task", Json.parse(plan.task()));
    open.putObject("bundle").put("path", host.bundle().toString()).put("hash", host.bundleHash());
    open.put("vertex", vertex.id()).put("uid", vertex.uid()).put("index", info.getIndexOfThisSubtask()).put("parallelism", info.getNumberOfParallelSubtasks());
    open.put("maxParallelism", info.getMaxNumberOfParallelSubtasks()).put("attempt", info.getAttemptNumber()).put("restoredId", restoredId);
    inputs(plan.inputs(vertex.id()), config.getInPhysicalEdges(loader), task, open.putArray("inputs"));
    outputs(plan.outputs(vertex.id()), config.getVertexNonChainedOutputs(loader), task, node.succession, open.putArray("outputs"));
    Succession succession = node.succession;
    open.put("epoch", node.epoch).put("replaceable", succession != null);
    if (succession != null && succession.restarts.count() > 0) {
      open.putObject("succeeds").put("barrier", node.barrier).put("frames", node.acknowledged).put("restarts", succession.restarts.count());
    }
    open.putObject("keyGroups").put("from", range.getStartKeyGroup()).put("to", range.getEndKeyGroup());
    open.put("host", task.getTaskManagerInfo().getTaskManagerExternalAddress());
    return open.toString();
  }

  /** Upstream subtasks of one input edge, as deployed. */
  static int channels(List<Plan.Edge> edges, int edge, Environment task) throws Exception {
    StreamConfig config = new StreamConfig(task.getTaskConfiguration());
    ArrayNode inputs = Json.object().putArray("inputs");
    inputs(edges, config.getInPhysicalEdges(task.getUserCodeClassLoader().asClassLoader()), task, inputs);
    for (JsonNode input : inputs) {
      if (input.get("edge").asInt() == edge) {
        return input.get("channels").asInt();
      }
    }
    return 0;
  }

  /** Gates are in the order of the physical edges, each of which knows its input, counted from 1; with a single input it is 0. */
  private static void inputs(List<Plan.Edge> edges, List<StreamEdge> physical, Environment task, ArrayNode inputs) {
    for (int input = 0; input < edges.size(); input++) {
      for (int gate = 0; gate < physical.size(); gate++) {
        if (Math.max(physical.get(gate).getTypeNumber() - 1, 0) == input) {
          inputs.addObject().put("edge", edges.get(input).id()).put("channels", task.getInputGate(gate).getNumberOfInputChannels());
        }
      }
    }
  }

  private static void outputs(List<Plan.Edge> edges, List<NonChainedOutput> writers, Environment task, Succession succession, ArrayNode outputs) {
    for (Plan.Edge edge : edges) {
      for (int writer = 0; writer < writers.size(); writer++) {
        if (MillraceJob.tag(edge.id()).equals(writers.get(writer).getOutputTag())) {
          int targets = task.getWriter(writer).getNumberOfSubpartitions();
          ObjectNode output = outputs.addObject().put("edge", edge.id()).put("targets", targets);
          if (succession != null) {
            int first = edge.forward() ? task.getTaskInfo().getIndexOfThisSubtask() : 0;
            succession.writeNames(edge.id(), first, edge.forward() ? 1 : targets, output.putArray("named"));
          }
        }
      }
    }
  }
}
