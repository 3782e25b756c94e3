/** Agents whose work is done by language models, on the AI SDK (`ai`, an optional peer): `mabeam/ai`. */
export { agentTool, type AgentToolOptions } from './ai/agent-tool.ts';
export type { ConversationOptions, ModelAgentState, TrimContext } from './ai/conversation.ts';
export {
  defineModelAgent,
  type DefineModelAgentOptions,
  type LifeContext,
  type ModelTask,
  type PromptContext,
} from './ai/define-model-agent.ts';
export { ModelCallError } from './ai/model-error.ts';
export { ModelAnswerError, type ModelSettings } from './ai/model-run.ts';
export { serverTools, type ServerToolsOptions, type ToolSource } from './ai/server-tools.ts';
export type { ToolApproval } from './ai/tool-approval.ts';
export { type ToolCall, toolCallOf } from './ai/tool-call.ts';
