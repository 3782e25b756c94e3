/** How a broken law is told: the path, what broke, and a test of it that can be pasted. Pure. */
import { createHash } from 'node:crypto';
import type { Isolation } from '../../machines/index.ts';
import { inWords } from '../../runtime/values/errors.ts';
import { type LawBroken, type LawName, pathInWords } from './laws.ts';
import type { Move } from './moves.ts';
import type { RegressionTerms } from './regression-terms.ts';

/** Where a pasted test finds the definition. */
export interface Source {
  /** As an import names it: `./counter.ts`. */
  readonly from: string;
  /** The name of the export; default the default export. */
  readonly name?: string;
  /** Where it finds the options of the suite: its default export, or that of this name. */
  readonly options?: { readonly from: string; readonly name?: string };
}

export interface FindingParts {
  readonly type: string;
  readonly isolation: Isolation;
  readonly broken: LawBroken;
  readonly seed: number;
  /** Moves of the path in which it was found. */
  readonly foundIn: number;
  readonly source: Source | undefined;
  readonly runner: 'vitest' | 'node:test';
  readonly terms: RegressionTerms;
}

/** What was found wrong with an agent. */
export class AgentFinding extends Error {
  override readonly name = 'AgentFinding';
  readonly law: LawName;
  /** The shortest path to it that was found; none where it is about many. */
  readonly moves: readonly Move[];
  readonly isolation: Isolation;
  readonly seed: number;
  /** A test of it, to paste into a file. */
  readonly test: string | undefined;

  constructor(parts: FindingParts, note = '') {
    const { broken, isolation, seed } = parts;
    const hasPath = broken.moves.length > 0;
    super(`${findingInWords(parts)}${note}`, { cause: broken.cause ?? broken });
    this.law = broken.law;
    this.moves = broken.moves;
    this.isolation = isolation;
    this.seed = seed;
    this.test = hasPath ? regressionTest(parts) : undefined;
  }
}

function findingInWords(parts: FindingParts): string {
  const { type, isolation, broken, seed, foundIn } = parts;
  const { moves } = broken;
  const what = `${type} (${isolation}) breaks the law "${broken.law}": ${broken.problem}`;
  if (moves.length === 0) return what;
  const shrunk = foundIn > moves.length ? `, shrunk from ${foundIn}` : '';
  return [
    what,
    `after ${moves.length} ${moves.length === 1 ? 'move' : 'moves'}${shrunk}, seed ${seed}:`,
    pathInWords(broken.done),
    '',
    'as a test:',
    '',
    regressionTest(parts),
  ].join('\n');
}

/** A file that fails for as long as the law is broken. */
export function regressionTest({ type, isolation, broken, source, runner, terms }: FindingParts): string {
  const { from, name, options } = source ?? { from: `./${type}.ts` };
  const isHere = isolation === 'in-process';
  const subject = isHere ? 'agent' : `new URL(${JSON.stringify(from)}, import.meta.url)`;
  const fields = [
    ...(options ? ['...options'] : terms.fields),
    ...(isHere ? [] : [`isolation: ${JSON.stringify(isolation)}`]),
  ];
  const given = fields.length === 0 ? '' : `, { ${fields.join(', ')} }`;
  const missing = options ? [] : terms.missing;
  const imports = options ? [] : terms.imports;
  return [
    `import { it } from '${runner}';`,
    ...(imports.length > 0 ? [`import { ${imports.join(', ')} } from 'mabeam';`] : []),
    `import { replayAgent } from 'mabeam/testing';`,
    ...(isHere ? [`import ${importedAs('agent', name)} from '${from}';`] : []),
    ...(options ? [`import ${importedAs('options', options.name)} from '${options.from}';`] : []),
    ...(missing.length > 0
      ? [
          `// Import ${missing.join(', ')} here, as the suite has it: it cannot be written as text. Or set source.options.`,
        ]
      : []),
    '',
    `it(${JSON.stringify(`${type}: ${broken.law}`)}, () =>`,
    `  replayAgent(${subject}, [`,
    ...broken.moves.map((move) => `    ${moveAsCode(move)},`),
    `  ]${given}));`,
    '',
  ].join('\n');
}

function importedAs(local: string, name = 'default'): string {
  if (name === 'default') return local;
  return name === local ? `{ ${name} }` : `{ ${name} as ${local} }`;
}

/** The name of the file that a regression is kept in: the same for the same law and path. */
export function regressionName({ type, broken }: FindingParts): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([broken.law, broken.moves]))
    .digest('hex')
    .slice(0, 8);
  const words = `${type} ${broken.law}`.replaceAll(/[^A-Za-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');
  return `${words}-${hash}.test.ts`.toLowerCase();
}

function moveAsCode(move: Move): string {
  const fields = Object.entries(move)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${valueAsCode(value)}`);
  return `{ ${fields.join(', ')} }`;
}

/** As JSON has it, which is a literal too; what JSON has no text for is said in words. */
function valueAsCode(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return '-0';
  if (typeof value === 'string')
    return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
  const text = JSON.stringify(value) as string | undefined;
  return text ?? `/* ${inWords(value)} */ undefined`;
}
