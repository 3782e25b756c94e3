import { it } from 'vitest';
import { BallotBox } from '../../src/runtime/coordination/rounds/ballot-box.ts';
import { ballotBoxLaws } from '../models/round/ballot-box-laws.ts';

it.each(ballotBoxLaws)('%s', (_, keep) => keep(BallotBox));
