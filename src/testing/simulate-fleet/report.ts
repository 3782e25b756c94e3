/** The report of a broken law: the script, what broke, and a test of it to paste. Pure. */
import { type Deed, deedInWords } from './deeds.ts';
import type { FleetLawBroken } from './laws.ts';

export interface FleetFindingParts {
  readonly broken: FleetLawBroken;
  readonly seed: number;
  /** Deeds of the script in which it was found. */
  readonly foundIn: number;
  /** The last events, as lines. */
  readonly tail: readonly string[];
  /** Whether a second run of the seed has the same events. */
  readonly isRepeatable: boolean;
}

const NOT_REPEATABLE = [
  '',
  'A second run of this seed has other events. Does an agent keep something beyond its state, in a variable of its',
  'module for example, or depend on the wall clock or on chance? Mend that first: until then no script is shortened,',
  'and the test below may pass.',
];

/** What was found wrong with a fleet. */
export class FleetFinding extends Error {
  override readonly name = 'FleetFinding';
  /** A law, or `invariant NAME`. */
  readonly law: FleetLawBroken['law'];
  readonly problem: string;
  readonly seed: number;
  /** The shortest script to it that was found. */
  readonly script: readonly Deed[];
  /** A test of it, to paste into a file. */
  readonly test: string;

  constructor(parts: FleetFindingParts) {
    const { broken, seed } = parts;
    super(inWords(parts), { cause: broken.cause ?? broken });
    this.law = broken.law;
    this.problem = broken.problem;
    this.seed = seed;
    this.script = broken.deeds;
    this.test = testOf(parts);
  }
}

function inWords(parts: FleetFindingParts): string {
  const { broken, seed, foundIn, tail, isRepeatable } = parts;
  const { deeds } = broken;
  const shrunk = foundIn > deeds.length ? `, shrunk from ${foundIn}` : '';
  return [
    `the fleet breaks the law "${broken.law}": ${broken.problem}`,
    `after ${deeds.length} ${deeds.length === 1 ? 'deed' : 'deeds'}${shrunk}, seed ${seed}:`,
    ...deeds.map((deed) => `  ${deedInWords(deed)}`),
    ...(isRepeatable ? [] : NOT_REPEATABLE),
    '',
    'the last events:',
    ...tail.map((line) => `  ${line}`),
    '',
    'as a test:',
    '',
    testOf(parts),
  ].join('\n');
}

function testOf({ broken, seed }: FleetFindingParts): string {
  return [
    `import { it } from 'vitest';`,
    `import { replayFleet } from 'mabeam/testing';`,
    `import { fleet } from './fleet.ts';`,
    '',
    `it(${JSON.stringify(`fleet: ${broken.law}`)}, () =>`,
    `  replayFleet({ ...fleet, seed: ${seed} }, [`,
    ...broken.deeds.map((deed) => `    ${deedAsCode(deed)},`),
    `  ]));`,
    '',
  ].join('\n');
}

/** A deed as JSON; what JSON has no text for is left out. */
function deedAsCode(deed: Deed): string {
  return JSON.stringify(deed)
    .replaceAll(/"(\w+)":/g, ' $1: ')
    .replaceAll(/,\s+/g, ', ')
    .replace(/}$/, ' }');
}
