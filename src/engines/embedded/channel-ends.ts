import { createConnection, createServer, type Server } from 'node:net';
import { fromSystemError, MillraceError } from '../../core/errors.js';
import type { Gauge, MetricGroup } from '../../core/metrics.js';
import type { ChannelReader, ChannelWriter } from '../../memory/channel.js';
import type { DoorbellMemory } from '../../memory/doorbell.js';
import { RingReader } from '../../memory/ring-reader.js';
import { RingWriter } from '../../memory/ring-writer.js';
import { SocketReader } from '../../memory/socket-reader.js';
import { SocketWriter } from '../../memory/socket-writer.js';
import type { Rendezvous } from '../../stream/subtask.js';
import type { ChannelPlace, SocketPlace } from './protocol.js';

const gaugeEveryMs = 1_000;

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
}

/**
 * The ends of channels that one subtask holds. Rings are there; the ends of a socket look for each other: the producer
 * listens and says so on the job's board, the consumer looks that up and connects.
 */
export class ChannelEnds {
  readonly #options: ChannelEndsOptions;
  readonly #sockets: (SocketReader | SocketWriter)[] = [];
  readonly #servers: Server[] = [];
  readonly #gauges: { readonly gauge: Gauge; readonly writer: SocketWriter }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ChannelEndsOptions) {
    this.#options = options;
  }

  /** @param exchange kind, for metrics */
  writer(place: ChannelPlace, exchange: string): ChannelWriter {
    if (place.kind === 'ring') return new RingWriter(place.memory);
    const { doorbell: producerBell } = this.#options;
    const writer = new SocketWriter({ capacityBytes: place.capacityBytes, producerBell, onBroken: (error) => this.#broken(place.name, error) });
    this.#sockets.push(writer);
    this.#listen(writer, place);
    this.#gauge(writer, { channel: place.name, exchange });
    return writer;
  }

  reader(place: ChannelPlace): ChannelReader {
    if (place.kind === 'ring') return new RingReader(place.memory);
    const { doorbell: consumerBell } = this.#options;
    const reader = new SocketReader({ capacityBytes: place.capacityBytes, consumerBell, onBroken: (error) => this.#broken(place.name, error) });
    this.#sockets.push(reader);
    void this.#connect(reader, place.name);
    return reader;
  }

  /** Says goodbye to the other ends. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.close();
  }

  #listen(writer: SocketWriter, { name, path }: SocketPlace): void {
    const server = createServer((socket) => writer.attach(socket));
    server.on('error', (error) => this.#broken(name, fromSystemError(error, 'socket', path)));
    server.listen(path, () => this.#options.rendezvous.publish(name, path));
    this.#servers.push(server);
  }

  async #connect(reader: SocketReader, name: string): Promise<void> {
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
