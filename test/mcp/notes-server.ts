/** An MCP server over stdio: it adds, fails when it is told to, and ends itself when it is told to. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const server = new McpServer({ name: 'notes', version: '1.2.3' });
const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] });

server.registerTool(
  'add',
  { description: 'Adds.', inputSchema: { a: z.number(), b: z.number() } },
  ({ a, b }) => text(String(a + b)),
);
server.registerTool('pid', { description: 'Its process.' }, () => text(String(process.pid)));
server.registerTool('fail', { description: 'Fails.' }, () => ({ ...text('no ink'), isError: true }));
server.registerTool('hang', { description: 'Never answers.' }, () => new Promise(() => {}));
server.registerTool('print', { description: 'Prints a line that is no message, with its answer.' }, () => {
  const { write } = process.stdout;
  process.stdout.write = (answer: string | Uint8Array) => {
    process.stdout.write = write;
    return process.stdout.write(`looking it up\n${String(answer)}`);
  };
  return text('printed');
});
server.registerTool(
  'long',
  { description: 'Answers with so many bytes.', inputSchema: { bytes: z.number() } },
  ({ bytes }) => text('x'.repeat(bytes)),
);
server.registerTool('endless', { description: 'Its answer has its id last, and does not end.' }, () => {
  process.stdout.write('{"result":{"text":"');
  const more = (): void => {
    while (process.stdout.write('x'.repeat(1024 * 1024)));
    process.stdout.once('drain', more);
  };
  more();
  return new Promise(() => {});
});
server.registerTool('stall', { description: 'Its answer has its id last, and stalls.' }, () => {
  process.stdout.write(`{"result":{"text":"${'x'.repeat(11 * 1024 * 1024)}`);
  return new Promise(() => {});
});
server.registerTool('end', { description: 'Dies.' }, () => process.exit(3));

await server.connect(new StdioServerTransport());
