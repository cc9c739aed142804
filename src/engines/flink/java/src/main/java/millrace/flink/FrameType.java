package millrace.flink;

import java.io.IOException;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/**
 * What Flink has to know of a frame to carry it between tasks: i32 length, bytes. What it reads goes into memory of the pool,
 * which Flink's own serializer of arrays does not know.
 */
final class FrameType extends TypeInformation<Frame> {
  private static final long serialVersionUID = 1;

  @Override
  public TypeSerializer<Frame> createSerializer(SerializerConfig config) {
    return new Serializer();
  }

  /** The one that 1.20 asks for. */
  public TypeSerializer<Frame> createSerializer(ExecutionConfig config) {
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
  public Class<Frame> getTypeClass() {
    return Frame.class;
  }

  @Override
  public boolean isKeyType() {
    return false;
  }

  @Override
  public String toString() {
    return "Frame";
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FrameType;
  }

  @Override
  public int hashCode() {
    return FrameType.class.hashCode();
  }

  @Override
  public boolean canEqual(Object other) {
    return other instanceof FrameType;
  }

  /** Frames are read by nobody but the next operator, so none is ever copied. */
  static final class Serializer extends TypeSerializer<Frame> {
    private static final long serialVersionUID = 1;

    @Override
    public void serialize(Frame frame, DataOutputView target) throws IOException {
      target.writeInt(frame.length);
      target.write(frame.bytes, 0, frame.length);
    }

    @Override
    public Frame deserialize(DataInputView source) throws IOException {
      Frame frame = FramePool.SHARED.take(source.readInt());
      source.readFully(frame.bytes, 0, frame.length);
      return frame;
    }

    @Override
    public Frame deserialize(Frame reuse, DataInputView source) throws IOException {
      return deserialize(source);
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
      Frame frame = deserialize(source);
      serialize(frame, target);
      frame.free();
    }

    @Override
    public boolean isImmutableType() {
      return true;
    }

    @Override
    public TypeSerializer<Frame> duplicate() {
      return this;
    }

    @Override
    public Frame createInstance() {
      return Frame.of(Frame.DATA, 0);
    }

    @Override
    public Frame copy(Frame from) {
      return from;
    }

    @Override
    public Frame copy(Frame from, Frame reuse) {
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
    public TypeSerializerSnapshot<Frame> snapshotConfiguration() {
      return new Snapshot();
    }
  }

  /** No state has frames in it; Flink asks every serializer for one. */
  public static final class Snapshot extends SimpleTypeSerializerSnapshot<Frame> {
    public Snapshot() {
      super(Serializer::new);
    }
  }
}
