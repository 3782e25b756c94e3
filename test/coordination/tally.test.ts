import { it } from 'vitest';
import * as tally from '../../src/machines/tally.ts';
import { tallyLaws } from './tally-laws.ts';

it.each(tallyLaws)('%s', (_, keep) => keep(tally));
