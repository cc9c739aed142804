package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PlanTest {
  private static final String WHOLE =
      """
      {"version": 1, "millrace": "0.1.0", "job": {"name": "count", "id": "j"}, "keyGroups": 128, "fingerprint": "f", "later": true,
       "configuration": {"pipeline.object-reuse": "true"},
       "host": {"node": "node", "entry": "/m/main.js", "options": ["-x"], "env": {"A": "b"}, "startTimeoutMs": 60000, "closeTimeoutMs": 5000, "lingerMs": 10000},
       "task": {"params": {"n": 1}},
       "vertices": [
         {"id": 0, "uid": "gen", "name": "gen", "parallelism": 2, "role": null, "isolation": "thread", "slotSharingGroup": "default"},
         {"id": 1, "uid": "count", "name": "count", "parallelism": 3, "role": null, "isolation": "process", "slotSharingGroup": "default"},
         {"id": 2, "uid": "am", "name": "am", "parallelism": 1, "role": "am", "isolation": "thread", "slotSharingGroup": "default",
          "restarts": {"role": "am", "edge": 1, "failures": 3, "quietMs": 60000, "slides": false, "delayMs": 100, "factor": 1.5, "maxDelayMs": 150}}],
       "edges": [{"id": 0, "from": 0, "to": 1, "exchange": "target"}, {"id": 1, "from": 0, "to": 1, "exchange": "target"}]}
      """;

  private static Plan parse(String json) {
    return Plan.parse(json.getBytes(StandardCharsets.UTF_8));
  }

  /** The message of the whole plan with one text replaced. */
  private static String refused(String text, String by) {
    assertTrue(WHOLE.contains(text), text);
    return assertThrows(Plan.PlanException.class, () -> parse(WHOLE.replace(text, by))).getMessage();
  }

  @Test
  void readsAPlan() {
    Plan plan = parse(WHOLE);
    assertEquals(new Plan.Job("count", "j"), plan.job());
    assertEquals(Map.of("pipeline.object-reuse", "true"), plan.configuration());
    assertEquals(new Plan.Host("node", "/m/main.js", List.of("-x"), Map.of("A", "b"), 60_000, 5_000, 60_000, 10_000), plan.host());
    assertEquals("{\"params\":{\"n\":1}}", plan.task());
    assertEquals(new Plan.Vertex(1, "count", "count", 3, true, "default", null), plan.vertex(1));
    assertEquals(new Plan.Restarts("am", 1, 3, 60_000, false, 100, 1.5, 150), plan.vertex(2).restarts());
    assertEquals(List.of(0, 1), plan.inputs(1).stream().map(Plan.Edge::id).toList());
    assertEquals(List.of(), plan.inputs(0));
  }

  @Test
  void knowsTheConnectedParts() {
    Plan plan = parse(WHOLE);
    assertEquals(0, plan.component(0));
    assertEquals(0, plan.component(1));
    assertEquals(2, plan.component(2));
  }

  @Test
  void namesTheFieldThatIsMissing() {
    assertEquals("[FORMAT_INVALID] millrace/plan.json: vertices[1].uid is missing", refused("\"uid\": \"count\", ", ""));
    assertEquals("[FORMAT_INVALID] millrace/plan.json: vertices[2].restarts.slides must be true or false, got 0", refused("\"slides\": false", "\"slides\": 0"));
    assertEquals("[FORMAT_INVALID] millrace/plan.json: host.lingerMs is missing", refused(", \"lingerMs\": 10000", ""));
  }

  @Test
  void namesTheValueAndTheLimit() {
    assertEquals(
        "[FORMAT_INVALID] millrace/plan.json: vertices[1].parallelism must be an integer from 1 to 32768, got 0", refused("\"parallelism\": 3", "\"parallelism\": 0"));
    assertEquals(
        "[FORMAT_INVALID] millrace/plan.json: vertices[1].isolation must be one of thread, process, got \"vm\"", refused("\"isolation\": \"process\"", "\"isolation\": \"vm\""));
    assertEquals("[FORMAT_INVALID] millrace/plan.json: host.options[0] must be a string, got 7", refused("[\"-x\"]", "[7]"));
    assertEquals("[FORMAT_INVALID] millrace/plan.json: configuration.pipeline.object-reuse must be a string, got true", refused("\"true\"", "true"));
  }

  @Test
  void refusesAnotherVersion() {
    assertEquals(
        "[FORMAT_INVALID] millrace/plan.json: version is 2, this bridge reads 1: use the jar of the package that made the plan", refused("\"version\": 1", "\"version\": 2"));
  }

  @Test
  void refusesAGraphThatDoesNotFit() {
    assertEquals("[FORMAT_INVALID] millrace/plan.json: edge 1 names vertex 9, which is not in vertices", refused("\"id\": 1, \"from\": 0", "\"id\": 1, \"from\": 9"));
    assertEquals("[FORMAT_INVALID] millrace/plan.json: vertices: uid gen is there twice", refused("\"uid\": \"count\"", "\"uid\": \"gen\""));
    assertEquals("[FORMAT_INVALID] millrace/plan.json: edges: id 0 is there twice", refused("\"id\": 1, \"from\": 0", "\"id\": 0, \"from\": 0"));
    assertEquals(
        "[FORMAT_INVALID] millrace/plan.json: edge 1 is a forward one from gen (2) to count (3): the parallelism must be the same",
        refused("\"to\": 1, \"exchange\": \"target\"}]", "\"to\": 1, \"exchange\": \"forward\"}]"));
    assertEquals("[FORMAT_INVALID] millrace/plan.json: count has parallelism 3, more than the job's 2 key groups", refused("\"keyGroups\": 128", "\"keyGroups\": 2"));
  }

  @Test
  void refusesWhatIsNoPlan() {
    assertEquals("[FORMAT_INVALID] millrace/plan.json: must be a JSON object", assertThrows(Plan.PlanException.class, () -> parse("[]")).getMessage());
    assertTrue(assertThrows(Plan.PlanException.class, () -> parse("{")).getMessage().startsWith("[FORMAT_INVALID] millrace/plan.json: is not JSON: "));
  }
}
