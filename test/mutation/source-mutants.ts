/**
 * Small faults by rule on the syntax tree of a source file: what a tired engineer leaves out, turns round or swaps.
 *
 * One mutant is one replacement of one piece of text. Types are not looked at: a mutant that the compiler would refuse
 * is planted too, so a rule keeps to what mostly compiles.
 */
import ts from 'typescript-6.0';

export type Rule =
  | 'statement left out'
  | 'condition turned round'
  | 'boundary moved'
  | 'equality turned round'
  | 'and for or'
  | 'arithmetic'
  | 'number'
  | 'yes for no'
  | 'arguments swapped'
  | 'await lost';

export interface SourceMutant {
  /** From the root of the repository. */
  readonly file: string;
  readonly rule: Rule;
  readonly start: number;
  readonly end: number;
  readonly original: string;
  readonly replacement: string;
  /** The source line it begins in, trimmed: what a mutant is known by when the file moves. */
  readonly line: string;
  readonly lineNumber: number;
}

const BOUNDARIES = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
]);
const EQUALITIES = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
]);
const CONNECTORS = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.AmpersandAmpersandToken, '||'],
  [ts.SyntaxKind.BarBarToken, '&&'],
]);
const ARITHMETIC = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.PlusToken, '-'],
  [ts.SyntaxKind.MinusToken, '+'],
  [ts.SyntaxKind.AsteriskToken, '/'],
  [ts.SyntaxKind.SlashToken, '*'],
  [ts.SyntaxKind.PlusEqualsToken, '-='],
  [ts.SyntaxKind.MinusEqualsToken, '+='],
]);

export function sourceMutantsOf(file: string, text: string): SourceMutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const mutants: SourceMutant[] = [];
  visit(source);
  return mutants;

  function visit(node: ts.Node): void {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isFunctionDeclaration(node) && node.body === undefined) return;
    mutate(node);
    ts.forEachChild(node, visit);
  }

  function plant(rule: Rule, node: ts.Node, replacement: string): void {
    const start = node.getStart(source);
    const { line } = source.getLineAndCharacterOfPosition(start);
    mutants.push({
      file,
      rule,
      start,
      end: node.end,
      original: text.slice(start, node.end),
      replacement,
      line: text.split('\n')[line]!.trim(),
      lineNumber: line + 1,
    });
  }

  function mutate(node: ts.Node): void {
    if (ts.isExpressionStatement(node)) {
      if (isLeftOut(node)) plant('statement left out', node, ';');
      if (ts.isAwaitExpression(node.expression)) {
        plant('await lost', node.expression, node.expression.expression.getText(source));
      }
      return;
    }
    // The compiler refuses a case that falls through into the next.
    if (ts.isBreakStatement(node) && endsCase(node)) return;
    if (ts.isThrowStatement(node) || ts.isBreakOrContinueStatement(node)) {
      // A `throw` that ends a function with a result would not compile without it.
      if (!ts.isThrowStatement(node) || ts.isBlock(node.parent) || ts.isIfStatement(node.parent)) {
        plant('statement left out', node, ';');
      }
      return;
    }
    if (ts.isReturnStatement(node)) {
      if (node.expression === undefined) plant('statement left out', node, ';');
      return;
    }
    if (ts.isIfStatement(node) || ts.isConditionalExpression(node)) {
      const condition = ts.isIfStatement(node) ? node.expression : node.condition;
      plant('condition turned round', condition, `!(${condition.getText(source)})`);
      return;
    }
    if (ts.isBinaryExpression(node)) {
      binary(node);
      return;
    }
    if (ts.isNumericLiteral(node)) {
      const parent = node.parent;
      if (ts.isElementAccessExpression(parent) || ts.isEnumMember(parent)) return;
      const value = Number(node.text);
      plant('number', node, String(value < 100 ? value + 1 : value * 10));
      return;
    }
    if (node.kind === ts.SyntaxKind.TrueKeyword) plant('yes for no', node, 'false');
    if (node.kind === ts.SyntaxKind.FalseKeyword) plant('yes for no', node, 'true');
    if (ts.isCallExpression(node)) swapped(node);
  }

  function binary(node: ts.BinaryExpression): void {
    const { kind } = node.operatorToken;
    const boundary = BOUNDARIES.get(kind);
    if (boundary) plant('boundary moved', node.operatorToken, boundary);
    const equality = EQUALITIES.get(kind);
    // As the whole of a condition it is turned round there.
    if (equality && !isWholeCondition(node)) plant('equality turned round', node.operatorToken, equality);
    const connector = CONNECTORS.get(kind);
    if (connector) plant('and for or', node.operatorToken, connector);
    const arithmetic = ARITHMETIC.get(kind);
    if (arithmetic && !isText(node.left) && !isText(node.right)) {
      plant('arithmetic', node.operatorToken, arithmetic);
    }
  }

  /** The first two that look alike: names or members, not a function and its options. */
  function swapped(node: ts.CallExpression): void {
    const [first, second] = node.arguments;
    if (first === undefined || second === undefined || first.kind !== second.kind) return;
    if (!ts.isIdentifier(first) && !ts.isPropertyAccessExpression(first)) return;
    const [a, b] = [first.getText(source), second.getText(source)];
    const start = node.getStart(source);
    const before = text.slice(start, first.getStart(source));
    const between = text.slice(first.end, second.getStart(source));
    plant('arguments swapped', node, `${before}${b}${between}${a}${text.slice(second.end, node.end)}`);
  }
}

function isLeftOut({ expression }: ts.ExpressionStatement): boolean {
  return (
    !ts.isStringLiteral(expression) &&
    !(ts.isCallExpression(expression) && expression.expression.kind === ts.SyntaxKind.SuperKeyword)
  );
}

function endsCase({ parent }: ts.BreakStatement): boolean {
  return ts.isCaseClause(parent) || (ts.isBlock(parent) && ts.isCaseClause(parent.parent));
}

function isWholeCondition(node: ts.Node): boolean {
  const { parent } = node;
  return (
    (ts.isIfStatement(parent) && parent.expression === node) ||
    (ts.isConditionalExpression(parent) && parent.condition === node)
  );
}

/** Whether `+` joins text there, as far as the syntax tells. */
function isText(node: ts.Expression): boolean {
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
}

/** The blocks of a file, outermost first: what runs as one. */
export function blocksOf(file: string, text: string): { readonly start: number; readonly end: number }[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const blocks: { readonly start: number; readonly end: number }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node)) blocks.push({ start: node.getStart(source), end: node.end });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return blocks;
}
