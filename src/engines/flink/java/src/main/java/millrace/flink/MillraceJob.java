package millrace.flink;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.transformations.KeyedMultipleInputTransformation;
import org.apache.flink.streaming.api.transformations.OneInputTransformation;
import org.apache.flink.streaming.api.transformations.PartitionTransformation;
import org.apache.flink.streaming.api.transformations.PhysicalTransformation;
import org.apache.flink.streaming.api.transformations.SideOutputTransformation;
import org.apache.flink.streaming.runtime.partitioner.ForwardPartitioner;
import org.apache.flink.streaming.runtime.partitioner.StreamPartitioner;
import org.apache.flink.util.OutputTag;

/**
 * The entry of the jar: turns the plan that lies in it into a Flink job. One vertex of the plan, a chain of Millrace's
 * operators, is one vertex of Flink; one edge is a side output of the vertex it leaves and an input of the one it leads to.
 */
public final class MillraceJob {
  private static final TypeInformation<Slice> SLICE = new SliceType();

  private final StreamExecutionEnvironment environment;
  private final Plan plan;
  private final Map<Integer, Transformation<Slice>> built = new HashMap<>();

  private MillraceJob(StreamExecutionEnvironment environment, Plan plan) {
    this.environment = environment;
    this.plan = plan;
  }

  /** Takes no arguments: all is in the plan. */
  public static void main(String[] args) throws Exception {
    Plan plan = Plan.load(Thread.currentThread().getContextClassLoader());
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(Configuration.fromMap(plan.configuration()));
    MillraceJob job = new MillraceJob(environment, plan);
    plan.vertices().forEach(vertex -> job.build(vertex.id()));
    environment.executeAsync(plan.job().name());
  }

  static OutputTag<Slice> tag(int edge) {
    return new OutputTag<>("edge-" + edge, SLICE);
  }

  private Transformation<Slice> build(int id) {
    Transformation<Slice> known = built.get(id);
    if (known != null) {
      return known;
    }
    if (built.containsKey(id)) {
      throw new Plan.PlanException("edges: vertex " + id + " lies on a cycle, which Flink cannot run");
    }
    built.put(id, null);
    Plan.Vertex vertex = plan.vertex(id);
    List<Transformation<Slice>> inputs = plan.inputs(id).stream().map(this::input).toList();
    PhysicalTransformation<Slice> made = inputs.size() > 1 ? several(vertex, inputs) : one(vertex, inputs.isEmpty() ? source(vertex) : inputs.get(0));
    made.setUid(vertex.uid());
    made.setMaxParallelism(plan.keyGroups());
    made.setSlotSharingGroup(vertex.slotSharingGroup());
    // Also those that lead nowhere, which Flink would not find otherwise.
    environment.addOperator(made);
    built.put(id, made);
    return made;
  }

  private Transformation<Slice> input(Plan.Edge edge) {
    SideOutputTransformation<Slice> side = new SideOutputTransformation<>(build(edge.from()), tag(edge.id()));
    StreamPartitioner<Slice> partitioner = edge.forward() ? new ForwardPartitioner<>() : new TargetPartitioner();
    // A barrier that overtakes the rest of a frame would leave its first slices out of the checkpoint.
    partitioner.disableUnalignedCheckpoints();
    return new PartitionTransformation<>(side, partitioner);
  }

  private Transformation<Slice> source(Plan.Vertex vertex) {
    Transformation<Slice> source =
        environment.fromSource(new KeepAliveSource(), WatermarkStrategy.noWatermarks(), "keep-alive", SLICE).setParallelism(vertex.parallelism()).getTransformation();
    source.setUid(vertex.uid() + "/keep-alive");
    source.setMaxParallelism(plan.keyGroups());
    source.setSlotSharingGroup(vertex.slotSharingGroup());
    return source;
  }

  private OneInputTransformation<Slice, Slice> one(Plan.Vertex vertex, Transformation<Slice> input) {
    OneInputTransformation<Slice, Slice> made =
        new OneInputTransformation<>(input, vertex.name(), operator(vertex), SLICE, vertex.parallelism(), true);
    made.setStateKeySelector(new NoKey());
    made.setStateKeyType(Types.INT);
    return made;
  }

  private KeyedMultipleInputTransformation<Slice> several(Plan.Vertex vertex, List<Transformation<Slice>> inputs) {
    KeyedMultipleInputTransformation<Slice> made =
        new KeyedMultipleInputTransformation<>(vertex.name(), operator(vertex), SLICE, vertex.parallelism(), Types.INT);
    inputs.forEach(input -> made.addInput(input, new NoKey()));
    return made;
  }

  private BridgeOperatorFactory operator(Plan.Vertex vertex) {
    // By plan or by the cluster's configuration. In a task, 1.20 and 2.x have it at different places.
    return new BridgeOperatorFactory(plan, vertex.id(), environment.getCheckpointConfig().isCheckpointingEnabled());
  }

  /** Every vertex is keyed for Flink, for a range of key groups and raw keyed state; the keys are in Node, and this is never asked. */
  private static final class NoKey implements KeySelector<Slice, Integer> {
    private static final long serialVersionUID = 1;

    @Override
    public Integer getKey(Slice slice) {
      return 0;
    }
  }
}
