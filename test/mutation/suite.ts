/**
 * The tours of lives, permits, quotas, budgets, progress and questions, as one run that ends at the first difference:
 * what mutants have to survive.
 */
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

/**
 * @param onTour called after each tour: this may take long, and is not stuck
 * @throws Error at the first difference between what the models say and what the system does
 */
export async function runSuite(
  { lives, fleets, quotas, budgets, progress, questions }: Plan,
  onTour: () => void,
): Promise<void> {
  for (const tour of progress) {
    await judgeProgress(tour);
    onTour();
  }
  for (const moves of questions) {
    await judgeQuestion(moves);
    onTour();
  }
  for (const moves of quotas) {
    await judgeQuota(moves);
    onTour();
  }
  for (const moves of budgets) {
    await judgeBudget(moves);
    onTour();
  }
  for (const [index, fleet] of smallFleets.entries()) {
    for (const moves of fleets[index]!) {
      await judgeFleet(fleet, moves);
      onTour();
    }
  }
  // A tour of each profile in turn: most faults are found by the first ones.
  for (let round = 0; lives.some((tours) => round < tours.length); round++) {
    for (const [index, profile] of profiles.entries()) {
      const moves = lives[index]![round];
      if (moves === undefined) continue;
      await judgeMoves(profile, moves);
      onTour();
    }
  }
}
