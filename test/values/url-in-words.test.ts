import { expect, test } from 'vitest';
import { urlInWords } from '../../src/runtime/values/url-in-words.ts';

test('the address of a file is whole, whatever its folders are called', () => {
  const href = `file:///home/sk-folder-of-mine/${'deep/'.repeat(60)}agent.ts`;
  expect(urlInWords(new URL(href))).toBe(href);
});

test('name and password before a host are hidden', () => {
  expect(urlInWords(new URL('http://user:hunter2@example.com/agent.ts'))).toBe(
    'http://[redacted]@example.com/agent.ts',
  );
});

test('a parameter is hidden if its name says that it is a secret', () => {
  const url = 'file:///agent.ts?attempt=2&token=hunter2&x=1#end';
  expect(urlInWords(url)).toBe('file:///agent.ts?attempt=2&token=[redacted]&x=1#end');
});

test('code in an address is cut, and its length told', () => {
  const url = `data:text/javascript,${'x'.repeat(100_000)}`;
  expect(urlInWords(url)).toMatch(/^data:text\/javascript,x{99}\.\.\. \(cut, of 100021 characters\)$/);
});

test('no address takes long to be looked through', () => {
  const began = process.cpuUsage();
  urlInWords(`file:///agent.ts${'?'.repeat(100_000)}`);
  const { user } = process.cpuUsage(began);
  // Some thousandths of a second; where each place is sought from anew, ten seconds.
  expect(user / 1_000).toBeLessThan(1_000);
});
