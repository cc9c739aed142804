package millrace.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.runtime.state.DefaultOperatorStateBackend;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupsStateHandle;
import org.apache.flink.runtime.state.KeyedStateCheckpointOutputStream;
import org.apache.flink.runtime.state.OperatorStateHandle;
import org.apache.flink.runtime.state.memory.MemCheckpointStreamFactory;
import org.apache.flink.streaming.api.operators.OperatorSnapshotFutures;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SnapshotsTest {
  private static final int FIRST = 8;

  @TempDir Path folder;
  private final OperatorSnapshotFutures futures = new OperatorSnapshotFutures();
  private final MemCheckpointStreamFactory storage = new MemCheckpointStreamFactory(1 << 20);
  private Snapshots snapshots;

  @BeforeEach
  void begin() throws IOException {
    snapshots = new Snapshots(folder, KeyGroupRange.of(FIRST, 11));
    snapshots.begin(1);
  }

  private void add(long id, int keyGroup, String chunk) throws Exception {
    snapshots.add(id, keyGroup, Frame.make(Frame.SNAPSHOT, 0, 0, keyGroup, id, chunk.getBytes(StandardCharsets.UTF_8)));
  }

  private KeyGroupsStateHandle keyed() throws Exception {
    futures.getKeyedStateRawFuture().run();
    return (KeyGroupsStateHandle) futures.getKeyedStateRawFuture().get().getJobManagerOwnedSnapshot();
  }

  private OperatorStateHandle whole() throws Exception {
    futures.getOperatorStateRawFuture().run();
    return futures.getOperatorStateRawFuture().get().getJobManagerOwnedSnapshot();
  }

  private static List<String> group(KeyGroupsStateHandle handle, int keyGroup) throws IOException {
    try (FSDataInputStream in = handle.openInputStream()) {
      in.seek(handle.getOffsetForKeyGroup(keyGroup));
      List<String> chunks = new ArrayList<>();
      for (Iterator<byte[]> each = Snapshots.readGroup(in); each.hasNext(); ) {
        chunks.add(new String(each.next(), StandardCharsets.UTF_8));
      }
      return chunks;
    }
  }

  @Test
  void putsTheChunksOfAKeyGroupTogether() throws Exception {
    snapshots.store(1, storage, futures);
    add(1, 11, "a11");
    add(1, FIRST, "a8");
    add(1, 11, "b11");
    add(1, Frame.WHOLE_OPERATOR, "all");
    add(1, Frame.WHOLE_OPERATOR, "");
    snapshots.done(1);

    KeyGroupsStateHandle keyed = keyed();
    assertEquals(List.of("a8"), group(keyed, FIRST));
    assertEquals(List.of("a11", "b11"), group(keyed, 11));
    assertEquals(KeyedStateCheckpointOutputStream.NO_OFFSET_SET, keyed.getOffsetForKeyGroup(9));

    OperatorStateHandle whole = whole();
    long[] offsets = whole.getStateNameToPartitionOffsets().get(DefaultOperatorStateBackend.DEFAULT_OPERATOR_STATE_NAME).getOffsets();
    assertEquals(2, offsets.length);
    try (FSDataInputStream in = whole.openInputStream()) {
      in.seek(offsets[0]);
      assertEquals("all", new String(Snapshots.readChunk(in), StandardCharsets.UTF_8));
      in.seek(offsets[1]);
      assertEquals(0, Snapshots.readChunk(in).length);
    }
  }

  @Test
  void storesNothingWhereThereIsNothing() throws Exception {
    snapshots.store(1, storage, futures);
    snapshots.done(1);
    assertNull(keyed());
    assertNull(whole());
  }

  @Test
  void failsTheCheckpointThatNodeDeclines() {
    snapshots.store(1, storage, futures);
    snapshots.fail(1, new IOException("declined"));
    assertEquals("declined", assertThrows(ExecutionException.class, this::keyed).getCause().getMessage());
  }

  @Test
  void failsACheckpointThatWasAbortedBeforeItWasStored() throws Exception {
    snapshots.drop(1);
    snapshots.store(1, storage, futures);
    add(1, FIRST, "late");
    assertEquals("The checkpoint was aborted", assertThrows(ExecutionException.class, this::keyed).getCause().getMessage());
    assertThrows(ExecutionException.class, this::whole);
  }

  @Test
  void keepsOverlappingCheckpointsApart() throws Exception {
    snapshots.begin(2);
    add(2, FIRST, "second");
    add(1, FIRST, "first");
    snapshots.store(2, storage, futures);
    snapshots.done(2);
    assertEquals(List.of("second"), group(keyed(), FIRST));
  }

  @Test
  void refusesAKeyGroupOfAnotherSubtask() {
    String message = assertThrows(Exception.class, () -> add(1, 12, "")).getCause().getMessage();
    assertTrue(message.startsWith("[PROTOCOL] Node sent state of key group 12; the subtask has 8 to 11\n"), message);
  }

  @Test
  void leavesNoFileBehind() throws Exception {
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(0, files.count());
    }
  }
}
