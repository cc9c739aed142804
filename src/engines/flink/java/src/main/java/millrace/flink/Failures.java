package millrace.flink;

import java.io.IOException;
import org.apache.flink.runtime.execution.SuppressRestartsException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.util.FlinkException;

/**
 * How an error of Node, or of the bridge, becomes the failure of a Flink task.
 *
 * <p>The message is for people in its first line and for the command line in its second, which it finds in Flink's REST
 * answer by the marker:
 *
 * <pre>
 *   [USER_FUNCTION] score (subtask 1 of 2): division by zero
 *   MILLRACE {"code":"USER_FUNCTION","message":"…","details":{…},"retryable":false}
 * </pre>
 *
 * An error that no restart can cure suppresses the restart strategy. Only classes of Flink are thrown: the JobManager may
 * have no class of ours when it reads them.
 */
final class Failures {
  static final String MARKER = "MILLRACE ";

  private Failures() {}

  /** An error that Node encoded; its message names the operator already. */
  static Exception fromNode(String json) {
    try {
      JsonNode error = Json.parse(json);
      return of(error, error.path("retryable").asBoolean(true));
    } catch (IOException e) {
      return of("PROTOCOL", "Node sent an error that is not JSON: " + json, false);
    }
  }

  /** An error that the bridge found. */
  static Exception of(String code, String message, boolean retryable) {
    ObjectNode error = Json.object();
    error.put("code", code).put("message", message).put("retryable", retryable).putObject("details");
    return of(error, retryable);
  }

  /** What the command line is told of a failure. */
  static JsonNode encoded(Exception failure) {
    Throwable from = failure instanceof SuppressRestartsException ? failure.getCause() : failure;
    String text = String.valueOf(from.getMessage());
    int at = text.indexOf("\n" + MARKER);
    try {
      if (at >= 0) {
        return Json.parse(text.substring(at + 1 + MARKER.length()));
      }
    } catch (IOException e) {
      // Said below.
    }
    return Json.object().put("code", "INTERNAL").put("message", text);
  }

  /** True of a failure that a successor of the node alone may not meet: it is its own, and no echo of somebody else's. */
  static boolean isAlone(Exception failure) {
    JsonNode error = encoded(failure);
    return error.path("alone").asBoolean() || error.path("code").asText().equals("THREAD_LOST");
  }

  private static Exception of(JsonNode error, boolean retryable) {
    String text = "[" + error.path("code").asText("INTERNAL") + "] " + error.path("message").asText("Node gave no message") + "\n" + MARKER + error;
    Exception failure = new FlinkException(text);
    return retryable ? failure : new SuppressRestartsException(failure);
  }
}
