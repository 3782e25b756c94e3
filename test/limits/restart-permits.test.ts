/** Every move in every state of a small fleet's restarts, through the real system, judged by a model of its own. */
import { describe, expect, test } from 'vitest';
import { supervisorMachine } from '../../src/machines/index.ts';
import { drivenBy, drivers } from '../kit/drivers.ts';
import { chartCoverage } from '../models/life/chart-coverage.ts';
import { fleetTours, judgeFleet, smallFleets } from '../models/permits/tour.ts';

const coverage = chartCoverage(supervisorMachine);

describe('permits to restart go out in the order of asking, and never too many', () => {
  describe.each(drivers)('driven by %s', (driver) => {
    test.each(smallFleets)('$agents with $permits', async (fleet) => {
      const { tours, states } = fleetTours(fleet);
      expect(states).toBeGreaterThan(2 ** fleet.agents.length);
      for (const moves of tours) await judgeFleet(fleet, moves, drivenBy(driver));
    });
  });

  test('every transition of the supervisor is taken, and every guard answers both yes and no', async () => {
    for (const fleet of smallFleets) {
      for (const moves of fleetTours(fleet).tours) await judgeFleet(fleet, moves, coverage.inspect);
    }
    expect(coverage.total).toBeGreaterThan(8);
    expect(coverage.untaken()).toEqual([]);
  });
});
