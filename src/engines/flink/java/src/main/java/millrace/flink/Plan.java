package millrace.flink;

import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;

/**
 * What the submitter wrote into the jar as {@code millrace/plan.json}: the graph, and all that Java needs to run it.
 *
 * <p>Fields that are not known are ignored, missing ones are an error that names the field.
 *
 * @param millrace version of the package that made the plan; a Node host of another version is refused
 * @param keyGroups the maximum parallelism of every vertex
 * @param configuration Flink's own options, applied as they are
 * @param task JSON text handed to Node in OPEN as it is
 */
public record Plan(
    String millrace,
    Job job,
    int keyGroups,
    String fingerprint,
    Map<String, String> configuration,
    Host host,
    String task,
    List<Vertex> vertices,
    List<Edge> edges)
    implements Serializable {

  static final String RESOURCE = "millrace/plan.json";
  private static final int VERSION = 1;
  /** The largest maximum parallelism that Flink allows. */
  private static final int MAX_KEY_GROUPS = 1 << 15;

  public record Job(String name, String id) implements Serializable {}

  /**
   * How a Node host is started.
   *
   * @param entry absolute path of the host's main module on the TaskManager
   * @param lingerMs how long a host without subtasks is kept, so that a restart of the job finds its libraries loaded
   */
  public record Host(
      String node, String entry, List<String> options, Map<String, String> env, long startTimeoutMs, long closeTimeoutMs, long commitTimeoutMs, long lingerMs)
      implements Serializable {}

  /** @param restarts how a failed node is replaced alone; null where its task fails with it */
  public record Vertex(int id, String uid, String name, int parallelism, boolean ownProcess, String slotSharingGroup, Restarts restarts) implements Serializable {}

  /**
   * @param edge the one that a replaceable vertex reads
   * @param failures restarts at most, of one streak; within quietMs where that slides
   */
  public record Restarts(String role, int edge, int failures, long quietMs, boolean slides, long delayMs, double factor, long maxDelayMs) implements Serializable {}

  public record Edge(int id, int from, int to, boolean forward) implements Serializable {}

  /** Reads the plan that lies in the job's jar. */
  static Plan load(ClassLoader loader) throws IOException {
    try (InputStream in = loader.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new PlanException("is missing in the job's jar: submit with `millrace run --engine flink`, which adds it to the bridge's jar");
      }
      return parse(in.readAllBytes());
    }
  }

  static Plan parse(byte[] text) {
    JsonNode json;
    try {
      json = Json.parse(text);
    } catch (IOException e) {
      throw new PlanException("is not JSON: " + e.getMessage());
    }
    if (json == null || !json.isObject()) {
      throw new PlanException("must be a JSON object");
    }
    Plan plan = read(new Field("", json));
    plan.validate();
    return plan;
  }

  private static Plan read(Field plan) {
    int version = plan.integer("version", 1, Integer.MAX_VALUE);
    if (version != VERSION) {
      throw new PlanException("version is " + version + ", this bridge reads " + VERSION + ": use the jar of the package that made the plan");
    }
    Field job = plan.object("job");
    Field host = plan.object("host");
    return new Plan(
        plan.text("millrace"),
        new Job(job.text("name"), job.text("id")),
        plan.integer("keyGroups", 1, MAX_KEY_GROUPS),
        plan.text("fingerprint"),
        plan.texts("configuration"),
        new Host(
            host.text("node"),
            host.text("entry"),
            host.list("options", Field::itemText),
            host.texts("env"),
            host.milliseconds("startTimeoutMs"),
            host.milliseconds("closeTimeoutMs"),
            host.has("commitTimeoutMs") ? host.milliseconds("commitTimeoutMs") : 60_000,
            host.milliseconds("lingerMs")),
        plan.object("task").json.toString(),
        plan.list("vertices", (list, i) -> vertex(list.item(i))),
        plan.list("edges", (list, i) -> edge(list.item(i))));
  }

  private static Vertex vertex(Field vertex) {
    return new Vertex(
        vertex.integer("id", 0, Integer.MAX_VALUE),
        vertex.text("uid"),
        vertex.text("name"),
        vertex.integer("parallelism", 1, MAX_KEY_GROUPS),
        vertex.oneOf("isolation", "thread", "process").equals("process"),
        vertex.text("slotSharingGroup"),
        vertex.has("restarts") ? restarts(vertex.object("restarts")) : null);
  }

  private static Restarts restarts(Field restarts) {
    return new Restarts(
        restarts.text("role"),
        restarts.integer("edge", 0, 0xffff),
        restarts.integer("failures", 0, Integer.MAX_VALUE),
        restarts.milliseconds("quietMs"),
        restarts.flag("slides"),
        restarts.milliseconds("delayMs"),
        restarts.number("factor"),
        restarts.milliseconds("maxDelayMs"));
  }

  private static Edge edge(Field edge) {
    return new Edge(
        edge.integer("id", 0, 0xffff),
        edge.integer("from", 0, Integer.MAX_VALUE),
        edge.integer("to", 0, Integer.MAX_VALUE),
        edge.oneOf("exchange", "forward", "target").equals("forward"));
  }

  private void validate() {
    if (vertices.isEmpty()) {
      throw new PlanException("vertices is empty: a job has at least one");
    }
    Map<Integer, Vertex> known = new HashMap<>();
    Set<String> uids = new HashSet<>();
    for (Vertex vertex : vertices) {
      if (known.put(vertex.id, vertex) != null) {
        throw new PlanException("vertices: id " + vertex.id + " is there twice");
      }
      if (!uids.add(vertex.uid)) {
        throw new PlanException("vertices: uid " + vertex.uid + " is there twice");
      }
      if (vertex.parallelism > keyGroups) {
        throw new PlanException(vertex.name + " has parallelism " + vertex.parallelism + ", more than the job's " + keyGroups + " key groups");
      }
    }
    Set<Integer> ids = new HashSet<>();
    for (Edge edge : edges) {
      if (!ids.add(edge.id)) {
        throw new PlanException("edges: id " + edge.id + " is there twice");
      }
      for (int end : List.of(edge.from, edge.to)) {
        if (!known.containsKey(end)) {
          throw new PlanException("edge " + edge.id + " names vertex " + end + ", which is not in vertices");
        }
      }
      Vertex from = known.get(edge.from);
      Vertex to = known.get(edge.to);
      if (edge.forward && from.parallelism != to.parallelism) {
        throw new PlanException(
            "edge " + edge.id + " is a forward one from " + from.name + " (" + from.parallelism + ") to " + to.name + " (" + to.parallelism + "): the parallelism must be the same");
      }
    }
  }

  Vertex vertex(int id) {
    return vertices.stream().filter(vertex -> vertex.id == id).findFirst().orElseThrow();
  }

  /** The edges into a vertex, in the order of its Flink inputs. */
  List<Edge> inputs(int vertex) {
    return edges.stream().filter(edge -> edge.to == vertex).toList();
  }

  List<Edge> outputs(int vertex) {
    return edges.stream().filter(edge -> edge.from == vertex).toList();
  }

  /** The smallest vertex id of the connected part of the graph that a vertex lies in: what Flink restarts together. */
  int component(int vertex) {
    Set<Integer> seen = new HashSet<>(Set.of(vertex));
    for (boolean grown = true; grown; ) {
      grown = false;
      for (Edge edge : edges) {
        if (seen.contains(edge.from) != seen.contains(edge.to)) {
          grown |= seen.addAll(List.of(edge.from, edge.to));
        }
      }
    }
    return seen.stream().min(Integer::compare).orElseThrow();
  }

  /** A plan that cannot be used; the message names the field, the value and the limit. */
  static final class PlanException extends IllegalArgumentException {
    private static final long serialVersionUID = 1;

    PlanException(String text) {
      super("[FORMAT_INVALID] " + RESOURCE + ": " + text);
    }
  }

  /** A JSON value and the path to it, for errors. */
  private record Field(String path, JsonNode json) {
    private String at(String name) {
      return path.isEmpty() ? name : path + "." + name;
    }

    boolean has(String name) {
      return json.hasNonNull(name);
    }

    private JsonNode need(String name) {
      if (!has(name)) {
        throw new PlanException(at(name) + " is missing");
      }
      return json.get(name);
    }

    private PlanException wrong(String name, String what) {
      return new PlanException(at(name) + " must be " + what + ", got " + json.get(name));
    }

    String text(String name) {
      if (!need(name).isTextual()) {
        throw wrong(name, "a string");
      }
      return json.get(name).textValue();
    }

    String oneOf(String name, String... allowed) {
      String text = text(name);
      if (!List.of(allowed).contains(text)) {
        throw wrong(name, "one of " + String.join(", ", allowed));
      }
      return text;
    }

    int integer(String name, int min, int max) {
      JsonNode value = need(name);
      if (!value.canConvertToInt() || !value.isIntegralNumber() || value.intValue() < min || value.intValue() > max) {
        throw wrong(name, "an integer from " + min + " to " + max);
      }
      return value.intValue();
    }

    boolean flag(String name) {
      if (!need(name).isBoolean()) {
        throw wrong(name, "true or false");
      }
      return json.get(name).booleanValue();
    }

    double number(String name) {
      if (!need(name).isNumber()) {
        throw wrong(name, "a number");
      }
      return json.get(name).doubleValue();
    }

    long milliseconds(String name) {
      return integer(name, 0, Integer.MAX_VALUE);
    }

    Field object(String name) {
      if (!need(name).isObject()) {
        throw wrong(name, "an object");
      }
      return new Field(at(name), json.get(name));
    }

    Map<String, String> texts(String name) {
      Field object = object(name);
      Map<String, String> result = new LinkedHashMap<>();
      object.json.fieldNames().forEachRemaining(key -> result.put(key, object.text(key)));
      return result;
    }

    <T> List<T> list(String name, BiFunction<Field, Integer, T> read) {
      if (!need(name).isArray()) {
        throw wrong(name, "a list");
      }
      Field list = new Field(at(name), json.get(name));
      List<T> result = new ArrayList<>();
      for (int i = 0; i < list.json.size(); i++) {
        result.add(read.apply(list, i));
      }
      return List.copyOf(result);
    }

    Field item(int i) {
      String at = path + "[" + i + "]";
      if (!json.get(i).isObject()) {
        throw new PlanException(at + " must be an object, got " + json.get(i));
      }
      return new Field(at, json.get(i));
    }

    String itemText(int i) {
      if (!json.get(i).isTextual()) {
        throw new PlanException(path + "[" + i + "] must be a string, got " + json.get(i));
      }
      return json.get(i).textValue();
    }
  }
}
