package millrace.flink;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One Node process: of a job on a TaskManager, shared by its subtasks there, or of a single subtask.
 *
 * <pre>
 *   stdin   {"open": "/tmp/millrace-…/s1",   a subtask: a worker thread connects to that socket, the one that ran it before
 *            "subtask": "sums (subtask …)"}  if there is one
 *           end of file                      exit at once: the TaskManager is gone, or has no use for the host
 *   stdout, stderr                           lines for the TaskManager's log
 *
 *   starting --> in use --(last subtask released)--> lingering --(lingerMs, or the job's class loader is released)--> ended
 *                  ^------------(acquired)---------------'
 * </pre>
 *
 * A shared host outlives its subtasks, so that a restart of the job finds the native libraries loaded. It does not outlive
 * the job: Flink releases the class loader when the job has no slot left here.
 */
final class NodeHost {
  private static final Logger LOG = LoggerFactory.getLogger("millrace.node");
  private static final String BUNDLE = "millrace/job.mjs";
  /** A socket's path is limited by the operating system, to about 108 bytes. */
  private static final int MAX_PATH = 100;
  /** The shared hosts, by job; guarded by itself, as are the subtasks of each. */
  private static final Map<String, NodeHost> SHARED = new HashMap<>();

  private final String key;
  private final Plan.Host options;
  private final Path folder;
  private final String bundleHash;
  private final Process process;
  private final Writer stdin;
  private int subtasks;
  private int uses;
  private int sockets;

  private NodeHost(String key, Plan.Host options, ClassLoader loader) throws Exception {
    this.key = key;
    this.options = options;
    String node = environment("MILLRACE_NODE", options.node());
    String home = System.getenv("MILLRACE_HOME");
    Path entry = home == null ? Path.of(options.entry()) : Path.of(home, "dist/src/engines/flink/host/main.js");
    if (!Files.isRegularFile(entry)) {
      throw Failures.of(
          "FILE_NOT_FOUND",
          "there is no Node host at " + entry + " on this TaskManager: install the package millrace there and set MILLRACE_HOME to its folder",
          false);
    }
    folder = createFolder();
    try {
      byte[] bundle = resource(loader);
      bundleHash = hash(bundle);
      Files.write(bundle(), bundle);
      process = start(node, entry);
    } catch (Exception e) {
      delete(folder);
      throw e;
    }
    stdin = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
    process.onExit().thenRun(() -> delete(folder));
    Thread pump = new Thread(this::log, "millrace-log " + process.pid());
    pump.setDaemon(true);
    pump.start();
    LOG.info("Started Node host {} for {}: {} {}", process.pid(), key, node, entry);
  }

  /**
   * A running host with one more subtask; the caller releases it.
   *
   * @param shared the host of the job on this TaskManager, else one of its own
   */
  static NodeHost acquire(String job, boolean shared, Plan.Host options, ClassLoader loader) throws Exception {
    synchronized (SHARED) {
      NodeHost host = shared ? SHARED.get(job) : null;
      if (host == null || !host.process.isAlive()) {
        host = new NodeHost(job, options, loader);
        if (shared) {
          SHARED.put(job, host);
        }
      }
      host.subtasks++;
      host.uses++;
      return host;
    }
  }

  /** Ends the shared host of a job, whatever uses it: its class loader goes. */
  static void endJob(String job) {
    synchronized (SHARED) {
      NodeHost host = SHARED.get(job);
      if (host != null) {
        host.end();
      }
    }
  }

  boolean isAlive() {
    return process.isAlive();
  }

  Path bundle() {
    return folder.resolve("job.mjs");
  }

  /** SHA-256 of the bundle, in hex. */
  String bundleHash() {
    return bundleHash;
  }

  /**
   * Has the host open a subtask, and gives the connection with it. A host that does not do so in time is killed, or the next
   * attempt would meet it again.
   */
  SocketChannel connect(String label) throws Exception {
    Path path;
    synchronized (SHARED) {
      path = folder.resolve("s" + ++sockets);
    }
    try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(path));
      Executor deadline = CompletableFuture.delayedExecutor(options.startTimeoutMs(), TimeUnit.MILLISECONDS);
      // Whichever comes first ends accept(), which has no timeout of its own.
      process.onExit().thenRun(() -> close(listener));
      CompletableFuture.runAsync(() -> close(listener), deadline);
      say(Json.object().put("open", path.toString()).put("subtask", label).toString(), label);
      return listener.accept();
    } catch (ClosedByInterruptException e) {
      throw new InterruptedException();
    } catch (AsynchronousCloseException e) {
      if (!process.isAlive()) {
        throw lost(label);
      }
      String late = "a subtask did not connect within " + options.startTimeoutMs() + " ms";
      kill(late);
      throw Failures.of("DEADLINE_EXCEEDED", label + ": Node host " + process.pid() + " was killed, as " + late, true);
    } finally {
      Files.deleteIfExists(path);
    }
  }

  /** What to say when the connection with the host broke. Waits a moment for the exit code. */
  Exception lost(String label) {
    String host = label + ": Node host " + process.pid();
    try {
      if (process.waitFor(1, TimeUnit.SECONDS)) {
        return Failures.of("THREAD_LOST", host + " ended with exit code " + process.exitValue() + "; its last lines are in the TaskManager's log", true);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return Failures.of("THREAD_LOST", host + " closed the connection of the subtask", true);
  }

  /** One subtask less. The last one leaves a shared host to linger, and ends any other. */
  void release() {
    synchronized (SHARED) {
      if (--subtasks > 0) {
        return;
      }
      if (SHARED.get(key) != this) {
        end();
        return;
      }
      int use = uses;
      CompletableFuture.runAsync(() -> endUnlessUsed(use), CompletableFuture.delayedExecutor(options.lingerMs(), TimeUnit.MILLISECONDS));
    }
  }

  /** For a subtask that does not answer: its thread cannot be stopped from here, the process can. */
  void kill(String why) {
    LOG.warn("Killing Node host {}: {}", process.pid(), why);
    process.destroyForcibly();
  }

  private void endUnlessUsed(int use) {
    synchronized (SHARED) {
      if (uses == use && subtasks == 0) {
        end();
      }
    }
  }

  /** Does not wait: Flink may call from a thread that must not. */
  private void end() {
    SHARED.remove(key, this);
    try {
      stdin.close();
    } catch (IOException e) {
      // It has ended already.
    }
    process.onExit().orTimeout(options.closeTimeoutMs(), TimeUnit.MILLISECONDS).exceptionally(late -> process.destroyForcibly());
  }

  private Process start(String node, Path entry) throws Exception {
    List<String> command = new ArrayList<>(List.of(node));
    command.addAll(options.options());
    command.add(entry.toString());
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(options.env());
    try {
      return builder.start();
    } catch (IOException e) {
      throw Failures.of(
          "FILE_NOT_FOUND", "Node could not be started as '" + node + "' on this TaskManager (" + e.getMessage() + "): install Node 20, or set MILLRACE_NODE to its path", false);
    }
  }

  private void say(String line, String label) throws Exception {
    try {
      synchronized (stdin) {
        stdin.write(line + "\n");
        stdin.flush();
      }
    } catch (IOException e) {
      throw lost(label);
    }
  }

  private void log() {
    try (BufferedReader lines = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line; (line = lines.readLine()) != null; ) {
        LOG.info("[{}] {}", process.pid(), line);
      }
    } catch (IOException e) {
      // The process has ended.
    }
  }

  private static String environment(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null ? otherwise : value;
  }

  private static byte[] resource(ClassLoader loader) throws Exception {
    try (InputStream in = loader.getResourceAsStream(BUNDLE)) {
      if (in == null) {
        throw Failures.of("FORMAT_INVALID", BUNDLE + " is missing in the job's jar: submit with `millrace run --engine flink`, which adds it to the bridge's jar", false);
      }
      return in.readAllBytes();
    }
  }

  private static String hash(byte[] bytes) throws NoSuchAlgorithmException {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  /** Readable by this user alone, and with room in its path for a socket's name. */
  private static Path createFolder() throws IOException {
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    boolean fits = temporary.toString().getBytes(StandardCharsets.UTF_8).length + "/millrace-/s".length() + 2 * 20 <= MAX_PATH;
    return Files.createTempDirectory(fits ? temporary : Path.of("/tmp"), "millrace-");
  }

  private static void close(ServerSocketChannel listener) {
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException | UncheckedIOException e) {
      LOG.warn("Could not delete {}: {}", folder, e.getMessage());
    }
  }
}
