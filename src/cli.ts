/** The command line `mabeam`, run by bin/mabeam.js: this process as it is, and its exit code. */
import { main } from './cli/main.ts';

process.exitCode = await main(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});
