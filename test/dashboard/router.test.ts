import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lookUp, type Route } from '../../src/dashboard/router.ts';

const routes: readonly Route<string>[] = [
  { method: 'GET', pattern: '/api/agents', answer: 'list' },
  { method: 'GET', pattern: '/api/agents/:id', answer: 'one' },
  { method: 'POST', pattern: '/api/agents/:id/stop', answer: 'stop' },
];

it('any id comes through an address as it is', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (id) => {
      const found = lookUp(routes, 'GET', `/api/agents/${encodeURIComponent(id)}`);
      expect(found).toMatchObject({ answer: 'one' });
      expect('params' in found && found.params['id']).toBe(id);
    }),
  );
});

it.each(['.', '..'])('an agent with the id %s is reached: an address would take that for a step', (id) => {
  const { pathname } = new URL(`/api/agents/id=${id}/stop`, 'http://127.0.0.1');
  expect(lookUp(routes, 'POST', pathname)).toEqual({
    answer: 'stop',
    params: expect.objectContaining({ id }),
  });
});

it.each([
  ['GET', '/api/agents/'],
  ['GET', '/api/agents/a/b'],
  ['GET', '/api/agents/%E0%A4%A'],
  ['GET', '/api'],
  ['GET', '/api/agents/a%2Fb/stop/x'],
])('%s %s leads nowhere', (method, path) => {
  expect(lookUp(routes, method, path)).toEqual({ allowed: [] });
});

it('an address that is there for another method names it', () => {
  expect(lookUp(routes, 'GET', '/api/agents/ada/stop')).toEqual({ allowed: ['POST'] });
  expect(lookUp(routes, 'DELETE', '/api/agents')).toEqual({ allowed: ['GET'] });
});

it('names of the prototype are ids like any other', () => {
  expect(lookUp(routes, 'GET', '/api/agents/__proto__')).toMatchObject({ answer: 'one' });
});
