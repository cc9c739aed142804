import { MillraceError } from '../core/index.js';

/** Which engine runs a job, with what the command line says of it. */
export type EngineChoice = EmbeddedChoice | FlinkChoice;

export interface EmbeddedChoice {
  readonly name: 'embedded';
  readonly maxThreads: number | undefined;
}

export interface FlinkChoice {
  readonly name: 'flink';
  readonly address: string;
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Leave when Flink has the job. */
  readonly detached: boolean;
  readonly reportsHost: string | undefined;
  readonly hostNode: string | undefined;
  readonly hostEntry: string | undefined;
  readonly hostOptions: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
}

export interface EngineFlags {
  readonly engine: string;
  readonly maxThreads?: number;
  readonly address?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly detached?: true;
  readonly reportsHost?: string;
  readonly hostNode?: string;
  readonly hostEntry?: string;
  readonly hostOption: readonly string[];
  readonly flink: Readonly<Record<string, string>>;
}

/** @throws OPTION_INVALID for an engine that there is not, and for a flag that the chosen one does not know */
export function chooseEngine(flags: EngineFlags): EngineChoice {
  const { engine, maxThreads, address, ca, cert, key, detached = false, reportsHost, hostNode, hostEntry, hostOption, flink } = flags;
  const ofFlink = { '--detached': flags.detached, '--reports-host': reportsHost, '--host-node': hostNode, '--host-entry': hostEntry };
  const given = Object.entries({
    '--address': address,
    '--ca': ca,
    '--cert': cert,
    '--key': key,
    ...ofFlink,
    '--host-option': hostOption[0],
    '--flink': Object.keys(flink)[0],
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  if (engine === 'embedded') {
    if (given.length > 0) throw refusal(`${given.join(', ')}: only for --engine flink`);
    return { name: 'embedded', maxThreads };
  }
  if (engine !== 'flink') throw refusal(`--engine: there is no engine '${engine}'; there are embedded and flink`);
  if (maxThreads !== undefined) throw refusal('--max-threads: only for --engine embedded; on Flink the slots of the TaskManagers are the limit');
  if (address === undefined) throw refusal('--engine flink: where is the cluster? give the URL of its REST, as in --address http://localhost:8081');
  const files = { caFile: ca, certFile: cert, keyFile: key };
  return { name: 'flink', address, ...files, detached, reportsHost, hostNode, hostEntry, hostOptions: hostOption, configuration: flink };
}

function refusal(text: string): MillraceError {
  return new MillraceError('OPTION_INVALID', `run: ${text}`);
}
