/** The unit and the image that docs/operations.md shows: their commands are ones that `mabeam` takes. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ownPackage } from '../../src/cli/own-package.ts';
import { begin } from '../kit/command-line.ts';

const page = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const unit = blockOf('ini');
const image = blockOf('dockerfile');
const STEADY = fileURLToPath(new URL('../fixtures/fleets/steady.ts', import.meta.url));
const BIN = 'node_modules/mabeam/bin/mabeam.js';

const commands = [
  {
    what: 'unit',
    words: /^ExecStart=(.+)$/m.exec(unit)![1]!.split(' '),
    waitsS: secondsIn(unit, /TimeoutStopSec=(\d+)/),
  },
  {
    what: 'image',
    words: JSON.parse(/^CMD (.+)$/m.exec(image)![1]!) as string[],
    waitsS: secondsIn(page, /--stop-timeout (\d+)/),
  },
];

describe.each(commands)('the command of the $what', ({ words, waitsS }) => {
  it('runs a fleet, and ends it in order at SIGTERM', async () => {
    const [node = '', bin, ...args] = words;
    expect([node.split('/').at(-1), bin]).toEqual(['node', BIN]);
    const running = begin(withFleet(withFreePort(args)));
    const [, port = ''] = await running.said(/^Endpoints: http:\/\/127\.0\.0\.1:(\d+)\//m);
    await running.said(/^steady: 3 agents after /m);
    expect(await healthOf(port)).toBe(0);
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/3 agents ended in order\.\n$/),
    });
    expect(await healthOf(port)).toBe(1);
  });

  it('has ended before it is killed from outside', () => {
    const deadline = words[words.indexOf('--deadline') + 1]!;
    expect(deadline).toMatch(/^\d+s$/);
    expect(Number.parseInt(deadline, 10)).toBeLessThan(waitsS);
  });
});

it('the image has a Node that the package takes', () => {
  const [, inImage] = /^FROM node:(\d+)-slim$/m.exec(image)!;
  const [, needed] = /^>=(\d+)\.\d+$/.exec(ownPackage().engines.node)!;
  expect(Number(inImage)).toBeGreaterThan(Number(needed));
  expect(process.versions.node.split('.')[0]).toBe(inImage);
});

/** What the image's health check ends with, asked at another port. */
async function healthOf(port: string): Promise<number> {
  const [, json = ''] = /^HEALTHCHECK .*CMD (.+)$/m.exec(image)!;
  const [, ...args] = JSON.parse(json) as string[];
  const asked = promisify(execFile)(
    process.execPath,
    args.map((arg) => arg.replace('9464', port)),
  );
  return asked.then(
    () => 0,
    ({ code }: { readonly code: number }) => code,
  );
}

/** The same with endpoints at a port that is free, on loopback. */
function withFreePort(args: readonly string[]): readonly string[] {
  const place = args.indexOf('--endpoints') + 1;
  const isNamed = args[place]?.includes(':') === true;
  expect(isNamed ? args[place] : '127.0.0.1:9464').toMatch(/:9464$/);
  return args.toSpliced(place, isNamed ? 1 : 0, '127.0.0.1:0');
}

function withFleet(args: readonly string[]): readonly string[] {
  expect(args).toContain('fleet.ts');
  return args.map((arg) => (arg === 'fleet.ts' ? STEADY : arg));
}

function blockOf(language: string): string {
  return new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(page)![1]!;
}

function secondsIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)![1]);
}
