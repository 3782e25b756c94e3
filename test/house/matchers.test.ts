/** Checks that cannot fail: `toMatchObject` takes a pattern for an object without fields, which anything matches. */
import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript-6.0';
import { expect, it } from 'vitest';

/** Lines with a pattern that stands as it is among what `toMatchObject` is given. */
function barePatterns(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const found: string[] = [];
  const visit = (node: ts.Node, isExpected: boolean): void => {
    if (ts.isRegularExpressionLiteral(node) && isExpected) {
      const { line } = source.getLineAndCharacterOfPosition(node.pos);
      found.push(`${file}:${line + 1} ${node.text}`);
    }
    const isCall = ts.isCallExpression(node);
    const isMatcher =
      isCall &&
      ts.isPropertyAccessExpression(node.expression) &&
      node.expression.name.text === 'toMatchObject';
    // What another call is given is that call's own: `expect.stringMatching`, say.
    ts.forEachChild(node, (child) => visit(child, isMatcher || (isExpected && !isCall)));
  };
  visit(source, false);
  return found;
}

it('no test gives toMatchObject a pattern as it is, which would match anything: expect.stringMatching does not', () => {
  const bare = 'expect(it).toMatchObject([{ error: { message: /no/ } }]);';
  expect(barePatterns('bare.ts', bare)).toEqual(['bare.ts:1 /no/']);
  expect(barePatterns('called.ts', bare.replace('/no/', 'expect.stringMatching(/no/)'))).toEqual([]);
  const files = globSync('test/**/*.ts').map((file) => [file, readFileSync(file, 'utf8')] as const);
  const using = files.filter(([, text]) => text.includes('toMatchObject'));
  expect(using.length).toBeGreaterThan(50);
  expect(using.flatMap(([file, text]) => barePatterns(file, text))).toEqual([]);
});
