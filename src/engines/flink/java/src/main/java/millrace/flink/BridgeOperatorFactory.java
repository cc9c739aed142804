package millrace.flink;

import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.ChainingStrategy;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;

/** Makes the operator of one vertex of the plan, in each of its subtasks. */
public final class BridgeOperatorFactory extends AbstractStreamOperatorFactory<Slice> implements OneInputStreamOperatorFactory<Slice, Slice> {
  private static final long serialVersionUID = 1;

  private final Plan plan;
  private final int vertex;
  private final boolean takesCheckpoints;

  /** @param takesCheckpoints whether the job does by itself */
  BridgeOperatorFactory(Plan plan, int vertex, boolean takesCheckpoints) {
    this.plan = plan;
    this.vertex = vertex;
    this.takesCheckpoints = takesCheckpoints;
    // Only a keep-alive source is chained before a bridge. Two bridges in one task would share its thread, and a wait of the
    // second inside an emission of the first could let the first one emit again, out of order.
    setChainingStrategy(plan.inputs(vertex).isEmpty() ? ChainingStrategy.ALWAYS : ChainingStrategy.HEAD);
  }

  @Override
  @SuppressWarnings("unchecked")
  public <T extends StreamOperator<Slice>> T createStreamOperator(StreamOperatorParameters<Slice> parameters) {
    return (T) new BridgeOperator(parameters, plan, vertex, takesCheckpoints);
  }

  @Override
  public Class<? extends StreamOperator> getStreamOperatorClass(ClassLoader loader) {
    return BridgeOperator.class;
  }
}
