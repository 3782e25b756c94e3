/**
 * A conversation for a model that has no tools now: what was called, and what that gave, told as text. Pure.
 *
 * Some providers refuse messages with calls of tools in a request without these tools, and a reasoning without the call
 * that it led to. Approvals, and what is the provider's own, are left out for the same reason.
 */
import type { ModelMessage } from 'ai';

type AssistantPart = Exclude<Extract<ModelMessage, { role: 'assistant' }>['content'], string>[number];
type ToolResult = Extract<AssistantPart, { type: 'tool-result' }>;

export function toldWithoutTools(messages: readonly ModelMessage[]): ModelMessage[] {
  return messages.map(told).filter(({ content }) => content.length > 0);
}

function told(message: ModelMessage): ModelMessage {
  if (message.role === 'tool') {
    const results = message.content.filter((part) => part.type === 'tool-result');
    return { role: 'user', content: results.map((result) => textPart(resultInWords(result))) };
  }
  if (message.role !== 'assistant' || typeof message.content === 'string') return message;
  return { role: 'assistant', content: message.content.flatMap(toldPart) };
}

function toldPart(part: AssistantPart): AssistantPart[] {
  switch (part.type) {
    case 'text':
      return part.text === '' ? [] : [textPart(part.text)];
    case 'file':
      return [part];
    case 'tool-call':
      return [textPart(`[called ${part.toolName} with ${JSON.stringify(part.input)}]`)];
    case 'tool-result':
      return [textPart(resultInWords(part))];
    default:
      return [];
  }
}

function textPart(text: string): { readonly type: 'text'; readonly text: string } {
  return { type: 'text', text };
}

function resultInWords({ toolName, output }: ToolResult): string {
  return `[${toolName} gave ${outputInWords(output)}]`;
}

function outputInWords(output: ToolResult['output']): string {
  switch (output.type) {
    case 'text':
      return output.value;
    case 'error-text':
      return `the error ${output.value}`;
    case 'error-json':
      return `the error ${JSON.stringify(output.value)}`;
    case 'execution-denied':
      return `nothing, for it was denied: ${output.reason ?? 'no reason'}`;
    case 'content':
      return output.value.map((part) => (part.type === 'text' ? part.text : '(a file)')).join('\n');
    default:
      return JSON.stringify(output.value);
  }
}
