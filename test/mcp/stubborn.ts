/** The agent of a server that does not end by itself. */
import { fileURLToPath } from 'node:url';
import { defineToolServer } from '../../src/mcp.ts';

export default defineToolServer({
  type: 'stubborn',
  server: {
    command: process.execPath,
    args: [fileURLToPath(new URL('./stubborn-server.ts', import.meta.url))],
  },
});
