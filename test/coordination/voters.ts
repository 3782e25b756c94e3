/** Voters of every kind, and fleets of them. */
import {
  type AnyAgentDefinition,
  defineAgent,
  type Decision,
  type ProposalOptions,
  type Store,
  variable,
  type Vote,
} from '../../src/index.ts';
import { type Rig, rig } from '../kit/rig.ts';

export const lr = variable.float({ min: 0, max: 1, default: 0.1 });
export const NEVER = new Promise<never>(() => {});

/** An agent that says always the same, or does what a voter should not. */
export function voter(type: string, vote?: () => unknown) {
  return defineAgent({
    type,
    variables: ['lr'],
    init: () => null,
    tasks: { rate: { run: ({ variables }) => variables['lr'] } },
    ...(vote ? { vote: vote as () => Vote } : {}),
  });
}
export const yes = voter('yes', () => 'accept');
export const no = voter('no', () => 'reject');
export const mute = voter('mute');
export const hung = voter('hung', () => NEVER);
/** Voters whose votes fail, each in its way. */
export const broken = voter('broken', () => {
  throw new Error('no idea');
});
export const late = voter('late', () => Promise.reject(new Error('tried')));
export const odd = voter('odd', () => 'perhaps');

export async function fleet(
  modules: readonly AnyAgentDefinition[],
  { rig: existing, ...coordination }: { rig?: Rig; voteWeight?: number; leadershipEligible?: boolean } = {},
) {
  const whole = existing ?? (await rig());
  if (!existing) await whole.system.variables.define('lr', lr);
  const ids: string[] = [];
  for (const module of modules) {
    const id = `${module.type}${whole.agents.list().length}`;
    await whole.agents.register({
      id,
      module,
      coordination,
      restart: { policy: 'never' },
    });
    await whole.agents.start(id);
    ids.push(id);
  }
  const propose = (options: Partial<ProposalOptions> = {}) =>
    whole.system.consensus.propose({ variable: 'lr', value: 0.5, ...options });
  return { ...whole, ids, propose };
}

export async function defining(store: Store): Promise<Rig> {
  const whole = await rig({ store });
  await whole.system.variables.define('lr', lr);
  return whole;
}

export const counts = ({ tally: { voters } }: Decision) => [
  voters.accept,
  voters.reject,
  voters.abstain,
  voters.failed,
  voters.total,
];
