import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Sandbox } from './millrace.js';

const sandbox = new Sandbox();
after(() => sandbox.close());

interface Family {
  help: string;
  type: string;
  readonly samples: { readonly name: string; readonly labels: string; readonly value: number }[];
}

function parse(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  for (const line of text.split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string];
      const family = families.get(name) ?? { help: '', type: '', samples: [] };
      families.set(name, family);
      if (kind === 'HELP') family.help = rest;
      else family.type = rest;
    } else if (line !== '') {
      const sample = /^([a-z_]+)\{(.*)\} (\S+)$/.exec(line);
      assert.ok(sample !== null, `not a sample with labels: ${line}`);
      const [, name, labels, value] = sample as unknown as [string, string, string, string];
      const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
      assert.ok(family !== undefined, `${name} has no HELP and TYPE`);
      family.samples.push({ name, labels, value: Number(value) });
    }
  }
  return families;
}

test('/metrics of a running job covers operators, channels, roles and sessions by the conventions of Prometheus', async () => {
  const job = sandbox.start('run', sandbox.job('train-score.ts'), '--set', `output=${sandbox.path('scores.jsonl')}`, '--json');
  await job.until(() => job.events.length > 0, 'start');
  const url = job.events[0]!.metricsUrl as string;
  let families = new Map<string, Family>();
  const isWhole = (): boolean =>
    [
      'millrace_training_loss',
      'millrace_score_run_seconds',
      'millrace_channel_used_bytes',
      'millrace_parameter_pushes_total',
      'millrace_parameter_updates',
      'millrace_cluster_nodes_registered',
    ].every((name) => (families.get(name)?.samples.length ?? 0) > 0) && families.get('millrace_cluster_nodes_registered')!.samples[0]!.value === 3;
  for (const end = Date.now() + 60_000; !isWhole() && Date.now() < end; await delay(200)) {
    const response = await fetch(url);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    families = parse(await response.text());
  }
  assert.ok(isWhole(), [...families.keys()].join(', '));
  for (const [name, { help, type, samples }] of families) {
    assert.match(name, /^millrace_[a-z]+(_[a-z]+)*$/);
    assert.match(help, /^[A-Z].*\.$/, `help of ${name}`);
    assert.ok(['counter', 'gauge', 'histogram'].includes(type), `${name} is a ${type}`);
    assert.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`);
    assert.doesNotMatch(name, /_(ms|millis|milliseconds|kb|mb|percent|count|sum|bucket)$/, name);
    for (const { labels, value } of samples) {
      assert.match(labels, /job="train-score"/);
      assert.ok(type !== 'counter' || value >= 0, name);
    }
  }
  job.kill('SIGINT');
  assert.equal((await job.ended).code, 0);
});
