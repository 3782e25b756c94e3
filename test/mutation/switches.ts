/**
 * Plants many mutants of a file at once, each behind a switch that is asked as the program comes to it:
 * `(globalThis.__isOn?.(7) ? mutated : original)`. With all of them off the program is what it was, and one that is on is
 * the mutant of that number, whole as it would have been planted alone. Lines stay where they are, but for those of the
 * mutated pieces.
 *
 * A program in which nobody has set `__isOn` runs as it was: one that a test starts, say.
 */
import ts from 'typescript-6.0';
import type { SourceMutant } from './source-mutants.ts';

export type Switched = Pick<SourceMutant, 'start' | 'end' | 'replacement'> & {
  /** Of the switch. */
  readonly number: number;
};

/** The piece of the program that a mutant is chosen for: a whole expression or statement. */
interface Site {
  readonly start: number;
  readonly end: number;
  readonly isStatement: boolean;
  readonly mutants: Switched[];
}

export interface Planted {
  readonly text: string;
  /** Numbers of those that cannot be switched: a name of a member, what is said to a `super`. */
  readonly unswitched: readonly number[];
}

export function plantSwitches(file: string, text: string, mutants: readonly Switched[]): Planted {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const sites = new Map<string, Site>();
  const unswitched: number[] = [];
  for (const mutant of mutants) {
    const node = siteOf(nodeAt(source, mutant));
    if (node === undefined) {
      unswitched.push(mutant.number);
      continue;
    }
    const [start, { end }] = [node.getStart(source), node];
    const key = `${start} ${end}`;
    const site = sites.get(key) ?? { start, end, isStatement: ts.isStatement(node), mutants: [] };
    sites.set(key, site);
    site.mutants.push(mutant);
  }
  // Those around others first; two are apart, or one is in the other.
  const ordered = [...sites.values()].toSorted((a, b) => a.start - b.start || b.end - a.end);
  return { text: render(text, { start: 0, end: text.length }, ordered), unswitched };
}

type Range = Pick<Site, 'start' | 'end'>;

/** The text of a range with the sites within it switched. */
function render(text: string, { start, end }: Range, sites: readonly Site[]): string {
  let rendered = '';
  let from = start;
  for (let i = 0; i < sites.length; ) {
    const site = sites[i]!;
    let next = i + 1;
    while (next < sites.length && sites[next]!.start < site.end) next += 1;
    rendered += text.slice(from, site.start) + renderSite(text, site, sites.slice(i + 1, next));
    from = site.end;
    i = next;
  }
  return rendered + text.slice(from, end);
}

function renderSite(text: string, site: Site, within: readonly Site[]): string {
  const original = render(text, site, within);
  if (site.isStatement) {
    // Such a mutant leaves it out.
    const off = site.mutants.map(({ number }) => `!${isOn(number)}`).join('&&');
    return `{if(${off}){${original}}}`;
  }
  const mutated = site.mutants.map(
    ({ number, start, end, replacement }) =>
      `${isOn(number)}?(${text.slice(site.start, start)}${replacement}${text.slice(end, site.end)}):`,
  );
  return `(${mutated.join('')}(${original}))`;
}

function isOn(number: number): string {
  return `globalThis.__isOn?.(${number})`;
}

/** The node that is replaced: of an operator the token. */
function nodeAt(source: ts.SourceFile, { start, end }: Range): ts.Node | undefined {
  const find = (node: ts.Node): ts.Node | undefined => {
    if (node.getStart(source) === start && node.end === end && !ts.isSourceFile(node)) return node;
    return ts.forEachChild(node, (child) =>
      child.pos <= start && child.end >= end ? find(child) : undefined,
    );
  };
  return find(source);
}

/** `undefined` where neither an expression nor a statement can be in the place of what is there. */
function siteOf(replaced: ts.Node | undefined): ts.Node | undefined {
  if (replaced === undefined) return undefined;
  if (ts.isStatement(replaced)) return replaced;
  let site =
    ts.isToken(replaced) && ts.isBinaryExpression(replaced.parent) ? operationOf(replaced) : replaced;
  // In parentheses a part of a chain would no longer end with the whole of it.
  while (ts.isOptionalChain(site.parent) && site.parent.expression === site) site = site.parent;
  const { parent } = site;
  const isName =
    (ts.isPropertyAssignment(parent) || ts.isClassElement(parent)) &&
    (parent as { readonly name?: ts.Node }).name === site;
  if (isName || !isExpression(site)) return undefined;
  return ts.isCallExpression(site) && site.expression.kind === ts.SyntaxKind.SuperKeyword ? undefined : site;
}

/** Of an operator: all that it may bind otherwise when it is another one, up to what has the least precedence. */
function operationOf(operator: ts.Node): ts.Node {
  if (!ts.isBinaryExpression(operator.parent) || operator.parent.operatorToken !== operator) return operator;
  let operation: ts.Node = operator.parent;
  for (;;) {
    const { parent } = operation;
    const isWithin =
      (ts.isBinaryExpression(parent) && !isAssignment(parent)) ||
      ts.isAsExpression(parent) ||
      ts.isSatisfiesExpression(parent);
    if (!isWithin) return operation;
    operation = parent;
  }
}

function isAssignment({ operatorToken: { kind } }: ts.BinaryExpression): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

function isExpression(node: ts.Node): boolean {
  return (
    ts.isExpression(node) &&
    !ts.isTypeNode(node) &&
    !ts.isLiteralTypeNode(node.parent) &&
    !ts.isEnumMember(node.parent)
  );
}
