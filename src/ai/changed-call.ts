/**
 * A call of a tool with the input that a person gave in place of the model's: what the model is told of it.
 *
 * Its own messages keep the call as it made it. Without a word on the change it would take the result for that of its
 * own input, and say so to others.
 */
import type { ToolResultPart, ToolSet } from 'ai';

type ToModelOutput = NonNullable<ToolSet[string]['toModelOutput']>;
type Told = ToolResultPart['output'];

const NOTE = 'A person has changed the input of this call before it was made.';

export class ChangedCall {
  readonly note = NOTE;
  readonly input: unknown;
  readonly output: unknown;

  constructor(input: unknown, output: unknown) {
    this.input = input;
    this.output = output;
  }
}

/** The words of a tool that failed, for the model. */
export function changedFailure(input: unknown, message: string): string {
  return `${message} (${NOTE} It was ${JSON.stringify(input)})`;
}

/** What a tool itself makes of its output for the model, with the change beside it. */
export function toldOfChange(toModelOutput: ToModelOutput): ToModelOutput {
  return async (shown: Parameters<ToModelOutput>[0]): Promise<Told> => {
    const changed: unknown = shown.output;
    if (!(changed instanceof ChangedCall)) return toModelOutput(shown);
    const { note, input, output } = changed;
    const told = await toModelOutput({ ...shown, input: input as never, output: output as never });
    if (told.type !== 'content') return { type: 'json', value: { note, input, told } as never };
    const words = { type: 'text', text: `${note} ${JSON.stringify(input)}` } as const;
    return { type: 'content', value: [words, ...told.value] };
  };
}
