/**
 * What a round must do, told a second time: a plain list of voters, fractions of big integers, and every way in
 * which the votes that are out might still fall. Shares no code and no idea with the chart, the tally or the box.
 */
export interface Setup {
  readonly rule: 'majority' | 'supermajority' | 'unanimous' | 'weighted';
  readonly tie: 'reject' | 'keep' | 'leader';
  readonly fallback: 'keep' | 'leader_decides' | 'custom' | { readonly retry: number };
  /** As a fraction; none for "more than half". */
  readonly quorum: readonly [number, number] | undefined;
  /** One a voter; voters are called v0, v1 … and are in their incarnation 5. */
  readonly weights: readonly number[];
  readonly term: number | undefined;
}

export type Say = 'accept' | 'reject' | 'abstain';

export type Happening =
  | { readonly type: 'vote'; readonly voter: string; readonly incarnation: number; readonly vote: Say }
  | { readonly type: 'death'; readonly voter: string; readonly incarnation: number }
  | { readonly type: 'deadline' }
  | { readonly type: 'cut'; readonly why: 'superseded' | 'coordination_lost' }
  | { readonly type: 'office'; readonly term: number | undefined }
  | { readonly type: 'ruling'; readonly term: number; readonly vote: Say };

export const INCARNATION = 5;

export interface Seen {
  readonly phase: 'voting' | 'casting' | 'appealed' | 'over';
  readonly outcome: 'accepted' | 'rejected' | 'no_quorum' | 'expired' | undefined;
  readonly isEnacted: boolean;
  readonly next: 'nothing' | 'retry' | 'custom' | undefined;
  readonly counts: { readonly [Key in Say | 'total']: number };
  /** What became of the last vote or ruling. */
  readonly refusal: string | undefined;
  /** Terms of the leaders that the last happening had asked. */
  readonly asked: readonly number[];
}

interface Person {
  readonly weight: bigint;
  says?: Say;
}

/** The round after all of `history`. */
export function tell(setup: Setup, history: readonly Happening[]): Seen {
  let people = new Map<string, Person>(setup.weights.map((w, i) => [`v${i}`, { weight: BigInt(w) }]));
  const everyone = new Set(people.keys());
  let phase = 'voting' as Seen['phase'];
  let outcome: Seen['outcome'];
  let isEnacted = false;
  let cut: string | undefined;
  let office = setup.term;
  let refusal: string | undefined;
  let asked: number[] = [];

  const end = (how: Seen['outcome'], enacted = false): void => {
    phase = 'over';
    outcome = how;
    isEnacted = enacted;
  };
  const fail = (enacted = false): void =>
    end(verdict(setup, [...people.values()]) === 'no_quorum' ? 'no_quorum' : 'rejected', enacted);
  const ask = (where: 'casting' | 'appealed'): void => {
    phase = where;
    asked.push(office!);
  };
  const weigh = (): void => {
    const found = verdict(setup, [...people.values()]);
    const hasTie = found === 'tie';
    if (found === 'accepted') end('accepted', true);
    else if (hasTie && setup.tie === 'leader' && office !== undefined) ask('casting');
    else if (setup.fallback === 'leader_decides' && office !== undefined && !(hasTie && setup.tie === 'keep'))
      ask('appealed');
    else fail();
  };
  const weighIfCertain = (): void => {
    if (futures(setup, [...people.values()]).size === 1) weigh();
  };

  weighIfCertain();
  for (const happening of history) {
    refusal = undefined;
    asked = [];
    switch (happening.type) {
      case 'vote': {
        const person = people.get(happening.voter);
        if (phase !== 'voting') refusal = 'late';
        else if (!everyone.has(happening.voter)) refusal = 'foreign';
        else if (happening.incarnation !== INCARNATION) refusal = 'other_incarnation';
        else if (!person) refusal = 'dead';
        else if (person.says) refusal = 'double';
        else {
          person.says = happening.vote;
          weighIfCertain();
        }
        break;
      }
      case 'death':
        if (phase === 'voting' && happening.incarnation === INCARNATION && people.has(happening.voter)) {
          people = new Map([...people].filter(([name]) => name !== happening.voter));
          weighIfCertain();
        }
        break;
      case 'deadline':
        if (phase === 'voting') weigh();
        else if (phase !== 'over') fail();
        break;
      case 'cut':
        if (phase === 'over') break;
        cut = happening.why;
        if (phase === 'appealed') fail();
        else end('expired');
        break;
      case 'office':
        if (phase === 'over') break;
        office = happening.term;
        if (phase === 'voting') break;
        if (office === undefined) fail();
        else asked.push(office);
        break;
      case 'ruling':
        if (phase !== 'casting' && phase !== 'appealed') break;
        if (happening.term !== office) refusal = `term ${happening.term}`;
        else if (happening.vote !== 'accept') fail();
        else if (phase === 'casting') end('accepted', true);
        else fail(true);
        break;
    }
  }

  const says = (say: Say): number => [...people.values()].filter((person) => person.says === say).length;
  return {
    phase,
    outcome,
    isEnacted,
    next: outcome === undefined ? undefined : next(),
    counts: { total: people.size, accept: says('accept'), reject: says('reject'), abstain: says('abstain') },
    refusal,
    asked,
  };

  function next(): Seen['next'] {
    if (isEnacted || cut === 'coordination_lost') return 'nothing';
    const isTie = verdict(setup, [...people.values()]) === 'tie';
    if (outcome === 'rejected' && isTie && setup.tie === 'keep') return 'nothing';
    if (setup.fallback === 'custom') return 'custom';
    return typeof setup.fallback === 'object' ? 'retry' : 'nothing';
  }
}

/** The verdict on these people as they are, in fractions. */
export function verdict(setup: Setup, people: readonly Person[]): string {
  const voted = people.filter((person) => person.says !== undefined);
  const [share, whole] = setup.quorum ?? [1, 2];
  const needed = BigInt(share) * BigInt(people.length);
  const came = BigInt(whole) * BigInt(voted.length);
  if (people.length === 0 || (setup.quorum ? came < needed : came <= needed)) return 'no_quorum';
  const size = (person: Person): bigint => (setup.rule === 'weighted' ? person.weight : 1n);
  let yes = 0n;
  let no = 0n;
  for (const person of voted) {
    if (person.says === 'accept') yes += size(person);
    if (person.says === 'reject') no += size(person);
  }
  if (setup.rule === 'unanimous') return yes === 0n || no !== 0n ? 'rejected' : 'accepted';
  // Two of three: for every one against, two for.
  if (setup.rule === 'supermajority') return yes === 0n || yes < 2n * no ? 'rejected' : 'accepted';
  return yes === no ? 'tie' : yes > no ? 'accepted' : 'rejected';
}

/** Every verdict that is still possible, whatever those who are out do or leave. */
function futures(setup: Setup, people: readonly Person[]): Set<string> {
  const said = people.map(({ weight, says }) => `${weight}${says ?? '?'}`).toSorted();
  const key = [setup.rule, ...(setup.quorum ?? []), ...said].join(' ');
  let found = foreseen.get(key);
  if (found === undefined) {
    found = new Set();
    if (people.filter((person) => person.says === undefined).length <= 7) {
      foresee(setup, [...people], 0, found);
    } else {
      // Too many to go through: nothing goes further than all of them doing the same.
      for (const says of ['accept', 'reject', 'abstain', undefined] as const) {
        found.add(
          verdict(
            setup,
            people.map((person) => (person.says || !says ? person : { ...person, says })),
          ),
        );
      }
    }
    foreseen.set(key, found);
  }
  return found;
}

const foreseen = new Map<string, Set<string>>();

function foresee(setup: Setup, people: Person[], from: number, found: Set<string>): void {
  const index = people.findIndex((person, i) => i >= from && person.says === undefined);
  const person = people[index];
  if (!person) {
    found.add(verdict(setup, people));
    return;
  }
  for (const says of ['accept', 'reject', 'abstain', undefined] as const) {
    people[index] = says === undefined ? { weight: person.weight } : { ...person, says };
    foresee(setup, people, index + 1, found);
    if (found.size > 1) break;
  }
  people[index] = person;
}
