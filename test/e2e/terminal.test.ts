import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { after, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { readLines, root, Sandbox } from './millrace.js';

const sandbox = new Sandbox();
after(() => sandbox.close());

const hasScript = spawnSync('script', ['--version']).status === 0;

for (const columns of [80, 100]) {
  test(`on a terminal of ${columns} columns the live view redraws a table whose lines do not wrap`, { skip: hasScript ? false : 'no script(1) here' }, () => {
    const output = sandbox.path(`out-${columns}.jsonl`);
    const command = `stty cols ${columns} rows 30; exec '${process.execPath}' '${root}/dist/src/cli/main.js' run '${sandbox.job('count.ts')}' --set 'output=${output}' --set count=3000 --set rate=2000`;
    const env = { ...process.env, MILLRACE_RUNTIME_DIR: sandbox.path('run'), MILLRACE_STATE_DIR: sandbox.path('state'), TERM: 'xterm-256color' };
    const shown = execFileSync('script', ['-qec', command, '/dev/null'], { env, encoding: 'utf8', timeout: 60_000 });
    assert.ok(shown.includes('\u001b['), 'nothing was redrawn');
    const lines = stripVTControlCharacters(shown).split(/\r?\n/);
    assert.ok(lines.some((line) => /^operator +x +in +out +rec\/s +busy +blocked/.test(line)));
    assert.ok(lines.some((line) => /^count [0-9a-f]{8} running/.test(line)));
    assert.ok(lines.some((line) => /^count [0-9a-f]{8} finished/.test(line)));
    for (const line of lines) assert.ok(line.length <= columns, `${line.length} columns: ${line}`);
    assert.equal(readLines(output).length, 3_000);
  });
}
