import { it } from 'vitest';
import * as tally from '../../src/machines/tally.ts';
import { tallyLaws } from '../models/round/tally-laws.ts';

it.each(tallyLaws)('%s', (_, keep) => keep(tally));
