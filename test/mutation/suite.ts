/**
 * The tours of lives, permits, quotas, budgets, progress and questions, as one run that ends at the first difference:
 * what mutants have to survive.
 */
import type { ChartDriverName } from '../../src/runtime/engine/chart.ts';
import { drivenBy } from '../kit/drivers.ts';
import { budgetTours, judgeBudget, type Move as BudgetMove } from '../models/budget/tour.ts';
import { judgeMoves } from '../models/life/judge.ts';
import { lifeTours } from '../models/life/life-tours.ts';
import type { Move } from '../models/life/life-state.ts';
import { profiles } from '../models/life/profiles.ts';
import type { Move as PermitMove } from '../models/permits/model.ts';
import { judgeProgress, progressTours, type ProgressTour } from '../models/progress/tour.ts';
import { judgeQuestion, type Move as QuestionMove, questionTours } from '../models/question/tour.ts';
import type { Move as QuotaMove } from '../models/quota/model.ts';
import { judgeQuota, quotaTours } from '../models/quota/tour.ts';
import { fleetTours, judgeFleet, smallFleets } from '../models/permits/tour.ts';

/** Planned once for all mutants: the models do not change. */
export interface Plan {
  /** By profile. */
  readonly lives: readonly (readonly (readonly Move[])[])[];
  /** By small fleet. */
  readonly fleets: readonly (readonly (readonly PermitMove[])[])[];
  readonly quotas: readonly (readonly QuotaMove[])[];
  readonly budgets: readonly (readonly BudgetMove[])[];
  readonly progress: readonly ProgressTour[];
  readonly questions: readonly (readonly QuestionMove[])[];
}

export function planSuite(): Plan {
  return {
    lives: profiles.map((profile) => lifeTours(profile).tours),
    fleets: smallFleets.map((fleet) => fleetTours(fleet).tours),
    quotas: quotaTours().tours,
    budgets: budgetTours().tours,
    progress: progressTours(),
    questions: questionTours().tours,
  };
}

const FIRST = 3;

/** The first tours of each. */
export function firstOf({ lives, fleets, quotas, budgets, progress, questions }: Plan): Plan {
  return {
    lives: lives.map((tours) => tours.slice(0, FIRST)),
    fleets: fleets.map((tours) => tours.slice(0, FIRST)),
    quotas: quotas.slice(0, FIRST),
    budgets: budgets.slice(0, FIRST),
    progress: progress.slice(0, FIRST),
    questions: questions.slice(0, FIRST),
  };
}

/** What has a tour of its own, by the file of its chart. */
export type Toured = 'progress.ts' | 'question.ts' | 'quota.ts' | 'budget.ts' | 'supervisor.ts' | 'agent.ts';

/**
 * @param onTour called after each tour: this may take long, and is not stuck
 * @param first the chart whose tours come first, so that a fault in it is found soon
 * @param driver of the charts
 * @throws Error at the first difference between what the models say and what the system does
 */
export async function runSuite(
  { lives, fleets, quotas, budgets, progress, questions }: Plan,
  onTour: () => void,
  first: Toured = 'progress.ts',
  driver: ChartDriverName = 'table',
): Promise<void> {
  const watching = drivenBy(driver);
  const each = async <Tour>(
    tours: readonly Tour[],
    judge: (tour: Tour) => Promise<unknown>,
  ): Promise<void> => {
    for (const tour of tours) {
      await judge(tour);
      onTour();
    }
  };
  const parts: Readonly<Record<Toured, () => Promise<void>>> = {
    'progress.ts': () => each(progress, (tour) => judgeProgress(tour, watching)),
    'question.ts': () => each(questions, judgeQuestion),
    'quota.ts': () => each(quotas, (moves) => judgeQuota(moves, watching)),
    'budget.ts': () => each(budgets, (moves) => judgeBudget(moves, watching)),
    'supervisor.ts': async () => {
      for (const [index, fleet] of smallFleets.entries())
        await each(fleets[index]!, (moves) => judgeFleet(fleet, moves, watching));
    },
    'agent.ts': async () => {
      // A tour of each profile in turn: most faults are found by the first ones.
      for (let round = 0; lives.some((tours) => round < tours.length); round++) {
        for (const [index, profile] of profiles.entries()) {
          const moves = lives[index]![round];
          if (moves !== undefined) await each([moves], (tour) => judgeMoves(profile, tour, watching));
        }
      }
    },
  };
  await parts[first]();
  for (const [file, part] of Object.entries(parts)) if (file !== first) await part();
}
