import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * A TCP relay on loopback, between clients and a broker, that can lose everything.
 *
 * ```
 *  client ──► relay ──► broker       cut():  bytes of both directions are swallowed, new connections are let in and get no
 *                                            answer: what a client sees of a host that fell off the network
 *                                    mend(): new connections reach the broker again; those that lost bytes stay mute for
 *                                            ever (half-open), so a client has to notice by itself
 * ```
 */
export class Relay {
  /** Where bytes go to; a connection that comes before it is set is refused. */
  targetPort: number | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #passing = new Set<() => void>();
  #isCut = false;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (client) => this.#accept(client));
  }

  static async start(): Promise<Relay> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Relay(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  cut(): void {
    this.#isCut = true;
    for (const mute of this.#passing) mute();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    this.#keep(client);
    if (this.#isCut) {
      client.resume();
      return;
    }
    if (this.targetPort === undefined) {
      client.destroy();
      return;
    }
    const broker = connect(this.targetPort, '127.0.0.1');
    this.#keep(broker);
    client.setNoDelay(true);
    broker.setNoDelay(true);
    client.pipe(broker);
    broker.pipe(client);
    const end = (): void => {
      client.destroy();
      broker.destroy();
    };
    client.once('close', end);
    broker.once('close', end);
    const mute = (): void => {
      this.#passing.delete(mute);
      broker.off('close', end);
      client.unpipe(broker);
      broker.unpipe(client);
      client.resume();
      // The broker hears nothing either; it closes what stays idle in its own time.
      broker.resume();
    };
    this.#passing.add(mute);
    client.once('close', () => this.#passing.delete(mute));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
