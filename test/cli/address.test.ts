/** Where to listen, from an option of the command line. */
import { expect, it } from 'vitest';
import { EXIT } from '../../src/cli/failure.ts';
import { addressFrom } from '../../src/cli/run/address.ts';

it.each<[string | true, object]>([
  [true, {}],
  ['7000', { port: 7000 }],
  ['0', { port: 0 }],
  ['65535', { port: 65_535 }],
  ['0.0.0.0:7000', { host: '0.0.0.0', port: 7000 }],
  ['localhost:7', { host: 'localhost', port: 7 }],
  ['[::]:7000', { host: '::', port: 7000 }],
  ['[fe80::1]:7000', { host: 'fe80::1', port: 7000 }],
])('%j is %j', (given, address) => {
  expect(addressFrom('--port', given)).toStrictEqual(address);
});

it.each([
  '',
  'host',
  'host:',
  ':7000',
  '65536',
  '100000',
  '-1',
  '7000 ',
  'a b:7',
  '::1:7000',
  '[host]:7',
  '70.5',
  '1:2:3',
])('%j is refused, with the option that it is of', (given) => {
  expect(() => addressFrom('--port', given)).toThrow(
    expect.objectContaining({
      exitCode: EXIT.usage,
      message: `--port: expected a port or host:port, got ${JSON.stringify(given)}`,
    }) as Error,
  );
});
