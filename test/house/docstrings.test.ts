/**
 * An editor shows what a user needs to know: every function of the public API, every field that a user writes and every
 * field of what a user is given has a docstring, and a default that is written there is the one that holds.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-6.0';
import { expect, it } from 'vitest';
import { agentSpec, poolSpec, roundTerms } from '../../src/machines/index.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENTRIES = [
  'agent',
  'ai',
  'alerts',
  'chart-agent',
  'dashboard',
  'endpoints',
  'index',
  'inspector',
  'mcp',
  'prometheus',
  'restate',
  'sqlite',
  'testing/index',
  'webhook',
];
/** What users write, what their functions are given, and what they read. */
const WRITTEN =
  /(Options|Context|Filter|Limits|Input|Record|Report|Metrics)$|^(AgentSpec|PoolSpec|SubmittedTask|TaskRequest|TaskDefinition|ModelTask|AgentSystem|AgentHandle|Agents|Tasks|Pools|Budgets|Consensus|Variables|Alert|FleetAgentSpec|FleetPoolSpec|PlacedAgentSpec|Parked|Paused|Dashboard|Inspector|Endpoints|SqliteStore|AgentLog|Decision|OpenRound|Proposal|VariableVersion|VariableChange|BudgetAmount)$/;
/** Messages of the dashboard and of bodies, and what charts are given: for those who make such things. */
const ELSEWHERE =
  /^(dashboard\/protocol|machines\/(?!.*(spec|policy|budget|terms|decision))|runtime\/(engine|hosting))/;

const files = ENTRIES.map((entry) => join(ROOT, 'src', `${entry}.ts`));
const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile).config,
  ts.sys,
  ROOT,
);
const program = ts.createProgram(files, { ...options, noEmit: true });
const checker = program.getTypeChecker();

/** Everything that an entry of the package exports, once. */
function* exported(): Generator<ts.Symbol> {
  const seen = new Set<ts.Symbol>();
  for (const file of files) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
    for (const found of checker.getExportsOfModule(module)) {
      const symbol = found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found;
      if (seen.has(symbol) || placeOf(symbol) === undefined) continue;
      seen.add(symbol);
      yield symbol;
    }
  }
}

/** Its file, from src on; `undefined` for what belongs to another package. */
function placeOf(symbol: ts.Symbol): string | undefined {
  const file = symbol.declarations?.[0]?.getSourceFile().fileName;
  return file?.startsWith(join(ROOT, 'src')) ? file.slice(join(ROOT, 'src').length + 1) : undefined;
}

function docOf(symbol: ts.Symbol): string {
  const words = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  return words === '' && symbol.getJsDocTags(checker).length > 0 ? 'tags' : words;
}

function isType({ flags }: ts.Symbol): boolean {
  return (flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class | ts.SymbolFlags.TypeAlias)) !== 0;
}

it('is written at everything a user calls, writes or is given', () => {
  const silent: string[] = [];
  let seen = 0;
  for (const symbol of exported()) {
    const isShown = isType(symbol) && WRITTEN.test(symbol.name) && !ELSEWHERE.test(placeOf(symbol)!);
    if (isType(symbol) && !isShown) continue;
    seen += 1;
    if (docOf(symbol) === '') silent.push(symbol.name);
    if (!isShown) continue;
    for (const field of checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol))) {
      if (/^(#|__)/.test(field.name) || placeOf(field) === undefined) continue;
      seen += 1;
      if (docOf(field) === '') silent.push(`${symbol.name}.${field.name}`);
    }
  }
  expect(seen).toBeGreaterThan(500);
  expect(silent).toEqual([]);
});

/** As in "default 5,000", or "`delayed` (the default)". */
function defaultIn(words: string): string | undefined {
  const [, chosen, told] = /`(\w+)` \(the default\)|[Dd]efault `?([-\w.,]+)/.exec(words) ?? [];
  return chosen ?? told?.replaceAll(',', '').replace(/\.$/, '');
}

/** `restart.delayMs` and the default that its docstring names, of all fields below a type. */
function* defaultsIn(type: ts.Type, path: readonly string[] = []): Generator<readonly [string, string]> {
  for (const field of checker.getPropertiesOfType(checker.getNonNullableType(type))) {
    if (placeOf(field) === undefined) continue;
    const here = [...path, field.name];
    const named = defaultIn(docOf(field));
    if (named !== undefined) yield [here.join('.'), named];
    const below = checker.getNonNullableType(checker.getTypeOfSymbol(field));
    if (below.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection) && !checker.isArrayType(below))
      yield* defaultsIn(below, here);
  }
}

function leavesOf(value: object, path: readonly string[] = []): readonly (readonly [string, string])[] {
  return Object.entries(value).flatMap(([key, held]: [string, unknown]) =>
    typeof held === 'object' && held !== null && Object.keys(held).length > 0
      ? leavesOf(held, [...path, key])
      : [
          [
            [...path, key].join('.'),
            typeof held === 'number' ? String(held) : JSON.stringify(held).replaceAll('"', ''),
          ] as const,
        ],
  );
}

it.each([
  ['AgentSpecInput', leavesOf(agentSpec.parse({ module: {} }))],
  ['PoolSpecInput', leavesOf(poolSpec.parse({ name: 'pool', spec: {}, min: 1, max: 2, scale: {} }))],
  ['RoundTermsInput', leavesOf(roundTerms.parse({}))],
] as const)('names the defaults that %s has', (name, leaves) => {
  const input = [...program.getSourceFiles()]
    .filter((file) => file.fileName.startsWith(join(ROOT, 'src')))
    .flatMap((file) => file.statements)
    .find((statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === name)!;
  const named = new Map(defaultsIn(checker.getTypeAtLocation(input)));
  const given = leaves.filter(([path]) => !/^(name|spec|min|max|module|initArgs)$/.test(path));
  expect(given.length).toBeGreaterThan(3);
  expect(given.map(([path]) => [path, named.get(path)])).toEqual(given);
});
