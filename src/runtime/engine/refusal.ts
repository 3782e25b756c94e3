/** A definition that a driver cannot drive exactly as XState would. Thrown when a chart is made. */
export class ChartRefused extends Error {
  override readonly name = 'ChartRefused';
  /** Id of the definition. */
  readonly machine: string;
  /** Id of the state in question. */
  readonly state: string;
  /** What is not supported, such as `systemId`. */
  readonly feature: string;

  constructor(machine: string, state: string, feature: string) {
    super(`the chart "${machine}" cannot be driven: ${feature}, in "${state}"`);
    this.machine = machine;
    this.state = state;
    this.feature = feature;
  }
}
