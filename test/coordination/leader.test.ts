import { it } from 'vitest';
import * as leader from '../../src/machines/leader.ts';
import { CandidateQueue } from '../../src/runtime/coordination/leader/candidate-queue.ts';
import { leaderLaws } from '../models/leader/laws.ts';

it.each(leaderLaws)('%s', (_, keep) => keep({ leader, CandidateQueue }));
