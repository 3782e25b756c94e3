/** Small faults planted in source text, one at a time: an operator turned, a number moved, a word swapped. */
export interface SourceMutant {
  readonly line: number;
  readonly what: string;
  readonly text: string;
}

const TURNED: Readonly<Record<string, readonly string[]>> = {
  '===': ['!=='],
  '!==': ['==='],
  '>=': ['>', '<'],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '<': ['<=', '>='],
  '+': ['-'],
  '-': ['+'],
  '*': ['+'],
  '/': ['*'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '!': [''],
  '+=': ['-='],
  '-=': ['+='],
  '>>': ['<<'],
  true: ['false'],
  false: ['true'],
  max: ['min'],
  'break;': [''],
};

/** Words that mean something else in the place of each other. */
const WORDS: readonly (readonly string[])[] = [
  ['accept', 'reject', 'abstain', 'failed'],
  ['accepted', 'rejected', 'no_quorum', 'tie', 'expired'],
  ['majority', 'supermajority', 'unanimous', 'weighted'],
  ['keep', 'leader', 'leader_decides', 'custom', 'retry', 'nothing', 'voters'],
  ['late', 'foreign', 'other_incarnation', 'dead', 'double'],
  ['too_many', 'away', 'closed', 'id_in_use'],
  ['suspended', 'failed', 'gave_up'],
  ['superseded', 'coordination_lost', 'system_closed'],
];

const TOKEN =
  /\/\/.*|\/\*[\s\S]*?\*\/|`(?:[^`\\]|\\.)*`|'(?:[^'\\\n]|\\.)*'|=>|===|!==|>=|<=|>>|\+\+|--|\+=|-=|&&|\|\||\?\?|\?\.|\bbreak;|[\w$]+|[-+*/<>!]/g;

/** Every mutant of a module's text, types stripped. Imports and exports of other modules are left alone. */
export function sourceMutantsOf(text: string): SourceMutant[] {
  const imports = [...text.matchAll(/^(?:import|export)\b[^;{]*(?:\{[^}]*\})?\s*from\s*'[^']*';/gm)];
  const isImport = (at: number) =>
    imports.some(({ 0: found, index }) => at >= index && at < index + found.length);
  const mutants: SourceMutant[] = [];
  for (const { 0: token, index: at } of text.matchAll(TOKEN)) {
    if (isImport(at)) continue;
    const line = text.slice(0, at).split('\n').length;
    for (const turned of turnsOf(token, text.slice(0, at))) {
      mutants.push({
        line,
        what: `${token} → ${turned === '' ? 'nothing' : turned}`,
        text: text.slice(0, at) + turned + text.slice(at + token.length),
      });
    }
  }
  return [...mutants, ...withoutStatements(text)];
}

function turnsOf(token: string, before: string): readonly string[] {
  if (Object.hasOwn(TURNED, token)) return TURNED[token]!;
  if (/^\d[\d_]*$/.test(token)) return [String(Number(token.replaceAll('_', '')) + 1)];
  if (!token.startsWith("'")) return [];
  const word = token.slice(1, -1);
  const words = WORDS.find((group) => group.includes(word));
  // A key of an object or the label of a case is not a value.
  if (words === undefined || /\bcase\s+$/.test(before)) return [];
  return [`'${words[(words.indexOf(word) + 1) % words.length]}'`];
}

/** Lines that are one statement with an effect, left out. */
function withoutStatements(text: string): SourceMutant[] {
  const lines = text.split('\n');
  return lines.flatMap((line, i) =>
    /^\s+(?:if \([^{]*\) )?(?:this\.#?|[a-z][\w.]*[.[(]|[a-z]\w* [-+]?= )[^{}]*;\s*$/.test(line) &&
    !/^\s+(?:return|const|let|throw)\b/.test(line)
      ? [
          {
            line: i + 1,
            what: `without: ${line.trim()}`,
            text: [...lines.slice(0, i), '', ...lines.slice(i + 1)].join('\n'),
          },
        ]
      : [],
  );
}
