import { readFileSync } from 'node:fs';

const everyMs = 50;
/** Of the kernel's clock, which is 100 Hz on every Linux that is in use. */
const msPerTick = 10;

interface Sample {
  readonly atMs: number;
  readonly cpuMs: number;
}

/** The processor time of some processes and their threads, looked at while they run. */
export class ProcessCpu {
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param pids are asked for at each look; a process that ends takes its time along */
  constructor(pids: () => readonly number[]) {
    this.#timer = setInterval(() => {
      this.#samples.push({ atMs: Date.now(), cpuMs: pids().reduce((sum, pid) => sum + cpuMs(pid), 0) });
    }, everyMs);
  }

  /** Processor seconds in each second between two moments, ms since 1970; NaN where there were not two looks. */
  share(fromMs: number, toMs: number): number {
    const inside = this.#samples.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
    const [first, last] = [inside[0], inside.at(-1)];
    return first === undefined || last === undefined || first === last ? NaN : (last.cpuMs - first.cpuMs) / (last.atMs - first.atMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function cpuMs(pid: number): number {
  try {
    // After the name in brackets: state, and as 11th and 12th from there the ticks in user mode and in the kernel.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * msPerTick;
  } catch {
    return 0;
  }
}
