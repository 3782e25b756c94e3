/**
 * Takes the tour of the package in other runtimes: `npm run runtimes -- 'npx node@26' 'npx bun' 'deno run -A'`.
 *
 * Each argument is a command that runs a file; without any it is this Node. Ends with 1 if a step failed.
 */
import { spawnSync } from 'node:child_process';
import { packPackage, withTour } from '../kit/packed.ts';

const commands = process.argv.length > 2 ? process.argv.slice(2) : [process.execPath];
await using packed = await packPackage();
await withTour(packed);
for (const command of commands) {
  console.log(`\n${command}`);
  const { status } = spawnSync(`${command} tour.mjs`, { cwd: packed.home, shell: true, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
