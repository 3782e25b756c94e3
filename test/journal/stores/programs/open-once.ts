/** Opens a store, if asked to as a user with no rights of its own, where it may become one; tells what came of it. */
import { writeSync } from 'node:fs';
import { AgentSystemError } from '../../../../src/runtime/values/errors.ts';
import { sqliteStore } from '../../../../src/sqlite.ts';

const NOBODY = 65_534;

const [path, user] = process.argv.slice(2) as [string, string?];
const store = sqliteStore(path);
if (user === 'nobody' && process.getuid?.() === 0) {
  process.setgroups!([]);
  process.setgid!(NOBODY);
  process.setuid!(NOBODY);
}
try {
  store.recover();
  await store.close();
  writeSync(1, JSON.stringify({ opened: true }));
} catch (thrown) {
  const code = thrown instanceof AgentSystemError ? thrown.code : undefined;
  writeSync(1, JSON.stringify({ code, message: String(thrown) }));
}
