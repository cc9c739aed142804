import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of this package. */
export const packageRoot = fileURLToPath(new URL('../../../../../', import.meta.url)).replace(/(?<=.)[/\\]$/, '');

/** Where packages of the job resolve: beside this one, or where this one is the project itself, below it. */
export const packagesFolder = basename(dirname(packageRoot)) === 'node_modules' ? dirname(packageRoot) : join(packageRoot, 'node_modules');

export const packageVersion = (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { readonly version: string }).version;
