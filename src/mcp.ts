/** The Model Context Protocol (`@modelcontextprotocol/sdk`, an optional peer): `mabeam/mcp`. */
export { type ServedTask, serveTasks, type ServeTasksOptions, tasksOf } from './mcp/serve-tasks.ts';
export {
  defineToolServer,
  type ServedResult,
  type ServedTool,
  type ToolServerOptions,
  type ToolServerTasks,
  type ToolServerTransport,
} from './mcp/tool-server.ts';
