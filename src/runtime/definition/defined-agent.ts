/** What every definition says of itself, whatever the types of its functions are. */
export interface DefinedAgent {
  readonly type: string;
  readonly capabilities: readonly string[];
  /** Names of the variables that it listens to. */
  readonly variables: readonly string[];
  /** The kinds of task that it takes, by name. */
  readonly tasks: Readonly<Record<string, object>>;
}
