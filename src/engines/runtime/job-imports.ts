import { existsSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { OnResolveArgs, OnResolveResult, Plugin, PluginBuild } from 'esbuild';

/** dist/src of the running package. */
const compiled = fileURLToPath(new URL('../../', import.meta.url));

const visited = Symbol('visited');

/** Decides which imports of a job file stay imports: packages do, and everything of the running millrace. */
export function jobImports(): Plugin {
  return {
    name: 'millrace-job-imports',
    setup(build) {
      build.onResolve({ filter: /^millrace(\/.*)?$/ }, ({ path }) => ownExport(path));
      build.onResolve({ filter: /^(\.\.?)?(\/|$)/ }, ({ path, resolveDir, kind }) => (kind === 'entry-point' ? undefined : ownFile(resolve(resolveDir, path))));
      build.onResolve({ filter: /^[^./]/ }, (args) => packageImport(build, args));
    },
  };
}

/** `millrace` and `millrace/...`: this package's own exports. */
function ownExport(path: string): OnResolveResult {
  try {
    return { path: import.meta.resolve(path), external: true };
  } catch {
    return { errors: [{ text: `millrace has no export '${path}'; see "exports" in its package.json` }] };
  }
}

/** Files of this package reached by a path (its own examples and tests) must not be loaded twice either. */
function ownFile(path: string): OnResolveResult | undefined {
  const root = resolve(compiled, '..', '..');
  const sources = join(root, 'src') + sep;
  const file = path.startsWith(sources) ? join(compiled, path.slice(sources.length)) : path;
  if (!file.startsWith(compiled)) return undefined;
  const js = file.replace(/\.ts$/, '.js');
  return existsSync(js) ? { path: pathToFileURL(js).href, external: true } : undefined;
}

/** Packages stay imports once they are known to be there; what an alias leads to in the project itself is bundled. */
async function packageImport(build: PluginBuild, { path, importer, resolveDir, kind, pluginData }: OnResolveArgs): Promise<OnResolveResult | undefined> {
  if (pluginData === visited || kind === 'entry-point') return undefined;
  const found = await build.resolve(path, { importer, resolveDir, kind, pluginData: visited });
  if (found.errors.length > 0 || found.external) return found;
  const isPackage = found.path.includes(`${sep}node_modules${sep}`);
  return isPackage ? { path, external: true } : { path: found.path };
}
