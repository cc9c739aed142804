import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deserialize } from 'node:v8';
import { FlinkSubtask } from '../../../../../src/engines/flink/host/flink-subtask.js';
import { packageRoot, packageVersion } from '../../../../../src/engines/flink/host/package-root.js';
import { planForFlink, type FlinkReports } from '../../../../../src/engines/flink/plan.js';
import { decodeBatch } from '../../../../../src/memory/batch-encoding.js';
import { buildGraph } from '../../../../../src/stream/job.js';
import { planJob } from '../../../../../src/stream/planner/index.js';
import pipelineJob, { type Pipeline } from '../../../../integration/engines/embedded/support/pipeline-job.js';
import type { Row } from '../../../../integration/engines/embedded/support/subtasks.js';
import { batchOf } from '../../../../integration/engines/embedded/support/batch-of.js';
import { batchPayload, inner, JavaPeer, kinds, type Chunk, type PeerFrame } from './java-peer.js';

const compiledJob = 'dist/test/integration/engines/embedded/support/pipeline-job.js';

/** A folder with the bundle of the pipeline job, as the bridge unpacks it. */
export class BundleFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'millrace-host-'));
  readonly bundle = { path: join(this.path, 'job.mjs'), hash: 'f00d'.repeat(16) };

  constructor(code = `export { default } from 'millrace-root:${compiledJob}';\n`) {
    writeFileSync(this.bundle.path, code);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** numbers -> count by key -> sink: three vertices, edges 0 (hash) and 1 (rebalance). */
export const counting: Pipeline = {
  numbers: { count: 100, splits: 2, batchRows: 10, keys: 7, watermarks: true },
  ...{ exchange: 'hash', middle: 'count', middleParallelism: 2, sinkExchange: 'rebalance' },
};

export interface Place {
  readonly vertex: number;
  readonly index?: number;
  readonly parallelism?: number;
  readonly attempt?: number;
  readonly restoredId?: number;
  readonly inputs?: readonly { readonly edge: number; readonly channels: number }[];
  readonly outputs?: readonly { readonly edge: number; readonly targets: number }[];
  readonly reports?: FlinkReports;
}

/** Payload of OPEN as the bridge makes it. */
export function openRequest(pipeline: Pipeline, folder: BundleFolder, { vertex, reports, ...place }: Place): Readonly<Record<string, unknown>> {
  const params = { pipeline: JSON.stringify(pipeline) };
  const graph = planJob(buildGraph(pipelineJob, params), { parallelism: 1, keyGroups: 16, overrides: {} });
  const { task } = planForFlink(graph, {
    ...{ millrace: packageVersion, job: { name: 'pipeline', id: 'p-1' }, bundle: { hash: 'submitted' }, params, parallelism: 1, overrides: {} },
    host: { node: 'node', entry: '', options: [], env: {}, startTimeoutMs: 1, closeTimeoutMs: 1, lingerMs: 1 },
    options: { batchRows: 1024, flushIntervalMs: 5 },
    ...(reports === undefined ? {} : { reports }),
  });
  return {
    ...{
      protocol: 2,
      millrace: packageVersion,
      task,
      bundle: folder.bundle,
      vertex,
      index: 0,
      attempt: 0,
      epoch: 0,
      replaceable: false,
      restoredId: -1,
      inputs: [],
      outputs: [],
    },
    parallelism: graph.vertices[vertex]?.parallelism,
    ...place,
    ...{ maxParallelism: 16, keyGroups: { from: 0, to: 15 }, host: '127.0.0.1', fingerprint: graph.fingerprint },
  };
}

/** One subtask on this very thread, and the side of Java. */
export class Opened {
  constructor(
    readonly peer: JavaPeer,
    readonly subtask: FlinkSubtask,
  ) {}

  static async connect(): Promise<Opened> {
    const peer = await new JavaPeer().listen();
    const subtask = new FlinkSubtask(peer.path);
    await peer.accepted();
    return new Opened(peer, subtask);
  }

  /** Sends OPEN, the state and START; waits for READY. */
  static async open(pipeline: Pipeline, folder: BundleFolder, place: Place, state: readonly Chunk[] = []): Promise<Opened> {
    const it = await Opened.connect();
    it.start(openRequest(pipeline, folder, place), state);
    await it.peer.until('READY', () => it.peer.of(kinds.READY, kinds.ERROR).length > 0);
    return it;
  }

  start(request: unknown, state: readonly Chunk[] = []): void {
    this.peer.json(kinds.OPEN, request);
    for (const { keyGroup, payload } of state) this.peer.send({ kind: kinds.STATE, target: keyGroup, payload });
    this.peer.send({ kind: kinds.START });
  }

  rows(rows: readonly Partial<Row>[], { edge = 0, from = 0 } = {}): void {
    this.peer.send({ kind: kinds.DATA, flags: inner.data, edge, from, rows: rows.length, payload: batchPayload(batchOf(rows)) });
  }

  mark(flags: number, number = 0n, { edge = 0, from = 0 } = {}): void {
    this.peer.send({ kind: kinds.DATA, flags, edge, from, number });
  }

  barrier(id: number): void {
    this.peer.send({ kind: kinds.BARRIER, number: BigInt(id) });
  }

  complete(id: number): void {
    this.peer.send({ kind: kinds.COMPLETE, number: BigInt(id) });
  }

  chunks(id: number): readonly Chunk[] {
    return this.peer.of(kinds.SNAPSHOT).flatMap(({ number, target, payload }) => (number === BigInt(id) ? [{ keyGroup: target, payload }] : []));
  }

  /** Says CLOSE and waits until nothing is left. */
  async close(drained = false): Promise<void> {
    this.peer.send({ kind: kinds.CLOSE, flags: drained ? 1 : 0 });
    await this.subtask.done;
    await this.peer.until('the end', () => this.peer.ended);
    await this.peer.close();
  }
}

export function rowsOf<R = Row>({ payload }: PeerFrame): R[] {
  return decodeBatch(new Uint8Array(payload), undefined).rows() as R[];
}

/** What DATA frames carry, in short: '3r' for rows, 'w5', 'idle', 'end'. */
export function shown(frames: readonly PeerFrame[]): string {
  return frames
    .map(({ kind, flags, rows, number }) => {
      if (kind === kinds.PASSED) return `P${number}`;
      if (kind !== kinds.DATA) return Object.entries(kinds).find(([, value]) => value === kind)?.[0] ?? '?';
      if (flags === inner.data) return `${rows}r`;
      if (flags === inner.watermark) return number === 2n ** 63n - 1n ? 'w!' : `w${number}`;
      return flags === inner.endOfInput ? 'end' : flags === inner.idle ? (number === 1n ? 'idle' : 'active') : `pass${number}`;
    })
    .join(' ');
}

export interface Report {
  readonly uid: string;
  readonly subtask: number;
  readonly attempt: number;
  readonly channel: string;
  readonly value: unknown;
  readonly token: string;
}

export function reportsIn(bytes: Buffer): Report[] {
  const all: Report[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32LE(at);
    all.push(deserialize(bytes.subarray(at + 4, at + 4 + length)) as Report);
    at += 4 + length;
  }
  return all;
}

export const root = packageRoot;
