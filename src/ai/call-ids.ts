/**
 * The ids of the calls in one answer of a model: each has one of its own.
 *
 * Results, questions and idempotency keys go by them. Some providers give one id to several calls of an answer; the second
 * would be given the result of the first.
 */

interface Part {
  readonly type: string;
  readonly toolCallId?: string;
  readonly providerExecuted?: boolean | undefined;
}

export class CallIds {
  readonly #taken = new Set<string>();

  /** The part, with another id where an earlier call of the answer has its own. */
  own<P extends Part>(part: P): P {
    const { type, toolCallId, providerExecuted } = part;
    // What the provider calls by itself, its own results refer to.
    if (type !== 'tool-call' || toolCallId === undefined || providerExecuted === true) return part;
    let id = toolCallId;
    for (let time = 2; this.#taken.has(id); time += 1) id = `${toolCallId}_${time}`;
    this.#taken.add(id);
    return id === toolCallId ? part : { ...part, toolCallId: id };
  }
}
