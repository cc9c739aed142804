import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pythonJudge } from '../test/python/judge.js';

/** A process of Python TensorFlow that measures itself when asked, so that it takes turns with what it is held against. */
export interface PythonPeer {
  /** Steps per second of a model of bench/peers/train_steps.py over `ms` milliseconds. */
  rate(model: string, batch: number, ms: number): Promise<number>;
  close(): void;
}

/** The first request of a model also makes and traces it. */
const answerDeadlineMs = 180_000;

/** @throws where this machine's Python has no TensorFlow of our version */
export async function openPythonPeer(): Promise<PythonPeer> {
  const judge = await pythonJudge();
  if ('skip' in judge) throw new Error(`the trace bench needs Python TensorFlow: ${judge.skip}`);
  const script = fileURLToPath(new URL('../../bench/peers/train_steps.py', import.meta.url));
  const child = spawn(judge.python, [script], { stdio: 'pipe' });
  // TensorFlow is talkative; what it said matters where it ends.
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    rate: async (model, batch, ms) => {
      child.stdin.write(`${JSON.stringify({ model, batch, seconds: ms / 1000 })}\n`);
      const deadline = AbortSignal.timeout(answerDeadlineMs);
      const late = new Promise<never>((_, reject) => {
        deadline.addEventListener('abort', () => {
          reject(new Error(`Python has not measured ${model} within ${answerDeadlineMs / 1000} s`));
        });
      });
      const { value, done } = await Promise.race([lines.next(), late]);
      if (done === true) throw new Error(`Python ended while measuring ${model}: ${said}`);
      return (JSON.parse(value) as { readonly rate: number }).rate;
    },
    close: () => {
      child.kill();
    },
  };
}
