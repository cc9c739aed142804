import type { LayerRow } from './layer-row.js';
import { layerRows } from './layer-rows.js';

/** Lines around the generated part of docs/tracing.md. */
export const tableBegin = '<!-- layers: written by scripts/write-tracing-docs.mjs -->';
export const tableEnd = '<!-- end of layers -->';

/** What the rows say, one line for each layer, as Markdown. */
export function layerTable(): string {
  const names = [...new Set(layerRows.map(({ layer }) => layer))].sort((a, b) => a.localeCompare(b));
  const byLayer = names.map((name) => [name, layerRows.filter(({ layer }) => layer === name)] as const);
  const lines = byLayer.map(([layer, rows]) => `| \`${layer}\` | ${variants(rows)} | ${[...new Set(rows.map(outcome))].join('; ')} |`);
  return ['| layer | tested | traced |', '|---|---|---|', ...lines].join('\n');
}

function variants(rows: readonly LayerRow[]): string {
  return rows.map(({ variant }) => variant || 'plain').join('; '); // prettier-ignore
}

function outcome({ tfjsRefuses, fallsBack, isRandom, variant }: LayerRow): string {
  const which = variant === undefined || variant === '' ? '' : `${variant}: `;
  if (fallsBack !== undefined) return `falls back to eager: ${fallsBack.because}`;
  if (tfjsRefuses?.what === 'everything') return `no: ${tfjsRefuses.because}`;
  if (tfjsRefuses !== undefined) return `${which}forward alone: ${tfjsRefuses.because}`;
  return isRandom === true ? 'yes, anew in each call' : 'yes';
}
