/** Where to listen, from an option: `7000`, `0.0.0.0:7000`, `[::]:7000`. Pure. */
import { usageFailure } from '../failure.ts';

export interface Address {
  readonly host?: string;
  readonly port?: number;
}

/** @param given `true` where the option came without one @throws CommandFailure */
export function addressFrom(option: string, given: string | true): Address {
  if (given === true) return {};
  const [, host, port] = /^(?:(\[[\da-fA-F:.]+\]|[^:[\]\s]+):)?(\d{1,5})$/.exec(given) ?? [];
  const number = Number(port);
  if (port === undefined || number > 65_535) {
    throw usageFailure(`${option}: expected a port or host:port, got ${JSON.stringify(given)}`);
  }
  return { port: number, ...(host === undefined ? {} : { host: host.replaceAll(/[[\]]/g, '') }) };
}
