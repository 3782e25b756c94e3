/**
 * Compiles projects with a compiler that is written in JavaScript, and prints the errors as `tsc` does:
 * `node compile.ts COMPILER LEFT_OUT PROJECT...`
 *
 * Files whose path matches LEFT_OUT are loaded and not checked: nobody looks at their errors, and to find and explain
 * them takes `tsc` a third of its time. In one process, the second project finds the compiler warm.
 */
import { dirname } from 'node:path';
import type Compiler from 'typescript-6.0';

const [compiler = '', leftOut = '', ...projects] = process.argv.slice(2);
const { default: ts } = (await import(compiler)) as { readonly default: typeof Compiler };
const isLeftOut = new RegExp(leftOut);

for (const project of projects) {
  const { config } = ts.readConfigFile(project, ts.sys.readFile) as { readonly config: unknown };
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(project));
  const program = ts.createProgram(fileNames, options);
  const found = [
    ...errors,
    ...program.getConfigFileParsingDiagnostics(),
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...program
      .getSourceFiles()
      .filter(({ fileName }) => !isLeftOut.test(fileName))
      .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
  ];
  const host = {
    getCurrentDirectory: () => dirname(project),
    getCanonicalFileName: (name: string) => name,
    getNewLine: () => '\n',
  };
  process.stdout.write(ts.formatDiagnostics(found, host));
}
