import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { dirname } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { withDeadline } from '../../../../src/core/lifecycle.js';
import { referenceBytes } from '../../../../src/engines/flink/host/ring-reference.js';
import { referenceKind } from '../../../../src/engines/flink/host/wire.js';
import type { FlinkReports } from '../../../../src/engines/flink/plan.js';
import { kinds, JavaPeer, type Chunk, type PeerFrame } from '../../../unit/engines/flink/host/java-peer.js';
import { BundleFolder, openRequest, reportsIn, type Place, type Report } from '../../../unit/engines/flink/host/opened.js';
import type { Pipeline } from '../embedded/support/pipeline-job.js';
import type { Counted } from '../embedded/support/committed.js';
import { assertExact } from '../embedded/support/committed.js';
import type { Transaction } from '../embedded/support/subtasks.js';

const folder = new BundleFolder();
after(() => folder.remove());
const entry = fileURLToPath(new URL('../../../../src/engines/flink/host/main.js', import.meta.url));
const deadlineMs = 30_000;

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + deadlineMs; !isSo(); await sleep(5)) assert.ok(Date.now() < end, `waited for ${what}`);
}

/** A host process, as Java starts one. */
class Host {
  readonly process: ChildProcess = spawn(process.execPath, [entry], { stdio: ['pipe', 'pipe', 'pipe'] });
  readonly exited: Promise<readonly unknown[]> = once(this.process, 'exit');
  output = '';

  constructor() {
    for (const stream of [this.process.stdout, this.process.stderr]) stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    after(() => this.process.kill('SIGKILL'));
  }

  async open(request: unknown, state: readonly Chunk[] = []): Promise<JavaPeer> {
    const peer = await new JavaPeer().listen();
    this.process.stdin?.write(`${JSON.stringify({ open: peer.path, subtask: 'numbers' })}\n`);
    await peer.accepted();
    peer.json(kinds.OPEN, request);
    for (const { keyGroup, payload } of state) peer.send({ kind: kinds.STATE, target: keyGroup, payload });
    peer.send({ kind: kinds.START });
    await peer.until('READY', () => peer.of(kinds.READY, kinds.ERROR).length > 0);
    assert.deepEqual(
      peer.of(kinds.ERROR).map(({ payload }) => payload.toString()),
      [],
    );
    return peer;
  }

  async said(text: RegExp): Promise<void> {
    await until(`the host to say ${String(text)}`, () => text.test(this.output));
  }

  /** @returns exit code and signal */
  async end(): Promise<readonly unknown[]> {
    this.process.stdin?.end();
    return withDeadline(this.exited, { ms: deadlineMs, what: 'end of the host' });
  }
}

/** The process that submitted the job: takes reports. */
class Reports {
  readonly #server: Server;
  readonly #bytes: Buffer[][] = [];

  constructor() {
    this.#server = createServer((socket) => {
      const own: Buffer[] = [];
      this.#bytes.push(own);
      socket.on('data', (chunk) => own.push(chunk));
    });
    after(() => this.#server.close());
  }

  async listen(): Promise<FlinkReports> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port, token: 'secret' };
  }

  get all(): readonly Report[] {
    return this.#bytes.flatMap((own) => reportsIn(Buffer.concat(own)));
  }
}

/** Passes records on as Flink would: to the subtask that they name, at most four at a time that were not given back. */
class Wire {
  readonly #peers: ReadonlyMap<number, readonly JavaPeer[]>;
  readonly #sent = new Map<JavaPeer, number>();
  readonly #waiting: { readonly to: JavaPeer; readonly frame: PeerFrame }[] = [];
  readonly #seen = new Map<JavaPeer, number>();
  most = 0;

  /** @param peers consumers by edge */
  constructor(peers: ReadonlyMap<number, readonly JavaPeer[]>) {
    this.#peers = peers;
  }

  /** Takes what a producer has sent since the last look. */
  look(producer: JavaPeer): void {
    const from = this.#seen.get(producer) ?? 0;
    this.#seen.set(producer, producer.frames.length);
    for (const frame of producer.frames.slice(from)) {
      if (frame.kind !== kinds.DATA) continue;
      const to = this.#peers.get(frame.edge)?.[frame.target];
      assert.ok(to, `edge ${frame.edge} has no target ${frame.target}`);
      this.#waiting.push({ to, frame });
    }
    for (let i = 0; i < this.#waiting.length;) {
      const { to, frame } = this.#waiting[i] as { to: JavaPeer; frame: PeerFrame };
      const sent = this.#sent.get(to) ?? 0;
      if (sent - to.acknowledged >= 4) {
        i++;
        continue;
      }
      this.#sent.set(to, sent + 1);
      this.most = Math.max(this.most, sent + 1 - to.acknowledged);
      to.send(frame);
      this.#waiting.splice(i, 1);
    }
  }
}

/** Of the job that counts. */
interface Subtasks {
  readonly source: JavaPeer;
  readonly counters: readonly JavaPeer[];
  readonly sink: JavaPeer;
}

/** What its subtasks are opened with. */
function countingPlaces(pipeline: Pipeline, reports: FlinkReports) {
  const at = (place: Place): unknown => openRequest(pipeline, folder, { ...place, reports });
  const counter = (index: number): unknown => at({ vertex: 1, index, inputs: [{ edge: 0, channels: 1 }], outputs: [{ edge: 1, targets: 1 }] });
  return {
    source: at({ vertex: 0, outputs: [{ edge: 0, targets: 2 }] }),
    counters: [counter(0), counter(1)],
    sink: at({ vertex: 2, inputs: [{ edge: 1, channels: 2 }] }),
  };
}

const count = 5_000;
const keys = 31;
const job: Pipeline = {
  numbers: { count, splits: 2, batchRows: 50, keys, watermarks: true },
  ...{ exchange: 'hash', middle: 'count', middleParallelism: 2, sinkExchange: 'rebalance', commits: true },
};

/** Passes records on until the sink has ended. @returns the most that were on their way to one subtask */
async function passOn({ source, counters, sink }: Subtasks): Promise<number> {
  const wire = new Wire(
    new Map([
      [0, counters],
      [1, [sink]],
    ]),
  );
  const pump = setInterval(() => [source, ...counters].forEach((peer) => wire.look(peer)), 1);
  try {
    await sink.until('the end of the sink', () => sink.of(kinds.FINISHED).length === 1);
  } finally {
    clearInterval(pump);
  }
  return wire.most;
}

/** The final checkpoint, and the end. @returns what the sink has committed */
async function conclude({ source, counters, sink }: Subtasks, reports: Reports): Promise<readonly Report[]> {
  const all = [source, ...counters, sink];
  for (const peer of all) peer.send({ kind: kinds.BARRIER, number: 1n });
  for (const peer of all) await peer.got(kinds.SNAPSHOT_DONE);
  for (const peer of all) peer.send({ kind: kinds.COMPLETE, number: 1n });
  for (const peer of all) await peer.got(kinds.COMMITTED);
  for (const peer of all) peer.send({ kind: kinds.CLOSE, flags: 1 });
  for (const peer of all) await peer.got(kinds.CLOSED);
  // They have left the host before it said CLOSED, by another way.
  await until('the reports', () => reports.all.some(({ channel, uid }) => channel === 'complete' && uid === 'sink'));
  for (const peer of all) await peer.close();
  return reports.all.filter(({ channel }) => channel === 'committed');
}

function rowsIn(committed: readonly Report[]): readonly Counted[] {
  return committed.flatMap(({ value }) => (value as Transaction).rows as readonly Counted[]);
}

test('a job runs over two hosts: source, keyed count by two subtasks, sink; what the sink commits is exact', async () => {
  const reports = new Reports();
  const [a, b] = [new Host(), new Host()];
  const places = countingPlaces(job, await reports.listen());
  const subtasks: Subtasks = {
    source: await a.open(places.source),
    counters: [await a.open(places.counters[0]), await b.open(places.counters[1])],
    sink: await b.open(places.sink),
  };
  assert.equal(await passOn(subtasks), 4);
  assert.ok([subtasks.source, ...subtasks.counters].every((peer) => peer.of(kinds.FINISHED).length === 1));
  assert.deepEqual(
    reports.all.filter(({ channel }) => channel === 'committed'),
    [],
    'nothing is committed before a checkpoint is complete',
  );
  const committed = await conclude(subtasks, reports);
  assertExact(rowsIn(committed), count, keys);
  assert.deepEqual([committed[0]?.uid, committed[0]?.subtask, committed[0]?.attempt, committed[0]?.token], ['sink', 0, 0, 'secret']);
  for (const host of [a, b]) await host.end();
});

test('batches between two subtasks of a host stay in it: Flink passes references, and each row counts once', async () => {
  const rows = 20_000;
  const reports = new Reports();
  const host = new Host();
  const places = countingPlaces({ ...job, numbers: { ...job.numbers, count: rows, batchRows: 100 } }, await reports.listen());
  // From the end, so that each finds the next one there.
  const sink = await host.open(places.sink);
  const counters = [await host.open(places.counters[0]), await host.open(places.counters[1])];
  const subtasks: Subtasks = { source: await host.open(places.source), counters, sink };
  await passOn(subtasks);
  for (const peer of [subtasks.source, ...counters])
    assert.ok(peer.of(kinds.DATA).some(({ flags, payload, rows: inBatch }) => inBatch > 0 && flags === referenceKind && payload.length === referenceBytes));
  assertExact(rowsIn(await conclude(subtasks, reports)), rows, keys);
  await host.end();
});

test('a host ends at once when its stdin does, whatever its threads do', async () => {
  const host = new Host();
  const spins: Pipeline = { ...job, middle: 'spins', middleParallelism: 1, exchange: 'rebalance', commits: false };
  const peer = await host.open(openRequest(spins, folder, { vertex: 1, inputs: [{ edge: 0, channels: 1 }], outputs: [{ edge: 1, targets: 1 }] }));
  const source = await host.open(openRequest({ ...job, numbers: { ...job.numbers, count: 501 } }, folder, { vertex: 0, outputs: [{ edge: 0, targets: 2 }] }));
  await source.got(kinds.FINISHED);
  for (const frame of source.of(kinds.DATA)) peer.send(frame);
  // The last row is the one at which it hangs.
  await peer.until('the records before', () => peer.acknowledged > 0);
  assert.deepEqual(await host.end(), [null, 'SIGKILL']);
  assert.equal(existsSync(dirname(source.path)), false, 'whoever made the folder of its sockets may be gone');
  for (const each of [peer, source]) await each.close();
});

test('a thread that ends takes its connection along and leaves its neighbours alone', async () => {
  const host = new Host();
  const exits: Pipeline = { ...job, middle: 'exits', middleParallelism: 1, exchange: 'rebalance', commits: false };
  const place = { vertex: 1, inputs: [{ edge: 0, channels: 1 }], outputs: [{ edge: 1, targets: 1 }] };
  const [lost, neighbour] = [await host.open(openRequest(exits, folder, place)), await host.open(openRequest(exits, folder, place))];
  const source = await host.open(openRequest({ ...job, numbers: { ...job.numbers, count: 501 } }, folder, { vertex: 0, outputs: [{ edge: 0, targets: 2 }] }));
  await source.got(kinds.FINISHED);
  for (const frame of source.of(kinds.DATA)) lost.send(frame);
  await lost.until('the end of the connection', () => lost.ended);
  neighbour.send({ kind: kinds.BARRIER, number: 1n });
  await neighbour.got(kinds.SNAPSHOT_DONE);
  await host.said(/THREAD_LOST: the thread of subtask .* ended with exit code 3/);
  neighbour.send({ kind: kinds.CLOSE });
  await neighbour.got(kinds.CLOSED);
  await host.end();
  for (const each of [lost, neighbour, source]) await each.close();
});

test('a thread is used again by the next subtask', async () => {
  const host = new Host();
  const request = openRequest(job, folder, { vertex: 0, outputs: [{ edge: 0, targets: 2 }] });
  for (let i = 0; i < 2; i++) {
    const peer = await host.open(request);
    await peer.got(kinds.FINISHED);
    peer.send({ kind: kinds.CLOSE, flags: 1 });
    await peer.got(kinds.CLOSED);
    await peer.close();
  }
  await host.end();
});
