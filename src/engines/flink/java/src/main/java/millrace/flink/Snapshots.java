package millrace.flink;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.apache.flink.runtime.state.CheckpointStateOutputStream;
import org.apache.flink.runtime.state.CheckpointStreamFactory;
import org.apache.flink.runtime.state.CheckpointedStateScope;
import org.apache.flink.runtime.state.DefaultOperatorStateBackend;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeOffsets;
import org.apache.flink.runtime.state.KeyGroupsStateHandle;
import org.apache.flink.runtime.state.KeyedStateCheckpointOutputStream;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.OperatorStateHandle;
import org.apache.flink.runtime.state.OperatorStreamStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.StreamStateHandle;
import org.apache.flink.streaming.api.operators.OperatorSnapshotFutures;

/**
 * The chunks that Node sends behind a barrier, from the link to Flink's checkpoint storage.
 *
 * <p>They come in any order, in the reader thread, while the job goes on; Flink wants all of a key group in one place, from its
 * checkpoint thread. In between they lie in a file of the TaskManager's temporary folder, so that state of any size takes no heap.
 *
 * <pre>
 *   SNAPSHOT* --> spool file, index by key group --SNAPSHOT_DONE--> raw keyed state:     per group: i32 count, (i32 length, chunk)*
 *                                                                   raw operator state:  a partition per chunk: i32 length, chunk
 * </pre>
 */
final class Snapshots {
  private final Path folder;
  private final KeyGroupRange range;
  private final Map<Long, Spool> spools = new ConcurrentHashMap<>();

  Snapshots(Path folder, KeyGroupRange range) {
    this.folder = folder;
    this.range = range;
  }

  /** Before the barrier is sent to Node: from now on chunks of this checkpoint are kept. */
  void begin(long id) throws IOException {
    spools.put(id, Spool.open(folder));
  }

  void add(long id, int keyGroup, Frame frame) throws Exception {
    if (keyGroup != Frame.WHOLE_OPERATOR && !range.contains(keyGroup)) {
      throw Failures.of("PROTOCOL", "Node sent state of key group " + keyGroup + "; the subtask has " + range.getStartKeyGroup() + " to " + range.getEndKeyGroup(), false);
    }
    // One that is not there was aborted, with its chunks on their way.
    Spool spool = spools.get(id);
    if (spool != null) {
      spool.add(keyGroup, frame);
    }
  }

  void done(long id) {
    Spool spool = spools.get(id);
    if (spool != null) {
      spool.done.complete(null);
    }
  }

  /** Fails the checkpoint, not the job. */
  void fail(long id, Exception cause) {
    Spool spool = spools.get(id);
    if (spool != null) {
      spool.done.completeExceptionally(cause);
    }
  }

  /** Fails all checkpoints that Node has not said all of. */
  void failUnfinished(Exception cause) {
    // Where it is done, that stays so.
    spools.values().forEach(spool -> spool.done.completeExceptionally(cause));
  }

  /** The checkpoint was aborted. */
  void drop(long id) {
    Spool spool = spools.remove(id);
    if (spool != null) {
      spool.close();
    }
  }

  void dropAll() {
    List.copyOf(spools.keySet()).forEach(this::drop);
  }

  /** Has Flink's checkpoint thread store the chunks, when all are here. */
  void store(long id, CheckpointStreamFactory storage, OperatorSnapshotFutures futures) {
    // It may have been aborted while Node answered the barrier.
    Spool spool = spools.getOrDefault(id, Spool.NONE);
    futures.setKeyedStateRawFuture(new FutureTask<>(() -> SnapshotResult.of(keyed(spool, storage))));
    // Flink runs this one last, so what was spooled is not needed after it.
    futures.setOperatorStateRawFuture(
        new FutureTask<>(
            () -> {
              try {
                return SnapshotResult.of(whole(spool, storage));
              } finally {
                drop(id);
              }
            }));
  }

  private KeyedStateHandle keyed(Spool spool, CheckpointStreamFactory storage) throws Exception {
    Map<Integer, List<Span>> groups = spool.await();
    long[] offsets = new long[range.getNumberOfKeyGroups()];
    Arrays.fill(offsets, KeyedStateCheckpointOutputStream.NO_OFFSET_SET);
    try (CheckpointStateOutputStream out = storage.createCheckpointStateOutputStream(CheckpointedStateScope.EXCLUSIVE)) {
      boolean any = false;
      for (Map.Entry<Integer, List<Span>> group : groups.entrySet()) {
        if (group.getKey() == Frame.WHOLE_OPERATOR) {
          continue;
        }
        any = true;
        offsets[group.getKey() - range.getStartKeyGroup()] = out.getPos();
        new DataOutputStream(out).writeInt(group.getValue().size());
        for (Span span : group.getValue()) {
          spool.copy(span, out);
        }
      }
      StreamStateHandle handle = any ? out.closeAndGetHandle() : null;
      return handle == null ? null : new KeyGroupsStateHandle(new KeyGroupRangeOffsets(range, offsets), handle);
    }
  }

  private OperatorStateHandle whole(Spool spool, CheckpointStreamFactory storage) throws Exception {
    List<Span> spans = spool.await().getOrDefault(Frame.WHOLE_OPERATOR, List.of());
    if (spans.isEmpty()) {
      return null;
    }
    try (CheckpointStateOutputStream out = storage.createCheckpointStateOutputStream(CheckpointedStateScope.EXCLUSIVE)) {
      long[] offsets = new long[spans.size()];
      for (int i = 0; i < offsets.length; i++) {
        offsets[i] = out.getPos();
        spool.copy(spans.get(i), out);
      }
      OperatorStateHandle.StateMetaInfo partitions = new OperatorStateHandle.StateMetaInfo(offsets, OperatorStateHandle.Mode.SPLIT_DISTRIBUTE);
      return new OperatorStreamStateHandle(Map.of(DefaultOperatorStateBackend.DEFAULT_OPERATOR_STATE_NAME, partitions), out.closeAndGetHandle());
    }
  }

  /** The chunks of one key group, as they were stored. */
  static Iterator<byte[]> readGroup(InputStream in) throws IOException {
    DataInputStream data = new DataInputStream(in);
    int count = data.readInt();
    return new Iterator<>() {
      private int read;

      @Override
      public boolean hasNext() {
        return read < count;
      }

      @Override
      public byte[] next() {
        read++;
        try {
          return readChunk(in);
        } catch (IOException e) {
          throw new java.io.UncheckedIOException(e);
        }
      }
    };
  }

  static byte[] readChunk(InputStream in) throws IOException {
    DataInputStream data = new DataInputStream(in);
    byte[] chunk = new byte[data.readInt()];
    data.readFully(chunk);
    return chunk;
  }

  private record Span(long at, int length) {}

  /** The chunks of one checkpoint, in a file that is gone with its channel. */
  private static final class Spool {
    static final Spool NONE = new Spool((FileChannel) null);
    private static final int BUFFER_BYTES = 64 << 10;

    static {
      NONE.fail();
    }

    final CompletableFuture<Void> done = new CompletableFuture<>();
    private final FileChannel file;
    private final Map<Integer, List<Span>> groups = new TreeMap<>();
    private long end;

    private Spool(FileChannel file) {
      this.file = file;
    }

    static Spool open(Path folder) throws IOException {
      Path path = Files.createTempFile(folder, "millrace-", ".chunks");
      FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
      // Its name goes at once, so that nothing is left behind if the TaskManager is killed.
      Files.delete(path);
      return new Spool(file);
    }

    synchronized void add(int keyGroup, Frame frame) throws IOException {
      if (!file.isOpen()) {
        return;
      }
      int length = frame.length - Frame.HEADER;
      groups.computeIfAbsent(keyGroup, group -> new ArrayList<>()).add(new Span(end, length));
      ByteBuffer chunk = ByteBuffer.wrap(frame.bytes, Frame.HEADER, length);
      while (chunk.hasRemaining()) {
        end += file.write(chunk, end);
      }
    }

    Map<Integer, List<Span>> await() throws Exception {
      try {
        done.get();
      } catch (ExecutionException e) {
        throw e.getCause() instanceof Exception cause ? cause : e;
      }
      return groups;
    }

    /** Length and bytes of a chunk. */
    void copy(Span span, OutputStream out) throws IOException {
      new DataOutputStream(out).writeInt(span.length);
      byte[] buffer = new byte[Math.min(BUFFER_BYTES, span.length)];
      for (int at = 0; at < span.length; ) {
        int count = file.read(ByteBuffer.wrap(buffer, 0, Math.min(buffer.length, span.length - at)), span.at + at);
        if (count < 0) {
          throw new IOException("The spool file ends early");
        }
        out.write(buffer, 0, count);
        at += count;
      }
    }

    private void fail() {
      done.completeExceptionally(new IOException("The checkpoint was aborted"));
    }

    void close() {
      fail();
      synchronized (this) {
        try {
          file.close();
        } catch (IOException e) {
          // Its space is freed, whatever close says.
        }
      }
    }
  }
}
