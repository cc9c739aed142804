package millrace.flink;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * What Flink has to know of slices to carry them between tasks. Those of a frame are put together where they are read, in memory of
 * the pool: the last one has the frame.
 *
 * <pre>
 *   i32 edge | i32 subtask that it comes from | i32 length of the frame | i32 at | bytes
 * </pre>
 */
final class SliceType extends TypeInformation<Slice> {
  private static final long serialVersionUID = 1;

  @Override
  public TypeSerializer<Slice> createSerializer(SerializerConfig config) {
    return new Serializer();
  }

  /** The one that 1.20 asks for. */
  public TypeSerializer<Slice> createSerializer(ExecutionConfig config) {
    return new Serializer();
  }

  @Override
  public boolean isBasicType() {
    return false;
  }

  @Override
  public boolean isTupleType() {
    return false;
  }

  @Override
  public int getArity() {
    return 1;
  }

  @Override
  public int getTotalFields() {
    return 1;
  }

  @Override
  public Class<Slice> getTypeClass() {
    return Slice.class;
  }

  @Override
  public boolean isKeyType() {
    return false;
  }

  @Override
  public String toString() {
    return "Slice";
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof SliceType;
  }

  @Override
  public int hashCode() {
    return SliceType.class.hashCode();
  }

  @Override
  public boolean canEqual(Object other) {
    return other instanceof SliceType;
  }

  /** One for each input of a task, as Flink makes them; it reads on the task's thread. Slices are never copied. */
  static final class Serializer extends TypeSerializer<Slice> {
    private static final long serialVersionUID = 1;

    /** Frames that are not whole yet, one of a channel at most, and how much of each is there. */
    private transient Map<Long, Part> parts;

    @Override
    public void serialize(Slice slice, DataOutputView target) throws IOException {
      Frame frame = slice.frame;
      target.writeInt(frame.edge());
      target.writeInt(frame.from());
      target.writeInt(frame.length);
      target.writeInt(slice.from);
      target.write(frame.bytes, slice.from, slice.to - slice.from);
    }

    @Override
    public Slice deserialize(DataInputView source) throws IOException {
      long channel = ((long) source.readInt() << Integer.SIZE) | source.readInt();
      int length = source.readInt();
      int at = source.readInt();
      Slice slice = new Slice(at == 0 ? FramePool.SHARED.take(length) : rest(channel, length, at), at);
      source.readFully(slice.frame.bytes, slice.from, slice.to - slice.from);
      if (!slice.isLast()) {
        parts().put(channel, new Part(slice.frame, slice.to));
      }
      return slice;
    }

    private Frame rest(long channel, int length, int at) throws IOException {
      Part part = parts().remove(channel);
      if (part == null || part.frame.length != length || part.filled != at) {
        throw new IOException("[PROTOCOL] a slice at " + at + " of a frame of " + length + " bytes follows " + (part == null ? "none" : part.filled + " of " + part.frame.length));
      }
      return part.frame;
    }

    private Map<Long, Part> parts() {
      if (parts == null) {
        parts = new HashMap<>();
      }
      return parts;
    }

    @Override
    public Slice deserialize(Slice reuse, DataInputView source) throws IOException {
      return deserialize(source);
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
      target.writeInt(source.readInt());
      target.writeInt(source.readInt());
      int length = source.readInt();
      int at = source.readInt();
      target.writeInt(length);
      target.writeInt(at);
      byte[] bytes = new byte[Math.min(Slice.BYTES, length - at)];
      source.readFully(bytes);
      target.write(bytes);
    }

    @Override
    public boolean isImmutableType() {
      return true;
    }

    @Override
    public TypeSerializer<Slice> duplicate() {
      return new Serializer();
    }

    @Override
    public Slice createInstance() {
      return new Slice(Frame.of(Frame.DATA, 0), 0);
    }

    @Override
    public Slice copy(Slice from) {
      return from;
    }

    @Override
    public Slice copy(Slice from, Slice reuse) {
      return from;
    }

    @Override
    public int getLength() {
      return -1;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Serializer;
    }

    @Override
    public int hashCode() {
      return Serializer.class.hashCode();
    }

    @Override
    public TypeSerializerSnapshot<Slice> snapshotConfiguration() {
      return new Snapshot();
    }
  }

  private record Part(Frame frame, int filled) {}

  /** No state has slices in it; Flink asks every serializer for one. */
  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Slice> {
    public Snapshot() {
      super(Serializer::new);
    }
  }
}
