import type { ExplainedChain, ExplainedColumns, ExplainedExchange, ExplainedJob, ExplainedOperator } from './explain-job.js';

const minWidth = 60;

/** The text of `millrace explain`, at most `width` characters a line (words longer than that stay whole). */
export function formatExplanation(job: ExplainedJob, width = 100): string {
  const page: Page = {
    job,
    width: Math.max(width, minWidth),
    operators: new Map(job.chains.flatMap(({ operators }) => operators.map((operator) => [operator.uid, operator]))),
  };
  const lines = wrap(summary(job), page.width, '');
  for (const chain of job.chains) lines.push('', ...formatChain(chain, page));
  if (job.warnings.length > 0) lines.push('', 'Warnings');
  for (const { operator, message } of job.warnings)
    lines.push(...wrap(`${operator === undefined ? '' : `${operator}: `}${message}`, page.width, '    ', '  ! '));
  return `${lines.join('\n')}\n`;
}

interface Page {
  readonly job: ExplainedJob;
  readonly width: number;
  readonly operators: ReadonlyMap<string, ExplainedOperator>;
}

function summary({ name, chains, keyGroups, fingerprint }: ExplainedJob): string {
  const operators = chains.reduce((sum, chain) => sum + chain.operators.length, 0);
  const subtasks = chains.reduce((sum, chain) => sum + chain.parallelism, 0);
  return `${name}: ${count(operators, 'operator')} in ${count(chains.length, 'chain')}, ${count(subtasks, 'subtask')}, ${count(keyGroups, 'key group')}; plan ${fingerprint.slice(0, 12)}`;
}

function formatChain(chain: ExplainedChain, page: Page): string[] {
  const { width, job } = page;
  const size = `× ${chain.parallelism}`;
  const title = `${String(chain.id).padStart(2)}  ${chain.operators.map((operator) => operator.name).join(' → ')}`;
  const lines = [`${fit(title, width - size.length - 2).padEnd(width - size.length)}${size}`, `    ${'─'.repeat(width - 4)}`];
  const nameWidth = Math.min(24, longest(chain.operators.map((operator) => operator.name)));
  const kindWidth = longest(chain.operators.map(kindOf));
  chain.operators.forEach((operator, i) => {
    const head = `    ${fit(operator.name, nameWidth).padEnd(nameWidth)}  ${kindOf(operator).padEnd(kindWidth)}  `;
    const about = aboutOperator(operator, page, chain.operators[i - 1]?.uid);
    const indent = ' '.repeat(head.length);
    lines.push(...(about.length === 0 ? [head.trimEnd()] : about.flatMap((text, n) => wrap(text, width, indent, n === 0 ? head : indent))));
  });
  const exchanges = job.exchanges.filter((exchange) => exchange.fromChain === chain.id);
  return [...lines, ...exchanges.flatMap((exchange, i) => formatExchange(exchange, page, i === exchanges.length - 1))];
}

/**
 * ```
 * ├─ hash(origin) ─▶ 3 origin 3 h
 * │     3 of 7 columns: date, delay, origin; rows are gathered by target; columns are copied into the channel
 * ```
 */
function formatExchange(exchange: ExplainedExchange, { operators, width }: Page, isLast: boolean): string[] {
  const from = operators.get(exchange.from)?.name ?? exchange.from;
  const stream = exchange.tag === undefined ? '' : ` of ${from} [${exchange.tag}]`;
  const target = `${exchange.toChain} ${operators.get(exchange.to)?.name ?? exchange.to}`;
  const head = `    ${isLast ? '└' : '├'}─ ${exchange.exchange}${stream} ─▶ ${target}, ${count(exchange.channelCount, 'channel')}`;
  const rail = `    ${isLast ? ' ' : '│'}     `;
  return [...wrap(head.trimStart(), width, rail, '    '), ...wrap([...carried(exchange), ...exchange.copies].join('; '), width, rail)];
}

function carried({ columns, dropped }: ExplainedExchange): string[] {
  if (columns === undefined) return [];
  return dropped.length === 0
    ? [`all ${count(columns.length, 'column')}`]
    : [`${columns.length} of ${columns.length + dropped.length} columns: ${columns.join(', ')}`];
}

function kindOf({ kind, role }: ExplainedOperator): string {
  return role === undefined ? kind : `role ${role}`;
}

/** What a reader wants to know of an operator: what it makes, then what else was said of it. */
function aboutOperator(operator: ExplainedOperator, page: Page, before: string | undefined): string[] {
  const { chainedTo, notes, copies, sideOutputs, boundedness, maxParallelism } = operator;
  const lines: string[] = [];
  // The one above is the one it reads, unless the chain branches.
  if (chainedTo !== undefined && (chainedTo.uid !== before || chainedTo.tag !== undefined)) {
    const from = page.operators.get(chainedTo.uid)?.name ?? chainedTo.uid;
    lines.push(`reads ${from}${chainedTo.tag === undefined ? '' : ` [${chainedTo.tag}]`}`);
  }
  if (operator.isColumnar !== undefined)
    lines.push(operator.columns === undefined ? 'objects without a schema' : describeColumns(operator.columns, inputColumns(operator, page)));
  const more = [
    ...notes,
    ...(operator.isolation === 'process' ? ['each subtask in a process of its own'] : []),
    ...(boundedness === undefined ? [] : [boundedness]),
    ...(maxParallelism === undefined ? [] : [`at most ${count(maxParallelism, 'subtask')}`]),
  ];
  if (more.length > 0) lines.push(more.join('; '));
  if (copies.length > 0) lines.push(`copies: ${copies.join('; ')}`);
  const tags = Object.keys(sideOutputs);
  if (tags.length > 0) lines.push(`side ${tags.length === 1 ? 'output' : 'outputs'}: ${tags.join(', ')}`);
  return lines;
}

/** The whole schema, or only what is new where an operator adds to its input. */
function describeColumns(columns: ExplainedColumns, input: ExplainedColumns | undefined): string {
  const isKept = input !== undefined && Object.keys(input).length > 0 && Object.entries(input).every(([name, type]) => columns[name] === type);
  if (!isKept) return `columns ${show(Object.entries(columns))}`;
  const added = Object.entries(columns).filter(([name]) => !Object.hasOwn(input, name));
  return added.length === 0 ? 'columns as they came' : `columns as they came, and ${show(added)}`;
}

function show(columns: readonly (readonly [string, string])[]): string {
  return `{${columns.map(([name, type]) => `${name}:${noBreak}${type}`).join(', ')}}`;
}

function inputColumns(operator: ExplainedOperator, { job, operators }: Page): ExplainedColumns | undefined {
  const exchange = job.exchanges.find(({ to }) => to === operator.uid);
  const input = operator.chainedTo ?? (exchange === undefined ? undefined : { uid: exchange.from, tag: exchange.tag });
  if (input === undefined) return undefined;
  const from = operators.get(input.uid);
  return input.tag === undefined ? from?.columns : from?.sideOutputs[input.tag];
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}

function fit(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** A space that {@link wrap} keeps. */
const noBreak = '\u00a0';

/** Breaks at spaces; the first line begins with `first`, the others with `indent`. */
function wrap(text: string, width: number, indent: string, first = indent): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const start = lines.length === 0 ? first : indent;
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && start.length + longer.length > width) {
      lines.push(start + line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, (lines.length === 0 ? first : indent) + line].map((text) => text.replaceAll(noBreak, ' '));
}
