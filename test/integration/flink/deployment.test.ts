import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { strFromU8, unzipSync } from 'fflate';
import { parse, parseAllDocuments } from 'yaml';
import { flinkTest } from '../../flink/flink-test.js';
import { mavenJars } from '../../jvm/maven-jars.js';

const root = resolve(import.meta.dirname, '../../../..');
const operator = { name: 'flink-kubernetes-operator-api', version: '1.10.0' };
const crd = 'META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml';

interface Definition {
  readonly spec: { readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: object } }[] };
}

type Document = { readonly apiVersion: string; readonly spec: Record<string, unknown> };

function deployment(): Document {
  const documents = parseAllDocuments(readFileSync(join(root, 'deploy/flink/flink-deployment.yaml'), 'utf8'));
  assert.equal(documents.length, 1);
  return documents[0]!.toJS() as Document;
}

/** A closed copy of a schema: a field that it does not know is a mistake, not a free extension. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).map(([key, value]) => [key, closed(value)] as const);
  const copy = Object.fromEntries(entries);
  return copy['type'] === 'object' && 'properties' in copy && !('x-kubernetes-preserve-unknown-fields' in copy)
    ? { ...copy, additionalProperties: false }
    : copy;
}

async function validator(apiVersion: string): Promise<ValidateFunction> {
  const folder = await mavenJars({
    ...operator,
    artifacts: [`org.apache.flink:${operator.name}:${operator.version}`],
    alone: true,
    sums: join(root, 'test/flink/kubernetes-operator.sha256'),
  });
  const jar = unzipSync(readFileSync(join(folder, `${operator.name}-${operator.version}.jar`)), { filter: ({ name }) => name === crd });
  const definition = parse(strFromU8(jar[crd] as Uint8Array)) as Definition;
  const version = definition.spec.versions.find(({ name }) => apiVersion.endsWith(`/${name}`));
  assert.ok(version !== undefined, `the operator does not know ${apiVersion}`);
  const schema = closed(version.schema.openAPIV3Schema) as { readonly properties: object };
  // Kubernetes checks these three itself; the definition leaves them out.
  return new Ajv({ strict: false, validateFormats: false }).compile({
    ...schema,
    properties: { ...schema.properties, apiVersion: {}, kind: {}, metadata: {} },
  });
}

flinkTest('the FlinkDeployment fits the definition of the Flink Kubernetes operator, and a misspelt one does not', async () => {
  const document = deployment();
  const validate = await validator(document.apiVersion);
  assert.ok(validate(document), JSON.stringify(validate.errors));
  assert.ok(!validate({ ...document, spec: { ...document.spec, flinkVersion: 'v9_9' } }));
  assert.match(JSON.stringify(validate.errors), /flinkVersion/);
  assert.ok(!validate({ ...document, spec: { ...document.spec, taskManger: {} } }));
  assert.match(JSON.stringify(validate.errors), /taskManger/);
});

flinkTest('the memory of the Node host is reserved in the TaskManager, and enough is left for the JVM', () => {
  const { spec } = deployment() as unknown as {
    readonly spec: { readonly flinkConfiguration: Readonly<Record<string, string>>; readonly taskManager: { readonly resource: { readonly memory: string } } };
  };
  const mebibytes = (size: string): number => {
    const [, count, unit] = /^(\d+)(m|g)$/.exec(size) as unknown as [string, string, 'm' | 'g'];
    return Number(count) * (unit === 'g' ? 1024 : 1);
  };
  const host = mebibytes(spec.flinkConfiguration['taskmanager.memory.task.off-heap.size'] as string);
  const container = mebibytes(spec.taskManager.resource.memory);
  assert.equal(mebibytes(spec.flinkConfiguration['taskmanager.memory.managed.size'] as string), 0);
  assert.ok(host >= 1024, `${host} MiB for Node`);
  // Flink's own defaults: metaspace 256, overhead a tenth, framework 256, network a tenth of the rest; and 256 for the task's heap.
  const rest = container - 256 - container / 10;
  assert.ok(rest - rest / 10 - 256 - host >= 256, `${container} MiB leave too little for the JVM beside ${host} MiB for Node`);
  return Promise.resolve();
});
