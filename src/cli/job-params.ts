import { bundleJob, loadJob } from '../engines/embedded/index.js';
import { formatField } from '../memory/schema.js';

/** The parameters of a job file, for `millrace run <job> --params`. */
export async function describeParams(file: string, json: boolean): Promise<string> {
  const definition = await loadJob(await bundleJob(file));
  const params = Object.entries(definition.params).map(([name, param]) => ({ name, type: formatField(param), default: param.default, help: param.help }));
  if (json) return `${JSON.stringify({ name: definition.name, params })}\n`;
  const lines = params.map(
    ({ name, type, default: value, help }) =>
      `  --set ${`${name}=<${type}>`.padEnd(28)} ${help ?? ''}${value === undefined ? ' (required)' : ` (default ${JSON.stringify(value)})`}`,
  );
  return `${definition.name}\n${lines.length === 0 ? '  no parameters' : lines.join('\n')}\n`;
}
