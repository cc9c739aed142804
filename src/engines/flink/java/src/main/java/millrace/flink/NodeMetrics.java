package millrace.flink;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;

/** Node's metrics as Flink's, in the group {@code millrace} of the operator: so every reporter of the cluster has them. */
final class NodeMetrics {
  private final MetricGroup group;
  private final Map<String, Double> values = new ConcurrentHashMap<>();

  NodeMetrics(MetricGroup operator) {
    group = operator.addGroup("millrace");
  }

  /** @param metrics a list of {name, type, value}: the newest value of each; counters are totals, so all are gauges here */
  void update(JsonNode metrics) {
    for (JsonNode metric : metrics) {
      String name = metric.path("name").asText();
      if (values.put(name, metric.path("value").asDouble()) == null) {
        group.gauge(name, (Gauge<Double>) () -> values.get(name));
      }
    }
  }
}
