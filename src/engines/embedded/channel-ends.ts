import { createConnection, createServer, type Server } from 'node:net';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import type { Gauge, MetricGroup } from '../../core/metrics.js';
import type { ChannelReader, ChannelWriter, NamingWriter, NumberedReader } from '../../memory/channel.js';
import type { DoorbellMemory } from '../../memory/doorbell.js';
import { RingReader } from '../../memory/ring-reader.js';
import { RingWriter } from '../../memory/ring-writer.js';
import { SocketReader } from '../../memory/socket-reader.js';
import { SocketWriter } from '../../memory/socket-writer.js';
import type { Rendezvous } from '../../stream/subtask.js';
import { HeldInputs } from '../runtime/held-inputs.js';
import { unacknowledgedGauge } from '../runtime/held-reader.js';
import type { ChannelPlace, SocketPlace, Succession } from './protocol.js';
import { RepeatingWriter } from '../runtime/repeating-writer.js';

const gaugeEveryMs = 1_000;
/** From the loss of a producer to the first look for its successor. */
const reconnectMs = 20;

export interface ChannelEndsOptions {
  /** Of the subtask. */
  readonly doorbell: DoorbellMemory;
  readonly rendezvous: Rendezvous;
  /** For the other end to be there. */
  readonly deadlineMs: number;
  /** A group whose metrics carry the labels. */
  readonly metrics: (labels: Readonly<Record<string, string>>) => MetricGroup;
  /** The other end of a socket has gone; its host tells the main process why. */
  readonly onBroken: (error: MillraceError) => void;
  /** Where the subtask succeeds a failed one. */
  readonly succeeds?: Succession | undefined;
  /** Lease epoch. */
  readonly epoch: number;
}

/**
 * The ends of channels that one subtask holds. Rings are there; the ends of a socket look for each other: the producer
 * listens and says so on the job's board, the consumer looks that up and connects.
 *
 * Where the other end may be replaced, its loss is no failure: a producer goes on listening, a consumer looks for the successor.
 */
export class ChannelEnds {
  readonly #options: ChannelEndsOptions;
  readonly #sockets: (SocketReader | SocketWriter)[] = [];
  readonly #writers: SocketWriter[] = [];
  readonly #servers: Server[] = [];
  readonly #gauges: { readonly gauge: Gauge; readonly writer: SocketWriter }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #lane: HeldInputs | undefined;

  constructor(options: ChannelEndsOptions) {
    this.#options = options;
  }

  /** @param exchange kind, for metrics */
  writer(place: ChannelPlace, exchange: string): ChannelWriter {
    const writer = place.kind === 'ring' ? new RingWriter(place.memory) : this.#socketWriter(place, exchange);
    return place.isNamed ? new RepeatingWriter(writer, () => this.position) : writer;
  }

  reader(place: ChannelPlace): ChannelReader {
    const reader = place.kind === 'ring' ? new RingReader(place.memory) : this.#socketReader(place);
    if (!place.consumerChanges) return reader;
    this.#lane ??= this.#held(place.isExact);
    return this.#lane.add(reader);
  }

  /** The inputs of a subtask that may be replaced. */
  get lane(): HeldInputs | undefined {
    return this.#lane;
  }

  /** Of the batch that is being processed; 0 where the subtask is not replaced. */
  get position(): number {
    return this.#lane?.position ?? 0;
  }

  /** @returns whether all that has been written so far would outlive the subtask: rings do, a socket keeps what its reader has released */
  mark(): () => boolean {
    const written = this.#writers.map((writer) => ({ writer, frames: writer.writtenFrames }));
    return () => written.every(({ writer, frames }) => writer.releasedFrames >= frames);
  }

  /** Says goodbye to the other ends. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.close();
  }

  #held(isExact: boolean): HeldInputs {
    const { succeeds, epoch, metrics } = this.#options;
    const unacknowledged = metrics({}).gauge(unacknowledgedGauge, 'Batches that were read and that a successor would be given again.');
    return new HeldInputs({ isExact, barrier: succeeds?.barrier ?? 0, epoch, unacknowledged });
  }

  #socketWriter(place: SocketPlace, exchange: string): NamingWriter {
    const { doorbell: producerBell, succeeds } = this.#options;
    const { capacityBytes, name, consumerChanges } = place;
    const writer = new SocketWriter({
      ...{ capacityBytes, producerBell, succeeds: succeeds !== undefined },
      onBroken: (error) => {
        // Its successor connects, too.
        if (!consumerChanges || error.code !== 'UNAVAILABLE') this.#broken(name, error);
      },
    });
    this.#sockets.push(writer);
    this.#writers.push(writer);
    this.#listen(writer, place);
    this.#gauge(writer, { channel: name, exchange });
    return writer;
  }

  #socketReader({ capacityBytes, name, producerChanges }: SocketPlace): NumberedReader {
    const { doorbell: consumerBell } = this.#options;
    const again = (): void => {
      if (producerChanges) setTimeout(() => void this.#connect(reader, name), reconnectMs).unref();
    };
    const reader: SocketReader = new SocketReader({
      ...{ capacityBytes, consumerBell },
      onBroken: (error) => {
        if (producerChanges && error.code === 'UNAVAILABLE') again();
        else this.#broken(name, error);
      },
      onGoodbye: again,
    });
    this.#sockets.push(reader);
    void this.#connect(reader, name);
    return reader;
  }

  #listen(writer: SocketWriter, { name, path }: SocketPlace): void {
    const server = createServer((socket) => writer.attach(socket));
    server.on('error', (error) => this.#broken(name, fromSystemError(error, 'socket', path)));
    server.listen(path, () => this.#options.rendezvous.publish(name, path));
    this.#servers.push(server);
  }

  async #connect(reader: SocketReader, name: string): Promise<void> {
    if (this.#closed) return;
    try {
      const path = await this.#options.rendezvous.lookup(name, this.#options.deadlineMs);
      if (!this.#closed) reader.attach(createConnection(path));
    } catch (thrown) {
      this.#broken(name, MillraceError.from(thrown));
    }
  }

  #broken(name: string, error: MillraceError): void {
    // Who closes does not care any more what the others do.
    if (!this.#closed) this.#options.onBroken(new MillraceError(error.code, `${name}: ${error.message}`, { details: error.details, cause: error.cause }));
  }

  #gauge(writer: SocketWriter, labels: Readonly<Record<string, string>>): void {
    const gauge = this.#options.metrics(labels).gauge('channel_used_bytes', 'Bytes in a channel that its consumer has not released yet.');
    this.#gauges.push({ gauge, writer });
    this.#timer ??= setInterval(() => {
      for (const { gauge: used, writer: of } of this.#gauges) used.set(of.usedBytes);
    }, gaugeEveryMs).unref();
  }
}
