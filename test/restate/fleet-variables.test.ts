/** Laws of a fleet's variables as the program that changes them sees them. */
import { expect, it } from 'vitest';
import { variable } from '../../src/index.ts';
import { FleetVariables } from '../../src/restate/client/fleet-variables.ts';

it('a schema that hangs refuses a change after its `timeoutMs`, and nothing is sent', async () => {
  const never = new Promise<never>(() => undefined);
  let left = 1;
  const validate = (value: unknown) => (left-- > 0 ? { value } : never);
  const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const;
  const sent: string[] = [];
  const call = ({ method }: { readonly method: string }) => {
    sent.push(method);
    return Promise.resolve({ value: undefined });
  };
  const engine = { assertOpen: () => undefined, call };
  const variables = new FleetVariables(engine as never, {} as never, {} as never);
  await variables.define('notes', variable.json({ schema, default: {} }));
  await expect(variables.set('notes', { a: 1 }, { timeoutMs: 1 })).rejects.toMatchObject({
    code: 'VARIABLE_INVALID',
    message: 'variable "notes": expected its schema to answer within 1 ms',
  });
  expect(sent).toEqual(['define']);
});
