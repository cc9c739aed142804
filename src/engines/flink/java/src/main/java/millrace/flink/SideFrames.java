package millrace.flink;

import org.apache.flink.runtime.metrics.TimerGauge;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Frames of Node whose order among the others does not matter: they are done with as they come, on the thread that reads them. */
final class SideFrames {
  private static final Logger LOG = LoggerFactory.getLogger("millrace.node");

  private final String label;
  private final String version;
  private final Snapshots snapshots;
  private final Rendezvous rendezvous;
  private final NodeMetrics metrics;
  private final TimerGauge backPressured;
  private final Runnable opened;

  /**
   * @param version of the package that submitted the job; Node's must be the same
   * @param backPressured the task's own: it does not see what waits in Node for room there
   * @param opened is run for READY
   */
  SideFrames(String label, String version, Snapshots snapshots, Rendezvous rendezvous, NodeMetrics metrics, TimerGauge backPressured, Runnable opened) {
    this.label = label;
    this.version = version;
    this.snapshots = snapshots;
    this.rendezvous = rendezvous;
    this.metrics = metrics;
    this.backPressured = backPressured;
    this.opened = opened;
  }

  /**
   * @param from gets the answer: a successor counts its own requests
   * @return false for a frame that is to be queued
   * @throws Exception what the node has failed with
   */
  boolean take(Frame frame, NodeLink from) throws Exception {
    switch (frame.kind()) {
      case Frame.READY -> welcome(Json.parse(frame.text()));
      case Frame.SNAPSHOT -> snapshots.add(frame.number(), frame.target(), frame);
      case Frame.SNAPSHOT_DONE -> snapshots.done(frame.number());
      case Frame.METRICS -> metrics.update(Json.parse(frame.text()));
      case Frame.BACKPRESSURED -> {
        if (frame.flags() == 1) {
          backPressured.markStart();
        } else {
          backPressured.markEnd();
        }
      }
      case Frame.PUBLISH -> {
        JsonNode entry = Json.parse(frame.text());
        JsonNode value = entry.path("value");
        rendezvous.publish(entry.path("key").asText(), value.isTextual() ? value.textValue() : value.toString());
      }
      case Frame.LOOKUP -> {
        long request = frame.number();
        rendezvous.lookup(frame.text(), (key, value) -> from.send(Frame.of(Frame.FOUND, request, value)));
      }
      case Frame.LOG -> log(Json.parse(frame.text()));
      case Frame.ERROR -> throw Failures.fromNode(frame.text());
      case Frame.DECLINED -> {
        // The checkpoint fails; the barrier passes all the same, and in its turn. Flink's REST does not say why, the log does.
        LOG.warn("{}: declined checkpoint {}: {}", label, frame.number(), frame.text());
        snapshots.fail(frame.number(), Failures.fromNode(frame.text()));
        return false;
      }
      default -> {
        return false;
      }
    }
    return true;
  }

  private void welcome(JsonNode hello) throws Exception {
    String found = hello.path("millrace").asText(version);
    if (!found.equals(version)) {
      throw Failures.of(
          "VERSION_MISMATCH",
          label + ": the job was submitted by millrace " + version + ", the Node host on this TaskManager is " + found + ": install the same version on both",
          false);
    }
    // A predecessor may have left it on.
    backPressured.markEnd();
    opened.run();
  }

  private void log(JsonNode entry) {
    String text = label + ": " + entry.path("message").asText() + (entry.path("fields").isEmpty() ? "" : " " + entry.get("fields"));
    switch (entry.path("level").asText()) {
      case "error", "fatal" -> LOG.error(text);
      case "warn" -> LOG.warn(text);
      case "debug", "trace" -> LOG.debug(text);
      default -> LOG.info(text);
    }
  }
}
