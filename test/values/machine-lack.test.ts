import { expect, it } from 'vitest';
import { machineLackIn } from '../../src/runtime/values/machine-lack.ts';

const error = (fields: object, message = 'no', cause?: unknown) =>
  Object.assign(new Error(message, { cause }), fields);

it.each([
  ['descriptors of the program', error({ code: 'EMFILE' }), 'EMFILE'],
  ['descriptors of the machine', error({ code: 'ENFILE' }), 'ENFILE'],
  ['a process that could not be made', error({ code: 'EAGAIN', syscall: 'spawn node' }), 'EAGAIN'],
  ['memory for a process', error({ code: 'ENOMEM', syscall: 'spawn' }), 'ENOMEM'],
  ['a thread', error({ code: 'ERR_WORKER_INIT_FAILED' }, 'Worker initialization failure: EAGAIN'), 'EAGAIN'],
  ['a thread, for no reason', error({ code: 'ERR_WORKER_INIT_FAILED' }), 'ERR_WORKER_INIT_FAILED'],
  [
    'a file of a module',
    error({ code: 'ERR_INVALID_PACKAGE_CONFIG' }, 'Cannot read: too many open files.'),
    'EMFILE',
  ],
  ['what it was caused by', error({}, 'module', error({}, 'ended', error({ code: 'EMFILE' }))), 'EMFILE'],
])('is %s', (_, thrown, lack) => {
  expect(machineLackIn(thrown)).toBe(lack);
});

it.each([
  ['any other error', error({ code: 'ENOENT', syscall: 'spawn node' })],
  ['a socket that has to wait', error({ code: 'EAGAIN', syscall: 'read' })],
  ['a module that is not well', new SyntaxError('no')],
  ['what is no error', 'EMFILE'],
  ['nothing', undefined],
])('is not %s', (_, thrown) => {
  expect(machineLackIn(thrown)).toBeUndefined();
});

const behind = (causes: number) => {
  let thrown = error({ code: 'EMFILE' });
  for (let count = 0; count < causes; count += 1) thrown = error({}, 'no', thrown);
  return machineLackIn(thrown);
};

it('is looked for in an error and seven causes, and no further', () => {
  expect([behind(0), behind(7), behind(8)]).toEqual(['EMFILE', 'EMFILE', undefined]);
});

it('causes that go round are followed to an end', () => {
  const round = error({});
  round.cause = round;
  expect(machineLackIn(round)).toBeUndefined();
});
