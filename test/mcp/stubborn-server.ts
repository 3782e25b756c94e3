/** An MCP server that does not keep to the protocol: it has a process of its own, and neither of them ends by itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

const FOREVER = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6);";
// It holds the output of the server open, too.
const helper = spawn(process.execPath, ['-e', FOREVER], { stdio: 'inherit' });
await once(helper, 'spawn');
process.on('SIGTERM', () => {});
setInterval(() => {}, 1e6);

const server = new McpServer({ name: 'stubborn', version: '1.0.0' });
server.registerTool('pids', { description: 'Its processes.' }, () => ({
  content: [{ type: 'text', text: JSON.stringify([process.pid, helper.pid]) }],
}));
server.registerTool('end', { description: 'Dies.' }, () => process.exit(3));
await server.connect(new StdioServerTransport());
